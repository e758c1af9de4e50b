"""Turn the arguments of a call in a spec into a checked signature, or into diagnostics."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.catalogue.signature import ArgumentError, ArgumentErrors, Signature
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.evaluate import UNKNOWN, evaluate
from netspec.names import listing
from netspec.prefixes import help_without_prefix, prefix_of
from netspec.source import Span


class Given(NamedTuple):
    """An argument with its value: the type of a tensor where one is given."""

    name: s.Name | None
    value: Any
    span: Span


def evaluate_arguments(
    arguments: Sequence[s.Argument], scope: Mapping[str, Any], found: Diagnostics
) -> list[Given] | None:
    """Arguments with their build-time values; None after reporting what is wrong with one."""
    given = [Given(a.name, evaluate(a.value, scope, found), a.span) for a in arguments]
    return given if all(item.value is not UNKNOWN for item in given) else None


def bind(
    signature: type[Signature],
    call_name: str,
    given: Sequence[Given],
    span: Span,
    found: Diagnostics,
) -> Signature | None:
    """An instance of `signature` with the arguments; None after reporting why there is none.

    `call_name` is what the author called it, `span` the whole call.
    """
    positional: list[Any] = []
    keyword: dict[str, Any] = {}
    places: dict[int | str, Span] = {}
    complete = True
    for name, value, place in given:
        if name is None:
            complete = _check_order(place, keyword, found) and complete
            places[len(positional)] = place
            positional.append(value)
        elif name.id in keyword:
            _report_twice(name, call_name, found)
            complete = False
        else:
            places[name.id] = place
            keyword[name.id] = value
    if not complete:
        return None
    try:
        return signature(*positional, **keyword)
    except ArgumentErrors as errors:
        for error in errors.errors:
            _report(error, signature.__name__, call_name, places, span, found)
    return None


def read_call(
    node: s.Expression,
    catalogue: Mapping[str, type[Signature]],
    kind: str,
    scope: Mapping[str, Any],
    found: Diagnostics,
) -> Signature | None:
    """The entry of a catalogue that a setting names, with its arguments checked."""
    function = node.function if isinstance(node, s.Call) else node
    if not isinstance(function, s.Name) or function.id not in catalogue:
        name = function.id if isinstance(function, s.Name) else ""
        article = "an" if kind[0] in "aeiou" else "a"
        help = did_you_mean(name, catalogue) or f"there are {listing(catalogue, 20)}"
        if isinstance(function, s.Attribute) and prefix_of(function) is not None:
            known = function.name.id in catalogue
            help = help_without_prefix(node, function, found.source) if known else help
        found.add(
            f"unknown-{kind.replace(' ', '-')}",
            f"unknown {kind} `{name}`" if name else f"the name of {article} {kind} is wanted here",
            function.span,
            label=f"no {kind} that netspec knows",
            help=help,
        )
        return None
    arguments = node.arguments if isinstance(node, s.Call) else ()
    given = evaluate_arguments(arguments, scope, found)
    if given is None:
        return None
    return bind(catalogue[function.id], function.id, given, node.span, found)


def _check_order(place: Span, keyword: Mapping[str, Any], found: Diagnostics) -> bool:
    if not keyword:
        return True
    found.add(
        "argument-order",
        "a positional argument stands after a keyword argument",
        place,
        label="which argument is this?",
        help="put it first, or give its name",
    )
    return False


def _report_twice(name: s.Name, call_name: str, found: Diagnostics) -> None:
    found.add(
        "duplicate-argument",
        f"`{call_name}` got `{name.id}` twice",
        name.span,
        label="given again here",
        help="give it once",
    )


def _report(
    error: ArgumentError,
    class_name: str,
    call_name: str,
    places: Mapping[int | str, Span],
    span: Span,
    found: Diagnostics,
) -> None:
    def own(text: str) -> str:
        """The text with the name that the author wrote."""
        return text.replace(f"`{class_name}", f"`{call_name}")

    place = span if error.argument is None else places.get(error.argument, span)
    near = did_you_mean(error.name, error.candidates) if error.name else ""
    found.add(
        error.code, own(error.message), place, label=own(error.label), help=near or own(error.help)
    )
