"""What all losses have in common: their reduction, and what they ask of dtypes and shapes."""

from copy import copy
from typing import Annotated, Any, ClassVar, Literal

from netspec.catalogue.dtypes import require_dtype
from netspec.catalogue.function import Functional
from netspec.catalogue.signature import KEYWORD, Input, Value
from netspec.compare import agree, same
from netspec.dim import Dim
from netspec.elementwise import broadcast
from netspec.misfit import Misfit
from netspec.tensor import FLOATING, Shape, Tensor, write_shape

Reduction = Literal["none", "mean", "sum"]
KeywordReduction = Annotated[Reduction, KEYWORD]
KeywordFloat = Annotated[float, KEYWORD]
KeywordInput = Annotated[Input | None, KEYWORD]
NothingElse = Annotated[None, KEYWORD]


class LossFunction(Functional):
    """A loss: one number, or with reduction="none" one for each of what is compared.

    `against`: the argument that the output is compared with, "" where there is none.
    `title`: what messages call it, which for a layer is the name of its class.
    `either`: the two may stand in any order: it is symmetric, or the other order means something.
    `itself`: what it is of a value and itself, "" where that depends on the value.
    """

    against: ClassVar[str] = "target"
    either: ClassVar[bool] = False
    itself: ClassVar[str] = ""

    def __init__(self, *positional: Value, **keyword: Value) -> None:
        super().__init__(*positional, **keyword)
        self.title = self.name

    def require_classes(self, classes: int) -> None:
        """Refuse labels 0 … classes - 1 where the output has fewer places.

        Raises:
            Misfit: where a label would be none of the output's.
        """

    def labels_taken(self) -> tuple[Dim, int | None] | None:
        """How many classes its target may name, and which number it ignores; None: no classes."""
        return None

    def always(self) -> str:
        """The number that it is whatever is compared, "" where there is no such number."""
        return ""

    def fits_swapped(self) -> bool:
        """Whether its output and its target would do in each other's place."""
        first, second = (*self.positional()[:2], "", "")[:2]
        values = self.given.get(second), self.given.get(first)
        if second != self.against or not all(isinstance(value, Tensor) for value in values):
            return False
        turned = copy(self)
        vars(turned).update(zip((first, second), values, strict=True))
        try:
            turned.apply()
        except Misfit:
            return False
        return True

    def reduced(self, shape: Shape, dtype: str) -> Tensor:
        """The loss, one number of which belongs to each place of `shape`."""
        return Tensor(shape if self.given.get("reduction") == "none" else (), dtype)

    def require_dtypes(self, names: tuple[str, ...], dtypes: frozenset[str] = FLOATING) -> None:
        """Refuse an argument of another dtype; one that is not given is none."""
        for name in names:
            given = getattr(self, name)
            if given is not None:
                require_dtype(self.title, given, dtypes, name)

    def require_dtype_of(self, first: str, *names: str) -> str:
        """The one dtype of arguments that torch does not convert."""
        dtype: str = getattr(self, first).dtype
        for name in names:
            given = getattr(self, name)
            if given is not None and given.dtype != dtype:
                raise Misfit(
                    f"`{name}` of `{self.title}` must be {dtype} as `{first}` is, "
                    f"found {given.dtype}",
                    label=f"`{name}` is {given}",
                    help=f"turn it into the other dtype first: `-> to({dtype})`",
                    argument=name,
                )
        return dtype

    def require_one_shape(self, first: str, *names: str) -> Shape:
        """The one shape of arguments that are compared number by number."""
        shape: Shape = getattr(self, first).shape
        for name in names:
            given: Shape = getattr(self, name).shape
            if not are_alike(shape, given):
                raise Misfit(
                    f"`{self.title}` compares tensors of one shape, found {write_shape(shape)} "
                    f"and {write_shape(given)}",
                    label=_difference(shape, given),
                    help=_way_out(first, shape, name, given),
                    argument=name,
                    equal=pairs(shape, given),
                )
        return shape

    def require_stretches(self, shape: Shape, *names: str) -> None:
        """Refuse weights that cannot be stretched to what they weigh."""
        for name in names:
            given = getattr(self, name)
            if given is not None and not _stretches(given.shape, shape):
                raise Misfit(
                    f"`{name}` of `{self.title}` does not broadcast to {write_shape(shape)}, "
                    f"found {write_shape(given.shape)}",
                    label=f"the input has shape {write_shape(shape)}",
                    help="give a number for each entry of the last dimension, or a tensor of the "
                    "input's shape",
                    argument=name,
                )


def are_alike(left: Shape, right: Shape) -> bool:
    """Whether two shapes are known to be equal."""
    return len(left) == len(right) and all(map(agree, left, right))


def pairs(left: Shape, right: Shape) -> list[tuple[Any, Any]]:
    """The sizes that would have to be equal; none where the shapes differ in more than sizes."""
    return list(zip(left, right, strict=True)) if len(left) == len(right) else []


def _stretches(shape: Shape, target: Shape) -> bool:
    return len(shape) <= len(target) and all(
        agree(a, b) or same(a, 1) for a, b in zip(shape[::-1], target[::-1], strict=False)
    )


def _difference(left: Shape, right: Shape) -> str:
    try:
        stretched = broadcast("compare", left, right)
        return f"torch would stretch them to {write_shape(stretched)}, which is hardly meant"
    except Misfit:
        pass
    if len(left) != len(right):
        return f"{len(left)} and {len(right)} dimensions"
    sizes = enumerate(pairs(left, right))
    axis, (a, b) = next((axis, pair) for axis, pair in sizes if not same(*pair))
    if same(a, b) is False:
        return f"dimension {axis} differs: {a} and {b}"
    return f"dimension {axis}: {a} and {b} are not known to be equal"


def _way_out(first: str, left: Shape, second: str, right: Shape) -> str:
    for name, shape, other in ((first, left, right), (second, right, left)):
        if shape and same(shape[-1], 1) and are_alike(shape[:-1], other):
            return f"drop the last dimension of `{name}`: `-> squeeze(-1)`"
    return f"bring `{second}` to the shape of `{first}`"
