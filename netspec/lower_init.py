"""Turn the schemes of a net's parameters into the lines of its constructor that apply them."""

from collections.abc import Iterable, Mapping, Sequence

from netspec.graph import BuiltLayer, Scheme
from netspec.layout import bracketed
from netspec.lower_call import call_arguments
from netspec.program import Line
from netspec.source import Span

_BY_CLASS = 0


def lower_init(layers: Mapping[str, BuiltLayer]) -> list[Line]:
    """Lines that initialise every parameter that a rule names, weaker rules first.

    A stronger rule comes later and so has the last word, as in the cascade.
    """
    ranked: dict[tuple[int, Span], None] = {}
    schemes = [scheme for layer in layers.values() for scheme in layer.schemes.values()]
    for scheme in sorted(schemes, key=lambda scheme: (scheme.kind, scheme.rank, scheme.rule)):
        ranked[scheme.kind, scheme.rule] = None
    lines: list[Line] = []
    for kind, rule in ranked:
        ruled = _ruled(layers.values(), kind, rule)
        lines += _loop(ruled, layers) if kind == _BY_CLASS else _single(ruled)
    return lines


def _ruled(
    layers: Iterable[BuiltLayer], kind: int, rule: Span
) -> list[tuple[BuiltLayer, dict[str, Scheme]]]:
    """The layers for which a rule decides something, with what it decides."""
    ruled: list[tuple[BuiltLayer, dict[str, Scheme]]] = []
    for layer in layers:
        own = {
            name: scheme
            for name, scheme in layer.schemes.items()
            if (scheme.kind, scheme.rule) == (kind, rule)
        }
        if own:
            ruled.append((layer, own))
    return ruled


def _loop(
    ruled: Sequence[tuple[BuiltLayer, dict[str, Scheme]]], layers: Mapping[str, BuiltLayer]
) -> list[Line]:
    """A loop over the modules, with a branch for each group of classes with the same parameters."""
    by_class: dict[str, dict[str, Scheme]] = {}
    for layer, schemes in ruled:
        by_class.setdefault(type(layer.layer).__name__, {}).update(schemes)
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, schemes in by_class.items():
        groups.setdefault(tuple(sorted(schemes, key=_weight_first)), []).append(name)
    lines = [Line("for module in self.modules():")]
    for branch, (parameters, names) in enumerate(groups.items()):
        classes = ", ".join(f"nn.{name}" for name in names)
        test = classes if len(names) == 1 else f"({classes})"
        word = "elif" if branch else "if"
        lines.append(Line(f"{word} isinstance(module, {test}):", 1))
        for parameter in parameters:
            scheme = by_class[names[0]][parameter]
            same = [la for la in layers.values() if type(la.layer).__name__ in names]
            guarded = any(_may_be_none(layer, parameter) for layer in same)
            lines += _apply(f"module.{parameter}", scheme, 2, guarded)
    return lines


def _single(ruled: Sequence[tuple[BuiltLayer, dict[str, Scheme]]]) -> list[Line]:
    lines: list[Line] = []
    for layer, schemes in ruled:
        for parameter in sorted(schemes, key=_weight_first):
            target = f"self.{layer.name}.{parameter}"
            guarded = _may_be_none(layer, parameter)
            lines += _apply(target, schemes[parameter], 0, guarded)
    return lines


def _weight_first(parameter: str) -> tuple[bool, str]:
    return parameter != "weight", parameter


def _may_be_none(layer: BuiltLayer, parameter: str) -> bool:
    """Whether the attribute is, or is declared in torch as, a tensor or None."""
    return parameter not in layer.parameters or parameter in layer.layer.optional


def _apply(target: str, scheme: Scheme, depth: int, guarded: bool) -> list[Line]:
    lines: list[Line] = []
    if guarded:
        lines.append(Line(f"if {target} is not None:", depth))
        depth += 1
    arguments = call_arguments(scheme.initialiser, scheme.arguments, str)
    head = f"{scheme.initialiser.torch.removeprefix('torch.')}("
    texts = bracketed(head, [target, *arguments], ")", depth + 2)
    return [*lines, *(Line(text, depth) for text in texts)]


def scheme_names(layers: Mapping[str, BuiltLayer]) -> set[str]:
    """The parameters and `let`s that the schemes mention."""
    from netspec.evaluate import names_in

    return {
        name.id
        for layer in layers.values()
        for scheme in layer.schemes.values()
        for argument in scheme.arguments
        for name in names_in(argument.value)
    }
