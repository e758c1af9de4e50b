"""Check parametrizations: that there is such a one, that its parameter can have it, only one."""

from collections.abc import Iterable, Mapping
from typing import Any

from netspec import syntax as s
from netspec.arguments import bind, evaluate_arguments
from netspec.catalogue.layer import Layer
from netspec.catalogue.parametrization import PARAMETRIZATIONS, Parametrization
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.graph import BuiltLayer, ParametrizationRule
from netspec.misfit import Misfit
from netspec.names import listing
from netspec.source import Span
from netspec.tensor import Shape, write_shape
from netspec.visit import arguments_of, title_of


def bind_parametrization(
    value: s.Expression, scope: Mapping[str, Any], found: Diagnostics
) -> Parametrization | None:
    """The parametrization that an expression names; None after reporting what is wrong."""
    title = title_of(value)
    if title not in PARAMETRIZATIONS:
        shown = title or found.source.cut(value.span)
        found.add(
            "unknown-parametrization",
            f"unknown parametrization `{shown}`",
            value.span,
            label="no function of torch.nn.utils.parametrizations",
            help=did_you_mean(title, PARAMETRIZATIONS)
            or f"parametrizations are {listing(PARAMETRIZATIONS)}",
        )
        return None
    given = evaluate_arguments(arguments_of(value), scope, found)
    if given is None:
        return None
    bound = bind(PARAMETRIZATIONS[title], title, given, value.span, found)
    return bound if isinstance(bound, Parametrization) else None


def can_have(
    parametrization: Parametrization,
    shape: Shape,
    kind: str,
    path: str,
    span: Span,
    found: Diagnostics,
) -> bool:
    """Whether a parameter of a layer of class `kind` can have it; reports why not."""
    try:
        parametrization.check(shape, is_transposed(kind))
    except Misfit as misfit:
        found.add(
            "wrong-parametrization",
            misfit.message,
            span,
            label=misfit.label,
            notes=(f"`{path}` has shape {write_shape(shape)}",),
            help=misfit.help,
        )
        return False
    return True


def refuse_sparse(
    parametrization: Parametrization, layer: Layer, path: str, span: Span, found: Diagnostics
) -> bool:
    """Whether a table with sparse gradients cannot have it; reports that."""
    if layer.given.get("sparse") is not True or parametrization.takes_sparse:
        return False
    found.add(
        "wrong-parametrization",
        f"`{parametrization.name}` does not go with sparse gradients, which `{path}` has",
        span,
        label=f"works out every row of `{path}`",
        help="leave `sparse=True` out where the layer is made",
    )
    return True


def is_transposed(kind: str) -> bool:
    """Whether a class of layers has the dimension of its outputs second."""
    return kind.startswith("ConvTranspose")


def report_replaced(
    path: str,
    span: Span,
    inner: ParametrizationRule,
    outer: ParametrizationRule,
    found: Diagnostics,
) -> None:
    """Say that a pattern cannot take away what a block inside has given a parameter."""
    line, _ = inner.source.position(inner.span.start)
    found.add(
        "parametrized-twice",
        f"`{path}` has a parametrization already, which its block gives it",
        span,
        label=f"would take the place of `{inner.parametrization.name}`",
        notes=(f"the block says so in {inner.source.name}:{line}",),
        help=f"say `{outer.parametrization.name}` in one place: in the block, or here",
    )


def check_tied(
    ties: Mapping[str, str],
    places: Mapping[str, tuple[Span, Diagnostics]],
    layers: Mapping[str, BuiltLayer],
) -> None:
    """Refuse to tie parameters that are no tensors of their own."""
    changed = {
        f"{layer.name}.{name}": rules[0]
        for layer in layers.values()
        for name, rules in layer.parametrizations.items()
    }
    for first, second in ties.items():
        for path in (first, second):
            if path in changed:
                span, found = places[first]
                name = changed[path].parametrization.name
                found.add(
                    "wrong-parametrization",
                    f"cannot tie `{path}`, which `{name}` works out each time",
                    span,
                    label="no tensor of its own",
                    help="share the whole layer with `layer`, or leave one of both away",
                )
                break


def check_values(layers: Iterable[BuiltLayer], devices: Iterable[str], found: Diagnostics) -> None:
    """Refuse what torch can work out of numbers only where there are none: on the device "meta"."""
    if "meta" not in devices:
        return
    told: set[Span] = set()
    for layer in layers:
        for rules in layer.parametrizations.values():
            rule = rules[0]
            if rule.parametrization.name == "orthogonal" and rule.span not in told:
                told.add(rule.span)
                found.inside(rule.source, found.notes).add(
                    "wrong-parametrization",
                    'torch cannot make `orthogonal` on the device "meta"',
                    rule.span,
                    label=f"`{layer.name}` has it",
                    help="build it on a device that holds numbers",
                )
