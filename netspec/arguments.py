"""Turn the arguments of a call in a spec into a checked signature, or into diagnostics."""

from collections.abc import Mapping, Sequence
from typing import Any

from netspec import syntax as s
from netspec.catalogue.signature import ArgumentError, ArgumentErrors, Signature
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.evaluate import UNKNOWN, evaluate
from netspec.source import Span


def bind(
    signature: type[Signature],
    call_name: str,
    arguments: Sequence[s.Argument],
    span: Span,
    scope: Mapping[str, Any],
    found: Diagnostics,
    operands: Sequence[Any] = (),
) -> Signature | None:
    """An instance of `signature` with the values of `arguments`; None after reporting why not.

    `call_name` is what the author called it, `span` the whole call, `operands` the tensors that
    stand before `arguments`.
    """
    positional: list[Any] = list(operands)
    keyword: dict[str, Any] = {}
    places: dict[int | str, Span] = {}
    complete = True
    for argument in arguments:
        value = evaluate(argument.value, scope, found)
        complete = complete and value is not UNKNOWN
        if argument.name is None:
            complete = _check_order(argument, keyword, found) and complete
            places[len(positional)] = argument.span
            positional.append(value)
        elif argument.name.id in keyword:
            _report_twice(argument.name, call_name, found)
            complete = False
        else:
            places[argument.name.id] = argument.span
            keyword[argument.name.id] = value
    if not complete:
        return None
    try:
        return signature(*positional, **keyword)
    except ArgumentErrors as errors:
        for error in errors.errors:
            _report(error, signature.__name__, call_name, places, span, found)
    return None


def _check_order(argument: s.Argument, keyword: Mapping[str, Any], found: Diagnostics) -> bool:
    if not keyword:
        return True
    found.add(
        "argument-order",
        "a positional argument stands after a keyword argument",
        argument.span,
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
