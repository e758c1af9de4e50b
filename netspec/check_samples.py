"""Check the pictures that a training draws after each epoch: an expression, as a loss is one."""

from collections.abc import Sequence
from typing import Any

from netspec import syntax as s
from netspec.check_values import check_values
from netspec.diagnostic import Diagnostics
from netspec.dim import value_of
from netspec.graph import Net
from netspec.names import free_name, listing
from netspec.source import Span
from netspec.step_body import Body, Value, names_read, values_for
from netspec.tensor import FLOATING, Tensor

_CHANNELS = (1, 3)  # of grey pictures and of coloured ones
_DIRECTIONS = ("height", "width")


def check_samples(
    written: s.Assign, values: Sequence[Value], body: Body, device: str, found: Diagnostics
) -> Net | None:
    """The net that works out the pictures; None after reporting why there is none.

    `values`: those of the section, from which it takes what `written`, the setting, is made of.
    """
    place = written.value.span
    name = free_name("samples", lambda name: name in body.fields or name in body.nets)
    drawn = s.Assign(body.name(name), written.value, written.span)
    used = _named_where_read(values_for([*values, drawn], {name}), name)
    graph = check_values("Samples", used, [name], place, body, device, found)
    if graph is None:
        return None
    before = found.error_count
    _check_modules(graph, body, place, found)
    _check_pictures(graph, place, found)
    return graph if found.error_count == before else None


def _named_where_read(values: Sequence[Value], name: str) -> list[Value]:
    """Values where what nothing reads is called `_`: `reconstruction, _, _ = model(image)`."""
    named: list[Value] = []
    for place, item in enumerate(values):
        if isinstance(item, s.Assign) and isinstance(item.target, s.Targets):
            read = {name} | names_read(values[place + 1 :])
            item = item._replace(target=_only(read, item.target))
        named.append(item)
    return named


def _only(read: set[str], target: Any) -> Any:
    match target:
        case s.Name(id) if id not in read:
            return target._replace(id="_")
        case s.Targets(items):
            return target._replace(items=tuple(_only(read, item) for item in items))
    return target


def _check_modules(graph: Net, body: Body, place: Span, found: Diagnostics) -> None:
    """What is drawn has to depend on a net; a layer of its own would never be trained."""
    for name, layer in graph.layers.items():
        if name not in body.nets:
            found.add(
                "not-supported",
                "samples are made by nets and functions, and this is a layer",
                layer.span,
                label="a layer of its own",
                help="put it into a net of the section, or take the function of torch",
            )
    if names_read(graph.syntax.body).isdisjoint(body.nets):
        names = [body.class_of(name) for name in body.nets]
        found.add(
            "wrong-samples",
            f"the samples do not depend on {listing(names)}",
            place,
            label="the same pictures after each epoch",
            help=f"write what a net yields, as in `samples = {names[0]}(…)`",
        )


def _check_pictures(graph: Net, place: Span, found: Diagnostics) -> None:
    """Refuse what no grid of pictures can be made of."""
    if len(graph.outputs) > 1:
        found.add(
            "wrong-samples",
            f"the samples are one tensor, found {len(graph.outputs)}",
            place,
            label="which of them are the pictures?",
            help="give the values names, `a, b = …`, and write one of the names",
        )
        return
    kind = graph.outputs[0].type
    problem = _problem(kind)
    if problem is not None:
        label, help = problem
        found.add(
            "wrong-samples",
            f"samples are pictures of floating point, [n, 1 or 3, H, W], found {kind}",
            place,
            label=label,
            help=help,
        )


def _problem(kind: Tensor) -> tuple[str, str] | None:
    """What is wrong with the type of pictures, and a way out; None where nothing is."""
    if kind.rank != 4:
        count = f"{kind.rank} dimension{'' if kind.rank == 1 else 's'}"
        return f"{count}, not 4", "give it four, as in `-> unflatten(1, (1, 28, 28))`"
    if kind.dtype not in FLOATING:
        return f"{kind.dtype} is not floating point", "convert it: `.float()`"
    channels, *sizes = map(value_of, kind.shape[1:])
    unknown = [name for name, size in zip(_DIRECTIONS, sizes, strict=True) if size is None]
    if channels is not None and channels not in _CHANNELS:
        return f"{channels} channels, not 1 or 3", "take one of them, as in `(…)[:, :1]`"
    if unknown or channels is None:
        what = " and the ".join(unknown) or "number of channels"
        known = "are not known" if len(unknown) > 1 else "is not known"
        return f"the {what} {known}", "declare the fields of the data with their sizes"
    return None
