"""Turn what a block is given for a parameter that takes a block into a constructor."""

from itertools import count
from typing import TYPE_CHECKING, Any

from netspec import syntax as s
from netspec.catalogue import LAZY
from netspec.check_defaults import strange_names
from netspec.diagnostic import Diagnostics
from netspec.evaluate import UNKNOWN
from netspec.flow import Constructor
from netspec.home import Entry
from netspec.lazy import report_lazy
from netspec.relocate import relocated
from netspec.source import Span
from netspec.visit import all_stages, name_of, names_in, title_of

if TYPE_CHECKING:
    from netspec.walk import Walker


def takes_block(entry: Entry, argument: s.Argument, position: int) -> bool:
    """Whether an argument of a block is a block."""
    parameters = entry.definition.parameters
    if argument.name is not None:
        wanted = [p for p in parameters if p.name.id == argument.name.id]
    else:
        wanted = list(parameters[position : position + 1])
    return bool(wanted) and wanted[0].type is not None and wanted[0].type.id == "block"


def hand_on(node: s.Expression, giver: "Walker") -> Any:
    """A layer, a block or a chain of them, handed on; UNKNOWN after reporting why not."""
    match node:
        case s.Name(id) if isinstance(giver.scope.get(id), Constructor):
            return Constructor(s.Stage(None, node, None, node.span), giver)  # handed on
        case s.Chain() if any(stage.schemes for stage in all_stages(node)):
            _report_handed_scheme(node, giver.found)
            return UNKNOWN
        case s.Chain(first, stages):
            group = s.Group((s.Stage(None, first, None, first.span), *stages), node.span)
            return Constructor(s.Stage(None, group, None, node.span), giver)
        case s.Name() | s.Call() if giver.is_module(title_of(node)):
            return Constructor(s.Stage(None, node, None, node.span), giver)
        case s.Name() | s.Call() if title_of(node) in LAZY:
            report_lazy(name_of(node), giver.found, node)
            return UNKNOWN
    giver.found.add(
        "wrong-argument",
        "a layer or a block is wanted here",
        node.span,
        label="no layer",
        help="hand it on as a chain writes it: `Linear(64)`, or `LayerNorm -> Linear(64)`",
    )
    return UNKNOWN


def _report_handed_scheme(node: s.Chain, found: Diagnostics) -> None:
    schemes = next(stage.schemes for stage in all_stages(node) if stage.schemes)
    found.add(
        "not-supported",
        "a layer that is handed on takes no `with (…)`",
        schemes.span,
        label="handed to a block",
        help='select it by its name: `init "…" with (…)`; `netspec summary` tells the names',
    )


def hand_on_default(entry: Entry, parameter: s.Parameter, place: Span, giver: "Walker") -> Any:
    """The default of a parameter that is a block, as if it were written where it is used."""
    default = parameter.default
    assert default is not None
    text = entry.home.source.cut(default.span)
    theirs, ours = entry.home.blocks(), giver.home.blocks()
    if strange_names(default, theirs):
        return UNKNOWN  # that has been reported where it stands
    named = [name.id for name in names_in(default) if name.id in theirs]
    strange = [id for id in named if id not in ours or ours[id] != theirs[id]]
    if strange:
        giver.found.add(
            "missing-argument",
            f"the default of `{parameter.name.id}` is `{text}`, which is not known here",
            place,
            label=f"`{parameter.name.id}` is left out",
            help=f"add `use {strange[0]} from …`, or hand on a block that is known here",
        )
        return UNKNOWN
    first = 1 + 1024 * entry.definition.parameters.index(parameter)
    constructor = hand_on(relocated(default, place, count(first)), giver)
    return constructor._replace(text=text) if isinstance(constructor, Constructor) else UNKNOWN
