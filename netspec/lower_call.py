"""Turn checked arguments into those of the torch call: torch's order, no defaults."""

from collections.abc import Callable, Sequence

from netspec import syntax as s
from netspec.catalogue.signature import Signature
from netspec.dim import form_of, write
from netspec.evaluate import names_in
from netspec.write import write_expression


def call_arguments(
    signature: Signature, arguments: Sequence[s.Argument], rename: Callable[[str], str]
) -> list[str]:
    """The texts of the arguments: what the input decides put in, what is torch's default left out.

    Positions stay positions as far as torch's order allows; the rest is written by keyword.
    """
    written = _by_field(signature, arguments)
    variadic = signature.variadic
    texts: list[tuple[str, str, bool]] = []  # keyword or "", text, is it a default
    in_order = True
    for name, field in signature.fields().items():
        if field.tensor:
            continue
        if name == variadic and name in written and written[name][0].name is None:
            texts += [("", write_expression(a.value, rename), False) for a in written[name]]
            continue
        if name in written:
            argument = written[name][0]
            by_position = argument.name is None or field.inferred
            text = write_expression(argument.value, rename)
            default = _is_default(argument, signature.given[name], field.default)
        elif field.inferred:
            by_position, default = True, False
            text = _inferred_text(getattr(signature, name), rename)
        else:
            in_order = False
            continue
        in_order = in_order and by_position
        texts.append(("" if in_order else name, text, default))
    while texts and texts[-1][2] and not texts[-1][0]:
        texts.pop()
    kept = [(name, text) for name, text, default in texts if not (default and name)]
    return [f"{name}={text}" if name else text for name, text in _trim(kept, texts)]


def _trim(
    kept: list[tuple[str, str]], texts: Sequence[tuple[str, str, bool]]
) -> list[tuple[str, str]]:
    """Drop trailing positional defaults that only dropped keywords stood behind."""
    defaults = [default for name, _, default in texts if not name]
    positional = [item for item in kept if not item[0]]
    keywords = [item for item in kept if item[0]]
    while positional and defaults and defaults[-1]:
        positional.pop()
        defaults.pop()
    return positional + keywords


def _by_field(signature: Signature, arguments: Sequence[s.Argument]) -> dict[str, list[s.Argument]]:
    """What the author wrote for each field."""
    names = [name for name in signature.positional() if not signature.fields()[name].tensor]
    variadic = signature.variadic
    written: dict[str, list[s.Argument]] = {}
    position = 0
    for argument in arguments:
        if argument.name is not None:
            written[argument.name.id] = [argument]
        elif variadic is not None and names[min(position, len(names) - 1)] == variadic:
            written.setdefault(variadic, []).append(argument)
        else:
            written[names[position]] = [argument]
            position += 1
    return written


def _is_default(argument: s.Argument, value: object, default: object) -> bool:
    """Whether an argument says what torch does anyway; one that names a parameter never does."""
    if any(True for _ in names_in(argument.value)):
        return False
    return type(value) is type(default) and value == default


def _inferred_text(value: object, rename: Callable[[str], str]) -> str:
    if isinstance(value, tuple | list):
        inner = ", ".join(_inferred_text(item, rename) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return write(form_of(value), rename)  # type: ignore[arg-type]
