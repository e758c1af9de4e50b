"""Shape rules of the catalogue, read as formulas and held against calls."""

import ast
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netspec.catalogue.example import Shapes
from netspec.elementwise import broadcast
from netspec.misfit import Misfit
from netspec.tensor import Tensor, Type

Names = dict[str, Any]
PRIMED = re.compile(r"\b([A-Za-z])'")
SEVERAL = "; so for each of several"


class Anything:
    """A size that a rule tells in words."""


def holds(rule: Shapes, inputs: Sequence[Type], output: Type, arguments: Mapping[str, Any]) -> bool:
    """Whether a rule is about these inputs and arguments, and gives this output."""
    if not all(arguments.get(name) in values for name, values in conditions(rule)):
        return False
    if "?" in rule.inputs:
        there, missing = (_decided(rule, there) for there in (True, False))
        return holds(there, inputs, output, arguments) or holds(missing, inputs, output, arguments)
    dim = arguments.get("dim")
    if SEVERAL in rule.where and isinstance(dim, tuple):
        return _holds_for_each(rule, inputs[0], output, arguments)
    texts = _split(_without_dots(rule.inputs))
    if len(texts) > len(inputs):
        return False
    shapes = [given.shape for given in inputs if isinstance(given, Tensor)]
    return any(
        _gives(rule, names, output, arguments)
        for names in _match_all(list(map(_split_shape, texts)), shapes, dict(arguments))
    )


def _decided(rule: Shapes, there: bool) -> Shapes:
    """The rule with the sizes that may be missing, or without them."""
    parts = [re.sub(r"(\w+)\?(, )?", r"\1\2" if there else "", part) for part in rule[:2]]
    return Shapes(*parts, rule.where)


def conditions(rule: Shapes) -> list[tuple[str, list[Any]]]:
    """The arguments that a rule wants: `keepdim=True`, `dim=None or ()`."""
    found = [re.fullmatch(r"(\w+)=(\S+?)( or \(\))?", part) for part in rule.where.split("; ")]
    return [
        (match[1], [ast.literal_eval(match[2]), *([()] if match[3] else [])])
        for match in found
        if match
    ]


def _holds_for_each(rule: Shapes, x: Type, output: Type, arguments: Mapping[str, Any]) -> bool:
    """Whether a rule for one dimension gives the output once applied to each of several."""
    assert isinstance(x, Tensor)
    shape = x.shape
    for axis in sorted((dim % x.rank for dim in arguments["dim"]), reverse=True):
        kept = (1,) if arguments.get("keepdim") else ()
        after = (*shape[:axis], *kept, *shape[axis + 1 :])
        one = {**arguments, "dim": axis}
        if not holds(rule, [Tensor(shape)], _like(output, after), one):
            return False
        shape = after
    return _like(output, shape) == output


def _like(output: Type, shape: Any) -> Type:
    if isinstance(output, Tensor):
        return Tensor(shape, output.dtype)
    return tuple(_like(part, shape) for part in output)


def _without_dots(text: str) -> str:
    return text.replace(", …", "").replace(" + …", "")


def _split(text: str) -> list[str]:
    """The parts of a list between its commas, those in brackets whole."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]


def _split_shape(text: str) -> list[str]:
    return ["*rest" if part == "*" else part for part in _split(text[1:-1])]


# ---- inputs ------------------------------------------------------------------------------------


def _match_all(patterns: list[list[str]], shapes: Sequence[Any], names: Names) -> Iterator[Names]:
    if not patterns:
        yield names
        return
    for found in _match(patterns[0], tuple(shapes[0]), names):
        yield from _match_all(patterns[1:], shapes[1:], found)


def _match(pattern: list[str], shape: tuple[Any, ...], names: Names) -> Iterator[Names]:
    """All ways to read a shape as a pattern says, with what its names stand for."""
    if not pattern:
        if not shape:
            yield names
        return
    first, rest = pattern[0], pattern[1:]
    counts = range(len(shape) + 1) if first.startswith("*") else range(1, 2)
    for count in counts:
        if count > len(shape):
            continue
        name = first.removeprefix("*")
        value = shape[:count] if first.startswith("*") else shape[0]
        known = int(name) if name.isdigit() else names.get(name, value)
        if known == value:
            yield from _match(rest, shape[count:], {**names, name: value})


# ---- output ------------------------------------------------------------------------------------


def _gives(rule: Shapes, names: Names, output: Type, arguments: Mapping[str, Any]) -> bool:
    if not _are_in_place(rule, names, arguments):
        return False
    try:
        known = {**names, **_definitions(rule, names)}
    except (TypeError, ValueError):
        return False
    text = PRIMED.sub(r"\1_primed", rule.output)
    text = (
        re.sub(r"\*(?=[],])", "*rest", text).replace("), …)", "), ...)").replace("], …)", "], ...)")
    )
    text = _without_dots(text)
    return any(_equals(given, output) for given in _evaluations(text, known))


def _are_in_place(rule: Shapes, names: Names, arguments: Mapping[str, Any]) -> bool:
    """Whether `n along `dim`` is the dimension that the argument names."""
    (first, *_) = _split(_without_dots(rule.inputs)) or [""]
    parts = _split_shape(first)
    sizes = [len(names[part[1:]]) if part.startswith("*") else 1 for part in parts]
    found = re.findall(r"(\w+) (?:along|at) `(\w+)`", rule.where)
    return all(
        isinstance(arguments[argument], int)
        and sum(sizes[: parts.index(name)]) == arguments[argument] % sum(sizes)
        for name, argument in found
        if name in parts
    )


def _definitions(rule: Shapes, names: Names) -> Names:
    """What `k = formula` says of a rule, for the names that the output has."""
    found: Names = {}
    for part in re.split(r"; ", rule.where):
        left, equals, right = part.partition(" = ")
        if not equals or "'" in left or re.search(r"\bthe\b", right):
            continue
        value = eval(right, {**VOCABULARY, **names, **found})
        keys = left.split(", ")
        values = value if len(keys) > 1 else (value,)
        found |= dict(zip(keys, values, strict=True))
    return found


def _evaluations(text: str, names: Names) -> Iterator[Any]:
    """What a formula gives; one number that stands for several sizes is taken for 1, 2 or 3."""
    primed = dict.fromkeys(re.findall(r"\w_primed", text), Anything)
    for count in range(1, 4):
        spread = {
            name: (names[name],) * count
            for name in re.findall(r"\*(\w+)\b(?=[],])", text)
            if isinstance(names.get(name), int)
        }
        try:
            yield eval(text, {**VOCABULARY, **names, **primed, **spread})
        except (TypeError, IndexError, NameError, Misfit):
            return
        if not spread:
            return


def _equals(given: Any, output: Type) -> bool:
    if isinstance(given, tuple):
        if isinstance(output, Tensor):
            return False
        if given[-1] is ...:
            return all(_equals(given[0], part) for part in output)
        return len(given) == len(output) and all(map(_equals, given, output))
    return (
        isinstance(output, Tensor)
        and len(given) == output.rank
        and all(a is Anything or a in (b, -1) for a, b in zip(given, output.shape, strict=True))
    )


def _broadcast(*shapes: Any) -> Any:
    whole = tuple(shapes[0])
    for shape in shapes[1:]:
        whole = broadcast("compare", whole, tuple(shape))
    return whole


def _without(shape: Any, dim: Any) -> list[Any]:
    gone = {axis % len(shape) for axis in (dim if isinstance(dim, tuple) else (dim,))}
    return [size for axis, size in enumerate(shape) if axis not in gone]


VOCABULARY = {
    "broadcast": _broadcast,
    "without": _without,
    "prod": math.prod,
    "pair": lambda value: value if isinstance(value, tuple) else (value, value),
    "int": lambda value: math.floor(value) if isinstance(value, float) else value,
}
