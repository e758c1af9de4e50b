"""ResNet-18, after He et al. (2016); with `depths=[3, 4, 6, 3]` it is ResNet-34."""

from collections.abc import Sequence

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """(N, C, H, W) to (N, width, (H - 1) // stride + 1, (W - 1) // stride + 1)."""

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, width, 1, stride, bias=False),
                nn.BatchNorm2d(width),
            )
        nn.init.zeros_(self.bn2.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.downsample is not None:
            x = self.downsample(x)
        output: Tensor = self.relu(x + y)
        return output


class ResNet18(nn.Module):
    """Map image (N, 3, H, W) to logits (N, classes); 11.7M parameters by default."""

    def __init__(
        self, depths: Sequence[int] = (2, 2, 2, 2), classes: int = 1000
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.max_pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(*(BasicBlock(64, 64) for _ in range(depths[0])))
        self.layer2 = nn.Sequential(
            BasicBlock(64, 128, stride=2),
            *(BasicBlock(128, 128) for _ in range(depths[1] - 1)),
        )
        self.layer3 = nn.Sequential(
            BasicBlock(128, 256, stride=2),
            *(BasicBlock(256, 256) for _ in range(depths[2] - 1)),
        )
        self.layer4 = nn.Sequential(
            BasicBlock(256, 512, stride=2),
            *(BasicBlock(512, 512) for _ in range(depths[3] - 1)),
        )
        self.adaptive_avg_pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(512, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, image: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(image)))
        x = self.max_pool(x)  # 64 x ((H + 3) // 4) x ((W + 3) // 4)
        x = self.layer1(x)  # 64 x ((H + 3) // 4) x ((W + 3) // 4)
        x = self.layer2(x)  # 128 x ((H + 7) // 8) x ((W + 7) // 8)
        x = self.layer3(x)  # 256 x ((H + 15) // 16) x ((W + 15) // 16)
        x = self.layer4(x)  # 512 x ((H + 31) // 32) x ((W + 31) // 32)
        logits: Tensor = self.fc(self.flatten(self.adaptive_avg_pool(x)))
        return logits
