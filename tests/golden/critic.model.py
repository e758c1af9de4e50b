"""What initialises may meet what is parametrized: it comes first."""

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm
from torch.nn.utils.parametrize import is_parametrized


class Down(nn.Module):
    """(N, C, H, W) to (N, width, H // 2, W // 2)."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, width, 4, stride=2, padding=1)
        self.leaky_relu = nn.LeakyReLU(0.2)

    def parametrize_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and not is_parametrized(module, "weight"):
                spectral_norm(module)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.leaky_relu(self.conv(x))
        return output


class CriticBlock(nn.Module):
    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.down = Down(channels, 4 * width)
        self.mix = nn.Conv2d(4 * width, 4 * width, 1)
        self.init_weights()

    def init_weights(self) -> None:
        nn.init.orthogonal_(self.mix.weight)

    def parametrize_weights(self) -> None:
        spectral_norm(self.mix)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mix(self.down(x))
        return x


class Critic(nn.Module):
    """Map image (N, 3, 32, 32) to (N, 1); 124,722 parameters by default."""

    def __init__(self, width: int = 16, steps: int = 2) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3)
        self.down1 = Down(width, 2 * width)
        channels = 2 * width
        rows = 15
        columns = 15
        self.blocks = nn.ModuleList()
        for _ in range(2):
            self.blocks.append(CriticBlock(width, channels))
            channels = 4 * width
            rows = rows // 2
            columns = columns // 2
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(4 * width * rows * columns, width)
        self.fc2 = nn.Linear(width, 1)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(module.weight, 0.0, 0.02)
                if module.bias is not None:
                    nn.init.ones_(module.bias)
        for module in self.modules():
            if isinstance(module, CriticBlock):
                module.init_weights()
        weight_norm(self.first)
        for module in reversed(list(self.modules())):
            if isinstance(module, (Down, CriticBlock)):
                module.parametrize_weights()
        for name, module in self.named_modules():
            if (
                name.startswith("f")
                and isinstance(module, (nn.Conv2d, nn.Linear))
                and module.bias is not None
            ):
                weight_norm(module, "bias")
        for module in self.modules():
            if isinstance(module, nn.Linear) and not is_parametrized(module, "weight"):
                spectral_norm(module, n_power_iterations=steps)
        for name, module in self.named_modules():
            if name == "first":
                module.requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        x = self.down1(self.first(image))  # (2 * width) x 15 x 15
        for block in self.blocks:
            x = block(x)
        output: Tensor = self.fc2(self.fc(self.flatten(x)))
        return output
