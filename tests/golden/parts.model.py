"""An encoder and a decoder on two devices, with skips between them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Gate(nn.Module):
    """(N, C, H, W) and (N, C, H, W) to (N, C, H, W)."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        with torch.device("cuda:2"):
            self.conv1 = nn.Conv2d(in_channels, in_channels, 1)
            self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        device = x.device
        x = x.to(self.conv1.weight.device)
        g = self.sigmoid(self.conv1(x))
        g = g.to(device)
        output: Tensor = g * y
        return output


class PartsUp(nn.Module):
    def __init__(self, widths: Sequence[int], i: int, up_channels: int) -> None:
        super().__init__()
        self.conv_transpose1 = nn.ConvTranspose2d(up_channels, widths[i], 2, stride=2)
        self.gate = Gate(widths[i])

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.conv_transpose1(x)
        x = x + self.gate(x, skip)
        return x


class Parts(nn.Module):
    """Map image (N, 1, 28, 28) to logits (N, classes); 6,466 parameters by default."""

    def __init__(self, widths: Sequence[int] = (8, 16), classes: int = 10) -> None:
        super().__init__()
        self.widths = widths
        self.relu = nn.ReLU()
        self.max_pool = nn.MaxPool2d(2)
        channels = 1
        rows = 28
        columns = 28
        self.down = nn.ModuleList()
        for width in widths:
            self.down.append(nn.Conv2d(channels, width, 3, padding=1))
            channels = width
            rows = rows // 2
            columns = columns // 2
        with torch.device("cuda:1"):
            up_channels = channels
            up_rows = rows
            up_columns = columns
            self.up = nn.ModuleList()
            for i in reversed(range(len(widths))):
                self.up.append(PartsUp(widths, i, up_channels))
                up_channels = widths[i]
                up_rows = 2 * up_rows
                up_columns = 2 * up_columns
        self.max_pool2 = nn.MaxPool2d(4)
        with torch.device("cuda:2"):
            self.flatten = nn.Flatten()
            self.squeeze = nn.Sequential(
                nn.Linear(up_channels * (up_rows // 4) * (up_columns // 4), 8),
                nn.ReLU(),
            )
        with torch.device("cuda:1"):
            self.fc = nn.Linear(8 + up_channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        device = image.device
        N = image.shape[0]
        x = image
        skip = {}
        for i, down in enumerate(self.down):
            x = self.relu(down(x))
            skip[i] = x
            x = self.max_pool(x)
        x = x.to(self.fc.weight.device)
        for i, up in zip(reversed(range(len(self.widths))), self.up, strict=True):
            x = up(x, skip[i].to(self.fc.weight.device))
        x = x.to(device)
        total = x.mean(dim=(2, 3))
        x = self.max_pool2(x)
        x = x.to(self.fc.weight.device)
        scale = x + torch.ones(N, 1, 1, 1, device=self.fc.weight.device)
        scale = scale.to(self.get_parameter("squeeze.0.weight").device)
        scale = self.squeeze(self.flatten(scale))
        scale = scale.to(self.fc.weight.device)
        total = total.to(self.fc.weight.device)
        logits: Tensor = self.fc(torch.cat((scale, total), dim=1))
        return logits
