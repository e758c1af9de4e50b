"""Tell for each parameter of a checked net how it is initialised, and which rule says so."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from netspec.catalogue.registry import is_own
from netspec.catalogue.signature import write_value
from netspec.graph import Net, ParametrizationRule, Scheme
from netspec.report import printable
from netspec.table import align
from netspec.tensor import Shape, write_shape

_HEADINGS = ("parameter", "shape", "scheme", "rule", "place")
_DEFAULT = "PyTorch's default"
_CLASS = "the default of its class"
_NOTHING = "none: left as it is in memory"


class Rule(NamedTuple):
    """A rule that names a parameter: its scheme with the values that it has, and where it stands.

    `rule` is what its author wrote, up to the schemes: `init Linear`, or `with`.
    """

    scheme: str
    rule: str
    place: str


class Row(NamedTuple):
    """One parameter; `rule` is the one that holds, None where torch's default does.

    `overruled`: the rules that name the parameter as well, the next in order first. `tied`: the
    parameter that this one is another name of. `bare`: a tensor without a layer, so that torch has
    no default for it. `own`: it belongs to a layer that a user has registered. `through`: the rules
    that name a parametrization, the one that holds first.
    """

    name: str
    shape: Shape
    rule: Rule | None
    overruled: tuple[Rule, ...] = ()
    tied: str = ""
    bare: bool = False
    own: bool = False
    through: tuple[Rule, ...] = ()


class Initialisation(NamedTuple):
    """The parameters of a net, layers in the order in which they run."""

    net: str
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        cells: list[tuple[str, ...]] = [_HEADINGS]
        for name, row in _fold(self.rows):
            cells += _cells(name, row)
        head, *lines = align(cells)
        line = "-" * max(map(len, (head, *lines)))
        return "\n".join([head, line, *lines])


def explain_init(net: Net) -> Initialisation:
    """How each parameter is initialised, for the values that the net was checked with."""
    return Initialisation(net.name, tuple(_rows(net)))


def _rows(net: Net) -> Iterator[Row]:
    for layer in net.layers.values():
        for parameter in layer.parameters:
            schemes = layer.schemes.get(parameter, ())
            through = tuple(map(_rule, layer.parametrizations.get(parameter, ())))
            for name, size in layer.learnt(parameter).items():
                row = _row(net, f"{layer.name}.{name}", size, schemes)
                yield row._replace(through=through, own=is_own(type(layer.layer)))
    for variable in net.variables.values():
        if variable.kind == "parameter":
            schemes = (variable.scheme,) if variable.scheme else ()
            row = _row(net, variable.name, variable.type.shape, schemes)
            yield row._replace(bare=True)


def _row(net: Net, name: str, shape: Shape, schemes: Sequence[Scheme]) -> Row:
    tied = net.ties.get(name, "")
    if tied:
        return Row(name, shape, None, tied=tied)
    rules = tuple(map(_rule, schemes))
    return Row(name, shape, rules[0] if rules else None, rules[1:])


def _rule(scheme: Scheme | ParametrizationRule) -> Rule:
    line, column = scheme.source.position(scheme.span.start)
    return Rule(_call(scheme), scheme.rule, f"{scheme.source.name}:{line}:{column}")


def _call(scheme: Scheme | ParametrizationRule) -> str:
    """`normal(0.0, std=0.02)`: as its author wrote it, with values for expressions."""
    initialiser = scheme.initialiser if isinstance(scheme, Scheme) else scheme.parametrization
    texts = [
        f"{argument.name.id}={write_value(initialiser.given[argument.name.id])}"
        if argument.name
        else write_value(initialiser.given[initialiser.positional()[number]])
        for number, argument in enumerate(scheme.arguments)
    ]
    return f"{initialiser.name}({', '.join(texts)})" if texts else initialiser.name


# ---- writing -----------------------------------------------------------------------------------


def _cells(name: str, row: Row) -> list[tuple[str, ...]]:
    shape = write_shape(row.shape)
    if row.tied:
        return [(name, shape, f"tied to {row.tied}")]
    beaten = [("  beats", "", *map(printable, rule)) for rule in row.overruled]
    words = itertools.chain(["  through"], itertools.repeat("  beats"))
    through = [
        (word, "", *map(printable, rule)) for word, rule in zip(words, row.through, strict=False)
    ]
    if row.rule is None:
        default = _CLASS if row.own else _DEFAULT
        return [(name, shape, _NOTHING if row.bare else default), *through]
    return [(name, shape, *map(printable, row.rule)), *beaten, *through]


class _Run(NamedTuple):
    """Rows that are equal but for the numbers from `first` to `last` at one place of the name."""

    path: tuple[str, ...]
    row: Row
    first: str
    last: str


def _fold(rows: Sequence[Row]) -> list[tuple[str, Row]]:
    """The rows with their names; those that differ in an index only, `h.0.fc`, as `h.0-11.fc`."""
    folded = [(tuple(row.name.split(".")), row._replace(name="")) for row in rows]
    for place in range(max((len(path) for path, _ in folded), default=0)):
        folded = _fold_at(place, folded)
    return [(".".join(path), row) for path, row in folded]


def _fold_at(
    place: int, rows: Sequence[tuple[tuple[str, ...], Row]]
) -> list[tuple[tuple[str, ...], Row]]:
    runs: list[_Run] = []
    latest: dict[object, int] = {}
    for path, row in rows:
        part = "".join(path[place : place + 1])
        alike = (path[:place], path[place + 1 :], row)
        if part.isdecimal() and alike in latest and int(part) == int(runs[latest[alike]].last) + 1:
            runs[latest[alike]] = runs[latest[alike]]._replace(last=part)
            continue
        if part.isdecimal():
            latest[alike] = len(runs)
        runs.append(_Run(path, row, part, part))
    return [
        (run.path, run.row)
        if run.first == run.last
        else ((*run.path[:place], f"{run.first}-{run.last}", *run.path[place + 1 :]), run.row)
        for run in runs
    ]
