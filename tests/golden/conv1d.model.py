"""A 1-D convolution net for signals: keyword spotting on raw audio, after M5 (Dai et
al., 2017).
"""

from torch import Tensor, nn


class M5(nn.Module):
    """Map signal (N, 1, 16000) to logits (N, classes); 26,915 parameters by default."""

    def __init__(self, classes: int = 35, width: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(1, width, 80, stride=16)
        self.batch_norm1 = nn.BatchNorm1d(width)
        self.relu = nn.ReLU()
        self.max_pool = nn.MaxPool1d(4)
        self.conv2 = nn.Conv1d(width, width, 3)
        self.batch_norm2 = nn.BatchNorm1d(width)
        self.conv3 = nn.Conv1d(width, 2 * width, 3)
        self.batch_norm3 = nn.BatchNorm1d(2 * width)
        self.conv4 = nn.Conv1d(2 * width, 2 * width, 3)
        self.batch_norm4 = nn.BatchNorm1d(2 * width)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, signal: Tensor) -> Tensor:
        x = self.relu(self.batch_norm1(self.conv1(signal)))  # width x 996
        x = self.max_pool(x)  # width x 249
        x = self.max_pool(self.relu(self.batch_norm2(self.conv2(x))))  # width x 61
        x = self.max_pool(self.relu(self.batch_norm3(self.conv3(x))))
        x = self.max_pool(self.relu(self.batch_norm4(self.conv4(x))))  # (2 * width) x 3
        x = x.mean(dim=2)
        logits: Tensor = self.head(x)
        return logits
