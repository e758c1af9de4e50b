"""Hint at schemes that take what leaves a transposed convolution for what enters it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from netspec.compare import same
from netspec.diagnostic import Diagnostics
from netspec.dim import product, value_of
from netspec.graph import BuiltLayer, Scheme
from netspec.source import Span
from netspec.tensor import write_shape


class Weight(NamedTuple):
    """A layer whose weight a rule initialises, where the scheme stands, and who hears of it."""

    layer: BuiltLayer
    scheme: Scheme
    span: Span
    found: Diagnostics


def hint_fans(weights: Iterable[Weight]) -> None:
    """One hint for each scheme, with the numbers of its first layer."""
    served: dict[tuple[str, Span], list[Weight]] = {}
    for weight in weights:
        served.setdefault((weight.found.source.name, weight.span), []).append(weight)
    for group in served.values():
        swapped = [weight for weight in group if _swaps_fans(weight)]
        if swapped:
            alone = all(_is_transposed(weight.layer) for weight in group)
            _hint_swapped(swapped[0], alone)


def _swaps_fans(weight: Weight) -> bool:
    """Whether a scheme depends on the fan that torch reads from the wrong dimension."""
    made: Any = weight.layer.layer
    mode = getattr(weight.scheme.initialiser, "mode", "")
    if not _is_transposed(weight.layer) or mode != "fan_in":
        return False
    inputs, outputs = weight.layer.parameters["weight"][:2]
    return same(made.groups, 1) is True and not same(inputs, outputs)


def _is_transposed(layer: BuiltLayer) -> bool:
    return type(layer.layer).__name__.startswith("ConvTranspose")


def _hint_swapped(weight: Weight, alone: bool) -> None:
    layer, scheme = weight.layer, weight.scheme
    shape = layer.parameters["weight"]
    wrong, right = value_of(product(shape[1:])), value_of(product((shape[0], *shape[2:])))
    weight.found.add(
        "swapped-fans",
        f"`{scheme.initialiser.name}` takes {wrong} for the fan_in of `{layer.name}`, "
        f"which is {right}",
        weight.span,
        label=f"counts the {value_of(shape[1])} channels out, not the {value_of(shape[0])} in",
        notes=(
            f"`{layer.name}.weight` of shape {write_shape(shape)} has the channels in first; "
            "torch.nn.init takes them to be second, as in other layers",
        ),
        help='write `mode="fan_out"`'
        if alone
        else 'give transposed convolutions a rule of their own, with `mode="fan_out"`',
        severity="hint",
    )
