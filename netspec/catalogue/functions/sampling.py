"""Functions that draw numbers or places at random."""

from typing import ClassVar

from netspec.catalogue.dtypes import require_dtype, require_inside
from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.function import Example, Function
from netspec.catalogue.functions.creation import Count, require_makeable, require_sizes
from netspec.catalogue.shapes import require_dimensions
from netspec.catalogue.signature import Input, KeywordDType, Sizes
from netspec.compare import at_least
from netspec.misfit import Misfit
from netspec.tensor import FLOATING, INTEGER, Tensor, write_shape


class Randint(Function, name="randint"):
    """Random whole numbers from `low` up to `high` without it."""

    creates: ClassVar[bool] = True
    random: ClassVar[bool] = True
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("", "[*size]"),)
    examples = (Example("randint(0, 1000, (N,))", "x: float32[N, 8]", "int64[N]"),)

    low: Count
    high: Count
    size: Sizes
    dtype: KeywordDType = None

    def apply(self) -> Tensor:
        if at_least(self.low, self.high):
            raise Misfit(
                f"`randint` draws numbers from {self.low} up to {self.high} without it",
                label="there are none",
                help="choose a larger `high`",
                argument="high",
            )
        x = Tensor(require_sizes(tuple(self.size), "randint", "size"), str(self.dtype or "int64"))
        require_makeable("randint", x, FLOATING | INTEGER | {"bool"})
        require_inside("randint", "low", self.low, x.dtype)
        require_inside("randint", "high", self.high - 1, x.dtype)
        return x


class Randperm(Function, name="randperm"):
    """The numbers from 0 up to `n` without it in random order."""

    creates: ClassVar[bool] = True
    random: ClassVar[bool] = True
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("", "[n]"),)
    examples = (Example("randperm(N)", "x: float32[N, 8]", "int64[N]"),)

    n: Count
    dtype: KeywordDType = None

    def apply(self) -> Tensor:
        x = Tensor(require_sizes((self.n,), "randperm", "n"), str(self.dtype or "int64"))
        require_makeable("randperm", x, FLOATING | INTEGER)
        return x


class Bernoulli(Function, name="bernoulli"):
    """1 with the probability that each number gives, else 0."""

    random: ClassVar[bool] = True
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples = (Example("p -> bernoulli", "p: float32[N, 8]", "float32[N, 8]"),)

    input: Input

    def apply(self) -> Tensor:
        require_dtype("bernoulli", self.input, FLOATING)
        return self.input


class Multinomial(Function, name="multinomial"):
    """`num_samples` places, drawn by the weights along the last dimension."""

    random: ClassVar[bool] = True
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*, n]", "[*, num_samples]"),)
    examples = (Example("p -> multinomial(4)", "p: float32[N, 10]", "int64[N, 4]"),)

    input: Input
    num_samples: Count
    replacement: bool = False

    def apply(self) -> Tensor:
        x = self.input
        require_dtype("multinomial", x, FLOATING)
        require_dimensions(x, "multinomial")
        if x.rank > 2:
            raise Misfit(
                f"`multinomial` takes a list of weights or a matrix, found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimensions",
                help="flatten the ones in front: `-> flatten(0, -2)`",
            )
        few = not self.replacement and at_least(x.shape[-1], self.num_samples) is False
        if at_least(self.num_samples, 1) is False or few:
            raise Misfit(
                f"`multinomial` cannot draw {self.num_samples} of {x.shape[-1]}",
                label="without putting them back" if few else "draw at least one",
                help="use replacement=True, or draw fewer" if few else "choose a larger number",
                argument="num_samples",
            )
        return Tensor((*x.shape[:-1], self.num_samples), "int64")
