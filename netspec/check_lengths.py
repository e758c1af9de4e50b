"""Refuse parametrizations that divide by the length of what is 0: the numbers would be NaN."""

from collections.abc import Iterable

from netspec.catalogue import LAYERS
from netspec.catalogue.embedding import Embedding, EmbeddingBag
from netspec.catalogue.layer import Layer
from netspec.diagnostic import Diagnostics
from netspec.graph import BuiltLayer, ParametrizationRule, Scheme
from netspec.tensor import Shape


def check_lengths(layers: Iterable[BuiltLayer], found: Diagnostics) -> None:
    """Refuse to parametrize what a scheme, or torch, fills with zeros; once for each rule."""
    told: set[tuple[str, int]] = set()
    for layer in layers:
        for name, rules in layer.parametrizations.items():
            rule, shape = rules[0], layer.parameters[name]
            scheme = next(iter(layer.schemes.get(name, ())), None)
            place = rule.source.name, rule.span.start
            if place not in told and _has_zeros(layer.layer, name, shape, rule, scheme):
                told.add(place)
                _report(layer, name, rule, scheme, found)


def _has_zeros(
    layer: Layer, name: str, shape: Shape, rule: ParametrizationRule, scheme: Scheme | None
) -> bool:
    """Whether something that the parametrization divides by its length can be 0."""
    lengths = rule.parametrization.lengths(shape)
    if scheme is not None:
        return any(scheme.initialiser.leaves_zeros(shape, dim) for dim in lengths)
    return bool(lengths and name in zeroed(layer)) or (0 in lengths and _has_padding(layer))


def zeroed(layer: Layer) -> set[str]:
    """The parameters that torch fills with zeros, those of the modules inside as well."""
    own = set(type(layer).zeroed)
    inside = layer.inside().items()
    return own | {f"{place}.{name}" for place, kind in inside for name in LAYERS[kind].zeroed}


def _has_padding(layer: Layer) -> bool:
    """Whether it has a table with a row for padding, which torch fills with zeros."""
    return isinstance(layer, Embedding | EmbeddingBag) and layer.padding_idx is not None


def _report(
    layer: BuiltLayer,
    name: str,
    rule: ParametrizationRule,
    scheme: Scheme | None,
    found: Diagnostics,
) -> None:
    title, shape, path = rule.parametrization.name, layer.parameters[name], f"{layer.name}.{name}"
    told = found.inside(rule.source, found.notes)
    notes = (_origin(layer.layer, scheme),)
    if title == "spectral_norm" and len(shape) == 1:
        # torch divides a vector by `eps` at least, so that its numbers stay 0.
        told.add(
            "no-direction",
            f"`{title}` divides `{path}` by its length, which is 0",
            rule.span,
            label="its first gradients are divided by `eps`",
            notes=notes,
            help="fill it with another scheme, `normal` or `ones`",
            severity="warning",
        )
        return
    whole = not _has_padding(layer.layer) if scheme is None else _is_zero(scheme, shape)
    told.add(
        "zero-norm",
        f"`{title}` divides `{path}` by its norm, which is 0"
        if whole
        else f"`{title}` divides slices of `{path}` by their norms, which can be 0",
        rule.span,
        label="0 / 0 is NaN",
        notes=notes,
        help="fill it with another scheme, `normal` or `ones`"
        if whole
        else "fill it with another scheme, `normal` or `ones`, or use `spectral_norm`",
    )


def _is_zero(scheme: Scheme, shape: Shape) -> bool:
    return scheme.initialiser.leaves_zeros(shape, None)


def _origin(layer: Layer, scheme: Scheme | None) -> str:
    """What fills a parameter with zeros."""
    if scheme is not None:
        line, _ = scheme.source.position(scheme.span.start)
        return f"`{scheme.initialiser.name}` fills it, in {scheme.source.name}:{line}"
    part = "the row of `padding_idx`" if _has_padding(layer) else "it"
    return f"torch fills {part} with zeros, since no scheme fills it"
