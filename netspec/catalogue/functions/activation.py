"""Activation functions: one number in, one out; and softmax along a dimension."""

from typing import Annotated, ClassVar, Literal

from netspec.catalogue.dtypes import NUMBERS, REAL, as_floating, require_dtype, require_inside
from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.function import Example, Function, Functional, Method
from netspec.catalogue.functions.pointwise import Pointwise
from netspec.catalogue.shapes import resolve_axis
from netspec.catalogue.signature import KEYWORD, Input, KeywordDType, NonNegativeFloat
from netspec.compare import same
from netspec.dim import divide, product, value_of
from netspec.misfit import Misfit
from netspec.tensor import COMPLEX, FLOATING, Tensor, write_shape


class _Activation(Pointwise, Functional):
    dtypes: ClassVar[frozenset[str]] = FLOATING


class Relu(_Activation, name="relu"):
    """max(x, 0)."""

    dtypes: ClassVar[frozenset[str]] = REAL
    examples = (Example("x -> relu", "x: float32[N, 8]", "float32[N, 8]"),)


class Relu6(_Activation, name="relu6"):
    """min(max(x, 0), 6)."""

    dtypes: ClassVar[frozenset[str]] = REAL
    examples = (Example("x -> relu6", "x: float32[N, C, H, W]", "float32[N, C, H, W]"),)


class Elu(_Activation, name="elu"):
    """x where positive, else alpha * (exp(x) - 1)."""

    examples = (Example("x -> elu(alpha=0.5)", "x: float32[N, 8]", "float32[N, 8]"),)

    alpha: float = 1.0


class Selu(_Activation, name="selu"):
    """An ELU that keeps mean and variance."""

    examples = (Example("x -> selu", "x: float32[N, 8]", "float32[N, 8]"),)


class Celu(_Activation, name="celu"):
    """An ELU that is smooth at 0 for each alpha."""

    examples = (Example("x -> celu(alpha=0.5)", "x: float32[N, 8]", "float32[N, 8]"),)

    alpha: float = 1.0

    def apply(self) -> Tensor:
        if self.alpha == 0:
            raise Misfit(
                "`alpha` of `celu` divides, found 0",
                label="division by 0",
                help="use `relu`, or another alpha",
                argument="alpha",
            )
        return super().apply()


class Gelu(_Activation, name="gelu"):
    """x Φ(x), with Φ the normal distribution."""

    examples = (
        Example("x -> gelu", "x: float32[N, T, 64]", "float32[N, T, 64]"),
        Example('x -> gelu(approximate="tanh")', "x: float32[N, T, 64]", "float32[N, T, 64]"),
    )

    approximate: Annotated[Literal["none", "tanh"], KEYWORD] = "none"


class Silu(_Activation, name="silu"):
    """x * sigmoid(x)."""

    dtypes: ClassVar[frozenset[str]] = FLOATING | COMPLEX
    examples = (Example("x -> silu", "x: float32[N, C, H, W]", "float32[N, C, H, W]"),)


class Mish(_Activation, name="mish"):
    """x * tanh(softplus(x))."""

    examples = (Example("x -> mish", "x: float32[N, C, H, W]", "float32[N, C, H, W]"),)


class LeakyRelu(_Activation, name="leaky_relu"):
    """x where positive, else negative_slope * x."""

    examples = (Example("x -> leaky_relu(0.2)", "x: float32[N, C, H, W]", "float32[N, C, H, W]"),)

    negative_slope: float = 0.01


class Softplus(_Activation, name="softplus"):
    """log(1 + exp(beta * x)) / beta."""

    examples = (Example("x -> softplus(beta=2)", "x: float32[N, 8]", "float32[N, 8]"),)

    beta: float = 1
    threshold: float = 20


class Logsigmoid(_Activation, name="logsigmoid"):
    """log(sigmoid(x))."""

    examples = (Example("x -> logsigmoid", "x: float32[N, 1]", "float32[N, 1]"),)


class Hardswish(_Activation, name="hardswish"):
    """x * relu6(x + 3) / 6."""

    examples = (Example("x -> hardswish", "x: float32[N, C, H, W]", "float32[N, C, H, W]"),)


class Hardsigmoid(_Activation, name="hardsigmoid"):
    """relu6(x + 3) / 6."""

    examples = (Example("x -> hardsigmoid", "x: float32[N, C, 1, 1]", "float32[N, C, 1, 1]"),)


class Hardshrink(_Activation, name="hardshrink"):
    """x, or 0 where |x| is at most lambd."""

    examples = (Example("x -> hardshrink(0.3)", "x: float32[N, 8]", "float32[N, 8]"),)

    lambd: float = 0.5


class Softshrink(_Activation, name="softshrink"):
    """x moved by lambd towards 0."""

    examples = (Example("x -> softshrink(0.3)", "x: float32[N, 8]", "float32[N, 8]"),)

    lambd: NonNegativeFloat = 0.5


class Threshold(_Activation, name="threshold"):
    """x, or value where x is at most threshold."""

    dtypes: ClassVar[frozenset[str]] = REAL
    examples = (Example("x -> threshold(0.1, 0.0)", "x: float32[N, 8]", "float32[N, 8]"),)

    threshold: float
    value: float

    def apply(self) -> Tensor:
        for name in ("threshold", "value"):
            require_inside("threshold", name, self.given[name], self.input.dtype)
        return super().apply()


class Hardtanh(_Activation, name="hardtanh"):
    """x, not below min_val, not above max_val."""

    dtypes: ClassVar[frozenset[str]] = REAL - {"uint8"}
    examples = (Example("x -> hardtanh(0.0, 6.0)", "x: float32[N, 8]", "float32[N, 8]"),)

    min_val: float = -1.0
    max_val: float = 1.0

    def apply(self) -> Tensor:
        if self.min_val > self.max_val:
            raise Misfit(
                f"`min_val`={self.min_val} of `hardtanh` is above `max_val`={self.max_val}",
                label="no number between them",
                help="swap them",
                argument="min_val",
            )
        return super().apply()


class Rrelu(_Activation, name="rrelu"):
    """A leaky ReLU; while training, its slope is drawn between lower and upper."""

    random: ClassVar[bool] = True
    training: ClassVar[bool] = True
    examples = (Example("x -> rrelu(0.1, 0.3)", "x: float32[N, 8]", "float32[N, 8]"),)

    lower: float = 1.0 / 8
    upper: float = 1.0 / 3

    def apply(self) -> Tensor:
        if self.lower > self.upper:
            raise Misfit(
                f"`lower`={self.lower} of `rrelu` is above `upper`={self.upper}",
                label="no slope between them",
                help="swap them",
                argument="lower",
            )
        return super().apply()


class _Smooth(_Activation):
    """Integers give float32."""

    dtypes: ClassVar[frozenset[str]] = NUMBERS

    def result(self, dtype: str) -> str:
        return as_floating(dtype)


class Tanhshrink(_Smooth, name="tanhshrink"):
    """x - tanh(x)."""

    examples = (Example("x -> tanhshrink", "x: float32[N, 8]", "float32[N, 8]"),)


class Softsign(_Smooth, name="softsign"):
    """x / (1 + |x|)."""

    examples = (Example("x -> softsign", "x: float32[N, 8]", "float32[N, 8]"),)


class Prelu(Functional, name="prelu"):
    """x where positive, else weight * x: one weight for all channels, or one for each."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, C, *], [C]", "[N, C, *]"),
        Shapes("[*], [1]", "[*]"),
    )
    examples = (
        Example(
            "prelu(x, slopes)",
            "x: float32[N, 16, H, W], slopes: float32[16]",
            "float32[N, 16, H, W]",
        ),
    )

    input: Input
    weight: Input

    def apply(self) -> Tensor:
        require_dtype("prelu", self.input, FLOATING)
        x, weight = self.input, self.weight
        if weight.dtype != x.dtype:
            raise Misfit(
                f"`prelu` takes a `weight` of the input's dtype, found {weight.dtype}",
                label=f"the input is {x}",
                help=f"turn it into {x.dtype}: `-> to({x.dtype})`",
                argument="weight",
            )
        channels = 1 if x.rank < 2 else x.shape[1]
        one = value_of(product(weight.shape)) == 1
        if weight.rank > 1 or not (one or (weight.rank == 1 and same(weight.shape[0], channels))):
            raise Misfit(
                f"`weight` of `prelu` has one number, or one for each of {channels} channels, "
                f"found {write_shape(weight.shape)}",
                label=f"the input has shape {write_shape(x.shape)}",
                help="channels are dimension 1 of the input",
                argument="weight",
            )
        return x


class Glu(Functional, name="glu"):
    """The first half along `dim`, times the sigmoid of the second half."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B]", "[*A, n // 2, *B]", "n along `dim`"),
    )
    examples = (Example("x -> glu(dim=1)", "x: float32[N, 64, T]", "float32[N, 32, T]"),)

    input: Input
    dim: int = -1

    def apply(self) -> Tensor:
        x = self.input
        require_dtype("glu", x, FLOATING)
        if not x.shape:
            raise Misfit(
                "`glu` cannot halve a tensor without dimensions",
                label="found []",
                help="give it at least one dimension: `-> unsqueeze(0)`",
            )
        axis = resolve_axis(x, self.dim, "glu", "dim")
        size = x.shape[axis]
        if value_of(size % 2):
            raise Misfit(
                f"`glu` halves dimension {axis}, found an odd size: {size}",
                label=f"the input has shape {write_shape(x.shape)}",
                help="make it even, twice what shall come out, or choose another `dim`",
                argument="dim",
            )
        return Tensor((*x.shape[:axis], divide(size, 2), *x.shape[axis + 1 :]), x.dtype)


class _Softmax(Function):
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    input: Input
    dim: int
    dtype: KeywordDType = None

    def apply(self) -> Tensor:
        x = self.input
        resolve_axis(x, self.dim, self.name, "dim")
        dtype = x.dtype if self.dtype is None else str(self.dtype)
        if dtype not in FLOATING:
            raise Misfit(
                f"`{self.name}` takes floating point tensors, found {dtype}",
                label=f"the input is {x}",
                help="turn it into another dtype first: `-> to(float32)`",
            )
        return Tensor(x.shape, dtype)


class Softmax(_Softmax, Method, name="softmax"):
    """exp(x) / Σ exp(x) over the dimension `dim`."""

    examples = (
        Example("x -> softmax(dim=1)", "x: float32[N, 10]", "float32[N, 10]"),
        Example(
            "scores -> softmax(dim=-1, dtype=float32)",
            "scores: float16[N, T, S]",
            "float32[N, T, S]",
        ),
    )


class LogSoftmax(_Softmax, Method, name="log_softmax"):
    """log(exp(x) / Σ exp(x)) over the dimension `dim`."""

    examples = (Example("x -> log_softmax(dim=1)", "x: float32[N, 10]", "float32[N, 10]"),)


class Softmin(_Softmax, Functional, name="softmin"):
    """exp(-x) / Σ exp(-x) over the dimension `dim`."""

    examples = (Example("x -> softmin(dim=1)", "x: float32[N, 10]", "float32[N, 10]"),)

    def apply(self) -> Tensor:
        require_dtype("softmin", self.input, NUMBERS)
        return super().apply()


class GumbelSoftmax(Functional, name="gumbel_softmax"):
    """A softmax of `logits` with Gumbel noise; `hard` makes it one-hot."""

    random: ClassVar[bool] = True
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples = (
        Example(
            "logits -> gumbel_softmax(tau=0.5, hard=True)",
            "logits: float32[N, 10]",
            "float32[N, 10]",
        ),
    )

    logits: Input
    tau: float = 1
    hard: bool = False
    dim: Annotated[int, KEYWORD] = -1

    def apply(self) -> Tensor:
        require_dtype("gumbel_softmax", self.logits, FLOATING, "logits")
        resolve_axis(self.logits, self.dim, "gumbel_softmax", "dim")
        return self.logits
