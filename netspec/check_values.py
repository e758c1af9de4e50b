"""Check values of a train section: as the body of a net whose inputs are the fields of the data."""

from collections.abc import Sequence
from typing import Any

from netspec import syntax as s
from netspec.check_net import check_net
from netspec.diagnostic import Diagnostics
from netspec.graph import Net
from netspec.names import variable_problem
from netspec.source import Span
from netspec.step_body import Body
from netspec.visit import names_in


def check_values(
    title: str,
    values: Sequence[s.Assign | s.LayerDefinition],
    names: Sequence[str],
    place: Span,
    body: Body,
    device: str,
    found: Diagnostics,
) -> Net | None:
    """The net `title` that works out values and returns those of these `names`.

    `place`: where errors about what it returns are reported. None after reporting what is wrong.
    """
    before = found.error_count
    _check_targets(values, body, found)
    _check_schemes(values, found)
    net = body.net(title, values)
    returned = [body.name(name) for name in names]
    value = s.Sequence(tuple, tuple(returned), body.span()) if len(names) > 1 else returned[0]
    net = net._replace(body=(*net.body, s.Return(value, place)))
    if found.error_count > before:
        return None
    graph = check_net(net, body.home(found.source), {}, device, found)
    return graph if isinstance(graph, Net) and found.error_count == before else None


def _check_targets(
    values: Sequence[s.Assign | s.LayerDefinition], body: Body, found: Diagnostics
) -> None:
    """Report names that stand for something else already, or that no variable can have."""
    layers: set[str] = set()
    for item in values:
        names = names_in(item.target) if isinstance(item, s.Assign) else [item.name]
        for name in names:
            problem = variable_problem(name.id)
            taken = name.id in body.fields or name.id in body.nets
            taken = taken or (name.id in body.titles and name.id != "loss")  # a net of that name
            if problem and name.id != "_":
                code, why = problem
                found.add(code, why, name.span, label="not free", help=f"call it `{name.id}_`, say")
            elif taken or name.id in layers:
                what = "a field of the data" if name.id in body.fields else "a net"
                what = what if taken else "a layer"
                found.add(
                    "duplicate-name",
                    f"`{name.id}` is the name of {what} already",
                    name.span,
                    label="the same name again",
                    help="call this value something else",
                )
        if isinstance(item, s.LayerDefinition):
            layers.add(item.name.id)


def _check_schemes(values: Sequence[s.Assign | s.LayerDefinition], found: Diagnostics) -> None:
    """Refuse layers of a loss that are initialised: the script makes them by a plain call."""
    for node in nodes_in(tuple(values)):
        if isinstance(node, s.LayerDefinition | s.Stage) and node.schemes is not None:
            found.add(
                "not-supported",
                "a layer of a train section cannot have a `with`",
                node.span,
                label="it begins with the weights that torch gives it",
                help="put the layer into a net, and that net into the section",
            )


def nodes_in(node: Any) -> list[Any]:
    """All nodes in a node, itself included."""
    found, pending = [], [node]
    while pending:
        item = pending.pop()
        found.append(item)
        if isinstance(item, tuple) and not isinstance(item, Span):
            pending += item
    return found
