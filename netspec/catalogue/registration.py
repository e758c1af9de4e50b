"""Hold a layer that a user registers against what a layer must be, before a spec can name it."""

from typing import TYPE_CHECKING, get_args

from netspec.catalogue.annotation import schema_of
from netspec.catalogue.registry import (
    ALIASES,
    LAYERS,
    LAZY,
    RANK_OPEN,
    open_name,
    registered_by,
    remove,
)
from netspec.catalogue.signature import MISSING, Mark, Signature
from netspec.diagnostic import did_you_mean
from netspec.names import argument_problem, class_problem, module_problem
from netspec.tensor import DTYPES

if TYPE_CHECKING:
    from netspec.catalogue.layer import Layer


def prepare(layer: "type[Layer]", aliases: tuple[str, ...]) -> None:
    """Make sure that a layer can be registered; an earlier one of the same class makes room.

    Raises:
        TypeError: where its names are taken, or something is missing or cannot be.
    """
    if not isinstance(aliases, tuple | list) or not all(isinstance(a, str) for a in aliases):
        raise _refusal(layer, f"`aliases` must be a tuple of names, found {aliases!r}")
    for title in (layer.__name__, *aliases):
        _require_name(layer, title)
        _require_free(layer, title)
    _require_class(layer)
    _require_inputs(layer)
    _require_facts(layer)
    _require_fields(layer)
    _require_state(layer)
    if layer.__name__ in LAYERS.loaded:
        remove(layer.__name__)


def _refusal(layer: type, why: str) -> TypeError:
    return TypeError(f"cannot register the layer `{layer.__name__}`: {why}")


# ---- its names -----------------------------------------------------------------------------------


def _require_name(layer: type, title: str) -> None:
    problem = class_problem(title)
    if problem:
        raise _refusal(layer, problem[1])
    if not title[0].isupper():
        raise _refusal(layer, f"`{title}` must begin with a capital letter, as layers do")


def _require_free(layer: "type[Layer]", title: str) -> None:
    """Refuse a name that stands for something else already, also where its rank is left open."""
    if title in LAZY:
        raise _refusal(layer, f"`{title}` is a class of torch.nn")
    if title in ALIASES and not _is_its_own(layer, ALIASES[title]):
        raise _refusal(layer, f"`{title}` is {_whose(title)} already")
    if any(not _is_its_own(layer, name) for name in RANK_OPEN.get(title, {}).values()):
        raise _refusal(layer, f"`{title}` is {_whose(title)} already, for any rank")
    short = open_name(layer, title)
    taken = ALIASES.get(short) or RANK_OPEN.get(short, {}).get(layer.ndim or 0)
    if short and taken and not _is_its_own(layer, taken):
        raise _refusal(
            layer,
            f"for ndim={layer.ndim} it would also be `{short}`, which is {_whose(short)} already",
        )


def _is_its_own(layer: type, name: str) -> bool:
    """Whether a name is that of the same class, defined before: a cell of a notebook, run again."""
    known = LAYERS.loaded.get(name)
    return known is not None and (known.__module__, known.__qualname__) == (
        layer.__module__,
        layer.__qualname__,
    )


def _whose(title: str) -> str:
    module = registered_by(title)
    return f"a layer that `{module}` registers" if module else "a layer of torch.nn"


# ---- what it stands for --------------------------------------------------------------------------


def _require_class(layer: "type[Layer]") -> None:
    """`torch` names an nn.Module as generated code can import it."""
    path = vars(layer).get("torch")
    module, dot, name = path.rpartition(".") if isinstance(path, str) else ("", "", "")
    if not dot:
        raise _refusal(
            layer,
            f'it must say which nn.Module it stands for: torch = "my_layers.{layer.__name__}"',
        )
    problem = module_problem(module) or class_problem(name)
    if problem:
        raise _refusal(layer, f"{problem[1]} (torch = {path!r})")


def _require_inputs(layer: "type[Layer]") -> None:
    for attribute in ("takes", "may_take"):
        names = getattr(layer, attribute)
        if not isinstance(names, tuple) or not all(isinstance(item, str) for item in names):
            raise _refusal(layer, f"`{attribute}` must be a tuple of names, found {names!r}")
        for name in names:
            problem = argument_problem(name)
            if problem:
                raise _refusal(layer, f"{problem[1]}, so no input can be called so ({attribute})")
    if not layer.takes:
        raise _refusal(layer, "`takes` is empty: nothing would flow through it")
    named = [*layer.takes, *layer.may_take]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise _refusal(layer, f"two inputs are called `{twice}`")
    _require_strings(layer, "pairs")
    unknown = sorted({*layer.pairs} - {*named})
    if unknown:
        raise _refusal(layer, f"`pairs` names no input: {', '.join(unknown)}")


def _require_strings(layer: "type[Layer]", attribute: str) -> None:
    """One string is a collection of letters, and never what is meant."""
    given = getattr(layer, attribute)
    plain = isinstance(given, set | frozenset | tuple | list)
    if not plain or not all(isinstance(item, str) for item in given):
        raise _refusal(layer, f"`{attribute}` must be a set of names, found {given!r}")


def _require_facts(layer: "type[Layer]") -> None:
    """Attributes that say something of the layer: dtypes, dimensions, examples."""
    for attribute in ("dtypes", "optional"):
        _require_strings(layer, attribute)
    unknown = sorted({*layer.dtypes} - DTYPES)
    if unknown:
        near = did_you_mean(unknown[0], sorted(DTYPES))
        raise _refusal(layer, f"{unknown[0]!r} is no dtype (dtypes){f'; {near}' if near else ''}")
    if not layer.dtypes:
        raise _refusal(layer, "`dtypes` is empty: it would take no input")
    layer.dtypes = frozenset(layer.dtypes)
    ndim = layer.ndim
    if ndim is not None and (not isinstance(ndim, int) or isinstance(ndim, bool) or ndim < 1):
        raise _refusal(layer, f"`ndim` must be a positive number or None, found {ndim!r}")
    if not isinstance(layer.stateless, bool):
        raise _refusal(layer, f"`stateless` must be True or False, found {layer.stateless!r}")
    examples = layer.examples
    if not isinstance(examples, tuple | list) or not all(map(_is_example, examples)):
        raise _refusal(
            layer,
            "`examples` must be a tuple of examples, each a call, its input and its output: "
            f'Example("{layer.__name__}", "[N, 8]", "[N, 8]"), found {examples!r:.80}',
        )


def _is_example(value: object) -> bool:
    """Whether it is an `Example`, or a plain tuple of as many strings."""
    return (
        isinstance(value, tuple)
        and len(value) == 3
        and all(isinstance(part, str) for part in value)
    )


_MARKED = (
    "the annotation of `{name}` is a mark alone: it stands behind a type, "
    "`{name}: Annotated[int, KEYWORD]`; what `infer` finds is an `InferredInt`"
)


def _is_mark(annotation: object) -> bool:
    """Whether it is `KEYWORD` or the like where a type is wanted."""
    return isinstance(annotation, Mark) or any(
        isinstance(a, Mark) for a in get_args(annotation)[:1]
    )


def _require_fields(layer: "type[Layer]") -> None:
    """Its arguments: annotations that can be checked, defaults that hold, names that are free."""
    try:
        fields = layer.fields()
    except NameError as error:
        raise _refusal(layer, f"an annotation cannot be read: {error}") from error
    lineage = layer.__mro__
    root = lineage.index(Signature)
    reserved = {*vars(lineage[root - 1]), *vars(Signature)}
    for field in fields.values():
        if field.name in reserved:
            raise _refusal(
                layer,
                f"`{field.name}` is an attribute of every layer, and cannot be an argument; "
                "set it without an annotation, or with ClassVar",
            )
        problem = argument_problem(field.name)
        if problem:
            raise _refusal(layer, f"{problem[1]}, and cannot be an argument")
        if _is_mark(field.annotation):
            raise _refusal(layer, _MARKED.format(name=field.name))
        try:
            schema_of(field.annotation)
        except TypeError:
            raise _refusal(
                layer,
                f"`{field.name}` cannot be checked: its annotation must be int, float, bool, str, "
                f"None, Literal, or tuples and unions of them, found {field.annotation!r}",
            ) from None
    defaults = {f.name: f.default for f in fields.values() if f.default is not MISSING}
    for wrong in layer.invalid(defaults):
        raise _refusal(layer, f"its default does not hold: {wrong.message}")
    inferred = [field.name for field in fields.values() if field.inferred]
    if inferred and not _overrides(layer, "infer"):
        raise _refusal(layer, f"`infer` must say how the input decides {', '.join(inferred)}")


def _require_state(layer: "type[Layer]") -> None:
    """One module serves several places only where its author says that it has no state."""
    lineage = layer.__mro__
    own = lineage[: lineage.index(Signature) - 1]
    if not any("stateless" in vars(base) for base in own):
        layer.stateless = False
    elif layer.stateless and (_overrides(layer, "parameters") or _overrides(layer, "buffers")):
        raise _refusal(layer, "it has parameters or buffers, so it cannot be stateless")


def _overrides(layer: "type[Layer]", method: str) -> bool:
    lineage = layer.__mro__
    return any(method in vars(base) for base in lineage[: lineage.index(Signature) - 1])
