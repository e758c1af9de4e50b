"""From text to syntax tree: what is read, and the words for what cannot be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from netspec import syntax as s
from netspec.diagnostic import Diagnostic
from netspec.parse import parse
from netspec.source import Source, Span
from netspec.syntax_errors import CASES, Case

ROOT = Path(__file__).parent.parent
BEFORE = "net Before()(x: [N, 4]) {\n    return x -> Linear(2)\n}\n\n"


def errors_of(text: str) -> list[Diagnostic]:
    return list(parse(Source(text, "a.net")).found.in_order())


def only_error_of(text: str) -> Diagnostic:
    (found,) = errors_of(text)
    return found


def net_of(*lines: str) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f"net A()(x: [N, 4]) {{\n{body}}}\n"


def value_of(expression: str) -> s.Expression:
    parsed = parse(Source(net_of(f"let y = {expression}", "return x")))
    assert parsed.found.in_order() == ()
    net = parsed.file.items[0]
    assert isinstance(net, s.Net)
    let = net.body[0]
    assert isinstance(let, s.Let)
    return let.value


# ---- the words for syntax errors -------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_the_example_of_a_case_triggers_its_words(case: Case) -> None:
    found = errors_of(case.example)[0]
    assert found.code == "syntax-error"
    assert found.help == case.help
    assert found.message.startswith(f"expected {case.wanted}")
    assert ", found " in found.message


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_the_words_are_the_same_behind_a_net_that_is_right(case: Case) -> None:
    alone, second = errors_of(case.example)[0], errors_of(BEFORE + case.example)[0]
    assert (alone.message, alone.help) == (second.message, second.help)
    assert alone.span is not None
    assert second.span == Span(alone.span.start + len(BEFORE), alone.span.end + len(BEFORE))


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_no_words_show_how_the_grammar_is_made(case: Case) -> None:
    for found in errors_of(case.example):
        for text in (found.message, found.label, found.help):
            for leak in ("ANON", "RPAR", "LSQB", "NAME", "ARROW", "_comma", "$END", "NEWLINE"):
                assert leak not in text


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        (net_of("return x ->"), "expected a layer or a function after `->`", "2:16"),
        (net_of("return x ReLU"), "expected `->` or the end of the line, found `ReLU`", "2:14"),
        (net_of("let y =", "return x"), "expected a value after `=`", "2:12"),
        (net_of("return (x"), "`(` is never closed", "2:12"),
        (net_of("return x)"), "`)` closes nothing", "2:13"),
        (net_of("return [x)"), "`)` closes `[`", "2:14"),
        (net_of("return x -> Dropout('a)"), "a string that begins with '", "2:25"),
        (net_of("return x ; y"), "unexpected character `;`", "2:14"),
        (net_of("return x") + "}\n", "`}` closes nothing", "4:1"),
        (net_of("return x")[:-2], "`{` is never closed", "1:20"),
        ("net A", "expected `(`, found the end of the file", "1:6"),
        ("ney A()(x: [N]) {\n    return x\n}\n", "expected a declaration", "1:1"),
    ],
)
def test_an_error_is_told_where_it_is(text: str, message: str, place: str) -> None:
    found = only_error_of(text)
    assert found.message.startswith(message)
    assert found.place == f"a.net:{place}"


@pytest.mark.parametrize(
    "lines", ["let = 3", "y = x -> Linear(3, )", "y = x -> Linear(\n3\n)", "  y=x"]
)
def test_what_looks_wrong_and_is_not(lines: str) -> None:
    assert errors_of(net_of(lines, "return x")) == []


def test_several_errors_come_in_the_order_of_the_file() -> None:
    text = (
        "net A()(x: [N, 4]) {\n    y = x ->\n    z = y + * 2\n    return z z\n}\n\n"
        "train A {\n    data =\n    epochs = 3 3\n}\n\n"
        "net (x: [N]) {\n    return x\n}\n\nnet B()(x: [N]) {\n    return $\n}\n"
    )
    found = errors_of(text)
    lines = [int(d.place.split(":")[1]) for d in found]
    assert lines == [2, 3, 4, 8, 9, 12, 17]


def test_an_error_takes_only_its_own_statement_away() -> None:
    parsed = parse(Source(net_of("y = x ->", "z = x -> Linear(2)", "return z")))
    assert parsed.found.error_count == 1
    net = parsed.file.items[0]
    assert isinstance(net, s.Net)
    assert [type(statement).__name__ for statement in net.body] == ["Broken", "Assign", "Return"]


def test_an_unclosed_bracket_does_not_swallow_the_next_statement() -> None:
    text = net_of("y = x -> Linear(2", "return y")
    parsed = parse(Source(text))
    assert parsed.found.error_count == 1
    net = parsed.file.items[0]
    assert isinstance(net, s.Net)
    assert isinstance(net.body[-1], s.Return)


def test_after_20_errors_the_rest_is_not_read() -> None:
    found = errors_of("return ->\n" * 100)
    assert [d.code for d in found] == ["syntax-error"] * 20 + ["too-many-errors"]
    found = errors_of("$\n" * 100)
    assert [d.code for d in found] == ["unexpected-character"] * 20 + ["too-many-errors"]
    assert "too-many-errors" not in {d.code for d in errors_of("$\n" * 20)}


def test_brackets_and_levels_have_a_limit() -> None:
    fine = net_of(f"let y = {'(' * 90}1{')' * 90}", "return x")
    assert errors_of(fine) == []
    assert only_error_of(net_of(f"let y = {'[' * 101}1{']' * 101}", "return x")).code == "too-deep"
    assert only_error_of(net_of(f"let y = {'- ' * 101}1", "return x")).code == "too-deep"


# ---- what is read ----------------------------------------------------------------------------


def written(node: s.Expression) -> str:
    """An expression with all its brackets."""
    match node:
        case s.Literal(value):
            return repr(value)
        case s.Name(id):
            return id
        case s.Unary(operator, operand):
            return f"({operator} {written(operand)})"
        case s.Binary(operator, left, right):
            return f"({written(left)} {operator} {written(right)})"
        case s.Comparison(operators, operands):
            parts = [written(operands[0])]
            for operator, operand in zip(operators, operands[1:], strict=True):
                parts += [operator, written(operand)]
            return f"({' '.join(parts)})"
        case s.Conditional(then, test, other):
            return f"({written(then)} if {written(test)} else {written(other)})"
    raise TypeError(type(node).__name__)


@pytest.mark.parametrize(
    "text",
    [
        "1 + 2 * 3 - 4 // 5 % 6",
        "-a ** -b ** c",
        "(a + b) * c",
        "not a and b or not c == d",
        "a < b <= c != d",
        "a if b else c if d else e",
        "a or b if c and d else e",
        "- 2 + + 3",
        "a - b - c",
        "a / b / c @ d",
        "2 ** 3 ** 2",
        "a * -b",
        "not not a",
    ],
)
def test_operators_bind_as_in_python(text: str) -> None:
    import ast

    def python(node: ast.AST) -> str:
        symbols = {
            **{ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//"},
            **{ast.Mod: "%", ast.Pow: "**", ast.MatMult: "@", ast.And: "and", ast.Or: "or"},
            **{ast.Lt: "<", ast.LtE: "<=", ast.NotEq: "!=", ast.Eq: "=="},
            **{ast.USub: "-", ast.UAdd: "+", ast.Not: "not"},
        }
        match node:
            case ast.Constant(value):
                return repr(value)
            case ast.Name(id):
                return id
            case ast.UnaryOp(ast.USub(), ast.Constant(value)):
                return repr(-value)
            case ast.UnaryOp(operator, operand):
                return f"({symbols[type(operator)]} {python(operand)})"
            case ast.BinOp(left, operator, right):
                return f"({python(left)} {symbols[type(operator)]} {python(right)})"
            case ast.BoolOp(operator, values):
                joined = python(values[0])
                for value in values[1:]:
                    joined = f"({joined} {symbols[type(operator)]} {python(value)})"
                return joined
            case ast.Compare(left, operators, others):
                parts = [python(left)]
                for operator, other in zip(operators, others, strict=True):
                    parts += [symbols[type(operator)], python(other)]
                return f"({' '.join(parts)})"
            case ast.IfExp(test, then, other):
                return f"({python(then)} if {python(test)} else {python(other)})"
        raise TypeError(type(node).__name__)

    assert written(value_of(text)) == python(ast.parse(text, mode="eval").body)


@pytest.mark.parametrize(
    "text",
    [
        *("0", "1_000", "1.5", ".5", "2.", "1e3", "1.5E-3", "1_0.0_1"),
        *('"a"', "'a'", '"a\\"b"', "'\\n\\t\\\\'", '"#"', '"->"', "True", "False", "None"),
    ],
)
def test_literals_are_those_of_python(text: str) -> None:
    from ast import literal_eval

    value = value_of(text)
    assert isinstance(value, s.Literal)
    assert value.value == literal_eval(text)
    assert type(value.value) is type(literal_eval(text))


def test_a_line_goes_on_in_brackets_and_before_an_arrow() -> None:
    one = parse(Source(net_of("return x -> Linear(2, bias=False) -> ReLU")))
    several = parse(
        Source(net_of("return x # a comment", "", "-> Linear(", "2,", "bias=False,", ") -> ReLU"))
    )
    assert one.found.in_order() == several.found.in_order() == ()
    assert without_spans(one.file) == without_spans(several.file)


def without_spans(node: object) -> object:
    if isinstance(node, Span):
        return None
    if isinstance(node, tuple):
        return (type(node).__name__, *map(without_spans, node))
    return node


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_ends_of_lines_make_no_difference(ending: str) -> None:
    text = (ROOT / "specs" / "lenet5.net").read_text(encoding="utf-8")
    parsed = parse(Source(text.replace("\n", ending)))
    assert parsed.found.in_order() == ()
    assert without_spans(parsed.file) == without_spans(parse(Source(text)).file)


def test_keywords_are_names_where_no_statement_begins() -> None:
    words = ("net", "train", "layer", "let", "init", "device")
    for word in words:
        parsed = parse(Source(net_of(f"{word} = x -> {word}: ReLU({word}={word})", "return x")))
        assert parsed.found.in_order() == (), word


def test_documentation_goes_to_what_stands_behind_it() -> None:
    text = '## The file.\n\ndevice "cpu"\n\n## A net\n##\n## of two lines.\n' + net_of("return x")
    file = parse(Source(text)).file
    assert file.doc == "The file."
    net = file.items[1]
    assert isinstance(net, s.Net)
    assert net.doc == "A net\n\nof two lines."


def nodes(node: object) -> Iterator[tuple[object, Span]]:
    if isinstance(node, tuple) and not isinstance(node, Span):
        span = getattr(node, "span", None)
        if isinstance(span, Span):
            yield node, span
        for child in node:
            yield from nodes(child)


@pytest.mark.parametrize(
    "path",
    [*sorted(ROOT.glob("specs/*.net")), *sorted(ROOT.glob("tests/golden/*.net"))],
    ids=lambda path: path.stem,
)
def test_the_span_of_a_node_holds_its_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    seen = 0
    for node, span in nodes(parse(Source(text)).file):
        assert 0 <= span.start <= span.end <= len(text)
        if isinstance(node, s.Name):
            assert text[span.start : span.end] == node.id
        if isinstance(node, s.Net):
            assert text[span.start : span.start + 3] == "net"
            assert text[span.end - 1] == "}"
        seen += 1
    assert seen > 20
