"""Find things in syntax nodes: names, stages, spans."""

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

from netspec import syntax as s
from netspec.source import Span


def names_in(expression: Any) -> Iterator[s.Name]:
    """The names that stand in an expression, in source order, labels and keywords left out."""
    pending: list[Any] = [expression]
    while pending:
        node = pending.pop()
        match node:
            case s.Name():
                yield node
            case s.Attribute(value=value) | s.Argument(value=value):
                pending.append(value)
            case s.Stage(callee=callee, schemes=schemes):
                pending += (schemes, callee)
            case tuple() if not isinstance(node, Span):
                pending += reversed(node)


def stages_in(node: Any, is_layer: Callable[[str], bool]) -> Iterator[s.Stage]:
    """The stages of an expression in source order.

    Those inside a group stay inside it, and what a layer or block gets as an argument is its own.
    """
    match node:
        case s.Stage(callee=callee):
            if isinstance(callee, s.Call) and not is_layer(title_of(callee)):
                for argument in callee.arguments:
                    yield from stages_in(argument.value, is_layer)
            yield node
        case tuple() if not isinstance(node, Span):
            for part in node:
                if isinstance(part, tuple):
                    yield from stages_in(part, is_layer)


def all_stages(node: Any) -> Iterator[s.Stage]:
    """All stages of a node, those in groups and in arguments included, in source order."""
    if isinstance(node, s.Stage):
        yield node
    if isinstance(node, tuple) and not isinstance(node, Span):
        for part in node:
            if isinstance(part, tuple):
                yield from all_stages(part)


def title_of(callee: Any) -> str:
    """The name that a callee is called by, "" where it has none."""
    function = callee.function if isinstance(callee, s.Call) else callee
    return function.id if isinstance(function, s.Name) else ""


def name_of(callee: Any) -> s.Name:
    """The name that a stage begins with."""
    name = callee.function if isinstance(callee, s.Call) else callee
    assert isinstance(name, s.Name)
    return name


def arguments_of(callee: Any) -> tuple[s.Argument, ...]:
    """The arguments that a callee is given."""
    return callee.arguments if isinstance(callee, s.Call) else ()


def spanless(node: Any) -> Any:
    """A syntax node without its spans, for comparison."""
    if isinstance(node, Span):
        return None
    if isinstance(node, tuple):
        return (type(node).__name__, *(spanless(part) for part in node))
    return node


def repeats(node: Any, span: Span) -> bool:
    """Whether a loop or a `repeat` inside a node holds what stands at `span`."""
    if not isinstance(node, tuple) or isinstance(node, Span):
        return False
    own = getattr(node, "span", None)
    if own is not None and not own.start <= span.start < own.end:
        return False
    return isinstance(node, s.For | s.Repeat) or any(repeats(part, span) for part in node)


def statements_in(body: tuple[s.Statement, ...]) -> Iterator[s.Statement]:
    """All statements of a body, those of loops and branches included, in source order."""
    for statement in body:
        yield statement
        match statement:
            case s.For(body=inner):
                yield from statements_in(inner)
            case s.If(then=then, other=other):
                yield from statements_in(then)
                yield from statements_in(other)


def elements_of(target: "s.Name | s.Element | s.Targets") -> Iterator[s.Element]:
    """The kept values that an assignment gives a value."""
    match target:
        case s.Element():
            yield target
        case s.Targets(items):
            for item in items:
                yield from elements_of(item)


def elements_in(body: Sequence[s.Statement]) -> Iterator[s.Element]:
    """The kept values that a body gives a value, in source order."""
    for statement in statements_in(tuple(body)):
        if isinstance(statement, s.Assign):
            yield from elements_of(statement.target)


def depends_on(node: s.Expression, names: Container[str], body: Sequence[s.Statement]) -> bool:
    """Whether an expression mentions one of some names, or a `let` of a body that does."""
    lets = {item.name.id: item.value for item in body if isinstance(item, s.Let)}
    pending, seen = [node], set[str]()
    while pending:
        for name in names_in(pending.pop()):
            if name.id in names:
                return True
            if name.id in lets and name.id not in seen:
                seen.add(name.id)
                pending.append(lets[name.id])
    return False
