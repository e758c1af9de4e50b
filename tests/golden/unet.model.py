"""U-Net, after Ronneberger et al. (2015); padded: the mask has the image's size."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DoubleConv(nn.Module):
    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(x)))


class UNetUp(nn.Module):
    def __init__(self, widths: Sequence[int], i: int, up_channels: int) -> None:
        super().__init__()
        self.grow = nn.ConvTranspose2d(up_channels, widths[i], 2, stride=2)
        self.conv = DoubleConv(2 * widths[i], widths[i])

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        y = self.grow(x)
        x = self.conv(torch.cat((skip, y), dim=1))
        return x


class UNet(nn.Module):
    """Map image (N, 3, H, W) to mask (N, classes, H, W)."""

    def __init__(
        self, widths: Sequence[int] = (64, 128, 256, 512), classes: int = 2
    ) -> None:
        super().__init__()
        self.widths = widths
        channels = 3
        self.down = nn.ModuleList()
        for width in widths:
            self.down.append(DoubleConv(channels, width))
            channels = width
        self.bottom = DoubleConv(channels, 2 * widths[-1])
        up_channels = 2 * widths[-1]
        self.up = nn.ModuleList()
        for i in reversed(range(len(widths))):
            self.up.append(UNetUp(widths, i, up_channels))
            up_channels = widths[i]
        self.head = nn.Conv2d(up_channels, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        _, _, H, W = image.shape
        if not (H % 2 ** len(self.widths) == 0 and W % 2 ** len(self.widths) == 0):
            raise ValueError("each level halves the image")
        x = image
        skip = {}
        for i, down in enumerate(self.down):
            x = down(x)
            skip[i] = x
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for i, up in zip(reversed(range(len(self.widths))), self.up, strict=True):
            x = up(x, skip[i])
        mask: Tensor = self.head(x)
        return mask
