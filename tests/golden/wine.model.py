"""Three kinds of wine, told by thirteen measurements."""

from torch import Tensor, nn


class WineClassifier(nn.Module):
    """Map features (N, 13) to logits (N, classes); 573 parameters by default."""

    def __init__(self, hidden: int = 32, classes: int = 3) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(13)
        self.fc1 = nn.Linear(13, hidden)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(0.2)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, features: Tensor) -> Tensor:
        x = self.norm(features)
        x = self.dropout(self.relu(self.fc1(x)))
        logits: Tensor = self.fc2(x)
        return logits
