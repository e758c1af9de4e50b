"""GoogLeNet, after Szegedy et al. (2015), with batch normalisation and 3x3 in place
of 5x5 convolutions, as the common weights have it. Two heads on the way help
training; in use they are not run, and their outputs are zeros.
"""

import torch
from torch import Tensor, nn


class ConvBN(nn.Module):
    def __init__(
        self, in_channels: int, width: int, kernel: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, width, kernel, stride, padding=kernel // 2, bias=False
        )
        self.bn = nn.BatchNorm2d(width, eps=0.001)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        output: Tensor = self.relu(self.bn(x))
        return output


class Inception(nn.Module):
    """(N, C, H, W) to (N, five + one + pool + three, H, W)."""

    def __init__(
        self,
        in_channels: int,
        one: int,
        reduce3: int,
        three: int,
        reduce5: int,
        five: int,
        pool: int,
    ) -> None:
        super().__init__()
        self.branch1 = ConvBN(in_channels, one)
        self.branch2 = nn.Sequential(
            ConvBN(in_channels, reduce3), ConvBN(reduce3, three, 3)
        )
        self.branch3 = nn.Sequential(
            ConvBN(in_channels, reduce5), ConvBN(reduce5, five, 3)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), ConvBN(in_channels, pool)
        )

    def forward(self, x: Tensor) -> Tensor:
        a = self.branch1(x)
        b = self.branch2(x)
        c = self.branch3(x)
        d = self.branch4(x)
        return torch.cat((a, b, c, d), dim=1)


class Head(nn.Module):
    """(N, C, H, W) to (N, classes)."""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.adaptive_avg_pool = nn.AdaptiveAvgPool2d(4)
        self.conv = ConvBN(in_channels, 128)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.flatten(self.conv(self.adaptive_avg_pool(x)))
        output: Tensor = self.fc2(self.dropout(self.relu(self.fc1(x))))
        return output


class GoogLeNet(nn.Module):
    """Map image (N, 3, 224, 224) to logits (N, classes) and aux1 (N, classes) and
    aux2 (N, classes); 13,004,888 parameters by default.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.classes = classes
        self.conv1 = ConvBN(3, 64, 7, stride=2)
        self.max_pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = ConvBN(64, 64)
        self.conv3 = ConvBN(64, 192, 3)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(64 + 128 + 32 + 32, 128, 128, 192, 32, 96, 64)
        self.inception4a = Inception(128 + 192 + 96 + 64, 192, 96, 208, 16, 48, 64)
        self.head1 = Head(192 + 208 + 48 + 64, classes)
        self.inception4b = Inception(192 + 208 + 48 + 64, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(160 + 224 + 64 + 64, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(128 + 256 + 64 + 64, 112, 144, 288, 32, 64, 64)
        self.head2 = Head(112 + 288 + 64 + 64, classes)
        self.inception4e = Inception(112 + 288 + 64 + 64, 256, 160, 320, 32, 128, 128)
        self.max_pool2 = nn.MaxPool2d(2, ceil_mode=True)
        self.inception5a = Inception(256 + 320 + 128 + 128, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(256 + 320 + 128 + 128, 384, 192, 384, 48, 128, 128)
        self.adaptive_avg_pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(384 + 384 + 128 + 128, classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, 0.0, 0.01, -2, 2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        N = image.shape[0]
        x = self.max_pool(self.conv1(image))  # 64 x 56 x 56
        x = self.max_pool(self.conv3(self.conv2(x)))  # 192 x 28 x 28
        x = self.inception3a(x)  # 256 x 28 x 28
        x = self.inception3b(x)  # 480 x 28 x 28
        x = self.max_pool(x)  # 480 x 14 x 14
        x = self.inception4a(x)  # 512 x 14 x 14
        aux1 = torch.zeros(N, self.classes, device=image.device)
        if self.training:
            aux1 = self.head1(x)
        x = self.inception4b(x)  # 512 x 14 x 14
        x = self.inception4c(x)  # 512 x 14 x 14
        x = self.inception4d(x)  # 528 x 14 x 14
        aux2 = torch.zeros(N, self.classes, device=image.device)
        if self.training:
            aux2 = self.head2(x)
        logits = self.max_pool2(self.inception4e(x))  # 832 x 7 x 7
        logits = self.inception5a(logits)  # 832 x 7 x 7
        logits = self.inception5b(logits)  # 1024 x 7 x 7
        logits = self.dropout(self.flatten(self.adaptive_avg_pool(logits)))
        logits = self.fc(logits)
        return logits, aux1, aux2
