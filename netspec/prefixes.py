"""Tell who writes `F.relu` or `nn.ReLU` that names of torch stand alone in a spec."""

import re
from typing import Any

from netspec import syntax as s
from netspec.diagnostic import Diagnostics
from netspec.source import Source, Span

_MODULES = frozenset({"F", "functional", "nn", "optim", "torch"})  # as PyTorch code calls them
_LONGEST = 60  # characters of a call that a text repeats
_DOTTED = re.compile(r"(?:\s*\.\s*\w+)*")


def prefix_of(node: Any) -> s.Name | None:
    """The module at the front of `torch.nn.ReLU`; None where no module of torch stands there."""
    front = node
    while isinstance(front, s.Attribute):
        front = front.value
    is_module = isinstance(front, s.Name) and front.id in _MODULES
    return front if is_module and front is not node else None


def report_prefix(node: s.Call, found: Diagnostics) -> bool:
    """Report a call by the name of a module of torch; False where it is none."""
    made = node.function.function if isinstance(node.function, s.Call) else node.function
    if not isinstance(made, s.Attribute) or prefix_of(made) is None:
        return False
    prefix = found.source.text[made.span.start : made.name.span.start]
    found.add(
        "unknown-name",
        f"names of torch stand alone here, without `{prefix}`",
        Span(made.span.start, made.name.span.start),
        label="no module is imported in a spec",
        help=help_without_prefix(node, made, found.source),
    )
    return True


def help_without_prefix(node: s.Expression, dotted: s.Attribute, source: Source) -> str:
    """The way out: a call by the name alone."""
    written = source.cut(Span(dotted.name.span.start, node.span.end))
    short = written if len(written) <= _LONGEST else f"{dotted.name.id}(…)"
    return f"leave the prefix out: write `{short}`"


def help_without_first(node: s.Call, source: Source) -> str:
    """The way out: a call without its first argument."""
    assert isinstance(node.function, s.Name)
    rest = ", ".join(source.cut(argument.span) for argument in node.arguments[1:])
    return f"leave it out: write `{node.function.id}{f'({rest})' if rest else ''}`"


def help_for_dot(text: str, front: Span) -> str:
    """The way out where a stage is called `nn.ReLU`; "" where `front` is no module of torch."""
    if text[front.start : front.end] not in _MODULES:
        return ""
    rest = _DOTTED.match(text, front.end)
    name = rest.group().rpartition(".")[2].strip() if rest else ""
    if not name or rest is None:
        return ""
    called = text[rest.end() : rest.end() + 1] == "("
    empty = text[rest.end() : rest.end() + 2] == "()"
    return f"leave the prefix out: write `{name}{'(…)' if called and not empty else ''}`"
