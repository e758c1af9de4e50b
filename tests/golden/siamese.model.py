"""Two images, one encoder: how far they are apart, after Bromley et al. (1993)."""

import torch.nn.functional as F
from torch import Tensor, nn


class Encoder(nn.Module):
    """(N, C, H, W) to (N, dim)."""

    def __init__(self, in_channels: int, dim: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 32, 5)
        self.relu = nn.ReLU()
        self.max_pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(32, 64, 5)
        self.adaptive_avg_pool = nn.AdaptiveAvgPool2d(4)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(64 * 4 * 4, dim)

    def forward(self, image: Tensor) -> Tensor:
        x = self.max_pool(self.relu(self.conv1(image)))
        x = self.adaptive_avg_pool(self.relu(self.conv2(x)))
        output: Tensor = self.fc(self.flatten(x))
        return output


class Siamese(nn.Module):
    """Map left (N, 1, 28, 28) and right (N, 1, 28, 28) to distance (N,) and
    code_left (N, dim) and code_right (N, dim); 117,696 parameters by default.
    """

    def __init__(self, dim: int = 64) -> None:
        super().__init__()
        self.encoder = Encoder(1, dim)

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a = self.encoder(left)
        b = self.encoder(right)
        return F.pairwise_distance(a, b), a, b
