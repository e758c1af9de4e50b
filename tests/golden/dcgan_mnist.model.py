"""DCGAN on handwritten digits, after Radford et al. (2016)."""

from torch import Tensor, nn


class Generator(nn.Module):
    """Map z (N, nz, 1, 1) to image (N, 1, 28, 28); 234,177 parameters by default."""

    def __init__(self, nz: int = 64, width: int = 32) -> None:
        super().__init__()
        self.conv_transpose1 = nn.ConvTranspose2d(nz, 2 * width, 7, bias=False)
        self.batch_norm1 = nn.BatchNorm2d(2 * width)
        self.relu = nn.ReLU()
        self.conv_transpose2 = nn.ConvTranspose2d(
            2 * width, width, 4, stride=2, padding=1, bias=False
        )
        self.batch_norm2 = nn.BatchNorm2d(width)
        self.conv_transpose3 = nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1)
        self.tanh = nn.Tanh()
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, 0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)
                nn.init.zeros_(module.bias)

    def forward(self, z: Tensor) -> Tensor:
        x = self.relu(self.batch_norm1(self.conv_transpose1(z)))  # (2 * width) x 7 x 7
        x = self.relu(self.batch_norm2(self.conv_transpose2(x)))  # width x 14 x 14
        image: Tensor = self.tanh(self.conv_transpose3(x))  # 1 x 28 x 28
        return image


class Discriminator(nn.Module):
    """Map image (N, 1, 28, 28) to logit (N, 1); 36,577 parameters by default."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 4, stride=2, padding=1)
        self.leaky_relu = nn.LeakyReLU(0.2)
        self.conv2 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False)
        self.batch_norm1 = nn.BatchNorm2d(2 * width)
        self.flatten = nn.Flatten()
        self.linear1 = nn.Linear(2 * width * 7 * 7, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0.0, 0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)
                nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> Tensor:
        x = self.leaky_relu(self.conv1(image))  # width x 14 x 14
        x = self.leaky_relu(self.batch_norm1(self.conv2(x)))  # (2 * width) x 7 x 7
        logit: Tensor = self.linear1(self.flatten(x))
        return logit
