"""Hold a layer that a user registers against what a layer must be, before a spec can name it."""

from typing import TYPE_CHECKING

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
from netspec.catalogue.signature import MISSING, Signature
from netspec.names import class_problem, module_problem

if TYPE_CHECKING:
    from netspec.catalogue.layer import Layer


def prepare(layer: "type[Layer]", aliases: tuple[str, ...]) -> None:
    """Make sure that a layer can be registered; an earlier one of the same class makes room.

    Raises:
        TypeError: where its names are taken, or something is missing or cannot be.
    """
    for title in (layer.__name__, *aliases):
        _require_name(layer, title)
        _require_free(layer, title)
    _require_class(layer)
    _require_inputs(layer)
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
    for name in ("takes", "may_take"):
        value = getattr(layer, name)
        if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
            raise _refusal(layer, f"`{name}` must be a tuple of names, found {value!r}")
    if not layer.takes:
        raise _refusal(layer, "`takes` is empty: nothing would flow through it")
    unknown = sorted({*layer.pairs} - {*layer.takes, *layer.may_take})
    if unknown:
        raise _refusal(layer, f"`pairs` names no input: {', '.join(unknown)}")
    if layer.ndim is not None and (not isinstance(layer.ndim, int) or layer.ndim < 1):
        raise _refusal(layer, f"`ndim` must be a positive number or None, found {layer.ndim!r}")


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
