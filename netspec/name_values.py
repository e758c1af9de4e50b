"""Give build-time values the names that they have in scope: what they are whatever they are now.

The present value stays with each as an example.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from netspec import syntax as s
from netspec.dim import Expression, named, symbol, value_of
from netspec.evaluate import Listing, Scope, listing_of
from netspec.flow import Constructor
from netspec.substitute import atoms
from netspec.visit import names_in


def bind_parameters(definition: "s.Net | s.Block", values: Mapping[str, Any], scope: Scope) -> None:
    """Put parameters into a scope under their own names."""
    for parameter in definition.parameters:
        name = parameter.name.id
        scope[name] = _named(name, values[name], scope.frame)
        scope.parametric.add(name)


def bind_turn(loop: s.For, item: Any, scope: Scope) -> None:
    """Put the names of a loop in one turn into a scope."""
    scope.parametric.update(name.id for name in names_in(loop.target))
    counted = _counted(loop, item, scope)
    if counted is not None:
        scope.update(counted)
    else:
        _bind_part(loop.target, item, scope)


def stand_in(target: Any) -> Any:
    """An item for a loop that runs no turn with the present parameters."""
    if isinstance(target, s.Targets):
        return [stand_in(part) for part in target.items]
    return 1


def let_value(name: str, value: Any, frame: int) -> Any:
    """What a `let` stands for: its value, under its own name."""
    if isinstance(value, list | tuple):
        return listing_of(_plain_items(value), name, frame)
    if not isinstance(value, Expression):
        return value
    known = value_of(value)
    if any(not atom.name.isidentifier() for atom in atoms(value)) and known is not None:
        return symbol(name, known, frame)
    return named(name, value)


def _named(name: str, value: Any, frame: int) -> Any:
    """A value that is known by a name: numbers become symbols, lists keep the name."""
    if isinstance(value, Constructor):
        return value
    plain = value_of(value) if isinstance(value, Expression) else value
    if isinstance(value, Expression) and plain is None:
        return symbol(name, None, frame)
    if isinstance(plain, int) and not isinstance(plain, bool):
        return symbol(name, plain, frame)
    if isinstance(plain, list | tuple):
        return listing_of(_plain_items(plain), name, frame)
    return plain


def _plain_items(items: Sequence[Any]) -> list[Any]:
    return [
        _plain_items(item)
        if isinstance(item, list | tuple)
        else value_of(item)
        if isinstance(item, Expression)
        else item
        for item in items
    ]


def _counted(loop: s.For, item: Any, scope: Scope) -> dict[str, Any] | None:
    """`for i, width in enumerate(widths)`: width is `widths[i]` elsewhere."""
    match loop.target, loop.iterable:
        case (
            s.Targets((s.Name(i), s.Name(element))),
            s.Call(s.Name("enumerate"), (s.Argument(None, s.Name(source)),)),
        ) if isinstance(scope.get(source), Listing):
            index = symbol(i, item[0], scope.frame)
            value = scope[source].element(index) if item[0] is not None else item[1]
            if isinstance(value, Expression):
                value = named(element, value)
            return {i: index, element: value}
    return None


def _bind_part(target: Any, item: Any, scope: Scope) -> None:
    match target:
        case s.Name("_"):
            pass
        case s.Name(id):
            scope[id] = _named(id, item, scope.frame)
        case s.Targets(parts):
            values = item if isinstance(item, list | tuple) else [item] * len(parts)
            for part, value in zip(parts, values, strict=False):
                _bind_part(part, value, scope)
