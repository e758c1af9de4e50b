"""Turn checked arguments into those of the torch call: torch's order, no defaults."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from netspec import syntax as s
from netspec.catalogue.signature import Signature
from netspec.code_text import parts
from netspec.dim import form_of
from netspec.form import write
from netspec.visit import names_in
from netspec.write import write_expression


class Written(NamedTuple):
    """An argument as generated code writes it; `constant` where it names no parameter."""

    name: str | None
    text: str
    constant: bool = False


def write_arguments(arguments: Sequence[s.Argument], rename: Callable[[str], str]) -> list[Written]:
    """Build-time arguments, every name passed through `rename`."""
    return [
        Written(
            argument.name.id if argument.name else None,
            write_expression(argument.value, rename),
            not any(True for _ in names_in(argument.value)),
        )
        for argument in arguments
    ]


def call_arguments(
    signature: Signature, arguments: Sequence[Written], rename: Callable[[str], str]
) -> list[str]:
    """The texts of the arguments: what the input decides put in, what is torch's default left out.

    Positions stay positions as far as torch's order allows; the rest is written by keyword.
    """
    written = _by_field(signature, arguments)
    variadic = signature.variadic
    texts: list[tuple[str, str, bool]] = []  # keyword or "", text, is it a default
    in_order = True
    for name, field in signature.fields().items():
        if name == variadic and name in written and written[name][0].name is None:
            texts += [("", argument.text, False) for argument in written[name]]
            continue
        if name == variadic and name in written and signature.placed:
            texts += [("", text, False) for text in _spread(written[name][0].text)]
            continue
        if name in written:
            argument = written[name][0]
            by_position = argument.name is None or field.inferred or signature.placed
            default = argument.constant and _is_default(signature.given[name], field.default)
            text = _tensor_text(argument, signature.given[name]) if field.numbers else argument.text
        elif field.inferred and getattr(signature, name, None) is None:
            in_order = False
            continue
        elif field.inferred:
            by_position, default = True, False
            text = _inferred_text(getattr(signature, name), rename)
        else:
            in_order = False
            continue
        in_order = in_order and by_position and not field.keyword
        texts.append(("" if in_order else name, text, default))
    asked = {signature.beside.get(name) for name, _, default in texts if not default}
    texts = [(name, text, default and name not in asked) for name, text, default in texts]
    while texts and texts[-1][2] and not texts[-1][0]:
        texts.pop()
    kept = [(name, text) for name, text, default in texts if not (default and name)]
    return [f"{name}={text}" if name else text for name, text in _trim(kept, texts)]


def _tensor_text(argument: Written, numbers: object) -> str:
    """Numbers as the tensor that torch wants: of floats, however the author writes them."""
    if not isinstance(numbers, tuple):
        return argument.text
    floats = argument.constant and any(isinstance(number, float) for number in numbers)
    return f"torch.tensor({argument.text}{'' if floats else ', dtype=torch.float32'})"


def _spread(text: str) -> list[str]:
    """Several arguments, written as a tuple, one by one."""
    items = parts(text)
    return items if items != [text] else [f"*{text}"]


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


def _by_field(signature: Signature, arguments: Sequence[Written]) -> dict[str, list[Written]]:
    """What the author wrote for each field."""
    names = signature.positional()
    variadic = signature.variadic
    written: dict[str, list[Written]] = {}
    position = 0
    for argument in arguments:
        if argument.name is not None:
            written[argument.name] = [argument]
        elif variadic is not None and names[min(position, len(names) - 1)] == variadic:
            written.setdefault(variadic, []).append(argument)
        else:
            written[names[position]] = [argument]
            position += 1
    return written


def _is_default(value: object, default: object) -> bool:
    return type(value) is type(default) and value == default


def _inferred_text(value: object, rename: Callable[[str], str]) -> str:
    if isinstance(value, tuple | list):
        inner = ", ".join(_inferred_text(item, rename) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return write(form_of(value), rename)  # type: ignore[arg-type]
