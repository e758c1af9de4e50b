"""A picture and a table row, joined: the price of a house from its photo and its
figures.
"""

import torch
from torch import Tensor, nn


class HousePrice(nn.Module):
    """Map photo (N, 3, H, W) and facts (N, figures) to price (N, 1)."""

    def __init__(self, figures: int = 12, width: int = 32) -> None:
        super().__init__()
        joint = 2 * width
        self.stem = nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False)
        self.batch_norm1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.refine = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.batch_norm2 = nn.BatchNorm2d(width)
        self.adaptive_avg_pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.layer_norm1 = nn.LayerNorm(figures)
        self.linear1 = nn.Linear(figures, width)
        self.linear2 = nn.Linear(2 * width, joint)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(2 * width, 1)

    def forward(self, photo: Tensor, facts: Tensor) -> Tensor:
        seen = self.relu(self.batch_norm1(self.stem(photo)))
        seen = seen + self.relu(self.batch_norm2(self.refine(seen)))
        picture = self.flatten(self.adaptive_avg_pool(seen))
        known = self.relu(self.linear1(self.layer_norm1(facts)))
        both = torch.cat((picture, known), dim=1)
        price: Tensor = self.head(both + self.dropout(self.relu(self.linear2(both))))
        return price
