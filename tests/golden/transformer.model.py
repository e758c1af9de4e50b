"""The Transformer, after Vaswani et al. (2017): from a sentence to its translation.
One matrix embeds both languages and reads out the words.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Positions(nn.Module):
    """Words and where they stand, as waves of many lengths."""

    def forward(self, x: Tensor) -> Tensor:
        _, T, D = x.shape
        lengths = 10000 ** (torch.arange(0, D, 2, device=x.device) / D)
        angles = torch.arange(T, device=x.device).unsqueeze(1) / lengths
        output: Tensor = x * (D**0.5) + torch.cat(
            (torch.sin(angles), torch.cos(angles)), dim=1
        )
        return output


class Attention(nn.Module):
    """Queries from `x`, keys and values from `memory`."""

    def __init__(self, dim: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        if dim % heads != 0:
            raise ValueError("the model width must divide by the number of heads")
        self.q = nn.Linear(dim, dim)
        self.k = nn.Linear(dim, dim)
        self.v = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        N, T, D = x.shape
        S = memory.shape[1]
        q = self.q(x).reshape(N, T, self.heads, D // self.heads)
        q = q.transpose(1, 2)
        k = self.k(memory).reshape(N, S, self.heads, D // self.heads)
        k = k.transpose(1, 2)
        v = self.v(memory).reshape(N, S, self.heads, D // self.heads)
        v = v.transpose(1, 2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        output: Tensor = self.out(y.transpose(1, 2).reshape(N, T, D))
        return output


class FeedForward(nn.Module):
    """(N, T, D) to (N, T, D)."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.fc2(self.relu(self.fc1(x)))
        return output


class TranslatorEncoder(nn.Module):
    def __init__(self, dim: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.attn = Attention(dim, heads)
        self.dropout = nn.Dropout(dropout)
        self.norm1 = nn.LayerNorm(dim)
        self.mlp = FeedForward(dim, hidden)
        self.norm2 = nn.LayerNorm(dim)

    def forward(self, memory: Tensor) -> Tensor:
        memory = self.norm1(memory + self.dropout(self.attn(memory, memory)))  # S x dim
        memory = self.norm2(memory + self.dropout(self.mlp(memory)))  # S x dim
        return memory


class TranslatorDecoder(nn.Module):
    def __init__(self, dim: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.attn = Attention(dim, heads, causal=True)
        self.dropout = nn.Dropout(dropout)
        self.norm1 = nn.LayerNorm(dim)
        self.cross = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = FeedForward(dim, hidden)
        self.norm3 = nn.LayerNorm(dim)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        x = self.norm1(x + self.dropout(self.attn(x, x)))  # T x dim
        x = self.norm2(x + self.dropout(self.cross(x, memory)))  # T x dim
        x = self.norm3(x + self.dropout(self.mlp(x)))  # T x dim
        return x


class Translator(nn.Module):
    """Map source int64 (N, S) and target int64 (N, T) to logits (N, T, vocab)."""

    def __init__(
        self,
        vocab: int = 37000,
        dim: int = 512,
        depth: int = 6,
        heads: int = 8,
        hidden: int = 2048,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(vocab, dim)
        self.head = nn.Linear(dim, vocab, bias=False)
        self.positions1 = Positions()
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.ModuleList(
            TranslatorEncoder(dim, heads, hidden, dropout) for _ in range(depth)
        )
        self.positions2 = Positions()
        self.decoder = nn.ModuleList(
            TranslatorDecoder(dim, heads, hidden, dropout) for _ in range(depth)
        )
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, 0.0, dim**-0.5)
            elif isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.head.weight = self.words.weight

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory = self.dropout(self.positions1(self.words(source)))  # S x dim
        for encoder in self.encoder:
            memory = encoder(memory)
        x = self.dropout(self.positions2(self.words(target)))  # T x dim
        for decoder in self.decoder:
            x = decoder(x, memory)
        logits: Tensor = self.head(x)  # T x vocab
        return logits
