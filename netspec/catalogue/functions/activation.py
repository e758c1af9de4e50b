"""Activation functions: one number in, one out; and softmax along a dimension."""

from typing import ClassVar

from netspec.catalogue.function import Function
from netspec.catalogue.layer import Misfit
from netspec.catalogue.shapes import resolve_axis
from netspec.catalogue.signature import Input
from netspec.tensor import COMPLEX, FLOATING, INTEGER, Tensor


class _Elementwise(Function):
    dtypes: ClassVar[frozenset[str]] = FLOATING | COMPLEX

    input: Input

    def apply(self) -> Tensor:
        x = self.input
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
    input: Input
    dim: int

    def apply(self) -> Tensor:
        x = self.input
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
