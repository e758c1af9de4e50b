"""Activations: shape and dtype unchanged."""

from typing import Any, ClassVar, Literal

from netspec.catalogue.dtypes import require_inside
from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.layer import Example, Layer, Misfit, rank_help, require_rank
from netspec.catalogue.shapes import resolve_axis
from netspec.catalogue.signature import PositiveInt
from netspec.compare import same
from netspec.dim import divide
from netspec.tensor import COMPLEX, FLOATING, INTEGER, Shape, Tensor, write_shape

_REAL = FLOATING | INTEGER
_NUMBERS = _REAL | COMPLEX
_ROW = "float32[N, 8]"


class _Activation(Layer):
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED

    def __init_subclass__(cls, aliases: tuple[str, ...] = ()) -> None:
        super().__init_subclass__(aliases)
        if not vars(cls).get("examples"):
            cls.examples = (Example(cls.__name__, _ROW, _ROW),)


class ReLU(_Activation):
    """max(x, 0)."""

    dtypes: ClassVar[frozenset[str]] = _REAL

    inplace: bool = False


class RReLU(_Activation):
    """x where it is positive, else a x, with a drawn between `lower` and `upper` while training."""

    lower: float = 1.0 / 8
    upper: float = 1.0 / 3
    inplace: bool = False

    def output(self, x: Tensor) -> Tensor:
        if self.lower > self.upper:
            raise Misfit(
                f"lower={self.lower} must not be larger than upper={self.upper}",
                label="no room between them",
                help="swap them",
            )
        return x


class ReLU6(_Activation):
    """min(max(x, 0), 6)."""

    dtypes: ClassVar[frozenset[str]] = _REAL

    inplace: bool = False


class LeakyReLU(_Activation):
    """x where it is positive, else `negative_slope` x."""

    negative_slope: float = 0.01
    inplace: bool = False


class PReLU(_Activation):
    """x where it is positive, else a x, with a learnt for all channels or for each of them."""

    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})

    num_parameters: PositiveInt = 1
    init: float = 0.25

    def output(self, x: Tensor) -> Tensor:
        channels = x.shape[1] if x.rank >= 2 else 1
        if same(self.num_parameters, 1) is False and same(self.num_parameters, channels) is False:
            raise Misfit(
                f"num_parameters={self.num_parameters} is neither 1 nor the number of channels, "
                f"{channels}",
                label=f"the input has shape {write_shape(x.shape)}",
                help=f"leave it out for one slope, or write num_parameters={channels}",
                argument="num_parameters",
            )
        return x

    def parameters(self) -> dict[str, Shape]:
        return {"weight": (self.num_parameters,)}


class ELU(_Activation):
    """x where it is positive, else alpha (exp(x) - 1)."""

    alpha: float = 1.0
    inplace: bool = False


class SELU(_Activation):
    """Scaled ELU with the constants of self-normalising nets (Klambauer et al., 2017)."""

    inplace: bool = False


class CELU(_Activation):
    """max(x, 0) + min(0, alpha (exp(x / alpha) - 1))."""

    alpha: float = 1.0
    inplace: bool = False

    def output(self, x: Tensor) -> Tensor:
        if self.alpha == 0:
            raise Misfit(
                "`alpha` of `CELU` cannot be 0: it is divided by",
                label="zero",
                help="use another alpha, or `ReLU`",
                argument="alpha",
            )
        return x


class GELU(_Activation):
    """x Φ(x), with Φ the normal distribution, or its approximation by tanh."""

    approximate: Literal["none", "tanh"] = "none"


class SiLU(_Activation):
    """x sigmoid(x), also known as swish."""

    dtypes: ClassVar[frozenset[str]] = FLOATING | COMPLEX

    inplace: bool = False


class Mish(_Activation):
    """x tanh(softplus(x))."""

    inplace: bool = False


class _ToFloat(_Activation):
    """Integers become floating point numbers."""

    dtypes: ClassVar[frozenset[str]] = _NUMBERS | {"bool"}

    def output(self, x: Tensor) -> Tensor:
        return x if x.dtype in FLOATING | COMPLEX else Tensor(x.shape, "float32")


class Sigmoid(_ToFloat):
    """1 / (1 + exp(-x))."""


class LogSigmoid(_Activation):
    """log(1 / (1 + exp(-x)))."""


class Tanh(_ToFloat):
    """tanh(x)."""


class Hardtanh(_Activation):
    """x held between `min_val` and `max_val`."""

    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False

    def output(self, x: Tensor) -> Tensor:
        if not self.max_val > self.min_val:
            raise Misfit(
                f"max_val={self.max_val} must be larger than min_val={self.min_val}",
                label="no room between them",
                help="swap them",
            )
        return x


class Hardsigmoid(_Activation):
    """x / 6 + 1 / 2, held between 0 and 1."""

    inplace: bool = False


class Hardswish(_Activation):
    """x hardsigmoid(x)."""

    inplace: bool = False


class Hardshrink(_Activation):
    """x where |x| > lambd, else 0."""

    lambd: float = 0.5


class Softshrink(_Activation):
    """x moved by `lambd` towards 0, and 0 where |x| is at most lambd."""

    lambd: float = 0.5

    def output(self, x: Tensor) -> Tensor:
        if self.lambd < 0:
            raise Misfit(
                f"`lambd` of `Softshrink` must be at least 0, found {self.lambd}",
                label="negative",
                help=f"write {-self.lambd}",
                argument="lambd",
            )
        return x


class Tanhshrink(_ToFloat):
    """x - tanh(x)."""

    dtypes: ClassVar[frozenset[str]] = _NUMBERS


class Threshold(_Activation):
    """x where it is above `threshold`, else `value`."""

    dtypes: ClassVar[frozenset[str]] = _REAL
    examples: ClassVar[tuple[Example, ...]] = (Example("Threshold(0.1, 0.0)", _ROW, _ROW),)

    threshold: float
    value: float
    inplace: bool = False

    def output(self, x: Tensor) -> Tensor:
        for name in ("threshold", "value"):
            require_inside("Threshold", name, self.given[name], x.dtype)
        return x


class GLU(Layer):
    """a sigmoid(b), with a and b the halves of dimension `dim`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B]", "[*A, n // 2, *B]", "n along `dim`"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("GLU", "float32[N, 8]", "float32[N, 4]"),
        Example("GLU(dim=1)", "float32[N, 8, T]", "float32[N, 4, T]"),
    )

    dim: int = -1

    def output(self, x: Tensor) -> Tensor:
        if not x.shape:
            raise Misfit(
                "`GLU` halves a dimension, found []",
                label="the input has none",
                help=rank_help(self, x, 1),
            )
        axis = resolve_axis(x, self.dim, "GLU", "dim")
        size = x.shape[axis]
        if same(size % 2, 1):
            raise Misfit(
                f"`GLU` halves dimension {axis} of {write_shape(x.shape)}, but {size} is odd",
                label=f"{size} numbers",
                help="give it an even size, or choose another `dim`",
                argument="dim" if "dim" in self.given else None,
            )
        return Tensor((*x.shape[:axis], divide(size, 2), *x.shape[axis + 1 :]), x.dtype)


class Softplus(_Activation):
    """log(1 + exp(beta x)) / beta, linear above `threshold`."""

    beta: float = 1.0
    threshold: float = 20.0


class Softsign(_ToFloat):
    """x / (1 + |x|)."""

    dtypes: ClassVar[frozenset[str]] = _NUMBERS


class _Softmax(Layer):
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED

    def output(self, x: Tensor) -> Tensor:
        layer: Any = self
        title = type(self).__name__
        if layer.dim is None:
            raise Misfit(
                f"`{title}` needs `dim`: the dimension whose numbers sum to one",
                label="torch would guess it from the number of dimensions",
                help=f"write `{title}(dim=1)` for channels or classes, `dim=-1` for the last",
            )
        resolve_axis(x, layer.dim, title, "dim")
        return x


class Softmax(_Softmax):
    """exp(x) / Σ exp(x) over the dimension `dim`."""

    examples: ClassVar[tuple[Example, ...]] = (Example("Softmax(dim=1)", _ROW, _ROW),)

    dim: int | None = None


class Softmin(_Softmax):
    """exp(-x) / Σ exp(-x) over the dimension `dim`."""

    examples: ClassVar[tuple[Example, ...]] = (Example("Softmin(dim=1)", _ROW, _ROW),)

    dim: int | None = None


class Softmax2d(Layer):
    """exp(x) / Σ exp(x) over the channels of an image."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, H, W]", "[N?, C, H, W]"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Softmax2d", "float32[N, 8, 5, 5]", "float32[N, 8, 5, 5]"),
    )

    def output(self, x: Tensor) -> Tensor:
        require_rank(self, x, (3, 4), "images [N, C, H, W]")
        return x


class LogSoftmax(_Softmax):
    """log(exp(x) / Σ exp(x)) over the dimension `dim`."""

    examples: ClassVar[tuple[Example, ...]] = (Example("LogSoftmax(dim=1)", _ROW, _ROW),)

    dim: int | None = None


class Identity(Layer):
    """x."""

    dtypes: ClassVar[frozenset[str]] = FLOATING | INTEGER | COMPLEX | {"bool"}
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples: ClassVar[tuple[Example, ...]] = (Example("Identity", _ROW, _ROW),)
