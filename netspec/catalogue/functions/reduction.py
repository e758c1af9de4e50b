"""Functions that reduce dimensions: sums, means."""

from typing import Any, ClassVar

from netspec.catalogue.function import Function
from netspec.catalogue.layer import Misfit
from netspec.catalogue.shapes import resolve_axis
from netspec.catalogue.signature import Input
from netspec.tensor import COMPLEX, FLOATING, INTEGER, Tensor


def _reduce(x: Tensor, dim: Any, keepdim: bool, title: str) -> tuple[Any, ...]:
    """The shape after a reduction over `dim`: one axis, several, or all for None."""
    if dim is None or dim in ((), []):
        axes = list(range(x.rank))
    else:
        each = dim if isinstance(dim, tuple | list) else (dim,)
        axes = [resolve_axis(x, axis, title, "dim") for axis in each]
    if len(set(axes)) < len(axes):
        raise Misfit(
            f"`dim`={dim} of `{title}` names a dimension twice",
            label="twice",
            help="name each once",
            argument="dim",
        )
    if keepdim:
        return tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    return tuple(size for axis, size in enumerate(x.shape) if axis not in axes)


class Mean(Function, name="mean"):
    """The mean over one dimension, several, or all: `x -> mean(dim=(2, 3))`."""

    torch: ClassVar[str] = "torch.Tensor.mean"

    input: Input
    dim: int | tuple[int, ...] | None = None
    keepdim: bool = False

    def apply(self) -> Tensor:
        x = self.input
        if x.dtype not in FLOATING | COMPLEX:
            raise Misfit(
                f"`mean` takes floating point numbers, found {x.dtype}",
                label=f"the input is {x}",
                help="use `sum`, or declare the input as float32",
            )
        return Tensor(_reduce(x, self.dim, self.keepdim, "mean"), x.dtype)


class Sum(Function, name="sum"):
    """The sum over one dimension, several, or all: `x -> sum(dim=1)`."""

    torch: ClassVar[str] = "torch.Tensor.sum"

    input: Input
    dim: int | tuple[int, ...] | None = None
    keepdim: bool = False

    def apply(self) -> Tensor:
        x = self.input
        dtype = "int64" if x.dtype in INTEGER | {"bool"} else x.dtype
        return Tensor(_reduce(x, self.dim, self.keepdim, "sum"), dtype)
