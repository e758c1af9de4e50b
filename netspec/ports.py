"""Find what the turns of a loop read and leave, where they have a class of their own."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.facts import Facts
from netspec.names import free_name
from netspec.visit import elements_in, elements_of, names_in, statements_in


class Ports(NamedTuple):
    """What flows into a turn of a loop and out of it.

    `inputs`: the name inside, and what its user hands in; `outputs`: the name inside, and the
    target outside. `whole`: the kept values that the turn reads and fills by itself. `modules`: the
    layers that it is handed.
    """

    inputs: tuple[tuple[str, s.Expression], ...]
    outputs: tuple[tuple[str, "s.Name | s.Element"], ...]
    whole: tuple[str, ...]
    modules: tuple[str, ...]


def ports_of(facts: Facts, loop: s.For) -> Ports:
    """What the turns of a loop read and leave."""
    entries = facts.entries.get(loop.span, {})
    layers = {
        item.name.id
        for item in statements_in(facts.definition.body)
        if isinstance(item, s.LayerDefinition)
        and not (loop.span.start <= item.span.start < loop.span.end)
    }
    known = {name.id for name in names_in(tuple(facts.definition))}
    inputs: dict[str, s.Expression] = {}
    outputs: dict[str, s.Name | s.Element] = {}
    modules: dict[str, None] = {}
    stored = {element.name.id for element in elements_in(facts.definition.body)}
    whole = _whole(loop, stored)

    def inner_name(name: str) -> str:
        taken = {*inputs, *outputs, *(known - {name})}
        return free_name(name, lambda candidate: candidate in taken)

    assigned: set[str] = set()
    for statement in statements_in(loop.body):
        nested = statement not in loop.body
        for node in _reads(statement):
            match node:
                case s.Subscript(s.Name(id)) if id in stored:
                    text = source_of(facts, node)
                    read = {source_of(facts, n) for n in inputs.values()}
                    if id not in whole and text not in read:
                        inputs[inner_name(id)] = node
                case s.Name(id) if id in layers:
                    modules[id] = None
                case s.Name(id) if id in entries and id not in assigned:
                    inputs.setdefault(id, node)
        match statement:
            case s.Assign(s.Element(name) as element):
                if name.id not in whole:
                    outputs[inner_name(name.id)] = element
            case s.Assign(target):
                for name in names_in(target):
                    if name.id in entries:
                        outputs.setdefault(name.id, name)
                        if nested:
                            inputs.setdefault(name.id, name)
                    if not nested:
                        assigned.add(name.id)
    return Ports(tuple(inputs.items()), tuple(outputs.items()), whole, tuple(modules))


def _whole(loop: s.For, stored: set[str]) -> tuple[str, ...]:
    """The kept values of which the user of a turn cannot tell what it reads or fills.

    That is so where a branch or loop inside decides, where the turn reads what it may have filled
    itself, where a number is worked out inside, and where several values are taken apart.
    """
    own = {item.name.id for item in statements_in(loop.body) if isinstance(item, s.Let)}
    whole: dict[str, None] = {}
    filled: set[str] = set()
    for statement in statements_in(loop.body):
        nested = statement not in loop.body
        for node in _reads(statement):
            if isinstance(node, s.Subscript) and isinstance(node.value, s.Name):
                inside = bool(own & {name.id for name in names_in(node.items)})
                if node.value.id in stored and (nested or inside or node.value.id in filled):
                    whole[node.value.id] = None
        if not isinstance(statement, s.Assign):
            continue
        for element in elements_of(statement.target):
            name = element.name.id
            inside = bool(own & {name.id for name in names_in(element.at)})
            if nested or inside or name in filled or element is not statement.target:
                whole[name] = None
            filled.add(name)
    return tuple(whole)


def read_first(body: Sequence[s.Statement]) -> set[str]:
    """The names that a body reads as kept values above all places where it keeps one."""
    found: set[str] = set()
    filled: set[str] = set()
    for statement in statements_in(tuple(body)):
        for node in _reads(statement):
            if isinstance(node, s.Subscript) and isinstance(node.value, s.Name):
                found |= {node.value.id} - filled
        if isinstance(statement, s.Assign):
            filled |= {element.name.id for element in elements_of(statement.target)}
    return found


def _reads(statement: s.Statement) -> list[Any]:
    """The names and the kept values that a statement itself reads."""
    match statement:
        case s.For(iterable=node) | s.If(test=node) | s.Let(value=node):
            return _leaves(node)
        case s.Assign(s.Element(_, index), value):
            return [*_leaves(index), *_leaves(value)]
        case s.Assign(_, value):
            return _leaves(value)
        case s.LayerDefinition(callee=callee):
            return _leaves(callee)
    return []


def _leaves(node: Any) -> list[Any]:
    if isinstance(node, s.Subscript) and isinstance(node.value, s.Name):
        return [node, *_leaves(node.value), *_leaves(node.items)]
    if isinstance(node, s.Name):
        return [node]
    found: list[Any] = []
    if isinstance(node, s.Attribute):
        return _leaves(node.value)
    if isinstance(node, s.Argument):
        return _leaves(node.value)
    if isinstance(node, s.Stage):
        return _leaves(node.callee)
    if isinstance(node, tuple):
        for part in node:
            if isinstance(part, tuple):
                found += _leaves(part)
    return found


def source_of(facts: Facts, node: Any) -> str:
    return facts.home.source.cut(node.span)
