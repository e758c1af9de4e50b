"""Transforms in plain torch, a batch at a time."""

from typing import Annotated, Any

from annotated_types import MinLen

from netspec.catalogue.signature import (
    FiniteFloat,
    FiniteNonNegativeFloat,
    FinitePositiveFloat,
    KeywordFlag,
    Padding2,
    Probability,
    Size2,
)
from netspec.catalogue.transform import Transform, require_picture, resized, sides
from netspec.dim import value_of
from netspec.literal import write_literal
from netspec.misfit import Misfit
from netspec.tensor import COMPLEX, FLOATING, INTEGER, DType, Tensor


class CenterCrop(Transform):
    """The middle of pictures, with zeros around what is smaller."""

    size: Size2

    def apply(self, x: Tensor) -> Tensor:
        require_picture(self, x)
        return resized(x, *sides(self.size))

    def code(self, name: str, x: Tensor) -> tuple[str, ...]:
        return center(self, name, x, self.size)


class GaussianNoise(Transform):
    """Noise from a normal distribution; with `clip` values stay between 0 and 1."""

    random = True

    mean: FiniteFloat = 0.0
    sigma: FiniteNonNegativeFloat = 0.1
    clip: bool = True

    def apply(self, x: Tensor) -> Tensor:
        require_floating(self, x)
        return x

    def code(self, name: str, x: Tensor) -> tuple[str, ...]:
        mean = f"{write_literal(self.mean)} + " if self.mean else ""
        noisy = f"{name} + {mean}{write_literal(self.sigma)} * torch.randn_like({name})"
        return (f"{name} = ({noisy}).clamp(0, 1)" if self.clip else f"{name} = {noisy}",)


class Normalize(Transform):
    """`(x - mean) / std`, each a number, or one for each channel or feature."""

    mean: FiniteFloat | Annotated[tuple[FiniteFloat, ...], MinLen(1)]
    std: FinitePositiveFloat | Annotated[tuple[FinitePositiveFloat, ...], MinLen(1)]

    def apply(self, x: Tensor) -> Tensor:
        require_floating(self, x)
        if x.rank < 2:
            raise Misfit(
                f"`Normalize` takes channels or features, [N, C, …], found {x}",
                label="no channels",
                help="name another field",
            )
        count = value_of(x.shape[1])
        for argument in ("mean", "std"):
            given = getattr(self, argument)
            if count is not None and isinstance(given, tuple) and len(given) not in (1, count):
                raise Misfit(
                    f"`{argument}` of `Normalize` has {len(given)} numbers, the field {x.shape[1]} "
                    "channels",
                    label=f"{x} has {x.shape[1]} of them",
                    help="give a number for each, or one for all",
                    argument=argument,
                )
        return x

    def settle(self, x: Tensor) -> None:
        several = any(isinstance(given, tuple) for given in (self.mean, self.std))
        if several and value_of(x.shape[1]) is None:
            raise Misfit(
                f"`Normalize` has numbers for channels, and the field is {x}",
                label="only the data decides how many there are",
                help="declare their number, or give one for all",
            )

    def code(self, name: str, x: Tensor) -> tuple[str, ...]:
        mean, std = (_number(value, name, x) for value in (self.mean, self.std))
        return (f"{name} = ({name} - {mean}) / {std}",)


class Pad(Transform):
    """Pictures with a border of `fill`: one width, or that of the sides, of top and bottom."""

    padding: Padding2
    fill: FiniteFloat = 0

    def apply(self, x: Tensor) -> Tensor:
        height, width = require_picture(self, x)
        beside, above = sides(self.padding)
        return resized(x, height + 2 * above, width + 2 * beside)

    def code(self, name: str, x: Tensor) -> tuple[str, ...]:
        return (padded(name, self.padding, self.fill),)


class RandomCrop(Transform):
    """A window of pictures at a random place, after padding; the middle in validation."""

    random = True
    needs = ("random_crop",)

    size: Size2
    padding: Padding2 = 0
    fill: FiniteFloat = 0

    def apply(self, x: Tensor) -> Tensor:
        height, width = require_picture(self, x)
        beside, above = sides(self.padding)
        tall, wide = sides(self.size)
        if tall > height + 2 * above or wide > width + 2 * beside:
            raise Misfit(
                f"`RandomCrop` of {tall} by {wide} is larger than the pictures, "
                f"{height + 2 * above} by {width + 2 * beside} with their padding",
                label="no such window",
                help="take a smaller one, or pad more: `padding=4`",
                argument="size",
            )
        return resized(x, tall, wide)

    def code(self, name: str, x: Tensor) -> tuple[str, ...]:
        height, width = sides(self.size)
        lines = [padded(name, self.padding, self.fill)] if self.padding else []
        return (*lines, f"{name} = random_crop({name}, {height}, {width})")

    def resting(self, name: str, x: Tensor) -> tuple[str, ...]:
        return center(self, name, x, self.size)


class _Flip(Transform):
    """A flip of some pictures; `axis` is the dimension."""

    random = True
    needs = ("random_flip",)

    p: Probability = 0.5

    def apply(self, x: Tensor) -> Tensor:
        require_picture(self, x)
        return x


class RandomHorizontalFlip(_Flip):
    """Left and right of some pictures changed over, each with probability `p`."""

    p: Probability = 0.5

    def code(self, name: str, x: Tensor) -> tuple[str, ...]:
        return (f"{name} = random_flip({name}, {write_literal(self.p)}, -1)",)


class RandomVerticalFlip(_Flip):
    """Top and bottom of some pictures changed over, each with probability `p`."""

    p: Probability = 0.5

    def code(self, name: str, x: Tensor) -> tuple[str, ...]:
        return (f"{name} = random_flip({name}, {write_literal(self.p)}, -2)",)


class Resize(Transform):
    """Pictures in another size, bilinear with antialiasing: a pair, or the shorter side."""

    size: Size2

    def apply(self, x: Tensor) -> Tensor:
        return resized(x, *self._sides(x))

    def _sides(self, x: Tensor) -> tuple[int, int]:
        height, width = require_picture(self, x)
        if not isinstance(self.size, int):
            return sides(self.size)
        if height <= width:
            return self.size, int(self.size * width / height)
        return int(self.size * height / width), self.size

    def code(self, name: str, x: Tensor) -> tuple[str, ...]:
        return (scaled(name, *self._sides(x)),)


class ToDtype(Transform):
    """Another dtype; with `scale` integers from 0 to their largest become numbers from 0 to 1."""

    dtype: DType
    scale: KeywordFlag = False

    def apply(self, x: Tensor) -> Tensor:
        if self.scale and (x.dtype != "uint8" or self.dtype not in FLOATING):
            raise Misfit(
                f"`scale` turns uint8 into floating point, found {x} to {self.dtype}",
                label="nothing to scale",
                help="leave `scale` out",
                argument="scale",
            )
        if self.dtype in COMPLEX:
            raise Misfit(
                f"`ToDtype` makes real numbers, found {self.dtype}",
                label="no dtype of data",
                help="write `float32`",
                argument="dtype",
            )
        return Tensor(x.shape, str(self.dtype))

    def code(self, name: str, x: Tensor) -> tuple[str, ...]:
        scale = " / 255" if self.scale else ""
        return (f"{name} = {name}.to(torch.{self.dtype}){scale}",)


# ---- code --------------------------------------------------------------------------------------


def center(transform: Transform, name: str, x: Tensor, size: Any) -> tuple[str, ...]:
    """The line that takes the middle, as torchvision rounds it: borders that are cut or filled.

    What it leaves is contiguous, as nets that look at it another way (`view`) want it.
    """
    height, width = require_picture(transform, x)
    tall, wide = sides(size)
    top, left = round((height - tall) / 2), round((width - wide) / 2)
    if tall > height:
        top = -((tall - height) // 2)
    if wide > width:
        left = -((wide - width) // 2)
    borders = (-left, wide - width + left, -top, tall - height + top)
    if not any(borders):
        return ()
    if max(borders) > 0:
        return (f"{name} = F.pad({name}, {borders})",)
    rows, columns = _inside(*borders[2:]), _inside(*borders[:2])
    return (f"{name} = {name}[..., {rows}, {columns}].contiguous()",)


def _inside(first: int, last: int) -> str:
    """The slice between two borders, which are 0 or less wide."""
    return f"{-first or ''}:{last or ''}"


def padded(name: str, padding: Any, fill: float) -> str:
    """The line that puts a border around pictures."""
    beside, above = sides(padding)
    value = f", value={write_literal(fill)}" if fill else ""
    return f"{name} = F.pad({name}, {(beside, beside, above, above)}{value})"


def scaled(name: str, height: int, width: int) -> str:
    """The line that resizes pictures."""
    return f'{name} = F.interpolate({name}, ({height}, {width}), mode="bilinear", antialias=True)'


def require_floating(transform: Transform, x: Tensor) -> None:
    """Refuse a field of another dtype.

    Raises:
        Misfit: with the conversion.
    """
    if x.dtype not in FLOATING:
        scale = ", scale=True" if x.dtype == "uint8" else ""
        what = "integers" if x.dtype in INTEGER else x.dtype
        raise Misfit(
            f"`{type(transform).__name__}` takes floating point, found {x}",
            label=f"{what}",
            help=f"turn it into floating point first: `-> ToDtype(float32{scale})`",
        )


def _number(value: Any, name: str, x: Tensor) -> str:
    """A number, or one for each channel as a tensor that broadcasts."""
    if not isinstance(value, tuple):
        return write_literal(value)
    if len(set(value)) == 1:
        return write_literal(value[0])
    view = f".view(-1{', 1' * (x.rank - 2)})" if x.rank > 2 else ""
    return f"{name}.new_tensor({write_literal([*value])}){view}"
