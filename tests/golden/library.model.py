"""Every block of the library."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvBNReLU(nn.Module):
    """Convolution, batch normalisation, ReLU: for signals, images and volumes."""

    def __init__(
        self,
        in_channels: int,
        width: int,
        kernel: int = 3,
        stride: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            width,
            kernel,
            stride,
            padding=kernel // 2,
            groups=groups,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        output: Tensor = self.relu(self.bn(x))
        return output


class DoubleConv(nn.Module):
    """Two convolutions of one width, each with batch normalisation and ReLU: a step
    of a U-Net.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        output: Tensor = self.relu(self.bn2(self.conv2(x)))
        return output


class BasicBlock(nn.Module):
    """The block of ResNet-18 and 34 (He et al., 2016): two convolutions, and a way
    around them.
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, width, 1, stride, bias=False),
                nn.BatchNorm2d(width),
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.downsample is not None:
            x = self.downsample(x)
        output: Tensor = self.relu(x + y)
        return output


class Bottleneck(nn.Module):
    """The block of ResNet-50 and deeper: 1x1, 3x3, 1x1 to `4 * width` channels. The
    stride is that of the 3x3 convolution, as in the common weights.
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        out = 4 * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        if self.downsample is not None:
            x = self.downsample(x)
        output: Tensor = self.relu(x + y)
        return output


class DepthwiseSeparableConv(nn.Module):
    """A convolution of each channel alone, then one across channels (MobileNet,
    Howard et al., 2017).
    """

    def __init__(
        self, in_channels: int, width: int, kernel: int = 3, stride: int = 1
    ) -> None:
        super().__init__()
        self.depthwise = ConvBNReLU(
            in_channels, in_channels, kernel, stride, groups=in_channels
        )
        self.pointwise = ConvBNReLU(in_channels, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.depthwise(x)
        output: Tensor = self.pointwise(x)
        return output


class InvertedResidual(nn.Module):
    """Wide inside, narrow outside (MobileNetV2, Sandler et al., 2018)."""

    def __init__(
        self, in_channels: int, width: int, stride: int = 1, expand: int = 6
    ) -> None:
        super().__init__()
        self.stride = stride
        self.width = width
        inner = expand * in_channels
        self.grow: nn.Module | None = None
        if expand != 1:
            self.grow = nn.Sequential(
                nn.Conv2d(in_channels, inner, 1, bias=False),
                nn.BatchNorm2d(inner),
                nn.ReLU6(),
            )
        self.depthwise = nn.Sequential(
            nn.Conv2d(inner, inner, 3, stride, padding=1, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU6(),
        )
        self.project = nn.Sequential(
            nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        C = x.shape[1]
        y = x
        if self.grow is not None:
            y = self.grow(y)
        y = self.depthwise(y)
        y = self.project(y)
        if self.stride == 1 and C == self.width:
            y = x + y
        output: Tensor = y
        return output


class SqueezeExcite(nn.Module):
    """Channels weighed by what the whole image holds (Hu et al., 2018)."""

    def __init__(self, in_channels: int, squeeze: int) -> None:
        super().__init__()
        self.adaptive_avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(in_channels, squeeze, 1)
        self.relu = nn.ReLU()
        self.fc2 = nn.Conv2d(squeeze, in_channels, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x * self.sigmoid(
            self.fc2(self.relu(self.fc1(self.adaptive_avg_pool(x))))
        )
        return output


class DenseBlockLayer(nn.Module):
    def __init__(self, growth: int, bottleneck: int, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(channels, bottleneck * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bottleneck * growth)
        self.conv2 = nn.Conv2d(bottleneck * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.relu(self.norm1(x)))
        y = self.conv2(self.relu(self.norm2(y)))
        x = torch.cat((x, y), dim=1)
        return x


class DenseBlock(nn.Module):
    """Layers that each see all before them, and add `growth` channels (Huang et al.,
    2017).
    """

    def __init__(
        self, in_channels: int, depth: int, growth: int = 32, bottleneck: int = 4
    ) -> None:
        super().__init__()
        channels = in_channels
        self.layers = nn.ModuleList()
        for _ in range(depth):
            self.layers.append(DenseBlockLayer(growth, bottleneck, channels))
            channels = channels + growth

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class LocallyConnected2d(nn.Module):
    """A convolution whose weights differ from place to place; they start as those of
    Conv2d do.
    """

    def __init__(
        self, in_channels: int, H: int, W: int, width: int, kernel: int = 3
    ) -> None:
        super().__init__()
        self.width = width
        rows = H - kernel + 1
        columns = W - kernel + 1
        bound = (in_channels * kernel * kernel) ** -0.5
        self.weight = nn.Parameter(
            torch.empty(width, in_channels * kernel * kernel, rows * columns)
        )
        self.bias = nn.Parameter(torch.empty(width, rows, columns))
        self.unfold = nn.Unfold(kernel)
        self.rows = rows
        self.columns = columns
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        N = x.shape[0]
        y = torch.einsum("nkp,okp->nop", self.unfold(x), self.weight)
        return y.reshape(N, self.width, self.rows, self.columns) + self.bias


class SelfAttention(nn.Module):
    """Attention of a sequence to itself (Vaswani et al., 2017); `causal`: to what
    comes before only.
    """

    def __init__(
        self, dim: int, heads: int, dropout: float = 0.0, causal: bool = False
    ) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.causal = causal
        if dim % heads != 0:
            raise ValueError("the model width must divide by the number of heads")
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        N, T, D = x.shape
        x2 = self.qkv(x).reshape(N, T, 3, self.heads, D // self.heads)
        q, k, v = x2.permute(2, 0, 3, 1, 4).unbind()
        y = F.scaled_dot_product_attention(
            q,
            k,
            v,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=self.causal,
        )
        output: Tensor = self.proj(y.transpose(1, 2).reshape(N, T, D))
        return output


class MLP(nn.Module):
    """A perceptron with one hidden layer, over each position alone."""

    def __init__(self, dim: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.gelu = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.dropout(self.fc2(self.gelu(self.fc1(x))))
        return output


class TransformerBlock(nn.Module):
    """Attention, then a perceptron, each normalised first and with a way around it."""

    def __init__(
        self,
        dim: int,
        heads: int,
        ratio: int = 4,
        dropout: float = 0.0,
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = SelfAttention(dim, heads, dropout, causal)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = MLP(dim, ratio * dim, dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        output: Tensor = x + self.mlp(self.norm2(x))
        return output


class Residual(nn.Module):
    """What a block gives, added to what it got."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x + self.body(x)
        return output


class Library(nn.Module):
    """Map image (N, 3, 16, 16) to logits (N, classes); 17,747 parameters by default."""

    def __init__(self, depth: int = 2, classes: int = 5) -> None:
        super().__init__()
        self.conv_bn_relu1 = ConvBNReLU(3, 8, 5)
        self.double_conv1 = DoubleConv(8, 8)
        self.basic_block1 = BasicBlock(8, 8)
        self.basic_block2 = BasicBlock(8, 16, stride=2)
        self.bottleneck1 = Bottleneck(16, 8)
        self.depthwise_separable_conv1 = DepthwiseSeparableConv(32, 8, 5)
        self.inverted_residual1 = InvertedResidual(8, 8, expand=2)
        self.inverted_residual2 = InvertedResidual(8, 12, stride=2)
        self.squeeze_excite1 = SqueezeExcite(12, 4)
        self.adaptive_avg_pool = nn.AdaptiveAvgPool2d(4)
        channels = 12
        self.dense = nn.ModuleList()
        for i in range(depth):
            self.dense.append(DenseBlock(channels, depth, growth=i + 1))
            channels = depth * i + channels + depth
        self.locally_connected1 = LocallyConnected2d(channels, 4, 4, 6, 2)
        self.flatten = nn.Flatten(2)
        self.self_attention1 = SelfAttention(6, 2, 0.1)
        self.transformer_blocks = nn.Sequential(
            *(TransformerBlock(6, 3, 2, causal=True) for _ in range(depth))
        )
        self.residual1 = Residual(MLP(6, 8))
        self.residual2 = Residual(nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 6)))
        self.flatten2 = nn.Flatten()
        self.linear1 = nn.Linear(3 * 3 * 6, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.double_conv1(self.conv_bn_relu1(image))  # 8 x 16 x 16
        x = self.bottleneck1(self.basic_block2(self.basic_block1(x)))  # 32 x 8 x 8
        x = self.inverted_residual1(self.depthwise_separable_conv1(x))  # 8 x 8 x 8
        x = self.squeeze_excite1(self.inverted_residual2(x))  # 12 x 4 x 4
        x = self.adaptive_avg_pool(x)  # 12 x 4 x 4
        for dense in self.dense:
            x = dense(x)
        x = self.flatten(self.locally_connected1(x)).transpose(1, 2)  # 9 x 6
        x = self.transformer_blocks(self.self_attention1(x))  # 9 x 6
        x = self.flatten2(self.residual2(self.residual1(x)))
        logits: Tensor = self.linear1(x)
        return logits
