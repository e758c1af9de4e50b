"""Find layers that are called after their place, so that keys shift when others join them."""

from collections.abc import Iterator
from typing import NamedTuple

from netspec import syntax as s
from netspec.checked import Graph
from netspec.diagnostic import Diagnostics
from netspec.naming import Names
from netspec.resolve import names_of
from netspec.source import Source, Span
from netspec.visit import all_stages, statements_in, title_of


class _Unlabelled(NamedTuple):
    name: str
    title: str
    span: Span
    help: str


def warn_unlabelled(graph: Graph, found: Diagnostics) -> None:
    """Warn of what has weights and no label, in the nets and blocks of a file."""
    paths = {
        part
        for net in graph.nets.values()
        for layer in net.layers.values()
        if layer.parameters or layer.layer.buffers()
        for part in layer.name.split(".")
    }
    for item in graph.file.items:
        if isinstance(item, s.Net | s.Block):
            names = names_of(graph.home, item, Diagnostics(Source("")))
            for name, title, span, help in (*_stages(item, names), *_loops(item, names)):
                if name in paths:
                    found.add(
                        "unlabelled",
                        f"{title} has no label, and is called `{name}` for its place",
                        span,
                        label="its keys shift when another one comes before it",
                        help=help,
                        severity="warning",
                    )


def _stages(definition: "s.Net | s.Block", names: Names) -> Iterator[_Unlabelled]:
    """Stages that are no `name` themselves: a block that is a parameter is called after it."""
    for stage in all_stages(definition.body):
        name = names.stages.get(stage.span, "")
        if name and name != title_of(stage.callee) and stage.label is None:
            repeated = isinstance(stage.callee, s.Repeat)
            title = "repeat" if repeated else title_of(stage.callee)
            written = f"{title}(…)" if isinstance(stage.callee, s.Call | s.Repeat) else title
            help = f"label it: `name: {written}`"
            yield _Unlabelled(name, f"`{title}`", stage.span, help)


def _loops(definition: "s.Net | s.Block", names: Names) -> Iterator[_Unlabelled]:
    for loop in statements_in(definition.body):
        if isinstance(loop, s.For) and loop.label is None and loop.span in names.loops:
            help = "say what holds its layers: `for … in … as name`"
            name = names.loops[loop.span].name
            yield _Unlabelled(name, "this loop", loop.target.span, help)
