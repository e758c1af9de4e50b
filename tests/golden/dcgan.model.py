"""DCGAN, after Radford et al. (2016): one net that draws, one that tells drawings
from photos.
"""

from torch import Tensor, nn


class Up(nn.Module):
    """(N, C, H, W) to (N, width, 2 * H, 2 * W)."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.deconv = nn.ConvTranspose2d(
            in_channels, width, 4, stride=2, padding=1, bias=False
        )
        self.bn = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.relu(self.bn(self.deconv(x)))
        return output


class Generator(nn.Module):
    """Map z (N, nz, 1, 1) to image (N, 3, 64, 64); 3,576,704 parameters by default."""

    def __init__(self, nz: int = 100, width: int = 64) -> None:
        super().__init__()
        self.first = nn.ConvTranspose2d(nz, 8 * width, 4, bias=False)
        self.bn = nn.BatchNorm2d(8 * width)
        self.relu = nn.ReLU()
        self.up1 = Up(8 * width, 4 * width)
        self.up2 = Up(4 * width, 2 * width)
        self.up3 = Up(2 * width, width)
        self.last = nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1, bias=False)
        self.tanh = nn.Tanh()
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, 0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)
                nn.init.zeros_(module.bias)

    def forward(self, z: Tensor) -> Tensor:
        x = self.relu(self.bn(self.first(z)))  # (8 * width) x 4 x 4
        x = self.up3(self.up2(self.up1(x)))  # width x 32 x 32
        image: Tensor = self.tanh(self.last(x))  # 3 x 64 x 64
        return image


class Down(nn.Module):
    """(N, C, H, W) to (N, width, H // 2, W // 2)."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, width, 4, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.leaky_relu = nn.LeakyReLU(0.2)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.leaky_relu(self.bn(self.conv(x)))
        return output


class Discriminator(nn.Module):
    """Map image (N, 3, 64, 64) to logit (N, 1); 2,765,568 parameters by default."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 4, stride=2, padding=1, bias=False)
        self.leaky_relu = nn.LeakyReLU(0.2)
        self.down1 = Down(width, 2 * width)
        self.down2 = Down(2 * width, 4 * width)
        self.down3 = Down(4 * width, 8 * width)
        self.last = nn.Conv2d(8 * width, 1, 4, bias=False)
        self.flatten = nn.Flatten()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0.0, 0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)
                nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> Tensor:
        x = self.leaky_relu(self.first(image))  # width x 32 x 32
        x = self.down3(self.down2(self.down1(x)))  # (8 * width) x 4 x 4
        logit: Tensor = self.flatten(self.last(x))
        return logit
