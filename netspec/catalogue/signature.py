"""Turn the annotated fields of a class into checked arguments under torch's names.

Fields carry Pydantic's annotations and are validated by Pydantic's engine. Only the engine is
imported: Pydantic's Python layer would double the time of `netspec check`. A test holds each
annotation of the catalogue against `pydantic.TypeAdapter`.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, ClassVar, NamedTuple, get_args, get_origin

from annotated_types import Ge, Gt, Le, MinLen
from pydantic_core import SchemaValidator, ValidationError

from netspec.catalogue.annotation import FINITE, concretise, describe, is_part, label, value_help
from netspec.catalogue.annotation import Part as Part
from netspec.catalogue.annotation import Value as Value
from netspec.catalogue.annotation import kind_of as kind_of
from netspec.catalogue.annotation import schema_of as schema_of
from netspec.catalogue.annotation import write_value as write_value
from netspec.tensor import DType, Tensor

LARGEST = 2**59  # a tensor of as many numbers of 8 bytes is as large as torch can count


class Mark(Enum):
    """What the annotation of a field says beyond Pydantic.

    INFERRED: the input's shape decides it; it is never positional. KEYWORD: torch takes it by
    keyword only, or behind arguments that are not offered. FREE: sizes that may be known only when
    data flows. NUMBERS: torch wants a tensor, of which a spec writes the numbers.
    """

    INFERRED = "inferred"
    KEYWORD = "keyword"
    FREE = "free"
    NUMBERS = "numbers"


INFERRED, KEYWORD, FREE, NUMBERS = Mark
KeywordFlag = Annotated[bool, KEYWORD]
KeywordDType = Annotated[DType | None, KEYWORD]

PositiveInt = Annotated[int, Gt(0)]
NonNegativeInt = Annotated[int, Ge(0)]
InferredInt = Annotated[int, Gt(0), INFERRED]
Size = Annotated[int, FREE]
Sizes = Annotated[tuple[int, ...], FREE]
Input = Tensor
Inputs = Annotated[tuple[Tensor, ...], MinLen(1)]
Probability = Annotated[float, Ge(0), Le(1)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
FiniteFloat = Annotated[float, FINITE]
FinitePositiveFloat = Annotated[float, Gt(0), FINITE]
FiniteNonNegativeFloat = Annotated[float, Ge(0), FINITE]
Size1 = PositiveInt | tuple[PositiveInt]
Size2 = PositiveInt | tuple[PositiveInt, PositiveInt]
Size3 = PositiveInt | tuple[PositiveInt, PositiveInt, PositiveInt]
Padding1 = NonNegativeInt | tuple[NonNegativeInt]
Padding2 = NonNegativeInt | tuple[NonNegativeInt, NonNegativeInt]
Padding3 = NonNegativeInt | tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt]


OMITTED: Any = None  # the default of an argument that torch has no value for: it is left out


class Missing:
    """The default of a field that must be given."""


MISSING = Missing()


class StandsFor(NamedTuple):
    """A mark of a field: None stands there for another argument."""

    argument: str


KERNEL = StandsFor("kernel_size")
Stride1 = Annotated[Size1 | None, KERNEL]
Stride2 = Annotated[Size2 | None, KERNEL]
Stride3 = Annotated[Size3 | None, KERNEL]


class Field(NamedTuple):
    """One argument: its name, its Pydantic annotation, its default, and its marks.

    `tensor`: it takes a tensor or several, if need be among other things; `part`: so a layer.
    `numbers`: it takes the numbers of what is a tensor in torch.
    `stands_for`: the argument that None stands for there, "" where None is no such thing.
    """

    name: str
    annotation: object
    default: object
    inferred: bool
    free: bool
    keyword: bool
    tensor: bool
    numbers: bool
    part: bool
    stands_for: str = ""

    @property
    def required(self) -> bool:
        return self.default is MISSING and not self.inferred

    def written(self) -> str:
        """It as a signature shows it: `kernel_size`, `stride=1`."""
        return self.name if self.required else f"{self.name}={write_value(self.default)}"


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
    `beside`: an argument that torch takes only beside another, which is then written as well, even
    where it is the default. `placed`: torch takes all arguments by position only.
    """

    torch: ClassVar[str] = ""
    variadic: ClassVar[str | None] = None
    beside: ClassVar[Mapping[str, str]] = {}
    placed: ClassVar[bool] = False

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
        first = next(iter(cls.fields().values()), None)
        counted = f", `{first.name}` counted" if first is not None and first.tensor else ""
        return ArgumentError(
            "surplus-argument",
            f"`{cls.__name__}` takes {'' if taken == 0 else 'at most '}{counts}{counted}, "
            f"found {found}",
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
    def invalid(cls, values: Mapping[str, Value]) -> list[ArgumentError]:
        """What is wrong with values of arguments, one by one."""
        return cls._invalid(values, {name: name for name in values})

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
        for_inferred = isinstance(value, tuple) and any(
            other.inferred and "tuple" in describe(other.annotation)
            for other in cls.fields().values()
        )
        advice = cls._inferred_help() if number_for_flag or for_inferred else ""
        return ArgumentError(
            "wrong-argument",
            f"`{field.name}` of `{cls.__name__}` must be {wanted}, found {found}",
            place,
            label(value, wanted),
            advice or value_help(field.annotation, value),
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
        fields = [field for field in cls.fields().values() if not field.inferred]
        names = cls.positional()
        first = [field for field in fields if field.required or field.name in names[:4]]
        keywords = [field for field in fields if field not in first and field.name not in names]
        if len(first) + len(keywords) < len(fields) or cls.variadic is not None:
            keywords = []
        keywords = keywords[: max(4 - len(first), 0)]
        parts = [field.written() for field in first]
        parts += ["*", *(field.written() for field in keywords)] if keywords else []
        more = ", …" if len(first) + len(keywords) < len(fields) else ""
        return f"`{cls.__name__}({', '.join(parts)}{more})`"


def _read_fields(cls: type[Signature]) -> Mapping[str, Field]:
    found: dict[str, Field] = {}
    for base in reversed(cls.__mro__):
        for name, annotation in _annotations(base).items():
            if get_origin(annotation) is not ClassVar and name != "given":
                marks = getattr(annotation, "__metadata__", ())
                default = getattr(cls, name, MISSING)
                found[name] = Field(
                    name,
                    annotation,
                    default,
                    inferred=INFERRED in marks,
                    free=FREE in marks,
                    keyword=KEYWORD in marks,
                    tensor=_takes_tensor(annotation),
                    numbers=NUMBERS in marks,
                    part=_takes_part(annotation),
                    stands_for=next(
                        (mark.argument for mark in marks if isinstance(mark, StandsFor)), ""
                    ),
                )
    return found


def _annotations(base: type) -> Mapping[str, Any]:
    """The annotations of one class; where its module has them as texts, what these mean."""
    found: Mapping[str, Any] = vars(base).get("__annotations__", {})
    if not any(isinstance(annotation, str) for annotation in found.values()):
        return found
    from inspect import get_annotations

    return get_annotations(base, eval_str=True)


def _takes_tensor(annotation: object) -> bool:
    return annotation is Tensor or any(_takes_tensor(part) for part in get_args(annotation))


def _takes_part(annotation: object) -> bool:
    return is_part(annotation) or any(map(_takes_part, get_args(annotation)))


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
    if len(rest) == 1 and isinstance(rest[0], tuple | list) and not isinstance(rest[0], Tensor):
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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
