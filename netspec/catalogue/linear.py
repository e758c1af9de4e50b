"""Linear and bilinear layers, and a softmax over very many classes."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, ClassVar

from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import (
    Example,
    Layer,
    Misfit,
    rank_help,
    require_rank,
    require_same_dtype,
    require_shape,
)
from netspec.catalogue.signature import (
    InferredInt,
    PositiveFloat,
    PositiveInt,
    write_value,
)
from netspec.compare import at_least
from netspec.dim import Dim, divide, product
from netspec.tensor import Shape, Tensor, Type


class Linear(Layer):
    """y = x Wᵀ + b over the last dimension."""

    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*, in_features]", "[*, out_features]"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Linear(120)", "float32[N, 400]", "float32[N, 120]"),
        Example("Linear(8, bias=False)", "float32[N, T, 16]", "float32[N, T, 8]"),
    )

    in_features: InferredInt
    out_features: PositiveInt
    bias: bool = True

    def infer(self, x: Tensor) -> Mapping[str, Dim]:
        if not x.shape:
            raise Misfit(
                "`Linear` needs at least one dimension, found []",
                label="the input has 0 dimensions",
                help=rank_help(self, x, 1),
            )
        return {"in_features": x.shape[-1]}

    def output(self, x: Tensor) -> Tensor:
        return Tensor((*x.shape[:-1], self.out_features), x.dtype)

    def parameters(self) -> Mapping[str, Shape]:
        weight: dict[str, Shape] = {"weight": (self.out_features, self.in_features)}
        return weight | ({"bias": (self.out_features,)} if self.bias else {})

    def macs(self, x: Tensor, y: Tensor, *rest: Any) -> Dim:
        return product((*y.shape, self.in_features))


class Bilinear(Layer):
    """y = x1ᵀ A x2 + b."""

    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})
    takes: ClassVar[tuple[str, ...]] = ("input1", "input2")
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*, in1_features], [*, in2_features]", "[*, out_features]"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Bilinear(8)", "float32[N, 20], float32[N, 30]", "float32[N, 8]"),
    )

    in1_features: InferredInt
    in2_features: InferredInt
    out_features: PositiveInt
    bias: bool = True

    def infer(self, input1: Tensor, input2: Tensor) -> Mapping[str, Dim]:
        require_same_dtype(self, "input2", input2, input1.dtype)
        for name, given in (("input1", input1), ("input2", input2)):
            if not given.shape:
                raise Misfit(
                    f"`{name}` of `Bilinear` needs at least one dimension, found []",
                    label=f"`{name}` has 0 dimensions",
                    help=rank_help(self, given, 1),
                    argument=name,
                )
        return {"in1_features": input1.shape[-1], "in2_features": input2.shape[-1]}

    def output(self, input1: Tensor, input2: Tensor) -> Tensor:
        wanted = (*input1.shape[:-1], input2.shape[-1])
        require_shape(
            self, "input2", input2, wanted, "all but its last dimension are those of input1"
        )
        return Tensor((*input1.shape[:-1], self.out_features), input1.dtype)

    def parameters(self) -> Mapping[str, Shape]:
        weight = (self.out_features, self.in1_features, self.in2_features)
        shapes: dict[str, Shape] = {"weight": weight}
        return shapes | ({"bias": (self.out_features,)} if self.bias else {})

    def macs(self, x: Tensor, y: Tensor, *rest: Any) -> Dim:
        return product((*y.shape, self.in1_features, self.in2_features))


class AdaptiveLogSoftmaxWithLoss(Layer):
    """The log probability of each target, int64, and their mean, negated: `(output, loss)`.

    Frequent classes come first: those
    below `cutoffs[0]` are told apart by the first matrix, each further range by two smaller ones
    (Grave et al., 2017).
    """

    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})
    takes: ClassVar[tuple[str, ...]] = ("input_", "target_")
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, in_features], [N]", "([N], [])"),
        Shapes("[in_features], []", "([], [])"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "AdaptiveLogSoftmaxWithLoss(1000, (50, 200))",
            "float32[N, 64], int64[N]",
            "(float32[N], float32[])",
        ),
    )

    in_features: InferredInt
    n_classes: PositiveInt
    cutoffs: tuple[PositiveInt, ...]
    div_value: PositiveFloat = 4.0
    head_bias: bool = False

    def infer(self, x: Tensor, target: Tensor) -> Mapping[str, Dim]:
        require_rank(self, x, (1, 2), "[N, in_features], or [in_features] alone")
        return {"in_features": x.shape[-1]}

    def output(self, x: Tensor, target: Tensor) -> Type:
        self._require_cutoffs()
        require_same_dtype(self, "target_", target, "int64")
        require_shape(self, "target_", target, x.shape[:-1], "it has one class for each sample")
        for width, _ in self._tails():
            if at_least(width, 1) is False:
                raise Misfit(
                    f"div_value={self.div_value} leaves nothing of {self.in_features} features "
                    f"for the last of {len(self.cutoffs)} ranges",
                    label="each range has `div_value` times fewer features than the one before",
                    help="use a smaller `div_value` or fewer cutoffs",
                    argument="div_value" if "div_value" in self.given else "cutoffs",
                )
        return Tensor(x.shape[:-1], x.dtype), Tensor((), x.dtype)

    def _require_cutoffs(self) -> None:
        bounds = (*self.cutoffs, self.n_classes)
        rising = all(at_least(high - 1, low) is not False for low, high in pairwise(bounds))
        if len(bounds) == 1 or not rising:
            raise Misfit(
                f"`cutoffs` must rise from 1 to at most n_classes - 1, "
                f"found {write_value(bounds[:-1])} for n_classes={self.n_classes}",
                label="ranges of classes, the frequent ones first",
                help="write (10, 100) for the classes 0 to 9, 10 to 99, and the rest",
                argument="cutoffs",
            )

    def _tails(self) -> list[tuple[Dim, Dim]]:
        """Of each range but the first: the features that it is told apart by, and the classes."""
        bounds = (*self.cutoffs, self.n_classes)
        tails: list[tuple[Dim, Dim]] = []
        for number in range(1, len(bounds)):
            factor = Fraction(self.div_value**number)
            width = divide(self.in_features * factor.denominator, factor.numerator)
            tails.append((width, bounds[number] - bounds[number - 1]))
        return tails

    def parameters(self) -> Mapping[str, Shape]:
        head = self.cutoffs[0] + len(self.cutoffs)
        shapes: dict[str, Shape] = {"head.weight": (head, self.in_features)}
        if self.head_bias:
            shapes["head.bias"] = (head,)
        for number, (width, classes) in enumerate(self._tails()):
            shapes[f"tail.{number}.0.weight"] = (width, self.in_features)
            shapes[f"tail.{number}.1.weight"] = (classes, width)
        return shapes

    def inside(self) -> Mapping[str, str]:
        tails = [f"tail.{number}.{part}" for number in range(len(self.cutoffs)) for part in (0, 1)]
        return dict.fromkeys(["head", *tails], "Linear")

    def macs(self, x: Tensor, y: Type, *rest: Any) -> Dim:
        """Those of the first matrix: how many samples need the others, only the data decides."""
        head = self.cutoffs[0] + len(self.cutoffs)
        return product((*x.shape, head))
