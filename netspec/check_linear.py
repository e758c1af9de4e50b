"""Warn of a Linear that works on the width of a picture: seldom what was meant."""

from collections.abc import Sequence

from netspec.catalogue.layer import Layer
from netspec.diagnostic import Diagnostics
from netspec.flow import Flow, Value
from netspec.source import Span
from netspec.tensor import write_shape


def warn_linear(
    layer: Layer, place: Span, title: str, inputs: Sequence[Value], found: Diagnostics
) -> None:
    """Hint at a Linear that works on the width of a picture."""
    flow = inputs[0] if inputs else None
    if type(layer).__name__ != "Linear" or not isinstance(flow, Flow):
        return
    if not flow.channels_first or flow.type.rank < 3:
        return
    shape = flow.type.shape
    found.add(
        "linear-on-image",
        f"`{title}` works on the last dimension ({shape[-1]}) of "
        f"{write_shape(shape)}, which is no channel dimension",
        place,
        label=f"takes {shape[-1]} features, and keeps the other dimensions",
        notes=(f"the input comes from {flow.origin}",),
        help="put `Flatten` before it, or `permute` the channels to the end",
        severity="warning",
    )
