"""Turn a program into the text of a Python module, by way of a Jinja template."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from netspec.document import columns
from netspec.layout import WIDTH, bracketed, docstring
from netspec.program import Class, Line, Program
from netspec.wrap import wrap


def render(program: Program) -> str:
    """The source of `model.py`."""
    layout = {
        "doc": docstring(program.doc, 0),
        "imports": program.imports,
        "classes": [_layout_class(item) for item in program.classes],
    }
    return fill("model.py.jinja", program=layout)


def fill(template: str, **values: object) -> str:
    """The text of a template, without white space at the ends of lines."""
    text = environment().get_template(template).render(**values)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def fold(text: str) -> str:
    """A text of code whose lines are statements, those that are too wide in several lines."""
    lines: list[str] = []
    for line in text.splitlines():
        statement = line.lstrip()
        indent = (len(line) - len(statement)) // 4
        wide = columns(line) > WIDTH and not statement.startswith(("#", '"'))
        folded = wrap(statement, indent) if wide else [statement]
        lines += [f"{'    ' * indent}{part}" if part else "" for part in folded]
    return "".join(f"{line}\n" for line in lines)


@cache
def environment() -> Environment:
    """The Jinja environment of all templates: what a template does not know is an error."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _layout_class(item: Class) -> dict[str, object]:
    arguments = ["self", *map(str, item.arguments)]
    inputs = ["self", *map(str, item.inputs)]
    return {
        "name": item.name,
        "doc": docstring(item.doc, 1) if item.doc else [],
        "buffers": [f"{name}: Tensor" for name in item.buffers],
        "signature": bracketed("def __init__(", arguments, ") -> None:", 1),
        "empty": len(arguments) == 1 and not _constructor(item),
        "constructor": _layout_lines(_constructor(item)),
        "methods": [{"name": m.name, "lines": _layout_lines(m.lines)} for m in item.methods],
        "forward_signature": bracketed("def forward(", inputs, f") -> {item.returns}:", 1),
        "forward_doc": docstring(item.forward_doc, 2) if item.forward_doc else [],
        "forward": _layout_lines(item.forward),
    }


def _constructor(item: Class) -> tuple[Line, ...]:
    return (*item.constructor, *item.initialisation, *item.ending)


def _layout_lines(lines: tuple[Line, ...]) -> list[str]:
    return [f"{'    ' * line.depth}{text}" for line in lines for text in _layout_line(line)]


def _layout_line(line: Line) -> list[str]:
    """A statement in lines; its comment behind it, where one line holds both."""
    indent = 2 + line.depth
    commented = f"{line.text}  # {line.comment}"
    if line.comment and columns(commented) <= WIDTH - 4 * indent:
        return [commented]
    return wrap(line.text, indent)
