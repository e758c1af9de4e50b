"""ResNet-50, after He et al. (2016), with the keys of torchvision's weights.
`depths=[3, 4, 23, 3]` is ResNet-101, `depths=[3, 8, 36, 3]` is ResNet-152.
"""

from collections.abc import Sequence

from torch import Tensor, nn


class Bottleneck(nn.Module):
    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        out = 4 * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )
        nn.init.zeros_(self.bn3.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        if self.downsample is not None:
            x = self.downsample(x)
        output: Tensor = self.relu(x + y)
        return output


class ResNet50(nn.Module):
    """Map image (N, 3, H, W) to logits (N, classes); 25.6M parameters by default."""

    def __init__(
        self, depths: Sequence[int] = (3, 4, 6, 3), classes: int = 1000
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.max_pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(
            Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(depths[0] - 1))
        )
        self.layer2 = nn.Sequential(
            Bottleneck(256, 128, stride=2),
            *(Bottleneck(512, 128) for _ in range(depths[1] - 1)),
        )
        self.layer3 = nn.Sequential(
            Bottleneck(512, 256, stride=2),
            *(Bottleneck(1024, 256) for _ in range(depths[2] - 1)),
        )
        self.layer4 = nn.Sequential(
            Bottleneck(1024, 512, stride=2),
            *(Bottleneck(2048, 512) for _ in range(depths[3] - 1)),
        )
        self.adaptive_avg_pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(2048, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, image: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(image)))
        x = self.max_pool(x)  # 64 x ((H + 3) // 4) x ((W + 3) // 4)
        x = self.layer1(x)  # 256 x ((H + 3) // 4) x ((W + 3) // 4)
        x = self.layer2(x)  # 512 x ((H + 7) // 8) x ((W + 7) // 8)
        x = self.layer3(x)  # 1024 x ((H + 15) // 16) x ((W + 15) // 16)
        x = self.layer4(x)  # 2048 x ((H + 31) // 32) x ((W + 31) // 32)
        logits: Tensor = self.fc(self.flatten(self.adaptive_avg_pool(x)))
        return logits
