"""MLP-Mixer B/16, after Tolstikhin et al. (2021): patches mixed by perceptrons,
along and across.
"""

from torch import Tensor, nn


class MLP(nn.Module):
    """(N, T, D) to (N, T, D)."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.gelu = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.fc2(self.gelu(self.fc1(x)))
        return output


class MLPMixerBlock(nn.Module):
    def __init__(
        self, size: int, patch: int, dim: int, tokens: int, channels: int
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.along = MLP(
            ((size - patch) // patch + 1) * ((size - patch) // patch + 1), tokens
        )
        self.norm2 = nn.LayerNorm(dim)
        self.across = MLP(dim, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.along(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.across(self.norm2(x))
        return x


class MLPMixer(nn.Module):
    """Map image (N, 3, size, size) to logits (N, classes)."""

    def __init__(
        self,
        size: int = 224,
        patch: int = 16,
        dim: int = 768,
        depth: int = 12,
        tokens: int = 384,
        channels: int = 3072,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        if size % patch != 0:
            raise ValueError("the image must divide into patches")
        self.patchify = nn.Conv2d(3, dim, patch, stride=patch)
        self.blocks = nn.ModuleList(
            MLPMixerBlock(size, patch, dim, tokens, channels) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patchify(image).flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(self.norm(x).mean(dim=1))
        return logits
