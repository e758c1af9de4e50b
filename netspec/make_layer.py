"""Make the layer that a stage names, for inputs of their rank, and the value that leaves it."""

from collections.abc import Sequence

from netspec import syntax as s
from netspec.arguments import Given, bind
from netspec.catalogue import ALIASES, LAYERS, RANK_OPEN
from netspec.catalogue.layer import Layer
from netspec.diagnostic import Diagnostics
from netspec.flow import Flow, Value, flow_of, flows_in
from netspec.source import Span
from netspec.tensor import Tensor, Type, write_shape


def make_layer(
    callee: s.Expression,
    title: str,
    given: list[Given] | None,
    inputs: Sequence[Value],
    found: Diagnostics,
) -> Layer | None:
    """The layer that a stage names, its arguments checked; None after reporting why not."""
    known = resolve_rank(title, inputs, callee.span, found)
    if known is None or given is None:
        return None
    bound = bind(LAYERS[known], title, given, callee.span, found)
    return bound if isinstance(bound, Layer) else None


def resolve_rank(
    title: str, inputs: Sequence[Value], place: Span, found: Diagnostics
) -> str | None:
    """The class that a title means for inputs of their rank; None after reporting that none is."""
    if title in ALIASES:
        return ALIASES[title]
    ranks = RANK_OPEN[title]
    tensors = [flow.type for value in inputs for flow in flows_in(value)]
    if not tensors:
        return next(iter(ranks.values()))
    rank = tensors[0].rank
    if rank - 2 in ranks:
        return ranks[rank - 2]
    wanted = " or ".join(str(rank + 2) for rank in sorted(ranks))
    found.add(
        "shape-mismatch",
        f"`{title}` takes an input of {wanted} dimensions, found {write_shape(tensors[0].shape)}",
        place,
        label=f"the input has {rank} dimensions",
        notes=(f"the input comes from {flows_in(inputs[0])[0].origin}",),
        help=f"give it [N, C, …] with 1 to 3 further dimensions, or name the rank: "
        f"`{title}{min(ranks)}d`",
    )
    return None


def layer_output(
    layer: Layer, output: Type, name: str, inputs: Sequence[Value], span: Span
) -> Value:
    """What comes out of a layer, as a value."""
    flow = inputs[0] if inputs else None
    first = layer.ndim is not None or (
        isinstance(flow, Flow)
        and isinstance(output, Tensor)
        and flow.channels_first
        and output.shape == flow.type.shape
    )
    return flow_of(output, f"`{name}`", span, first)
