"""A variational autoencoder, after Kingma and Welling (2014)."""

import torch
from torch import Tensor, nn


class VAE(nn.Module):
    """Map image (N, 1, 28, 28) to reconstruction (N, 1, 28, 28) and mean (N, latent)
    and log_variance (N, latent); 652,824 parameters by default.
    """

    def __init__(self, latent: int = 20, hidden: int = 400) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.encode = nn.Linear(28 * 28, hidden)
        self.relu = nn.ReLU()
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)
        self.decode1 = nn.Linear(latent, hidden)
        self.decode2 = nn.Linear(hidden, 28 * 28)
        self.sigmoid = nn.Sigmoid()
        self.unflatten = nn.Unflatten(1, (1, 28, 28))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.relu(self.encode(self.flatten(image)))
        mean = self.mean(h)
        log_variance = self.log_variance(h)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        image = self.relu(self.decode1(z))
        image = self.unflatten(self.sigmoid(self.decode2(image)))  # 1 x 28 x 28
        return image, mean, log_variance
