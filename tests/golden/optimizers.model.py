"""A reader of text whose matrices Muon moves, and AdamW all else."""

from torch import Tensor, nn


class SpeakerBlock(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(dim)
        self.linear1 = nn.Linear(dim, 2 * dim)
        self.gelu = nn.GELU()
        self.linear2 = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.linear2(self.gelu(self.linear1(self.layer_norm1(x))))
        return x


class Speaker(nn.Module):
    """Map tokens int64 (N, T) to logits (N, T, vocabulary)."""

    def __init__(self, vocabulary: int = 256, dim: int = 32) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, dim)
        self.block = nn.ModuleList(SpeakerBlock(dim) for _ in range(2))
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)  # T x dim
        for block in self.block:
            x = block(x)
        logits: Tensor = self.head(self.norm(x))  # T x vocabulary
        return logits
