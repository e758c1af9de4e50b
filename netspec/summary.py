"""Turn a checked net into a table: each layer with its output, its parameters and its work."""

from typing import NamedTuple

from netspec.catalogue.layer import count
from netspec.dim import Dim, Expression, symbols, value_of
from netspec.graph import BlockUse, ExternUse, FunctionCall, Net, Step, steps_in
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
    """The rows of a net in the order in which it runs, and the totals of those that are known."""

    net: str
    rows: tuple[Row, ...]
    parameters: Dim
    macs: Dim

    def __str__(self) -> str:
        table = [_HEADINGS, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[column]) for line in table) for column in range(len(_HEADINGS))]
        lines = [_align(line, widths) for line in table]
        rule = "-" * len(lines[0])
        least = "" if all(row.known for row in self.rows) else "at least "
        totals = (
            f"{self.net}: {least}{_number(self.parameters)} parameters, "
            f"{least}{_number(self.macs)} MACs"
        )
        return "\n".join([lines[0], rule, *lines[1:], rule, totals])


def summarise(net: Net) -> Summary:
    """The summary of a net, for the parameter values that it was checked with."""
    rows: list[Row] = []
    seen: set[str] = set()
    for step, depth in steps_in(net.steps):
        rows.append(_row(step, net, seen, depth))
    total: Dim = 0
    for row in rows:
        total = total + row.macs
    return Summary(net.name, tuple(rows), net.parameter_count(), total)


def _row(step: Step, net: Net, seen: set[str], depth: int) -> Row:
    indent = "  " * depth
    if isinstance(step, FunctionCall):
        return Row("", f"{indent}{step.function.name}", step.output, 0, 0)
    if isinstance(step, BlockUse):
        return Row(step.name, f"{indent}{step.title}", step.output or (), 0, 0)
    first = step.name not in seen
    seen.add(step.name)
    if isinstance(step, ExternUse):
        title, own_or_shared = f"{indent}{step.extern.name.id}", 0 if first else None
        return Row(step.name, title, step.output, own_or_shared, 0, known=False)
    layer = net.layers[step.name]
    macs = step.layer.macs(step.inputs[0], step.output, *step.inputs[1:])
    own = count(layer.parameters) if first else None
    return Row(step.name, f"{indent}{type(step.layer).__name__}", step.output, own, macs)


def _cells(row: Row) -> tuple[str, ...]:
    output = row.output
    while not isinstance(output, Tensor):
        output = output[0]
    parameters = "shared" if row.parameters is None else _count(row, row.parameters)
    return row.name, row.type, write_shape(output.shape), parameters, _count(row, row.macs)


def _count(row: Row, value: Dim) -> str:
    return _number(value) if row.known else "?"


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


def _align(cells: tuple[str, ...], widths: list[int]) -> str:
    texts = [
        cell.rjust(width) if column >= 3 else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(texts).rstrip()
