"""How a disease goes on within a year, from ten measurements."""

from torch import Tensor, nn


class DiabetesRegressor(nn.Module):
    """Map features (N, 10) to progress (N, 1); 1,441 parameters by default."""

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.fc1 = nn.Linear(10, hidden)
        self.silu = nn.SiLU()
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, 1)

    def forward(self, features: Tensor) -> Tensor:
        progress: Tensor = self.fc3(self.silu(self.fc2(self.silu(self.fc1(features)))))
        return progress
