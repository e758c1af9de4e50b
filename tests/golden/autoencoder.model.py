"""A convolutional autoencoder: 28x28 digits through `latent` numbers and back."""

from torch import Tensor, nn


class Autoencoder(nn.Module):
    """Map image (N, 1, 28, 28) to reconstruction (N, 1, 28, 28)."""

    def __init__(self, latent: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, stride=2, padding=1)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.flatten = nn.Flatten()
        self.encode = nn.Linear(32 * 7 * 7, latent)
        self.decode = nn.Linear(latent, 32 * 7 * 7)
        self.unflatten = nn.Unflatten(1, (32, 7, 7))
        self.conv_transpose1 = nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1)
        self.conv_transpose2 = nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1)
        self.sigmoid = nn.Sigmoid()
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> Tensor:
        code = self.relu(self.conv1(image))  # 16 x 14 x 14
        code = self.relu(self.conv2(code))  # 32 x 7 x 7
        code = self.flatten(code)
        code = self.encode(code)
        x = self.relu(self.decode(code))
        x = self.unflatten(x)  # 32 x 7 x 7
        x = self.relu(self.conv_transpose1(x))  # 16 x 14 x 14
        reconstruction: Tensor = self.sigmoid(self.conv_transpose2(x))  # 1 x 28 x 28
        return reconstruction
