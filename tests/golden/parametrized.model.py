"""Parametrized, Nested."""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm


class Residual(nn.Module):
    """Layers that take layers, and parameters that are worked out from others."""

    def __init__(self, in_channels: int, width: int, steps: int = 1) -> None:
        super().__init__()
        self.conv1 = spectral_norm(
            nn.Conv2d(in_channels, width, 3, padding=1), n_power_iterations=steps
        )
        self.relu = nn.ReLU()
        self.out = nn.Conv2d(width, in_channels, 1)
        nn.init.normal_(self.out.weight, 0.0, 0.01)
        weight_norm(self.out)
        weight_norm(self.out, "bias")

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.conv1(x))
        return torch.add(self.out(y), x)


class Parametrized(nn.Module):
    """Map image (N, 3, 8, 8) to (N, 10); 38,349 parameters by default."""

    def __init__(self, dim: int = 32, depth: int = 2) -> None:
        super().__init__()
        self.conv1 = weight_norm(nn.Conv2d(3, dim, 1), dim=1)
        self.body = nn.Sequential(*(Residual(dim, dim, 3) for _ in range(depth)))
        self.flatten = nn.Flatten(2)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(dim, 4, 2 * dim, batch_first=True),
            depth,
            norm=nn.LayerNorm(dim),
        )
        self.head = spectral_norm(nn.Linear(dim, 10))

    def forward(self, image: Tensor) -> Tensor:
        x = self.body(self.conv1(image))  # dim x 8 x 8
        x = self.encoder(self.flatten(x).transpose(1, 2))  # 64 x dim
        output: Tensor = self.head(x.mean(dim=1))
        return output


class Nested(nn.Module):
    """Map x (N, 8) to (N, 8); 728 parameters by default."""

    def __init__(self, n: int = 2) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(8, 8), *(nn.Linear(8, 8) for _ in range(n)), nn.Linear(8, 8)
        )
        self.deep = nn.Sequential(
            *(
                nn.Sequential(
                    nn.ReLU(),
                    *(nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(n)),
                    nn.Linear(8, 8),
                )
                for _ in range(2)
            )
        )
        for module in list(self.body)[1 : 1 + n]:
            nn.init.eye_(module.get_parameter("weight"))
        nn.init.eye_(self.body[1 + n].get_parameter("weight"))
        for module in (
            inner for part in self.deep for inner in list(part.children())[1 : 1 + n]
        ):
            nn.init.eye_(module.get_submodule("0").get_parameter("weight"))
        for module in self.deep:
            nn.init.zeros_(list(module.children())[1 + n].get_parameter("weight"))
        weight_norm(self.body[1 + n])

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        output: Tensor = self.deep(x)
        return output
