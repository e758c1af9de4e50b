"""Turn the annotated fields of a class into checked arguments under torch's names.

Fields carry Pydantic's annotations and are validated by Pydantic's engine. Only the engine is
imported: Pydantic's Python layer would double the time of `netspec check`. A test holds each
annotation of the catalogue against `pydantic.TypeAdapter`.
"""

import math
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic_core import SchemaValidator, ValidationError

from netspec.dim import Expression

LARGEST = 2**59  # a tensor of as many numbers of 8 bytes is as large as torch can count
Value = Any  # a build-time value: int, Expression, float, bool, str, None, list or tuple of these


class Mark(Enum):
    """What the annotation of a field says beyond Pydantic.

    INFERRED: the input's shape decides it; it is never positional. KEYWORD: torch takes it by
    keyword only, or behind arguments that are not offered. FREE: sizes that may be known only when
    data flows.
    """

    INFERRED = "inferred"
    KEYWORD = "keyword"
    FREE = "free"


INFERRED, KEYWORD, FREE = Mark
KeywordFlag = Annotated[bool, KEYWORD]


PositiveInt = Annotated[int, Gt(0)]
NonNegativeInt = Annotated[int, Ge(0)]
InferredInt = Annotated[int, Gt(0), INFERRED]
Sizes = Annotated[tuple[int, ...], FREE]
Probability = Annotated[float, Ge(0), Le(1)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
Size1 = PositiveInt | tuple[PositiveInt]
Size2 = PositiveInt | tuple[PositiveInt, PositiveInt]
Size3 = PositiveInt | tuple[PositiveInt, PositiveInt, PositiveInt]
Padding1 = NonNegativeInt | tuple[NonNegativeInt]
Padding2 = NonNegativeInt | tuple[NonNegativeInt, NonNegativeInt]
Padding3 = NonNegativeInt | tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt]


class Missing:
    """The default of a field that must be given."""


MISSING = Missing()


class Field(NamedTuple):
    """One argument: its name, its Pydantic annotation, its default, and its marks."""

    name: str
    annotation: object
    default: object
    inferred: bool
    free: bool
    keyword: bool

    @property
    def required(self) -> bool:
        return self.default is MISSING and not self.inferred


class ArgumentError(NamedTuple):
    """One thing wrong with the arguments of a call.

    `argument` is the position or the keyword that it stands at, None for the call as a whole.
    """

    code: str
    message: str
    argument: int | str | None = None
    label: str = ""
    help: str = ""
    name: str = ""
    candidates: tuple[str, ...] = ()


class ArgumentErrors(Exception):
    """All that is wrong with the arguments of one call."""

    def __init__(self, errors: Sequence[ArgumentError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


_FIELDS: "dict[type[Signature], Mapping[str, Field]]" = {}
_POSITIONAL: "dict[type[Signature], tuple[str, ...]]" = {}
_VALIDATORS: "dict[type[Signature], SchemaValidator]" = {}


class Signature:
    """A callable of torch with its arguments as annotated fields, in torch's order.

    Subclasses declare fields; an instance holds their values. `torch` names what they describe,
    `variadic` the field that collects all further positional arguments (`reshape(N, 3, -1)`).
    """

    torch: ClassVar[str] = ""
    variadic: ClassVar[str | None] = None

    def __init__(self, *positional: Value, **keyword: Value) -> None:
        self.given = self._bind(positional, keyword)
        self.__dict__.update(self.given)

    @classmethod
    def fields(cls) -> Mapping[str, Field]:
        """The arguments by name, in torch's order."""
        if cls not in _FIELDS:
            _FIELDS[cls] = _read_fields(cls)
        return _FIELDS[cls]

    @classmethod
    def positional(cls) -> list[str]:
        """The arguments that a spec may give by position.

        Those up to the first field that the input decides, leading ones not counted.
        """
        if cls not in _POSITIONAL:
            _POSITIONAL[cls] = _read_positional(cls)
        return list(_POSITIONAL[cls])

    @classmethod
    def _validator(cls) -> SchemaValidator:
        if cls not in _VALIDATORS:
            _VALIDATORS[cls] = _make_validator(cls)
        return _VALIDATORS[cls]

    @classmethod
    def _bind(cls, positional: Sequence[Value], keyword: Mapping[str, Value]) -> dict[str, Value]:
        errors: list[ArgumentError] = []
        names = cls.positional()
        if cls.variadic is not None:
            positional = _collect(positional, len(names) - 1)
        given: dict[str, Value] = dict(zip(names, positional, strict=False))
        place: dict[str, int | str] = {name: i for i, name in enumerate(given)}
        if len(positional) > len(names):
            errors.append(cls._surplus(len(names), len(positional)))
        for name, value in keyword.items():
            error = cls._keyword_error(name, given)
            if error:
                errors.append(error)
            else:
                given[name] = value
                place[name] = name
        errors += cls._missing(given)
        errors += cls._invalid(given, place)
        if errors:
            raise ArgumentErrors(errors)
        fields = cls.fields()
        return {
            name: concretise(value) if _takes_fractions(fields[name].annotation) else value
            for name, value in given.items()
        }

    @classmethod
    def _surplus(cls, taken: int, found: int) -> ArgumentError:
        counts = "no positional arguments" if taken == 0 else _count(taken, "positional argument")
        return ArgumentError(
            "surplus-argument",
            f"`{cls.__name__}` takes {'' if taken == 0 else 'at most '}{counts}, found {found}",
            taken,
            "one too many",
            cls._inferred_help() or f"it takes {cls.usage()}",
        )

    @classmethod
    def _keyword_error(cls, name: str, given: Mapping[str, Value]) -> ArgumentError | None:
        if name in given:
            message = f"`{cls.__name__}` got `{name}` twice, by position and by keyword"
            return ArgumentError("duplicate-argument", message, name, "given again here")
        if name not in cls.fields():
            message = f"`{cls.__name__}` has no argument `{name}`"
            usage = f"it takes {cls.usage()}"
            candidates = tuple(cls.fields())
            return ArgumentError(
                "unknown-argument", message, name, "no such argument", usage, name, candidates
            )
        return None

    @classmethod
    def _missing(cls, given: Mapping[str, Value]) -> list[ArgumentError]:
        return [
            ArgumentError(
                "missing-argument",
                f"`{cls.__name__}` needs `{field.name}`, {describe(field.annotation)}",
                label=f"`{field.name}` is missing",
                help=f"it takes {cls.usage()}",
            )
            for field in cls.fields().values()
            if field.required and field.name not in given
        ]

    @classmethod
    def _invalid(
        cls, given: Mapping[str, Value], place: Mapping[str, int | str]
    ) -> list[ArgumentError]:
        fields = cls.fields()
        concrete = {
            name: concretise(value, 1 if fields[name].free else None)
            for name, value in given.items()
        }
        large = [name for name, value in concrete.items() if _is_too_large(value)]
        if large:
            return [cls._too_large(name, concrete[name], place[name]) for name in large]
        try:
            cls._validator().validate_python(concrete)
        except ValidationError as error:
            wrong = dict.fromkeys(str(item["loc"][0]) for item in error.errors(include_url=False))
            return [cls._wrong_value(fields[name], concrete[name], place[name]) for name in wrong]
        return []

    @classmethod
    def _too_large(cls, name: str, value: Value, place: int | str) -> ArgumentError:
        return ArgumentError(
            "too-large",
            f"`{name}` of `{cls.__name__}` is too large: {write_value(value)}",
            place,
            "torch counts to 2**63",
            "check the number",
        )

    @classmethod
    def _wrong_value(cls, field: Field, value: Value, place: int | str) -> ArgumentError:
        wanted = describe(field.annotation)
        found = write_value(value)
        number_for_flag = field.annotation is bool and isinstance(value, int)
        advice = cls._inferred_help() if number_for_flag else ""
        return ArgumentError(
            "wrong-argument",
            f"`{field.name}` of `{cls.__name__}` must be {wanted}, found {found}",
            place,
            _label(value, wanted),
            advice or _value_help(field.annotation, value),
        )

    @classmethod
    def _inferred_help(cls) -> str:
        names = [f"`{field.name}`" for field in cls.fields().values() if field.inferred]
        if not names:
            return ""
        verb = "follows" if len(names) == 1 else "follow"
        left = "it" if len(names) == 1 else "them"
        return f"{' and '.join(names)} {verb} from the input: leave {left} out, {cls.usage()}"

    @classmethod
    def usage(cls) -> str:
        """How the call is written: `Conv2d(out_channels, kernel_size, stride=1, …)`."""
        names = cls.positional()
        parts = [
            name if field.required else f"{name}={write_value(field.default)}"
            for name, field in cls.fields().items()
            if not field.inferred and (field.required or name in names[:4])
        ]
        shown = len(parts)
        more = ", …" if shown < sum(not f.inferred for f in cls.fields().values()) else ""
        return f"`{cls.__name__}({', '.join(parts)}{more})`"


def _read_fields(cls: type[Signature]) -> Mapping[str, Field]:
    found: dict[str, Field] = {}
    for base in reversed(cls.__mro__):
        for name, annotation in vars(base).get("__annotations__", {}).items():
            if get_origin(annotation) is not ClassVar and name != "given":
                marks = getattr(annotation, "__metadata__", ())
                default = getattr(cls, name, MISSING)
                found[name] = Field(
                    name, annotation, default, INFERRED in marks, FREE in marks, KEYWORD in marks
                )
    return found


def _read_positional(cls: type[Signature]) -> tuple[str, ...]:
    names: list[str] = []
    for field in cls.fields().values():
        if field.keyword or (field.inferred and names):
            break
        if not field.inferred:
            names.append(field.name)
    return tuple(names)


def _collect(positional: Sequence[Value], first: int) -> list[Value]:
    """The arguments from number `first` on as one, unless they are one tuple already."""
    head, rest = list(positional[:first]), tuple(positional[first:])
    if len(rest) == 1 and isinstance(rest[0], tuple | list):
        return [*head, rest[0]]
    return [*head, rest] if rest else head


def _make_validator(cls: type[Signature]) -> SchemaValidator:
    fields = {
        name: {
            "type": "typed-dict-field",
            "schema": schema_of(field.annotation),
            "required": False,
        }
        for name, field in cls.fields().items()
    }
    schema: Any = {"type": "typed-dict", "fields": fields, "extra_behavior": "forbid"}
    return SchemaValidator(schema)


def _takes_fractions(annotation: object) -> bool:
    """Whether a field holds plain numbers, not sizes: those need not keep their symbols."""
    return annotation is float or any(map(_takes_fractions, get_args(annotation)))


def _is_too_large(value: Value) -> bool:
    if isinstance(value, tuple):
        return any(map(_is_too_large, value))
    return isinstance(value, int) and abs(value) > LARGEST


_PLAIN = {int: "int", float: "float", bool: "bool", str: "str", type(None): "none"}
_BOUNDS = {Gt: "gt", Ge: "ge", Lt: "lt", Le: "le"}


def schema_of(annotation: object) -> dict[str, object]:
    """The engine's schema of a Pydantic annotation, strict as to types.

    Raises:
        TypeError: for an annotation that Pydantic knows and this catalogue does not use.
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and annotation in _PLAIN:
        return {"type": _PLAIN[annotation], "strict": True}
    if origin is Annotated:
        schema = schema_of(parts[0])
        for bound in parts[1:]:
            if type(bound) in _BOUNDS:
                key = _BOUNDS[type(bound)]
                schema[key] = getattr(bound, key)
            elif isinstance(bound, MinLen):
                schema["min_length"] = bound.min_length
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


def concretise(value: Value, stand_in: int | None = None) -> Value:
    """`value` with the numbers of its expressions, and tuples for lists, as the engine wants it.

    `stand_in` serves for what only the data decides.
    """
    if isinstance(value, Expression):
        known = stand_in if value.value is None else value.value
        return value if known is None else known
    if isinstance(value, list | tuple):
        return tuple(concretise(item, stand_in) for item in value)
    return value


_NAMES = {int: "an integer", float: "a number", bool: "True or False", str: "a string"}


def describe(annotation: object) -> str:
    """What a field wants, in words: `a positive integer or a pair of positive integers`."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return "None"
    if isinstance(annotation, type) and annotation in _NAMES:
        return _NAMES[annotation]
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
    known = [bound for bound in bounds if type(bound) in _BOUNDS]
    match known:
        case [Gt(gt=0)]:
            return f"a positive {noun}"
        case [Ge(ge=0)]:
            return f"{'an' if noun == 'integer' else 'a'} {noun} of at least 0"
        case [Ge(ge=low), Le(le=high)]:
            return f"{'an' if noun == 'integer' else 'a'} {noun} from {low} to {high}"
        case [Gt(gt=low), Lt(lt=high)]:
            return f"a {noun} between {low} and {high}"
        case [Ge(ge=low), Lt(lt=high)]:
            return f"a {noun} of at least {low} and below {high}"
        case [Ge(ge=low)]:
            return f"{'an' if noun == 'integer' else 'a'} {noun} of at least {low}"
    return describe(kind)


def _describe_tuple(parts: Sequence[object]) -> str:
    item = describe(parts[0]).split(" ", 1)[-1].replace("integer", "integers", 1)
    if parts[-1] is ...:
        return f"a tuple of {item.replace('number', 'numbers', 1)}"
    counts = {1: "one", 2: "a pair of", 3: "three", 4: "four", 6: "six"}
    item = item.replace("number", "numbers", 1)
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
        case str():
            return "a string"
        case tuple() | list():
            return f"a tuple of {len(value)}"
        case Expression() if value.value is not None:
            return "an integer"
        case Expression():
            return "a dimension that only the data decides"
    return "something that is no build-time value"


def write_value(value: Value) -> str:
    """A build-time value as a spec writes it."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        inner = ", ".join(write_value(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, list):
        return f"[{', '.join(write_value(item) for item in value)}]"
    if isinstance(value, Expression):
        return str(value)
    return repr(value)


def _label(value: Value, wanted: str) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    whole = isinstance(value, int) or "number" in wanted
    if number and whole and ("integer" in wanted or "number" in wanted):
        return "out of range"
    return f"{kind_of(value)}, not {wanted}"


def _value_help(annotation: object, value: Value) -> str:
    if isinstance(value, str):
        text = value.strip()
        if text.lstrip("-").isdigit() and "integer" in describe(annotation):
            return f"write {text} without quotes"
    if isinstance(value, float) and value.is_integer() and "integer" in describe(annotation):
        return f"write {int(value)}"
    if isinstance(value, float) and math.isfinite(value) and "integer" in describe(annotation):
        return f"give a whole number, for instance {max(1, round(value))}"
    return f"give {describe(annotation)}"


def _one_of(words: Sequence[str]) -> str:
    unique = list(dict.fromkeys(words))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} or {unique[-1]}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
