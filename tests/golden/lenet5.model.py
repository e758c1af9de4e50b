"""LeNet-5, after LeCun et al. (1998)."""

from torch import Tensor, nn


class LeNet5(nn.Module):
    """Map image (N, 1, 28, 28) to logits (N, classes); 61,706 parameters by default."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.relu = nn.ReLU()
        self.max_pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.uniform_(module.bias, -1, 1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.max_pool(self.relu(self.conv1(image)))  # 6 x 14 x 14
        x = self.max_pool(self.relu(self.conv2(x)))  # 16 x 5 x 5
        x = self.flatten(x)
        x = self.relu(self.fc1(x))
        x = self.relu(self.fc2(x))
        logits: Tensor = self.fc3(x)
        return logits
