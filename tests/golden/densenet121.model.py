"""DenseNet-121, after Huang et al. (2017); `depths=[6, 12, 32, 32]` is DenseNet-169."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class DenseBlockLayer(nn.Module):
    """One of `layers`."""

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
    """Half the size, and `width` channels."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(in_channels, width, 1, bias=False)
        self.avg_pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.avg_pool(self.conv(self.relu(self.norm(x))))
        return output


class DenseNet121(nn.Module):
    """Map image (N, 3, H, W) to logits (N, classes); 7,978,856 parameters by default.
    """

    def __init__(
        self,
        depths: Sequence[int] = (6, 12, 24, 16),
        growth: int = 32,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        width0 = 2 * growth
        width1 = (width0 + depths[0] * growth) // 2
        width2 = (width1 + depths[1] * growth) // 2
        width3 = (width2 + depths[2] * growth) // 2
        self.conv0 = nn.Conv2d(3, width0, 7, stride=2, padding=3, bias=False)
        self.norm0 = nn.BatchNorm2d(width0)
        self.relu = nn.ReLU()
        self.max_pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.dense1 = DenseBlock(width0, depths[0], growth)
        self.transition1 = Transition(depths[0] * growth + 2 * growth, width1)
        self.dense2 = DenseBlock(depths[0] * growth // 2 + growth, depths[1], growth)
        self.transition2 = Transition(
            depths[1] * growth + depths[0] * growth // 2 + growth, width2
        )
        self.dense3 = DenseBlock(
            (depths[1] * growth + depths[0] * growth // 2 + growth) // 2,
            depths[2],
            growth,
        )
        self.transition3 = Transition(
            depths[2] * growth + (depths[1] * growth + depths[0] * growth // 2 + growth) // 2,
            width3,
        )
        self.dense4 = DenseBlock(
            (depths[2] * growth + (depths[1] * growth + depths[0] * growth // 2 + growth) // 2) // 2,
            depths[3],
            growth,
        )
        self.norm5 = nn.BatchNorm2d(
            depths[3] * growth + (depths[2] * growth + (depths[1] * growth + depths[0] * growth // 2 + growth) // 2) // 2,
        )
        self.adaptive_avg_pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(
            depths[3] * growth + (depths[2] * growth + (depths[1] * growth + depths[0] * growth // 2 + growth) // 2) // 2,
            classes,
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> Tensor:
        x = self.relu(self.norm0(self.conv0(image)))
        x = self.max_pool(x)  # width0 x ((H + 3) // 4) x ((W + 3) // 4)
        x = self.transition1(self.dense1(x))
        x = self.transition2(self.dense2(x))
        x = self.transition3(self.dense3(x))
        x = self.relu(self.norm5(self.dense4(x)))
        logits: Tensor = self.classifier(self.flatten(self.adaptive_avg_pool(x)))
        return logits
