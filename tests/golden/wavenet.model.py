"""WaveNet, after van den Oord et al. (2016): each sample is told from the 2 ** depth
* stacks before it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CausalConv(nn.Module):
    """A convolution that sees only what comes before."""

    def __init__(
        self, in_channels: int, width: int, kernel: int = 2, dilation: int = 1
    ) -> None:
        super().__init__()
        self.kernel = kernel
        self.dilation = dilation
        self.conv = nn.Conv1d(in_channels, width, kernel, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.conv(F.pad(x, ((self.kernel - 1) * self.dilation, 0)))
        return output


class WaveNetLayer(nn.Module):
    def __init__(self, width: int, skips: int, depth: int, i: int) -> None:
        super().__init__()
        dilation = 2 ** (i % depth)
        self.filter = CausalConv(width, width, 2, dilation)
        self.gate = CausalConv(width, width, 2, dilation)
        self.skip = nn.Conv1d(width, skips, 1)
        self.residual = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.tanh(self.filter(x)) * torch.sigmoid(self.gate(x))
        total = total + self.skip(y)
        x = x + self.residual(y)
        return total, x


class WaveNet(nn.Module):
    """Map samples int64 (N, T) to logits (N, levels, T); 550k parameters by default."""

    def __init__(
        self,
        levels: int = 256,
        width: int = 32,
        skips: int = 256,
        depth: int = 10,
        stacks: int = 3,
    ) -> None:
        super().__init__()
        self.skips = skips
        self.embed = nn.Embedding(levels, width)
        self.layers = nn.ModuleList(
            WaveNetLayer(width, skips, depth, i) for i in range(depth * stacks)
        )
        self.relu = nn.ReLU()
        self.out1 = nn.Conv1d(skips, skips, 1)
        self.out2 = nn.Conv1d(skips, levels, 1)

    def forward(self, samples: Tensor) -> Tensor:
        N, T = samples.shape
        x = self.embed(samples).transpose(1, 2)  # width x T
        total = torch.zeros(N, self.skips, T, device=samples.device)
        for layer in self.layers:
            total, x = layer(x, total)
        logits: Tensor = self.out2(self.relu(self.out1(self.relu(total))))  # levels x T
        return logits
