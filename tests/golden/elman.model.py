"""A simple recurrent net, after Elman (1990): its loop runs over as many steps as
the data has.
"""

import torch
from torch import Tensor, nn


class Elman(nn.Module):
    """Map sequence (N, T, features) to logits (N, classes)."""

    def __init__(self, features: int = 8, hidden: int = 64, classes: int = 5) -> None:
        super().__init__()
        self.hidden = hidden
        self.cell = nn.RNNCell(features, hidden)
        self.head = nn.Linear(hidden, classes)

    def forward(self, sequence: Tensor) -> Tensor:
        N, T, _ = sequence.shape
        h = torch.zeros(N, self.hidden, device=sequence.device)
        for t in range(T):
            h = self.cell(sequence[:, t], h)
        logits: Tensor = self.head(h)
        return logits
