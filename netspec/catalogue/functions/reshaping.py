"""Functions that change the shape alone: the same numbers in other places."""

from typing import ClassVar

from netspec.catalogue.function import Function
from netspec.catalogue.layer import Misfit
from netspec.catalogue.shapes import fill_in, flatten, resolve_axis
from netspec.catalogue.signature import Input, Sizes
from netspec.dim import product
from netspec.tensor import Tensor, write_shape


class Reshape(Function, name="reshape"):
    """The same numbers in another shape; one size may be -1: `x -> reshape(N, -1)`."""

    torch: ClassVar[str] = "torch.Tensor.reshape"
    variadic: ClassVar[str] = "shape"

    input: Input
    shape: Sizes

    def apply(self) -> Tensor:
        x = self.input
        sizes = fill_in(tuple(self.shape), product(x.shape), "shape", x)
        return Tensor(sizes, x.dtype)


class Permute(Function, name="permute"):
    """The dimensions in another order: `x -> permute(0, 2, 3, 1)`."""

    torch: ClassVar[str] = "torch.Tensor.permute"
    variadic: ClassVar[str] = "dims"

    input: Input
    dims: tuple[int, ...]

    def apply(self) -> Tensor:
        x = self.input
        axes = [resolve_axis(x, axis, "permute", "dims") for axis in self.dims]
        if sorted(axes) != list(range(x.rank)):
            raise Misfit(
                f"`permute` names each dimension of {write_shape(x.shape)} once, found "
                f"{tuple(self.dims)}",
                label=f"{x.rank} dimensions, {len(axes)} named"
                if len(axes) != x.rank
                else "one is named twice",
                help=f"use each of 0 to {x.rank - 1} once",
            )
        return Tensor(tuple(x.shape[axis] for axis in axes), x.dtype)


class Transpose(Function, name="transpose"):
    """Two dimensions swapped: `x -> transpose(1, 2)`."""

    torch: ClassVar[str] = "torch.Tensor.transpose"

    input: Input
    dim0: int
    dim1: int

    def apply(self) -> Tensor:
        x = self.input
        first = resolve_axis(x, self.dim0, "transpose", "dim0")
        second = resolve_axis(x, self.dim1, "transpose", "dim1")
        if not x.shape:
            return x
        sizes = list(x.shape)
        sizes[first], sizes[second] = sizes[second], sizes[first]
        return Tensor(tuple(sizes), x.dtype)


class FlattenFunction(Function, name="flatten"):
    """Dimensions `start_dim` to `end_dim` joined to one: `x -> flatten(1)`."""

    torch: ClassVar[str] = "torch.Tensor.flatten"

    input: Input
    start_dim: int = 0
    end_dim: int = -1

    def apply(self) -> Tensor:
        return flatten(self.input, self.start_dim, self.end_dim, "flatten")
