"""What the annotation of a field takes: as a schema of Pydantic's engine, and in words."""

import math
import types
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, Predicate

from netspec.dim import Expression
from netspec.tensor import DTYPES, DType, Tensor

# A build-time value: int, Expression, float, bool, str, DType, None, list or tuple of these; or a
# Tensor, where a function takes one; or a Part, where a layer does.
Value = Any


class Described:
    """What an argument may be beside numbers and tensors: `noun` is what messages call it."""

    noun: ClassVar[str] = ""

    @classmethod
    def in_words(cls) -> str:
        """What a field of this type takes."""
        return cls.noun


class Part(Described):
    """What a layer takes as an argument and is no plain value: another layer."""

    @classmethod
    def in_words(cls) -> str:
        return f"a {cls.__name__}"


_PLAIN = {int: "int", float: "float", bool: "bool", str: "str", type(None): "none"}
_BOUNDS = {Gt: "gt", Ge: "ge", Lt: "lt", Le: "le"}
FINITE = Predicate(math.isfinite)


def is_ascending(pair: tuple[float, float]) -> bool:
    """Whether the larger one of two numbers, if any, is the second."""
    return pair[0] <= pair[1]


ASCENDING = Predicate(is_ascending)


def schema_of(annotation: object) -> dict[str, object]:
    """The engine's schema of a Pydantic annotation, strict as to types.

    Raises:
        TypeError: for an annotation that Pydantic knows and this catalogue does not use.
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and annotation in _PLAIN:
        return {"type": _PLAIN[annotation], "strict": True}
    if annotation in (Tensor, DType) or is_described(annotation):
        return {"type": "is-instance", "cls": annotation}
    if origin is Annotated:
        schema = schema_of(parts[0])
        for bound in parts[1:]:
            if type(bound) in _BOUNDS:
                key = _BOUNDS[type(bound)]
                schema[key] = getattr(bound, key)
            elif isinstance(bound, MinLen):
                schema["min_length"] = bound.min_length
            elif isinstance(bound, MaxLen):
                schema["max_length"] = bound.max_length
            elif bound == FINITE:
                schema["allow_inf_nan"] = False
            elif bound == ASCENDING:
                schema = {
                    "type": "function-after",
                    "function": {"type": "no-info", "function": _require_ascending},
                    "schema": schema,
                }
        return schema
    if origin in (Union, types.UnionType):
        return {"type": "union", "choices": [schema_of(part) for part in parts]}
    if origin is Literal:
        return {"type": "literal", "expected": list(parts)}
    if origin is tuple and parts[-1:] == (...,):
        return {"type": "tuple", "items_schema": [schema_of(parts[0])], "variadic_item_index": 0}
    if origin is tuple:
        return {"type": "tuple", "items_schema": [schema_of(part) for part in parts]}
    raise TypeError(f"no schema for {annotation!r}")


def _require_ascending(pair: tuple[float, float]) -> tuple[float, float]:
    if not is_ascending(pair):
        raise ValueError("the first number is the larger one")
    return pair


def is_described(annotation: object) -> bool:
    """Whether an annotation is a class that says itself what it is called."""
    return isinstance(annotation, type) and issubclass(annotation, Described)


def is_part(annotation: object) -> bool:
    """Whether a field takes a layer and nothing else."""
    return isinstance(annotation, type) and issubclass(annotation, Part)


def concretise(value: Value, stand_in: int | None = None) -> Value:
    """`value` with the numbers of its expressions, and tuples for lists, as the engine wants it.

    `stand_in` serves for what only the data decides.
    """
    if isinstance(value, Expression):
        known = stand_in if value.value is None else value.value
        return value if known is None else known
    if isinstance(value, Tensor | Described):
        return value
    if isinstance(value, list | tuple):
        return tuple(concretise(item, stand_in) for item in value)
    return value


_NAMES: dict[type, str] = {
    int: "an integer",
    float: "a number",
    bool: "True or False",
    str: "a string",
    Tensor: "a tensor",
    DType: "a dtype",
}


def describe(annotation: object) -> str:
    """What a field wants, in words: `a positive integer or a pair of positive integers`."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return "None"
    if isinstance(annotation, type) and annotation in _NAMES:
        return _NAMES[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Described):
        return annotation.in_words()
    if origin is Annotated and ASCENDING in parts[1:]:
        return describe(parts[0]).replace("a pair", "an ascending pair", 1)
    if origin is Annotated:
        return _describe_bounds(parts[0], parts[1:])
    if origin is Literal:
        return _one_of([write_value(part) for part in parts])
    if origin is tuple:
        return _describe_tuple(parts)
    if origin in (Union, types.UnionType):
        return _one_of([describe(part) for part in parts])
    return str(annotation)


def _describe_bounds(kind: object, bounds: Sequence[object]) -> str:
    noun = "integer" if kind is int else "number"
    article = "an" if kind is int else "a"
    if FINITE in bounds:
        rest = [bound for bound in bounds if bound != FINITE]
        return _describe_bounds(kind, rest).replace(noun, f"finite {noun}", 1)
    known = [bound for bound in bounds if type(bound) in _BOUNDS]
    match known:
        case [Gt(gt=0)]:
            return f"a positive {noun}"
        case [Ge(ge=0)]:
            return f"{article} {noun} of at least 0"
        case [Ge(ge=low), Le(le=high)]:
            return f"{article} {noun} from {low} to {high}"
        case [Gt(gt=low), Lt(lt=high)]:
            return f"{article} {noun} between {low} and {high}"
        case [Ge(ge=low), Lt(lt=high)]:
            return f"{article} {noun} of at least {low} and below {high}"
        case [Gt(gt=low), Le(le=high)]:
            return f"{article} {noun} above {low} and of at most {high}"
        case [Ge(ge=low)]:
            return f"{article} {noun} of at least {low}"
        case [Gt(gt=low)]:
            return f"{article} {noun} above {low}"
        case [Le(le=high)]:
            return f"{article} {noun} of at most {high}"
        case [Lt(lt=high)]:
            return f"{article} {noun} below {high}"
    return describe(kind)


def _describe_tuple(parts: Sequence[object]) -> str:
    item = describe(parts[0]).split(" ", 1)[-1].replace("integer", "integers", 1)
    if parts[0] is Tensor:
        return "several tensors"
    if is_described(parts[0]):
        return f"a list of {item}s"
    if parts[-1] is ...:
        plural = item.replace("number", "numbers", 1).replace("string", "strings", 1)
        return f"a tuple of {plural}"
    counts = {1: "one", 2: "a pair of", 3: "three", 4: "four", 6: "six"}
    item = item.replace("number", "numbers", 1)
    if len(set(parts)) > 1:
        return f"{counts.get(len(parts), str(len(parts)))} {' and '.join(map(describe, parts))}"
    if len(parts) == 1:
        return f"a tuple of one {describe(parts[0]).split(' ', 1)[-1]}"
    return f"{counts.get(len(parts), str(len(parts)))} {item}"


def kind_of(value: Value) -> str:
    """What a value is, in words: `a string`."""
    match value:
        case bool():
            return "True or False" if value is None else f"the truth value {value}"
        case None:
            return "None"
        case int():
            return "an integer"
        case float():
            return "a number with a fraction" if not value.is_integer() else "a float"
        case DType():
            return "a dtype"
        case str():
            return "a string"
        case Tensor():
            return "a tensor"
        case Part():
            return "a layer"
        case tuple() | list():
            return f"a tuple of {len(value)}"
        case Expression() if value.value is not None:
            return "an integer"
        case Expression():
            return "a dimension that only the data decides"
    return "something that is no build-time value"


def write_value(value: Value) -> str:
    """A value as a spec writes it."""
    if isinstance(value, DType | Tensor):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        inner = ", ".join(write_value(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, list):
        return f"[{', '.join(write_value(item) for item in value)}]"
    if isinstance(value, Expression | Part):
        return str(value)
    return repr(value)


def label(value: Value, wanted: str) -> str:
    """What is wrong with a value, for under the carets."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    items = value if isinstance(value, tuple) else (value,)
    infinite = any(isinstance(item, float) and not math.isfinite(item) for item in items)
    if infinite and "finite" in wanted:
        return "not finite"
    whole = isinstance(value, int) or "number" in wanted
    if number and whole and ("integer" in wanted or "number" in wanted):
        return "out of range"
    numbers = isinstance(value, tuple) and all(isinstance(v, int | float) for v in value)
    if "ascending pair" in wanted and numbers and len(value) == 2 and not is_ascending(value):
        return "the first one is larger"
    if isinstance(value, tuple) and wanted.startswith("a pair") and len(value) == 2:
        return "out of range" if numbers else "no such pair"
    return f"{kind_of(value)}, not {wanted}"


def value_help(annotation: object, value: Value) -> str:
    """A way out for a value that the annotation does not take."""
    if isinstance(value, str):
        text = value.strip()
        if text.lstrip("-").isdigit() and "integer" in describe(annotation):
            return f"write {text} without quotes"
        if text in DTYPES and "a dtype" in describe(annotation):
            return f"write {text} without quotes"
    if isinstance(value, float) and value.is_integer() and "integer" in describe(annotation):
        return f"write {int(value)}"
    if isinstance(value, float) and math.isfinite(value) and "integer" in describe(annotation):
        return f"give a whole number, for instance {max(1, round(value))}"
    return f"give {describe(annotation)}"


def _one_of(words: Sequence[str]) -> str:
    unique = list(dict.fromkeys(words))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} or {unique[-1]}"
