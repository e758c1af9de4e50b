"""DenseNet-121, after Huang et al. (2017); `depths=[6, 12, 32, 32]` is DenseNet-169."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class DenseBlockLayer(nn.Module):
    def __init__(self, growth: int, bottleneck: int, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(channels, bottleneck * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bottleneck * growth)
        self.conv2 = nn.Conv2d(bottleneck * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.relu(self.norm1(x)))
        y = self.conv2(self.relu(self.norm2(y)))
        x = torch.cat((x, y), dim=1)
        return x


class DenseBlock(nn.Module):
    """Layers that each see all before them, and add `growth` channels (Huang et al.,
    2017).
    """

    def __init__(
        self, in_channels: int, depth: int, growth: int = 32, bottleneck: int = 4
    ) -> None:
        super().__init__()
        channels = in_channels
        self.layers = nn.ModuleList()
        for _ in range(depth):
            self.layers.append(DenseBlockLayer(growth, bottleneck, channels))
            channels = channels + growth

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class Transition(nn.Module):
    """Half the channels, half the size."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(in_channels, in_channels // 2, 1, bias=False)
        self.avg_pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.avg_pool(self.conv(self.relu(self.norm(x))))
        return output


class DenseNet121Stage(nn.Module):
    def __init__(
        self,
        depths: Sequence[int],
        growth: int,
        i: int,
        depth: int,
        stages_channels: int,
    ) -> None:
        super().__init__()
        self.dense = DenseBlock(stages_channels, depth, growth)
        self.transition: nn.Module | None = None
        if i < len(depths) - 1:
            self.transition = Transition(depths[i] * growth + stages_channels)
            channels = (depths[i] * growth + stages_channels) // 2
        else:
            channels = depths[i] * growth + stages_channels
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        x = self.dense(x)
        if self.transition is not None:
            x = self.transition(x)
        return x


class DenseNet121(nn.Module):
    """Map image (N, 3, H, W) to logits (N, classes); 7.98M parameters by default."""

    def __init__(
        self,
        depths: Sequence[int] = (6, 12, 24, 16),
        growth: int = 32,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, 2 * growth, 7, stride=2, padding=3, bias=False)
        self.norm0 = nn.BatchNorm2d(2 * growth)
        self.relu = nn.ReLU()
        self.max_pool = nn.MaxPool2d(3, stride=2, padding=1)
        stages_channels = 2 * growth
        self.stages = nn.ModuleList()
        for i, depth in enumerate(depths):
            stage = DenseNet121Stage(depths, growth, i, depth, stages_channels)
            self.stages.append(stage)
            stages_channels = stage.channels
        self.norm5 = nn.BatchNorm2d(stages_channels)
        self.adaptive_avg_pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(stages_channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> Tensor:
        x = self.relu(self.norm0(self.conv0(image)))
        x = self.max_pool(x)  # (2 * growth) x ((H + 3) // 4) x ((W + 3) // 4)
        for stage in self.stages:
            x = stage(x)
        x = self.relu(self.norm5(x))
        logits: Tensor = self.classifier(self.flatten(self.adaptive_avg_pool(x)))
        return logits
