"""Bind the arguments of a block or extern to its parameters; defaults fill in what is left out."""

from collections.abc import Callable, Sequence
from typing import Any

from netspec import syntax as s
from netspec.arguments import Given
from netspec.catalogue.signature import kind_of, write_value
from netspec.check_signature import default_value, fits_type, type_words
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.evaluate import UNKNOWN, Unknown
from netspec.home import Entry
from netspec.source import Span


def bind_block(
    entry: Entry,
    given: Sequence[Given],
    place: Span,
    hand_default: Callable[[s.Parameter], Any],
    found: Diagnostics,
) -> dict[str, Any] | None:
    """The value of each parameter of a block; None after reporting why there is none.

    `place`: where the block is named; `hand_default`: what is handed on where a parameter that
    takes a block is left out.
    """
    definition = entry.definition
    before = found.error_count
    values = _by_name(definition, given, found)
    ordered: dict[str, Any] = {}
    for parameter in definition.parameters:
        name = parameter.name.id
        if name in values:
            ordered[name] = _fitting(parameter, values[name], definition.name.id, given, found)
        else:
            ordered[name] = _default(entry, parameter, place, hand_default, found)
    return ordered if found.error_count == before else None


def _by_name(
    definition: s.Net | s.Block | s.Extern, given: Sequence[Given], found: Diagnostics
) -> dict[str, Any]:
    """What is given, by the names of parameters, after reporting what goes with none of them."""
    title = definition.name.id
    known = [parameter.name.id for parameter in definition.parameters]
    values: dict[str, Any] = {}
    for position, (name, value, span) in enumerate(given):
        if name is None and position >= len(known):
            _report_surplus(title, known, len(given), span, found)
        elif name is not None and name.id not in known:
            found.add(
                "unknown-argument",
                f"`{title}` has no parameter `{name.id}`",
                span,
                label="no such parameter",
                help=did_you_mean(name.id, known)
                or (f"it takes {', '.join(known)}" if known else "it takes none"),
            )
        elif (name.id if name else known[position]) in values:
            wrong = name.id if name else known[position]
            message = f"`{title}` got `{wrong}` twice"
            found.add("duplicate-argument", message, span, label="given again here")
        else:
            values[name.id if name else known[position]] = value
    return values


def _report_surplus(
    title: str, known: list[str], given: int, span: Span, found: Diagnostics
) -> None:
    found.add(
        "surplus-argument",
        f"`{title}` takes {len(known)} argument{'' if len(known) == 1 else 's'}, found {given}",
        span,
        label="one too many",
        help=f"it takes {', '.join(known)}" if known else "it takes none",
    )


def _fitting(
    parameter: s.Parameter,
    value: Any,
    title: str,
    given: Sequence[Given],
    found: Diagnostics,
) -> Any:
    """The value of a parameter; UNKNOWN after reporting that it has another type."""
    kind = parameter.type.id if parameter.type else ""
    if not kind or isinstance(value, Unknown) or fits_type(value, kind):
        return value
    span = next(item.span for item in given if item.value is value)
    wanted = type_words(kind)
    found.add(
        "wrong-argument",
        f"`{parameter.name.id}` of `{title}` must be {wanted}, found {write_value(value)}",
        span,
        label=f"{kind_of(value)}, not {wanted}",
        help=f"give {wanted}",
    )
    return UNKNOWN


def _default(
    entry: Entry,
    parameter: s.Parameter,
    place: Span,
    hand_default: Callable[[s.Parameter], Any],
    found: Diagnostics,
) -> Any:
    """The value of a parameter that is left out; UNKNOWN after reporting that it has none."""
    name = parameter.name.id
    if parameter.default is None:
        kind = f", {type_words(parameter.type.id)}" if parameter.type else ""
        found.add(
            "missing-argument",
            f"`{entry.definition.name.id}` needs `{name}`{kind}",
            place,
            label=f"`{name}` is missing",
            help=f"write `{entry.definition.name.id}({name}=…)`",
        )
        return UNKNOWN
    if parameter.type is not None and parameter.type.id == "block":
        return hand_default(parameter)
    return default_value(parameter, found.inside(entry.home.source, found.notes))
