"""A recurrent net that reads a digit line by line, as eight steps of eight numbers."""

from torch import Tensor, nn


class RowReader(nn.Module):
    """Map image (N, 1, 8, 8) to logits (N, classes); 19,594 parameters by default."""

    def __init__(self, hidden: int = 64, classes: int = 10) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, image: Tensor) -> Tensor:
        _, (state, _) = self.lstm(image.squeeze(1))
        logits: Tensor = self.head(state[-1])
        return logits
