"""Whether a net has more form than its layers: blocks, loops, branches."""

from __future__ import annotations

from netspec import syntax as s
from netspec.graph import Net
from netspec.visit import names_in, stages_in, statements_in


def has_structure(net: Net) -> bool:
    """Whether a net has blocks, loops or branches, so that its form is more than its layers'."""
    body = net.syntax.body
    if any(isinstance(item, s.For | s.If) for item in body):
        return True
    blocks = net.home.blocks()
    return any(name.id in blocks for name in names_in(tuple(body))) or any(
        isinstance(stage.callee, s.Repeat | s.Group)
        for item in statements_in(body)
        for stage in stages_in(item, lambda name: False)
    )
