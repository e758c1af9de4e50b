"""Tell who names one of torch's Lazy classes that every layer of a spec is lazy."""

from typing import Any

from netspec import syntax as s
from netspec.catalogue import LAZY
from netspec.diagnostic import Diagnostics
from netspec.source import Span


def report_lazy(name: s.Name, found: Diagnostics, within: Any = None) -> bool:
    """Report a name that is one of torch's Lazy classes; False where it is none.

    `within`: a node with the call of it, whose arguments the way out repeats.
    """
    if name.id not in LAZY:
        return False
    plain = LAZY[name.id]
    call = _call_of(name, within)
    written = found.source.cut(call.span) if call is not None else name.id
    found.add(
        "unknown-layer",
        f"`{name.id}` is `{plain}` here: what the input decides is always inferred",
        name.span,
        label="no need to be lazy",
        help=f"write `{written.replace(name.id, plain, 1)}`",
    )
    return True


def _call_of(name: s.Name, node: Any) -> s.Call | None:
    if isinstance(node, s.Call) and node.function == name:
        return node
    if not isinstance(node, tuple) or isinstance(node, Span):
        return None
    return next((call for call in (_call_of(name, part) for part in node) if call), None)
