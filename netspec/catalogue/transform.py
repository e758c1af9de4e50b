"""Transforms: what a training script does to a field of a batch before the net sees it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from netspec.catalogue import index
from netspec.catalogue.shelf import Shelf
from netspec.catalogue.signature import Signature
from netspec.dim import value_of
from netspec.misfit import Misfit
from netspec.tensor import FLOATING, Tensor

TRANSFORMS: Shelf["Transform"] = Shelf(index.TRANSFORMS)

# Functions that a script needs for some of them, by name.
FUNCTIONS: Mapping[str, Sequence[str]] = {
    "random_flip": (
        "def random_flip(x: Tensor, p: float, dim: int) -> Tensor:",
        '    """Flip some of the samples, each with probability `p`."""',
        "    chosen = torch.rand(len(x), 1, 1, 1, device=x.device) < p",
        "    return torch.where(chosen, x.flip(dim), x)",
    ),
    "random_crop": (
        "def random_crop(x: Tensor, height: int, width: int) -> Tensor:",
        '    """Cut a window out of each sample, at a place of its own."""',
        "    count, _, tall, wide = x.shape",
        "    n = torch.arange(count, device=x.device)[:, None, None]",
        "    top = torch.randint(tall - height + 1, n.shape, device=x.device)",
        "    left = torch.randint(wide - width + 1, n.shape, device=x.device)",
        "    rows = top + torch.arange(height, device=x.device)[:, None]",
        "    columns = left + torch.arange(width, device=x.device)",
        "    return x[n, :, rows, columns].permute(0, 3, 1, 2).contiguous()",
    ),
}


class Transform(Signature):
    """What is done to a field, batch by batch, under its name in torchvision's `v2`.

    `random`: only training does it; `resting` is what validation does in its place.
    `needs`: the names of `FUNCTIONS` that its code calls. `imports` are import lines.
    """

    random: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()
    imports: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        if not cls.__name__.startswith("_"):
            TRANSFORMS.add(cls.__name__, cls)

    def apply(self, x: Tensor) -> Tensor:
        """The type that comes out, in training as in validation.

        Raises:
            Misfit: where the field is nothing for it.
        """
        raise NotImplementedError

    def settle(self, x: Tensor) -> None:
        """Refuse what is still open in the field's type once the net has decided sizes.

        Raises:
            Misfit: where it has to be known.
        """

    def made(self) -> str:
        """The expression for what changes sample by sample, made once; "" where `code` does it."""
        return ""

    def code(self, name: str, x: Tensor) -> tuple[str, ...]:
        """The lines that change the variable `name`, which is `x`."""
        raise NotImplementedError

    def resting(self, name: str, x: Tensor) -> tuple[str, ...]:
        """The lines for validation, of what is random."""
        return ()


def require_picture(transform: Transform, x: Tensor) -> tuple[int, int]:
    """The height and width of a batch of pictures.

    Raises:
        Misfit: for what is no floating-point [N, C, H, W] with known sides.
    """
    title = type(transform).__name__
    if x.rank != 4 or x.dtype not in FLOATING:
        raise Misfit(
            f"`{title}` takes pictures, floating point [N, C, H, W], found {x}",
            label="no pictures",
            help="turn integers into floating point first: `-> ToDtype(float32, scale=True)`"
            if x.rank == 4
            else "name the field with the pictures",
        )
    height, width = value_of(x.shape[2]), value_of(x.shape[3])
    if height is None or width is None:
        raise Misfit(
            f"`{title}` takes pictures of a known size, found {x}",
            label="only the data decides the size",
            help="declare the size of the field in numbers",
        )
    return height, width


def sides(size: Any) -> tuple[int, int]:
    """Height and width of an argument that is both or one for both."""
    return (size, size) if isinstance(size, int) else tuple(size)


def resized(x: Tensor, height: int, width: int) -> Tensor:
    """Pictures with other sides."""
    return Tensor((*x.shape[:2], height, width), x.dtype)
