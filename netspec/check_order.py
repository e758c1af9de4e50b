"""Hint at convolutions with the arguments of PyTorch: what comes in, what goes out, the kernel."""

from collections.abc import Sequence

from netspec import syntax as s
from netspec.arguments import Given
from netspec.catalogue.layer import Layer
from netspec.diagnostic import Diagnostics
from netspec.dim import value_of
from netspec.flow import Flow, Value
from netspec.visit import arguments_of

_PLAIN = frozenset({"Conv1d", "Conv2d", "Conv3d"})
_LEAST = 3  # a stride below that is common


def hint_order(
    layer: Layer,
    callee: s.Expression,
    given: Sequence[Given] | None,
    inputs: Sequence[Value],
    found: Diagnostics,
) -> None:
    """Hint at `Conv2d(1, 6, 5)` for one channel: that is one out, a kernel of 6, strides of 5."""
    leading = [item.value for item in given or () if item.name is None]
    flow = inputs[0] if inputs else None
    plain = type(layer).__name__ in _PLAIN and layer.ndim is not None
    if not plain or len(leading) < 3 or not isinstance(flow, Flow):
        return
    outputs, kernel, stride = leading[:3]
    assert layer.ndim is not None
    if flow.type.rank <= layer.ndim:
        return
    channels = value_of(flow.type.shape[-1 - layer.ndim])
    numbers = all(isinstance(value, int) for value in (outputs, kernel, stride))
    if not numbers or outputs != channels or not _LEAST <= stride < kernel:
        return
    title = found.source.cut(callee.span).partition("(")[0]
    written = ", ".join(found.source.cut(argument.span) for argument in arguments_of(callee)[1:])
    found.add(
        "torch-order",
        f"`{title}` makes {outputs} channel{'s' if outputs != 1 else ''} of {channels}, "
        f"with a kernel of {kernel} and a stride of {stride}",
        callee.span,
        label="PyTorch's order of arguments?",
        notes=("PyTorch takes in_channels first; here they follow from the input",),
        help=f"where that was meant, write `{title}({written})`, "
        "else give the stride by its name: `stride=`",
        severity="hint",
    )
