"""EfficientNet-B0, after Tan and Le (2019), without stochastic depth."""

from torch import Tensor, nn


class ConvBN(nn.Module):
    def __init__(
        self,
        in_channels: int,
        width: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            width,
            kernel,
            stride,
            padding=kernel // 2,
            groups=groups,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        output: Tensor = self.bn(x)
        return output


class SqueezeExcite(nn.Module):
    """(N, C, H, W) to (N, C, H, W)."""

    def __init__(self, in_channels: int, squeeze: int) -> None:
        super().__init__()
        self.adaptive_avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(in_channels, squeeze, 1)
        self.silu = nn.SiLU()
        self.fc2 = nn.Conv2d(squeeze, in_channels, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x * self.sigmoid(
            self.fc2(self.silu(self.fc1(self.adaptive_avg_pool(x))))
        )
        return output


class MBConv(nn.Module):
    def __init__(
        self, in_channels: int, width: int, expand: int, kernel: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.stride = stride
        self.width = width
        inner = expand * in_channels
        self.silu = nn.SiLU()
        self.grow: nn.Module | None = None
        if expand != 1:
            self.grow = ConvBN(in_channels, inner)
        self.depthwise = ConvBN(
            in_channels * expand, inner, kernel, stride, groups=inner
        )
        self.excite = SqueezeExcite(in_channels * expand, in_channels // 4)
        self.project = ConvBN(in_channels * expand, width)

    def forward(self, x: Tensor) -> Tensor:
        C = x.shape[1]
        y = x
        if self.grow is not None:
            y = self.silu(self.grow(y))
        y = self.silu(self.depthwise(y))
        y = self.excite(y)
        y = self.project(y)
        if self.stride == 1 and C == self.width:
            y = x + y
        output: Tensor = y
        return output


class EfficientNetB0(nn.Module):
    """Map image (N, 3, H, W) to logits (N, classes); 5.29M parameters by default."""

    def __init__(self, classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = ConvBN(3, 32, 3, stride=2)
        self.silu = nn.SiLU()
        self.stage1 = MBConv(32, 16, 1, 3)
        self.stage2 = nn.Sequential(
            MBConv(16, 24, 6, 3, stride=2), MBConv(24, 24, 6, 3)
        )
        self.stage3 = nn.Sequential(
            MBConv(24, 40, 6, 5, stride=2), MBConv(40, 40, 6, 5)
        )
        self.stage4 = nn.Sequential(
            MBConv(40, 80, 6, 3, stride=2), *(MBConv(80, 80, 6, 3) for _ in range(2))
        )
        self.stage5 = nn.Sequential(
            MBConv(80, 112, 6, 5), *(MBConv(112, 112, 6, 5) for _ in range(2))
        )
        self.stage6 = nn.Sequential(
            MBConv(112, 192, 6, 5, stride=2),
            *(MBConv(192, 192, 6, 5) for _ in range(3)),
        )
        self.stage7 = MBConv(192, 320, 6, 3)
        self.top = ConvBN(320, 1280)
        self.adaptive_avg_pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1280, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> Tensor:
        x = self.silu(self.stem(image))  # 32 x ((H + 1) // 2) x ((W + 1) // 2)
        x = self.stage1(x)  # 16 x ((H + 1) // 2) x ((W + 1) // 2)
        x = self.stage2(x)  # 24 x ((H + 3) // 4) x ((W + 3) // 4)
        x = self.stage3(x)  # 40 x ((H + 7) // 8) x ((W + 7) // 8)
        x = self.stage4(x)  # 80 x ((H + 15) // 16) x ((W + 15) // 16)
        x = self.stage5(x)  # 112 x ((H + 15) // 16) x ((W + 15) // 16)
        x = self.stage6(x)  # 192 x ((H + 31) // 32) x ((W + 31) // 32)
        x = self.stage7(x)  # 320 x ((H + 31) // 32) x ((W + 31) // 32)
        x = self.silu(self.top(x))  # 1280 x ((H + 31) // 32) x ((W + 31) // 32)
        x = self.dropout(self.flatten(self.adaptive_avg_pool(x)))
        logits: Tensor = self.fc(x)
        return logits
