"""Check what several steps of a training share: their names, and the layers of their losses."""

from collections.abc import Sequence

from netspec import syntax as s
from netspec.diagnostic import Diagnostics
from netspec.graph import BuiltLayer
from netspec.script_names import OF_DICT
from netspec.source import Span
from netspec.training import Step


def check_step_names(names: Sequence[s.Name], found: Diagnostics) -> None:
    """Steps differ by more than capitals: `d_loss` is the figure of `D`, and of `d`."""
    for number, name in enumerate(names):
        own = name.id.lower()
        for other in names[:number]:
            theirs = other.id.lower()
            if own in (theirs, f"val_{theirs}") or theirs == f"val_{own}":
                _report_step(name, other, found)
                break


def _report_step(name: s.Name, other: s.Name, found: Diagnostics) -> None:
    why = "differ in capitals only"
    if name.id.lower() != other.id.lower():
        why = "have a figure of the same name: `val_…` is what is measured of a step"
    message = f"the steps `{other.id}` and `{name.id}` {why}"
    found.add(
        "duplicate-name",
        message if name.id != other.id else f"there are two steps `{name.id}`",
        name.span,
        label="the same name again",
        help="call its net something else, or make one step of the two",
    )


# ---- layers ------------------------------------------------------------------------------------


def check_own_layers(steps: Sequence[Step], found: Diagnostics) -> None:
    """Report layers of losses that nothing can hold, and those that two optimisers would move."""
    for number, step in enumerate(steps):
        places = {x.span: first for first in steps[:number] for x in _learnt(first)}
        for layer in _learnt(step):
            name = layer.name.partition(".")[0]
            if name in OF_DICT:
                _report_reserved(name, layer.span, found)
            elif layer.span in places:
                _report_shared(places[layer.span], step, layer.span, found)


def _learnt(step: Step) -> list[BuiltLayer]:
    """The layers of a step's loss that have weights."""
    return [layer for layer in step.graph.layers.values() if layer.parameters]


def _report_reserved(name: str, place: Span, found: Diagnostics) -> None:
    found.add(
        "reserved-name",
        f"`{name}` is an attribute of `nn.ModuleDict`, which holds what is trained",
        place,
        label="not free",
        help=f"call it `{name}_`, say",
    )


def _report_shared(first: Step, second: Step, place: Span, found: Diagnostics) -> None:
    found.add(
        "conflicting-settings",
        f"the steps `{first.name}` and `{second.name}` would both train this layer",
        place,
        label="whose optimiser moves its weights?",
        help="write it in the step that trains it, or in a net that has a step of its own",
    )
