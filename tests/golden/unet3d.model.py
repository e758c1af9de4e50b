"""U-Net for volumes, after Çiçek et al. (2016), from the blocks of the flat one."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DoubleConv(nn.Module):
    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm3d(width)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(x)))


class UNet3dUp(nn.Module):
    def __init__(self, widths: Sequence[int], i: int, up_channels: int) -> None:
        super().__init__()
        self.grow = nn.ConvTranspose3d(up_channels, widths[i], 2, stride=2)
        self.conv = DoubleConv(2 * widths[i], widths[i])

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.grow(x)
        x = self.conv(torch.cat((skip, x), dim=1))
        return x


class UNet3d(nn.Module):
    """Map volume (N, 1, D, H, W) to mask (N, classes, D, H, W)."""

    def __init__(self, widths: Sequence[int] = (16, 32, 64), classes: int = 3) -> None:
        super().__init__()
        self.widths = widths
        step = 2 ** len(widths)
        self.max_pool = nn.MaxPool3d(2)
        channels = 1
        self.down = nn.ModuleList()
        for width in widths:
            self.down.append(DoubleConv(channels, width))
            channels = width
        self.bottom = DoubleConv(channels, 2 * widths[-1])
        up_channels = 2 * widths[-1]
        self.up = nn.ModuleList()
        for i in reversed(range(len(widths))):
            self.up.append(UNet3dUp(widths, i, up_channels))
            up_channels = widths[i]
        self.head = nn.Conv3d(up_channels, classes, 1)
        self.step = step

    def forward(self, volume: Tensor) -> Tensor:
        _, _, D, H, W = volume.shape
        if not (D % self.step == 0 and H % self.step == 0 and W % self.step == 0):
            raise ValueError("each level halves the volume")
        x = volume
        skip = {}
        for i, down in enumerate(self.down):
            x = down(x)
            skip[i] = x
            x = self.max_pool(x)
        x = self.bottom(x)
        for i, up in zip(reversed(range(len(self.widths))), self.up, strict=True):
            x = up(x, skip[i])
        mask: Tensor = self.head(x)
        return mask
