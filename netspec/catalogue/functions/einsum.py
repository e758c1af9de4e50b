"""Sums of products by the names of dimensions, as Einstein wrote them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from netspec.catalogue.dtypes import require_one_dtype
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example, Function
from netspec.catalogue.signature import Inputs, Value
from netspec.compare import agree, same
from netspec.dim import Dim, product
from netspec.elementwise import broadcast
from netspec.misfit import Misfit
from netspec.tensor import Shape, Tensor, write_shape


class _Term(NamedTuple):
    """The names of a tensor's dimensions; those at `dots` and after follow an ellipsis."""

    text: str
    labels: str
    dots: int | None


class Einsum(Function, name="einsum"):
    """Products summed over the names that the output lacks: `einsum("bqd,bkd->bqk", q, k)`."""

    variadic: ClassVar[str] = "operands"
    placed: ClassVar[bool] = True
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[b, q, d], [b, k, d]", "[b, q, k]", 'equation="bqd,bkd->bqk"'),
        Shapes("[*, i], [i, j]", "[*, j]", 'equation="...i,ij->...j"'),
        Shapes("[i, i]", "[]", 'equation="ii"'),
    )
    examples = (
        Example(
            'einsum("bqd,bkd->bqk", q, k)',
            "q: float32[N, T, 64], k: float32[N, S, 64]",
            "float32[N, T, S]",
        ),
        Example(
            'einsum("...i,ij->...j", x, w)',
            "x: float32[N, T, 8], w: float32[8, 4]",
            "float32[N, T, 4]",
        ),
        Example('einsum("ii", x)', "x: float32[4, 4]", "float32[]"),
    )

    equation: str
    operands: Inputs

    def __init__(self, *positional: Value, **keyword: Value) -> None:
        """What flows in comes first, `(q, k) -> einsum("…")`; torch's order has the equation."""
        if len(positional) > 1 and not isinstance(positional[0], str):
            positional = (positional[1], positional[0], *positional[2:])
        super().__init__(*positional, **keyword)

    def apply(self) -> Tensor:
        inputs, output = self._read()
        dtype = require_one_dtype("einsum", self.operands)
        if dtype == "bool":
            raise self._problem(
                "truth values have no sums of products",
                "found bool",
                "turn them into numbers first: `-> to(float32)`",
            )
        sizes, dots = self._sizes(inputs)
        return Tensor(_shape(output, sizes, dots), dtype)

    def macs(self, output: Tensor) -> Dim:
        """Those of the tensors two by two, from the left; what a later one lacks is summed."""
        inputs, result = self._read()
        sizes, dots = self._sizes(inputs)
        total: Dim = 0
        joined = set(inputs[0].labels)
        for number, term in enumerate(inputs[1:], 2):
            joined |= set(term.labels)
            total = total + product((*dots, *(sizes[label] for label in sorted(joined))))
            joined &= set("".join(other.labels for other in (*inputs[number:], result)))
        return total

    def _sizes(self, inputs: Sequence[_Term]) -> tuple[dict[str, Dim], Shape]:
        """The size of each name, and those that an ellipsis stands for."""
        sizes: dict[str, Dim] = {}
        dots: Shape = ()
        for term, x in zip(inputs, self.operands, strict=True):
            dots = broadcast("multiply", dots, self._take_sizes(term, x, sizes))
        return sizes, dots

    def _read(self) -> tuple[list[_Term], _Term]:
        """The terms of the equation and the output's, worked out where it is not written."""
        left, arrow, right = self.equation.replace(" ", "").partition("->")
        inputs = [self._term(text) for text in left.split(",")]
        if len(inputs) != len(self.operands):
            raise self._problem(
                f"names {len(inputs)} tensor{'s' if len(inputs) != 1 else ''}, found "
                f"{len(self.operands)}",
                "not as many",
                "give a tensor for each part between the commas",
            )
        found = Counter("".join(term.labels for term in inputs))
        if not arrow:
            once = "".join(sorted(label for label, count in found.items() if count == 1))
            return inputs, _Term("", once, 0)
        output = self._term(right)
        for label, count in Counter(output.labels).items():
            if count > 1 or label not in found:
                raise self._problem(
                    f"`{label}` stands twice in the output"
                    if count > 1
                    else f"`{label}` of the output is in no input",
                    f"the output is `{right}`",
                    "name each dimension of the output once, and in an input",
                )
        return inputs, output

    def _term(self, text: str) -> _Term:
        labels = text.replace("...", "", 1)
        if not all(letter.isascii() and letter.isalpha() for letter in labels):
            strange = next(x for x in labels if not (x.isascii() and x.isalpha()))
            raise self._problem(
                f"dimensions are named by letters, found `{strange}`",
                f"in `{text}`",
                "write letters, commas between tensors, `->` before the output, `...` for the rest",
            )
        return _Term(text, labels, text.find("...") if "..." in text else None)

    def _take_sizes(self, term: _Term, x: Tensor, sizes: dict[str, Dim]) -> Shape:
        """Take note of the size of each name; the sizes that an ellipsis stands for."""
        rest = x.rank - len(term.labels)
        if rest < 0 or (rest and term.dots is None):
            raise self._problem(
                f"`{term.text}` names {len(term.labels)} dimensions, found {write_shape(x.shape)}",
                f"{x.rank} dimensions",
                "give each a letter; `...` stands for any number of them",
            )
        at = len(term.labels) if term.dots is None else term.dots
        own: dict[str, Dim] = {}
        for label, size in zip(term.labels, x.shape[:at] + x.shape[at + rest :], strict=True):
            if label in own and not agree(own[label], size):
                raise self._differing(label, own[label], size, x)
            own[label] = size
        for label, size in own.items():
            known = sizes.get(label, 1)
            if not (same(known, size) or same(known, 1) or same(size, 1)):
                raise self._differing(label, known, size, x)
            sizes[label] = size if same(known, 1) else known
        return x.shape[at : at + rest]

    def _differing(self, label: str, first: Dim, second: Dim, x: Tensor) -> Misfit:
        what = "is" if same(first, second) is False else "is not known to be"
        return self._problem(
            f"`{label}` {what} {first} and {second}"
            if what == "is"
            else f"`{label}` {what} one size: {first} and {second}",
            f"{second} in {write_shape(x.shape)}",
            "a letter stands for one size; give the other dimension another letter",
        )

    def _problem(self, what: str, label: str, help: str) -> Misfit:
        return Misfit(
            f'`einsum` "{self.equation}": {what}', label=label, help=help, argument="equation"
        )


def _shape(output: _Term, sizes: Mapping[str, Dim], dots: Shape) -> Shape:
    named = tuple(sizes[label] for label in output.labels)
    if output.dots is None:
        return named
    return (*named[: output.dots], *dots, *named[output.dots :])
