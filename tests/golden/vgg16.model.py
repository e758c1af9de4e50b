"""VGG-16, after Simonyan and Zisserman (2015); `depths=[2, 2, 4, 4, 4]` is VGG-19."""

from collections.abc import Sequence

from torch import Tensor, nn


class VGG16Stage(nn.Module):
    def __init__(self, width: int, depth: int, stages_channels: int) -> None:
        super().__init__()
        channels = stages_channels
        convs: list[nn.Module] = []
        for _ in range(depth):
            convs.append(
                nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.ReLU())
            )
            channels = width
        self.convs = nn.Sequential(*convs)
        self.max_pool = nn.MaxPool2d(2)
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        x = self.max_pool(self.convs(x))
        return x


class VGG16(nn.Module):
    """Map image (N, 3, 224, 224) to logits (N, classes); 138M parameters by default."""

    def __init__(
        self, depths: Sequence[int] = (2, 2, 3, 3, 3), classes: int = 1000
    ) -> None:
        super().__init__()
        stages_channels = 3
        rows = 224
        columns = 224
        self.stages = nn.ModuleList()
        for width, depth in zip([64, 128, 256, 512, 512], depths, strict=True):
            stage = VGG16Stage(width, depth, stages_channels)
            self.stages.append(stage)
            stages_channels = stage.channels
            rows = rows // 2
            columns = columns // 2
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(stages_channels * rows * columns, 4096)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout()
        self.fc2 = nn.Linear(4096, 4096)
        self.fc3 = nn.Linear(4096, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.01)
                nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> Tensor:
        x = image
        for stage in self.stages:
            x = stage(x)
        x = self.flatten(x)
        x = self.dropout(self.relu(self.fc1(x)))
        x = self.dropout(self.relu(self.fc2(x)))
        logits: Tensor = self.fc3(x)
        return logits
