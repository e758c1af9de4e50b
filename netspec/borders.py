"""Write sizes that cross the border of a block in the names of the side that they come to."""

from collections.abc import Mapping, Sequence
from typing import Any

from netspec import syntax as s
from netspec.diagnostic import Diagnostics
from netspec.dim import Dim, Expression, symbol, value_of
from netspec.evaluate import Listing, Scope, evaluate
from netspec.facts import Facts
from netspec.flow import Bundle, Flow, Value, flows_in, from_here
from netspec.home import Entry
from netspec.resize import resized, with_size
from netspec.source import Source, Span
from netspec.substitute import atoms, own_form
from netspec.tensor import Tensor
from netspec.visit import arguments_of


def parametric_in(
    entry: Entry, stage: s.Stage, values: Mapping[str, Any], scope: Scope
) -> set[str]:
    """The parameters of a block whose values depend on those of its user, whose scope that is."""
    known = [parameter.name.id for parameter in entry.definition.parameters]
    found = {name for name, value in values.items() if isinstance(value, Listing)}
    for position, argument in enumerate(arguments_of(stage.callee)):
        name = argument.name.id if argument.name else known[position]
        if scope.depends(argument.value):
            found.add(name)
    return found


def as_declared(value: Value, declared: Sequence[s.Output], scope: Scope, source: Source) -> Value:
    """What a block returns: sizes that follow no formula as its signature declares them."""
    flows = flows_in(value)
    if len(declared) != len(flows):
        return value
    for place, (output, flow) in enumerate(zip(declared, flows, strict=True)):
        for axis, (part, dim) in enumerate(zip(output.type.shape, flow.type.shape, strict=False)):
            if any(atom.frame == scope.frame for atom in atoms(dim)):
                known = evaluate(part, scope, Diagnostics(source))
                if isinstance(known, int | Expression):
                    value = with_size(value, place, axis, own_form(known))
    return value


def leaving(value: Value, origin: str, span: Span) -> Value:
    """What comes out of a block, as its user writes its sizes."""
    return from_here(resized(value, own_form), origin, span)


def name_foreign(value: Value, title: str, facts: Facts, scope: Scope) -> Value:
    """What a block gives that is the parameter `title`: sizes that only its giver knows get names.

    So do constants: another block that is handed on has others.
    """
    match value:
        case Flow():
            sizes = enumerate(value.type.shape)
            shape = tuple(_own(dim, axis, title, facts, scope) for axis, dim in sizes)
            return value._replace(type=Tensor(shape, value.type.dtype))
        case Bundle(items):
            return Bundle(tuple(name_foreign(item, title, facts, scope) for item in items))
    return value


def _own(dim: Dim, axis: int, title: str, facts: Facts, scope: Scope) -> Dim:
    foreign = any(atom.frame != scope.frame for atom in atoms(dim))
    constant = not atoms(dim) and axis > 0
    if not foreign and not constant:
        return dim
    name = _name_of(title, axis)
    own = symbol(name, value_of(dim), scope.frame)
    facts.dims[name] = own
    scope[name] = own
    scope.parametric.add(name)
    return own


def note_foreign(value: Value, title: str, facts: Facts) -> None:
    """Take down what the names of `name_foreign` stand for where the block is used."""
    for flow in flows_in(value):
        for axis, dim in enumerate(flow.type.shape):
            facts.dims.setdefault(_name_of(title, axis), dim)


def _name_of(title: str, axis: int) -> str:
    return f"{title}_size{axis}"
