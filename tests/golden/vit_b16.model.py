"""ViT-B/16, after Dosovitskiy et al. (2021): an image as a sentence of patches."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Attention of a sequence to itself (Vaswani et al., 2017); `causal`: to what
    comes before only.
    """

    def __init__(
        self, dim: int, heads: int, dropout: float = 0.0, causal: bool = False
    ) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.causal = causal
        if dim % heads != 0:
            raise ValueError("the model width must divide by the number of heads")
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        N, T, D = x.shape
        x2 = self.qkv(x).reshape(N, T, 3, self.heads, D // self.heads)
        q, k, v = x2.permute(2, 0, 3, 1, 4).unbind()
        y = F.scaled_dot_product_attention(
            q,
            k,
            v,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=self.causal,
        )
        output: Tensor = self.proj(y.transpose(1, 2).reshape(N, T, D))
        return output


class ViTB16Block(nn.Module):
    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-06)
        self.attn = SelfAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-06)
        self.mlp = nn.Sequential(
            nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return x


class ViTB16(nn.Module):
    """Map image (N, 3, size, size) to logits (N, classes)."""

    def __init__(
        self,
        size: int = 224,
        patch: int = 16,
        dim: int = 768,
        depth: int = 12,
        heads: int = 12,
        hidden: int = 3072,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        if size % patch != 0:
            raise ValueError("the image must divide into patches")
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.positions = nn.Parameter(torch.empty(1, (size // patch) ** 2 + 1, dim))
        self.patchify = nn.Conv2d(3, dim, patch, stride=patch)
        self.blocks = nn.ModuleList(
            ViTB16Block(dim, heads, hidden) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim, eps=1e-06)
        self.head = nn.Linear(dim, classes)
        nn.init.normal_(self.positions, 0.0, 0.02)

    def forward(self, image: Tensor) -> Tensor:
        N = image.shape[0]
        patches = self.patchify(image).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(N, -1, -1), patches), dim=1) + self.positions
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(self.norm(x)[:, 0])
        return logits
