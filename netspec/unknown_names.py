"""Report a name where a layer or function should stand: what it is instead, or what was meant."""

from collections.abc import Collection
from typing import NamedTuple

from netspec import syntax as s
from netspec.catalogue import ALIASES, FUNCTIONS, RANK_OPEN
from netspec.diagnostic import Diagnostics, did_you_mean, nearest
from netspec.evaluate import Scope
from netspec.home import Home
from netspec.lazy import report_lazy
from netspec.visit import name_of, title_of


class Reach(NamedTuple):
    """What a statement of a net or block can speak of.

    `flows`: tensors; `layers`: those that have names; `forgiving`: a statement could not be read,
    and unknown names may be defined in it.
    """

    home: Home
    scope: Scope
    flows: Collection[str]
    layers: Collection[str]
    forgiving: bool


def report_no_layer(callee: s.Expression, reach: Reach, found: Diagnostics) -> None:
    """Report what a `layer` statement names, and is none."""
    title = title_of(callee)
    if title:
        if not report_lazy(name_of(callee), found, callee):
            report_unknown_layer(s.Name(title, callee.span), reach, found)
    else:
        found.add(
            "wrong-layer", "a layer of torch.nn is wanted here", callee.span, label="no layer"
        )


def report_unknown_layer(name: s.Name, reach: Reach, found: Diagnostics) -> None:
    """Report a name that stands where a layer should, and is none."""
    if name.id in FUNCTIONS or name.id in reach.scope:
        kind = "a tensor function" if name.id in FUNCTIONS else "a value"
        found.add(
            "wrong-layer",
            f"`{name.id}` is {kind}, not a layer",
            name.span,
            label="no layer",
            help="layers are the classes of torch.nn, with a capital letter",
        )
    elif name.id in reach.home.entries:
        found.add(
            "wrong-layer",
            f"`{name.id}` is a net, not a layer",
            name.span,
            label="a net",
            help=f"write `block {name.id}` where it is defined, to use it like a layer",
        )
    elif not (report_lazy(name, found) or reach.forgiving):
        candidates = [*reach.home.blocks(), *ALIASES, *RANK_OPEN]
        found.add(
            "unknown-layer",
            f"unknown layer `{name.id}`",
            name.span,
            label="no block of this file, no class of torch.nn"
            if reach.home.blocks()
            else "no class of torch.nn that netspec knows",
            help=did_you_mean(name.id, candidates)
            or "layers have the names of torch.nn, as in `Conv2d`, `Linear`, `ReLU`",
        )


def report_unknown_stage(stage: s.Stage, reach: Reach, found: Diagnostics) -> None:
    """Report a stage that nothing is known for: no layer, no function."""
    function = stage.callee.function if isinstance(stage.callee, s.Call) else stage.callee
    if not isinstance(function, s.Name):
        found.add(
            "wrong-layer",
            "a stage is a layer or a function by its name",
            stage.callee.span,
            label="no name",
            help="write `-> Layer(…)` or `-> function(…)`",
        )
    elif not report_lazy(function, found, stage.callee):
        report_unknown_function(function, reach, found)


def report_unknown_function(name: s.Name, reach: Reach, found: Diagnostics) -> None:
    """Report a name that is applied or called, and is nothing that can be."""
    if name.id in reach.flows or (name.id in reach.scope and name.id not in reach.layers):
        kind = "a tensor" if name.id in reach.flows else "a build-time value"
        found.add(
            "wrong-layer",
            f"`{name.id}` is {kind}, not a layer or function",
            name.span,
            label="cannot be applied",
            help="after `->` stands what is applied: a layer or a function",
        )
        return
    layers = [*reach.home.blocks(), *ALIASES, *RANK_OPEN]
    functions = [*FUNCTIONS, *reach.layers]
    lower = name.id[:1].islower()
    near_function = nearest(name.id, functions)
    if not lower or (nearest(name.id, layers) and not near_function):
        report_unknown_layer(name, reach, found)
    elif near_function or not reach.forgiving:
        found.add(
            "unknown-function",
            f"unknown function `{name.id}`",
            name.span,
            label="no tensor function that netspec knows",
            help=did_you_mean(name.id, functions)
            or "layers begin with a capital letter; named ones are defined before their use",
        )
