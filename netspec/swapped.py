"""What is said where the output of a net and its target stand in each other's place."""

from collections.abc import Mapping, Sequence

from netspec import syntax as s
from netspec.catalogue.functions.loss_function import LossFunction
from netspec.catalogue.layer import Layer
from netspec.catalogue.loss_layers import LossLayer
from netspec.source import Source
from netspec.tensor import Type

_ANYWHERE = "swap the two: first the output, then what it is compared with"


def help_for_loss(made: object, node: object, leading: int, source: Source) -> str:
    """The way out where a loss would do with its arguments swapped; "" elsewhere.

    `node`: the call, before whose arguments `leading` tensors flow into it.
    """
    if not isinstance(made, LossFunction) or not made.fits_swapped():
        return ""
    if leading or not isinstance(node, s.Call):
        return _ANYWHERE
    return help_to_swap(node, made.positional(), source)


def help_for_loss_layer(layer: Layer, inputs: Sequence[Type | None]) -> str:
    """The way out where a layer of a loss would do with its inputs swapped; "" elsewhere."""
    if not isinstance(layer, LossLayer) or len(inputs) != len(layer.takes):
        return ""
    return _ANYWHERE if layer.call(*inputs).fits_swapped() else ""


def help_to_swap(node: s.Call, names: Sequence[str], source: Source) -> str:
    """Says how a call is written with the first two of its arguments, by these names, swapped."""
    given = values_by_name(node, names)
    if not {*names[:2]} <= set(given):
        return _ANYWHERE
    return _exchanged(node, [given[name] for name in names[:2]], source)


def help_for_chain(node: s.Chain, source: Source) -> str:
    """Says how `(target, output) -> Loss` is written with the two swapped."""
    items = node.first.items if isinstance(node.first, s.Sequence) else ()
    return _exchanged(node, items, source) if len(items) == 2 else _ANYWHERE


def values_by_name(node: s.Call, names: Sequence[str]) -> Mapping[str, s.Expression]:
    """The arguments of a call by name; `names` are those of the positional ones."""
    padded = [*names, *[""] * len(node.arguments)]
    pairs = zip(padded, node.arguments, strict=False)
    return {x.name.id if x.name else name: x.value for name, x in pairs}


def _exchanged(node: s.Call | s.Chain, values: Sequence[s.Expression], source: Source) -> str:
    """Says how a node is written with two values in it in each other's place."""
    first, second = sorted((value.span for value in values), key=lambda span: span.start)
    parts = (
        source.text[node.span.start : first.start],
        source.cut(second),
        source.text[first.end : second.start],
        source.cut(first),
        source.text[second.end : node.span.end],
    )
    return f"swap them: `{' '.join(''.join(parts).split())}`"
