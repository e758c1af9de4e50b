"""Turn a checked net into a table: each layer with its output, its parameters and its work."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from netspec.catalogue.layer import count
from netspec.diagnostic import Diagnostics
from netspec.dim import Dim, Expression, value_of
from netspec.graph import (
    Application,
    BlockUse,
    BuiltLayer,
    ExternUse,
    Failure,
    FunctionCall,
    Net,
    Step,
    Unfinished,
    steps_in,
)
from netspec.report import printable
from netspec.substitute import symbols
from netspec.table import align
from netspec.tensor import Tensor, Type, write_shape

_HEADINGS = ("layer", "type", "output", "parameters", "MACs")


class Row(NamedTuple):
    """One layer or function at work. MACs are for a whole batch: they may depend on `N`.

    `parameters` is None where the layer's parameters are counted in an earlier row. What is written
    in Python is not `known`: it counts as nothing.
    """

    name: str
    type: str
    output: Type
    parameters: Dim | None
    macs: Dim
    known: bool = True


class Summary(NamedTuple):
    """The rows of a net in the order in which it runs, and their totals."""

    net: str
    rows: tuple[Row, ...]
    parameters: Dim
    macs: Dim

    def __str__(self) -> str:
        least = _least(self.rows)
        totals = (
            f"{self.net}: {least}{_number(self.parameters)} parameters, "
            f"{least}{_number(self.macs)} MACs"
        )
        return _write(self.rows, totals)


class Sketch(NamedTuple):
    """What could be followed of a net, as rows, and among them where it fails."""

    net: str
    rows: tuple[Row | Failure, ...]

    @property
    def fails(self) -> bool:
        return any(isinstance(row, Failure) for row in self.rows)

    def __str__(self) -> str:
        rows = [row for row in self.rows if isinstance(row, Row)]
        parameters = _sum(row.parameters or 0 for row in rows)
        least, macs = _least(rows), _sum(row.macs for row in rows)
        totals = f"{least}{_number(parameters)} parameters, {least}{_number(macs)} MACs"
        verdict = f"{self.net} fails: {totals} so far" if self.fails else f"{self.net}: {totals}"
        return _write(self.rows, verdict)


def summarise(net: Net) -> Summary:
    """The summary of a net, for the parameter values that it was checked with."""
    rows = tuple(row for row in _rows(net.steps, net.layers) if isinstance(row, Row))
    return Summary(net.name, rows, net.parameter_count(), _sum(row.macs for row in rows))


def sketch_net(net: Net | Unfinished, found: Diagnostics) -> Sketch:
    """What could be followed of a net; errors of it that have no place in that stand at the end."""
    rows = list(_rows(net.steps, net.layers if isinstance(net, Net) else {}))
    marked = {row.error.span for row in rows if isinstance(row, Failure)}
    start, end = net.syntax.span
    for error in found.in_order():
        inside = error.span and error.source is found.source and start <= error.span.start < end
        if error.severity == "error" and inside and error.span not in marked:
            rows.append(Failure("", error))
    return Sketch(net.name, tuple(rows))


def _sum(numbers: Iterable[Dim]) -> Dim:
    total: Dim = 0
    for number in numbers:
        total = total + number
    return total


def _rows(steps: Sequence[Step], layers: Mapping[str, BuiltLayer]) -> Iterator[Row | Failure]:
    """The rows of the steps; `layers`: what is known of them once their rules are."""
    seen: set[str] = set()
    for step, block, depth in steps_in(steps):
        if isinstance(step, Failure):
            yield step._replace(name=step.name or block)
        else:
            yield _row(step, layers, seen, depth)


def _row(
    step: Application | FunctionCall | BlockUse | ExternUse,
    layers: Mapping[str, BuiltLayer],
    seen: set[str],
    depth: int,
) -> Row:
    indent = "  " * depth
    if isinstance(step, FunctionCall):
        macs = step.function.macs(step.output)
        return Row("", f"{indent}{step.function.name}", step.output, 0, macs)
    if isinstance(step, BlockUse):
        return Row(step.name, f"{indent}{step.title}", step.output or (), 0, 0)
    first = step.name not in seen
    seen.add(step.name)
    if isinstance(step, ExternUse):
        counted = 0 if first else None
        return Row(
            step.name, f"{indent}{step.extern.name.id}", step.output, counted, 0, known=False
        )
    macs = step.layer.macs(step.inputs[0], step.output, *step.inputs[1:])
    built = layers.get(step.name)
    shapes = built.all_learnt() if built else step.layer.parameters()
    own = count(shapes) if first else None
    return Row(step.name, f"{indent}{type(step.layer).__name__}", step.output, own, macs)


# ---- writing -----------------------------------------------------------------------------------


def _write(rows: Sequence[Row | Failure], totals: str) -> str:
    table = [_HEADINGS, *(_cells(row) for row in rows if isinstance(row, Row))]
    head, *lines = align(table, numbers=(3, 4))
    aligned = iter(lines)
    shown = [_mark(row) if isinstance(row, Failure) else next(aligned) for row in rows]
    rule = "-" * len(head)
    return "\n".join([head, rule, *shown, rule, totals])


def _mark(failure: Failure) -> str:
    name = f"{failure.name}: " if failure.name else ""
    error = failure.error
    return f"✗ {name}error[{error.code}] at {printable(error.place)}"


def _cells(row: Row) -> tuple[str, ...]:
    output = row.output
    while output and not isinstance(output, Tensor):
        output = output[0]
    shape = write_shape(output.shape) if isinstance(output, Tensor) else ""
    parameters = "shared" if row.parameters is None else _count(row, row.parameters)
    return row.name, row.type, shape, parameters, _count(row, row.macs)


def _count(row: Row, value: Dim) -> str:
    return _number(value) if row.known else "?"


def _least(rows: Iterable[Row]) -> str:
    return "" if all(row.known for row in rows) else "at least "


def _number(value: Dim) -> str:
    """A number with its thousands apart; what depends on the data stays a formula."""
    known = value_of(value)
    if known is not None:
        return f"{known:,}"
    assert isinstance(value, Expression)
    per_sample = _per_sample(value)
    return per_sample if per_sample else str(value)


def _per_sample(value: Expression) -> str:
    names = symbols(value)
    batch = [name for name in names if (value // _symbol(name)) * _symbol(name) == value]
    for name in sorted(batch):
        each = value_of(value // _symbol(name))
        if each is not None:
            return f"{each:,} {name}"
    return ""


def _symbol(name: str) -> Expression:
    from netspec.dim import symbol

    return symbol(name)
