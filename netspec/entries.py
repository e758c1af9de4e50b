"""What the catalogue says of an entry: its kind, how it is written, what its arguments take."""

import sys
from collections.abc import Sequence
from types import ModuleType

from netspec.catalogue import families
from netspec.catalogue.annotation import describe
from netspec.catalogue.dataset import DATASETS, Dataset
from netspec.catalogue.function import Example, Function, Shapes
from netspec.catalogue.layer import ALIASES, LAYERS, RANK_OPEN, Layer
from netspec.catalogue.metric import Metric
from netspec.catalogue.registry import own_layers
from netspec.catalogue.signature import MISSING, Field, Signature, write_value
from netspec.tensor import COMPLEX, FLOATING, INTEGER

Entry = type[Signature]


def shelves() -> list[tuple[ModuleType, list[Entry]]]:
    """All families of the catalogue with their entries, and what users have registered."""
    own: dict[str, list[Entry]] = {}
    for layer in own_layers():
        own.setdefault(layer.__module__, []).append(layer)
    return [
        *((module, _entries(module)) for module in families()),
        *((sys.modules[name], entries) for name, entries in own.items()),
    ]


def _entries(module: ModuleType) -> list[Entry]:
    """What a family adds to the catalogue, in its order."""
    classes = [cls for cls in vars(module).values() if isinstance(cls, type)]
    return [
        cls
        for cls in classes
        if issubclass(cls, Signature)
        and cls.__module__ == module.__name__
        and not cls.__name__.startswith("_")
        and cls is not Signature
        and Signature not in cls.__bases__
        and (not issubclass(cls, Function) or "name" in vars(cls))
        and (not issubclass(cls, Layer) or cls.__name__ in LAYERS)
        and (not issubclass(cls, Metric) or "name" in vars(cls))
        and (not issubclass(cls, Dataset) or cls.__name__ in DATASETS)
    ]


def kind_of(entry: Entry) -> str:
    """The class below `Signature` that an entry comes from."""
    lineage = entry.__mro__
    return lineage[lineage.index(Signature) - 1].__name__


def title_of(entry: Entry) -> str:
    name = vars(entry).get("name")
    return name if isinstance(name, str) else entry.__name__


_TENSORS = {"Loss": ("output", "target"), "Metric": ("output", "target")}


def usage(entry: Entry) -> str:
    """How an entry is written with all that it takes: `Linear(out_features, bias=True)`."""
    by_position = entry.positional()
    fields = [field for field in entry.fields().values() if not field.inferred]
    texts = [_argument(entry, field) for field in fields if field.name in by_position]
    keywords = [_argument(entry, field) for field in fields if field.name not in by_position]
    star = ["*"] if keywords and entry.variadic is None else []
    tensors = _TENSORS.get(kind_of(entry), ())
    return f"{title_of(entry)}({', '.join([*tensors, *texts, *star, *keywords])})"


def _argument(entry: Entry, field: Field) -> str:
    if field.name == entry.variadic:
        return f"*{field.name}"
    return field.name if field.required else f"{field.name}={write_value(field.default)}"


def takes(field: Field) -> str:
    words = describe(field.annotation)
    if field.stands_for:
        return f"{words}, which is {field.stands_for}"
    return f"{words}; follows from the input" if field.inferred else words


def default_of(field: Field) -> str:
    """What an argument is where it is left out; "" where it must be given or the input decides."""
    if field.default is MISSING or field.inferred:
        return ""
    return field.stands_for or write_value(field.default)


def other_names(entry: Entry) -> str:
    """The other names of a layer, and those under which the input decides the rank."""
    title = title_of(entry)
    aliases = [f"`{alias}`" for alias, name in ALIASES.items() if name == title != alias]
    open_ = [
        f"`{name}`"
        for name, ranks in RANK_OPEN.items()
        if title in ranks.values() and name not in ALIASES
    ]
    if not issubclass(entry, Layer) or not (aliases or open_):
        return ""
    parts = [f"Also {_listing(aliases)}"] if aliases else []
    if open_:
        parts.append(f"{'also' if parts else 'Also'} {_listing(open_)}, where the rank is open")
    return f"{'; '.join(parts)}."


def examples_of(entry: Entry) -> tuple[Example, ...]:
    """Calls of a layer or a function, with the types that go in and come out."""
    return entry.examples if issubclass(entry, Layer | Function) else ()


def shapes_of(entry: Entry) -> tuple[Shapes, ...]:
    """The shape rules of a layer or a function; none for a user's own layer that has none."""
    return entry.shapes if issubclass(entry, Layer | Function) else ()


def input_dtypes(entry: Entry) -> str:
    if not issubclass(entry, Layer) or entry.dtypes == Layer.dtypes:
        return ""
    groups = {"floating point": FLOATING, "integer": INTEGER, "complex": COMPLEX}
    whole = [name for name, group in groups.items() if group <= entry.dtypes]
    rest = entry.dtypes.difference(*(groups[name] for name in whole))
    kinds = [*whole, *(f"`{dtype}`" for dtype in sorted(rest))]
    return f"Input dtype: {_listing(kinds, 'or')}."


def _listing(words: Sequence[str], link: str = "and") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {link} {words[-1]}"
