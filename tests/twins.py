"""Nets in plain PyTorch, written from the papers: what the specs of the same name must equal.

They share no code with netspec, and their layers stand in the order of the spec's, so that weights
can be copied from one to the other in order.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LeNet5(nn.Module):
    """LeCun et al. (1998), with max pooling and ReLU."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5, padding=2)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.c5 = nn.Linear(400, 120)
        self.f6 = nn.Linear(120, 84)
        self.out = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c3(x)), 2)
        x = F.relu(self.c5(x.view(len(x), -1)))
        return self.out(F.relu(self.f6(x)))


class Shortcut(nn.Module):
    """Identity where the shapes agree, a strided 1x1 convolution where they do not (option B)."""

    def __init__(self, given: int, wanted: int, stride: int) -> None:
        super().__init__()
        self.needed = given != wanted or stride > 1
        if self.needed:
            self.conv = nn.Conv2d(given, wanted, 1, stride, bias=False)
            self.bn = nn.BatchNorm2d(wanted)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x)) if self.needed else x


class ResidualUnit(nn.Module):
    """He et al. (2016), figure 5: plain (two 3x3) or bottleneck (1x1, 3x3, 1x1)."""

    def __init__(self, given: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        out = 4 * width if bottleneck else width
        if bottleneck:
            plan = [(given, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
        else:
            plan = [(given, width, 3, stride), (width, out, 3, 1)]
        layers: list[nn.Module] = []
        for a, b, kernel, step in plan:
            layers += [
                nn.Conv2d(a, b, kernel, step, padding=(kernel - 1) // 2, bias=False),
                nn.BatchNorm2d(b),
                nn.ReLU(),
            ]
        self.residue = nn.Sequential(*layers[:-1])
        self.shortcut = Shortcut(given, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.residue(x) + self.shortcut(x))


class ResNet(nn.Module):
    """He et al. (2016), table 1."""

    def __init__(self, depths: list[int], classes: int, bottleneck: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        given, units = 64, []
        for stage, depth in enumerate(depths):
            width = 64 << stage
            for unit in range(depth):
                stride = 2 if stage and not unit else 1
                units.append(ResidualUnit(given, width, stride, bottleneck))
                given = 4 * width if bottleneck else width
        self.units = nn.ModuleList(units)
        self.fc = nn.Linear(given, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for unit in self.units:
            x = unit(x)
        return self.fc(x.mean(dim=(2, 3)))


class UNet(nn.Module):
    """Ronneberger et al. (2015), padded, with batch normalisation, for 2 or 3 dimensions."""

    def __init__(self, given: int, widths: list[int], classes: int, rank: int = 2) -> None:
        super().__init__()
        conv = nn.Conv2d if rank == 2 else nn.Conv3d
        norm = nn.BatchNorm2d if rank == 2 else nn.BatchNorm3d
        deconv = nn.ConvTranspose2d if rank == 2 else nn.ConvTranspose3d

        def double(a: int, b: int) -> nn.Sequential:
            first = [conv(a, b, 3, padding=1, bias=False), norm(b), nn.ReLU()]
            second = [conv(b, b, 3, padding=1, bias=False), norm(b), nn.ReLU()]
            return nn.Sequential(*first, *second)

        self.pool = nn.MaxPool2d(2) if rank == 2 else nn.MaxPool3d(2)
        self.contract = nn.ModuleList(
            double(a, b) for a, b in zip([given, *widths[:-1]], widths, strict=True)
        )
        self.bottom = double(widths[-1], 2 * widths[-1])
        above = [*widths[1:], 2 * widths[-1]]
        self.expand = nn.ModuleList()
        for a, b in reversed(list(zip(above, widths, strict=True))):
            self.expand.append(nn.ModuleList([deconv(a, b, 2, 2), double(2 * b, b)]))
        self.last = conv(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for step in self.contract:
            kept.append(step(x))
            x = self.pool(kept[-1])
        x = self.bottom(x)
        for up, merge in self.expand:
            x = merge(torch.cat([kept.pop(), up(x)], 1))
        return self.last(x)


class GPT2(nn.Module):
    """Radford et al. (2019): attention spelled out, with a mask and a softmax."""

    def __init__(self, vocab: int, context: int, dim: int, depth: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.words = nn.Embedding(vocab, dim)
        self.places = nn.Embedding(context, dim)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm1": nn.LayerNorm(dim),
                    "qkv": nn.Linear(dim, 3 * dim),
                    "out": nn.Linear(dim, dim),
                    "norm2": nn.LayerNorm(dim),
                    "widen": nn.Linear(dim, 4 * dim),
                    "narrow": nn.Linear(4 * dim, dim),
                }
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)

    def attend(self, layer: nn.ModuleDict, x: Tensor) -> Tensor:
        length, dim = x.shape[1:]
        size = dim // self.heads
        q, k, v = layer["qkv"](x).split(dim, dim=2)
        found = []
        for head in range(self.heads):
            part = slice(head * size, (head + 1) * size)
            scores = q[..., part] @ k[..., part].transpose(1, 2) / math.sqrt(size)
            ahead = torch.ones(length, length, dtype=torch.bool).triu(1)
            found.append(scores.masked_fill(ahead, -math.inf).softmax(-1) @ v[..., part])
        return layer["out"](torch.cat(found, 2))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words.weight[tokens] + self.places.weight[: tokens.shape[1]]
        for layer in self.layers:
            x = x + self.attend(layer, layer["norm1"](x))
            h = layer["widen"](layer["norm2"](x))
            h = 0.5 * h * (1 + torch.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))
            x = x + layer["narrow"](h)
        return self.norm(x) @ self.words.weight.T


class DenseNet(nn.Module):
    """Huang et al. (2017), DenseNet-BC with compression 0.5."""

    def __init__(self, depths: list[int], growth: int, classes: int) -> None:
        super().__init__()
        channels = 2 * growth
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 7, 2, 3, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        )
        self.steps = nn.ModuleList()
        for number, depth in enumerate(depths):
            for _ in range(depth):
                self.steps.append(self.composite(channels, growth))
                channels += growth
            if number + 1 < len(depths):
                self.steps.append(self.transition(channels))
                channels //= 2
        self.norm = nn.BatchNorm2d(channels)
        self.classifier = nn.Linear(channels, classes)

    def composite(self, channels: int, growth: int) -> nn.Sequential:
        return nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, 4 * growth, 1, bias=False),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def transition(self, channels: int) -> nn.Sequential:
        return nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels // 2, 1, bias=False),
            nn.AvgPool2d(2),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for step in self.steps:
            y = step(x)
            x = torch.cat([x, y], 1) if y.shape[2:] == x.shape[2:] else y
        return self.classifier(F.relu(self.norm(x)).mean(dim=(2, 3)))


class VAE(nn.Module):
    """Kingma and Welling (2014), with a Gaussian code and the reparameterisation of section 2.4."""

    def __init__(self, latent: int, hidden: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(784, hidden)
        self.mu = nn.Linear(hidden, latent)
        self.logvar = nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 784), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = torch.relu(self.encoder(x.reshape(-1, 784)))
        mu, logvar = self.mu(h), self.logvar(h)
        noise = torch.randn_like(mu)
        return self.decoder(mu + noise * (logvar / 2).exp()).reshape(x.shape), mu, logvar


class Elman(nn.Module):
    """Elman (1990): h_t = tanh(W x_t + U h_{t-1} + b), one matrix at a time."""

    def __init__(self, features: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(hidden, features))
        self.u = nn.Parameter(torch.empty(hidden, hidden))
        self.b = nn.Parameter(torch.empty(hidden))
        self.c = nn.Parameter(torch.empty(hidden))
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(len(x), len(self.u))
        for step in x.unbind(1):
            h = torch.tanh(step @ self.w.T + self.b + h @ self.u.T + self.c)
        return self.head(h)


class Generator(nn.Sequential):
    """Radford et al. (2016), figure 1."""

    def __init__(self, nz: int, width: int) -> None:
        widths = [8 * width, 4 * width, 2 * width, width]
        layers: list[nn.Module] = []
        for number, (a, b) in enumerate(zip([nz, *widths], [*widths, 3], strict=True)):
            stride, padding = (2, 1) if number else (1, 0)
            layers.append(nn.ConvTranspose2d(a, b, 4, stride, padding, bias=False))
            layers += [nn.BatchNorm2d(b), nn.ReLU()] if number < 4 else [nn.Tanh()]
        super().__init__(*layers)


class Discriminator(nn.Sequential):
    """Radford et al. (2016), section 3: no normalisation next to the image and the verdict."""

    def __init__(self, width: int) -> None:
        widths = [width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        for a, b in pairwise(widths):
            conv = nn.Conv2d(a, b, 4, 2, 1, bias=False)
            layers += [conv, nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Conv2d(widths[-1], 1, 4, bias=False), nn.Flatten())


class ViT(nn.Module):
    """Dosovitskiy et al. (2021), equations 1 to 4: patches cut out and multiplied by a matrix."""

    def __init__(
        self, size: int, patch: int, dim: int, depth: int, heads: int, hidden: int, classes: int
    ) -> None:
        super().__init__()
        self.patch, self.heads = patch, heads
        self.cls = nn.Parameter(torch.empty(1, 1, dim))
        self.positions = nn.Parameter(torch.empty(1, (size // patch) ** 2 + 1, dim))
        self.project = nn.Conv2d(3, dim, patch, patch)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [
                    nn.LayerNorm(dim, eps=1e-6),
                    nn.Linear(dim, 3 * dim),
                    nn.Linear(dim, dim),
                    nn.LayerNorm(dim, eps=1e-6),
                    nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim)),
                ]
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, classes)

    def attend(self, x: Tensor, qkv: nn.Module, out: nn.Module) -> Tensor:
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in qkv(x).chunk(3, -1)
        )
        weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
        return out((weights @ v).transpose(1, 2).flatten(2))

    def forward(self, image: Tensor) -> Tensor:
        cut = F.unfold(image, self.patch, stride=self.patch).transpose(1, 2)
        x = cut @ self.project.weight.flatten(1).T + self.project.bias
        x = torch.cat([self.cls.repeat(len(image), 1, 1), x], 1) + self.positions
        for norm1, qkv, out, norm2, mlp in self.layers:
            x = x + self.attend(norm1(x), qkv, out)
            x = x + mlp(norm2(x))
        return self.head(self.norm(x[:, 0]))


class WaveNet(nn.Module):
    """Van den Oord et al. (2016), section 2, with the convolution as a sum of two products."""

    def __init__(self, levels: int, width: int, skips: int, depth: int, stacks: int) -> None:
        super().__init__()
        self.dilations = [2**i for i in range(depth)] * stacks
        self.embed = nn.Embedding(levels, width)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [
                    nn.Conv1d(width, width, 2),
                    nn.Conv1d(width, width, 2),
                    nn.Conv1d(width, skips, 1),
                    nn.Conv1d(width, width, 1),
                ]
            )
            for _ in self.dilations
        )
        self.out = nn.Sequential(
            nn.ReLU(), nn.Conv1d(skips, skips, 1), nn.ReLU(), nn.Conv1d(skips, levels, 1)
        )

    @staticmethod
    def causal(conv: nn.Module, x: Tensor, dilation: int) -> Tensor:
        past = torch.zeros_like(x)
        past[:, :, dilation:] = x[:, :, :-dilation] if dilation < x.shape[2] else 0
        old, new = conv.weight.unbind(2)
        return old @ past + new @ x + conv.bias[:, None]

    def forward(self, samples: Tensor) -> Tensor:
        x = self.embed(samples).mT
        total = torch.zeros(())
        for dilation, (kept, gate, skip, residual) in zip(self.dilations, self.layers, strict=True):
            h = (
                torch.tanh(self.causal(kept, x, dilation))
                * self.causal(gate, x, dilation).sigmoid()
            )
            total = total + skip(h)
            x = x + residual(h)
        return self.out(total)


class Siamese(nn.Module):
    """Bromley et al. (1993): one encoder, used twice."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 5)
        self.conv2 = nn.Conv2d(32, 64, 5)
        self.fc = nn.Linear(1024, dim)

    def code(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        return self.fc(F.adaptive_avg_pool2d(F.relu(self.conv2(x)), 4).flatten(1))

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, b = self.code(left), self.code(right)
        return ((a - b + 1e-6) ** 2).sum(1).sqrt(), a, b


class Translator(nn.Module):
    """Vaswani et al. (2017), without dropout; the waves are grouped by kind, not interleaved."""

    def __init__(self, vocab: int, dim: int, depth: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.words = nn.Embedding(vocab, dim)

        def attention() -> nn.ModuleList:
            return nn.ModuleList(nn.Linear(dim, dim) for _ in range(4))

        def perceptron() -> nn.Sequential:
            return nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))

        def norm() -> nn.LayerNorm:
            return nn.LayerNorm(dim)

        self.encoder = nn.ModuleList(
            nn.ModuleList([attention(), norm(), perceptron(), norm()]) for _ in range(depth)
        )
        self.decoder = nn.ModuleList(
            nn.ModuleList([attention(), norm(), attention(), norm(), perceptron(), norm()])
            for _ in range(depth)
        )

    def embed(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) * math.sqrt(self.words.embedding_dim)
        place = torch.empty_like(x[0])
        half = x.shape[2] // 2
        for t in range(x.shape[1]):
            for i in range(half):
                place[t, i] = math.sin(t / 10000 ** (2 * i / x.shape[2]))
                place[t, half + i] = math.cos(t / 10000 ** (2 * i / x.shape[2]))
        return x + place

    def attend(self, parts: nn.ModuleList, x: Tensor, memory: Tensor, causal: bool) -> Tensor:
        to_q, to_k, to_v, out = parts
        q, k, v = (
            y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for y in (to_q(x), to_k(memory), to_v(memory))
        )
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        if causal:
            scores = scores + torch.full(scores.shape[2:], -math.inf).triu(1)
        return out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory = self.embed(source)
        for attention, norm1, mlp, norm2 in self.encoder:
            memory = norm1(memory + self.attend(attention, memory, memory, causal=False))
            memory = norm2(memory + mlp(memory))
        x = self.embed(target)
        for own, norm1, cross, norm2, mlp, norm3 in self.decoder:
            x = norm1(x + self.attend(own, x, x, causal=True))
            x = norm2(x + self.attend(cross, x, memory, causal=False))
            x = norm3(x + mlp(x))
        return x @ self.words.weight.T
