"""Two towers: what to offer to whom, after Covington et al. (2016). The score of a
pair is the product of two codes, so that the codes of all items can be stored.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Tower(nn.Module):
    """int64 (N,) and (N, F) to (N, dim)."""

    def __init__(self, in_features: int, vocab: int, dim: int, hidden: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.fc1 = nn.Linear(dim + in_features, hidden)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, key: Tensor, facts: Tensor) -> Tensor:
        x = torch.cat((self.embed(key), facts), dim=1)
        return F.normalize(self.fc2(self.relu(self.fc1(x))))


class TwoTowers(nn.Module):
    """Map user int64 (N,) and user_facts (N, about_user) and item int64 (N,) and
    item_facts (N, about_item) to score (N,) and user_code (N, dim) and item_code
    (N, dim); 394,049 parameters by default.
    """

    def __init__(
        self,
        users: int = 10000,
        items: int = 2000,
        about_user: int = 6,
        about_item: int = 20,
        dim: int = 32,
        hidden: int = 64,
    ) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(1))
        self.user_tower = Tower(about_user, users, dim, hidden)
        self.item_tower = Tower(about_item, items, dim, hidden)
        nn.init.constant_(self.scale, 10.0)

    def forward(
        self, user: Tensor, user_facts: Tensor, item: Tensor, item_facts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        u = self.user_tower(user, user_facts)
        v = self.item_tower(item, item_facts)
        return self.scale * (u * v).sum(dim=1), u, v
