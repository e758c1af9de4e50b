"""Tensor functions and methods, lower case as in torch: joining, reshaping, reducing."""

from typing import Any, ClassVar

from netspec.catalogue.function import Function
from netspec.catalogue.layer import Misfit
from netspec.catalogue.shapes import fill_in, flatten, resolve_axis
from netspec.catalogue.signature import Sizes
from netspec.dim import product, same, total
from netspec.elementwise import promote
from netspec.tensor import COMPLEX, FLOATING, INTEGER, Tensor, write_shape


class Cat(Function, name="cat"):
    """Join tensors along `dim`; all other sizes must agree: `(a, b) -> cat(dim=1)`."""

    torch: ClassVar[str] = "torch.cat"
    sequence: ClassVar[bool] = True

    dim: int = 0

    def apply(self, *inputs: Tensor) -> Tensor:
        first, *others = inputs
        if not first.shape:
            raise Misfit("`cat` cannot join tensors without dimensions", label="found []")
        axis = resolve_axis(first, self.dim, "cat", "dim")
        dtype = first.dtype
        for other in others:
            _require_joinable(first, other, axis)
            dtype = promote(dtype, other.dtype)
        joined = total(tensor.shape[axis] for tensor in inputs)
        return Tensor((*first.shape[:axis], joined, *first.shape[axis + 1 :]), dtype)


def _require_joinable(first: Tensor, other: Tensor, axis: int) -> None:
    shapes = f"{write_shape(first.shape)} and {write_shape(other.shape)}"
    if first.rank != other.rank:
        raise Misfit(
            f"cannot join tensors of shape {shapes}",
            label=f"{first.rank} and {other.rank} dimensions",
            help="bring them to the same number of dimensions, with `Flatten` say",
        )
    for at, (a, b) in enumerate(zip(first.shape, other.shape, strict=True)):
        if at != axis and not same(a, b):
            differs = "differs" if same(a, b) is False else "is not known to agree"
            raise Misfit(
                f"cannot join tensors of shape {shapes} along dimension {axis}",
                label=f"dimension {at} {differs}: {a} and {b}",
                help=f"give both the same size in dimension {at}, or join along it: dim={at}",
            )


class Reshape(Function, name="reshape"):
    """The same numbers in another shape; one size may be -1: `x -> reshape(N, -1)`."""

    torch: ClassVar[str] = "torch.Tensor.reshape"
    variadic: ClassVar[str] = "shape"

    shape: Sizes

    def apply(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        sizes = fill_in(tuple(self.shape), product(x.shape), "shape", x)
        return Tensor(sizes, x.dtype)


class Permute(Function, name="permute"):
    """The dimensions in another order: `x -> permute(0, 2, 3, 1)`."""

    torch: ClassVar[str] = "torch.Tensor.permute"
    variadic: ClassVar[str] = "dims"

    dims: tuple[int, ...]

    def apply(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
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

    dim0: int
    dim1: int

    def apply(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
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

    start_dim: int = 0
    end_dim: int = -1

    def apply(self, *inputs: Tensor) -> Tensor:
        return flatten(inputs[0], self.start_dim, self.end_dim, "flatten")


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

    dim: int | tuple[int, ...] | None = None
    keepdim: bool = False

    def apply(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
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

    dim: int | tuple[int, ...] | None = None
    keepdim: bool = False

    def apply(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        dtype = "int64" if x.dtype in INTEGER | {"bool"} else x.dtype
        return Tensor(_reduce(x, self.dim, self.keepdim, "sum"), dtype)


class _Elementwise(Function):
    dtypes: ClassVar[frozenset[str]] = FLOATING | COMPLEX

    def apply(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        if x.dtype not in self.dtypes:
            raise Misfit(
                f"`{self.name}` takes {' or '.join(sorted(self.dtypes))}, found {x.dtype}",
                label=f"the input is {x}",
            )
        return x


class Relu(_Elementwise, name="relu"):
    """max(x, 0)."""

    torch: ClassVar[str] = "torch.nn.functional.relu"
    dtypes: ClassVar[frozenset[str]] = FLOATING | INTEGER


class Gelu(_Elementwise, name="gelu"):
    """x Φ(x), with Φ the normal distribution."""

    torch: ClassVar[str] = "torch.nn.functional.gelu"
    dtypes: ClassVar[frozenset[str]] = FLOATING


class Sigmoid(_Elementwise, name="sigmoid"):
    """1 / (1 + exp(-x))."""

    torch: ClassVar[str] = "torch.sigmoid"


class Tanh(_Elementwise, name="tanh"):
    """tanh(x)."""

    torch: ClassVar[str] = "torch.tanh"


class _Softmax(Function):
    dim: int

    def apply(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        resolve_axis(x, self.dim, self.name, "dim")
        if x.dtype not in FLOATING:
            raise Misfit(
                f"`{self.name}` takes floating point numbers, found {x.dtype}",
                label=f"the input is {x}",
            )
        return x


class Softmax(_Softmax, name="softmax"):
    """exp(x) / Σ exp(x) over the dimension `dim`."""

    torch: ClassVar[str] = "torch.Tensor.softmax"


class LogSoftmax(_Softmax, name="log_softmax"):
    """log(exp(x) / Σ exp(x)) over the dimension `dim`."""

    torch: ClassVar[str] = "torch.Tensor.log_softmax"
