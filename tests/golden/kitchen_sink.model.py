"""Many features at once: what the generated code does with each of them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class KitchenSink(nn.Module):
    """A net with parameters of every type.

    The second paragraph of its documentation.
    """

    def __init__(
        self,
        width: int = 8,
        rate: float = 0.1,
        deep: bool = True,
        mode: str = "nearest",
        sizes: Sequence[int] = (4, 6),
    ) -> None:
        super().__init__()
        self.width = width
        self.rate = rate
        half = width // 2
        last = width * 4 if deep else width
        self.mix = nn.Linear(6, sizes[0], bias=False)
        self.conv1 = nn.Conv2d(3, half, 3, padding=1)
        self.batch_norm1 = nn.BatchNorm2d(half)
        self.leaky_relu = nn.LeakyReLU(0.2)
        self.dropout = nn.Dropout2d(rate)
        self.prelu1 = nn.PReLU()
        self.conv2 = nn.Conv2d(half, width, (3, 5), 1, (1, 2))
        self.linear1 = nn.Linear(width, last)
        self.embedding1 = nn.Embedding(100, 6)
        self.gelu = nn.GELU(approximate="tanh")
        self.embedding2 = nn.Embedding(50, 6)
        self.linear2 = nn.Linear(sizes[0], sizes[1])
        self.linear3 = nn.Linear(5, width)
        self.head1 = nn.Linear(last + width + 5, width)
        self.tanh = nn.Tanh()
        self.head2 = nn.Linear(width, width)
        self.max_pool = nn.MaxPool2d(3, 1, 1, ceil_mode=True)
        self.identity = nn.Identity()
        self.half_ = half
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight, gain=2.0)
        nn.init.normal_(self.head1.weight, 0.0, 0.02 / width**0.5)
        nn.init.normal_(self.head2.weight, 0.0, 0.02 / width**0.5)
        nn.init.zeros_(self.head1.bias)
        nn.init.zeros_(self.head2.bias)
        nn.init.constant_(self.linear2.bias, 0.5)

    def forward(
        self, image: Tensor, tokens: Tensor, table: Tensor, x: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Map image (N, 3, H, W) and tokens int64 (N, T) and table (N, F) and x (N,
        5) to picture (N, width, H, W) and words (N, T, sizes[1]) and row (N, 2 *
        width); 2,339 parameters by default.
        """
        N, _, H, W = image.shape
        area = H * W
        seen = self.leaky_relu(self.batch_norm1(self.conv1(image)))  # half x H x W
        seen = self.conv2(self.prelu1(self.dropout(seen)))  # width x H x W
        flat = seen.reshape(N, self.width, area).transpose(1, 2)  # area x width
        flat = self.linear1(flat).mean(dim=1).softmax(dim=-1)
        a = self.gelu(self.mix(self.embedding1(tokens)))  # T x sizes[0]
        b = self.mix(self.embedding2(tokens))  # T x sizes[0]
        words = self.linear2(((a + b) * 0.5 - self.rate) / (1 + self.half_))
        y, z = self.linear3(x), -(x**2)
        row = self.tanh(self.head1(torch.cat((flat, y, z), dim=1)))
        row = torch.cat((row, self.head2(row)), dim=1)
        picture = self.identity(self.max_pool(seen))  # width x H x W
        return picture, words, row
