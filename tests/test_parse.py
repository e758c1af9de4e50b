<<<<<<< HEAD
"""From text to syntax tree: what is read, and the words for what cannot be."""

from collections.abc import Iterator
from pathlib import Path
=======
"""Text into trees: what stands where, what an error says, how reading goes on after it."""
>>>>>>> main

import pytest

from netspec import syntax as s
from netspec.diagnostic import Diagnostic
<<<<<<< HEAD
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
=======
from netspec.parse import Parsed, parse
from netspec.source import Source, Span, Undecodable, decode
from netspec.syntax_errors import CASES, Case


def read(text: str) -> Parsed:
    return parse(Source(text, "a.net"))


def errors(text: str) -> tuple[Diagnostic, ...]:
    return read(text).found.in_order()


def net(body: str) -> s.Net:
    """The net with these lines in its body."""
    file, found = read(f"net A()(x: [N, 4]) {{\n{body}\n}}\n")
    assert found.in_order() == ()
    (item,) = file.items
    assert isinstance(item, s.Net)
    return item


def value(text: str) -> s.Expression:
    (statement,) = net(f"    return {text}").body
    assert isinstance(statement, s.Return)
    return statement.value


def shape(node: object) -> object:
    """An expression as nested lists, `["*", "a", 2]`."""
    match node:
        case s.Name(id):
            return id
        case s.Literal(value):
            return value
        case s.Unary(operator, operand):
            return [operator, shape(operand)]
        case s.Binary(operator, left, right):
            return [operator, shape(left), shape(right)]
        case s.Comparison(operators, operands):
            return [*operators, *map(shape, operands)]
        case s.Conditional(then, test, other):
            return ["if", shape(test), shape(then), shape(other)]
        case s.Chain(first, stages):
            return ["->", shape(first), *(shape(stage.callee) for stage in stages)]
        case s.Call(function, arguments):
            return ["()", shape(function), *(shape(argument.value) for argument in arguments)]
        case s.Sequence(kind, items):
            return [kind.__name__, *map(shape, items)]
        case s.Attribute(value, name):
            return [".", shape(value), name.id]
    raise TypeError(node)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a + b * c", ["+", "a", ["*", "b", "c"]]),
        ("a - b - c", ["-", ["-", "a", "b"], "c"]),
        ("a ** b ** c", ["**", "a", ["**", "b", "c"]]),
        ("-a ** b", ["-", ["**", "a", "b"]]),
        ("a ** -b", ["**", "a", ["-", "b"]]),
        ("-2 ** 2", ["-", ["**", 2, 2]]),
        ("a // b % c @ d", ["@", ["%", ["//", "a", "b"], "c"], "d"]),
        ("not a == b", ["not", ["==", "a", "b"]]),
        ("a or b and c", ["or", "a", ["and", "b", "c"]]),
        ("a < b <= c", ["<", "<=", "a", "b", "c"]),
        ("a if b else c if d else e", ["if", "b", "a", ["if", "d", "c", "e"]]),
        ("a + b -> F", ["->", ["+", "a", "b"], "F"]),
        ("a + (b -> F)", ["+", "a", ["->", "b", "F"]]),
        ("a -> F -> G(1) -> H", ["->", "a", "F", ["()", "G", 1], "H"]),
        ("f(a, b -> F)", ["()", "f", "a", ["->", "b", "F"]]),
        ("a.f(1).g()", ["()", [".", ["()", [".", "a", "f"], 1], "g"]]),
        ("(a)", "a"),
        ("(a,)", ["tuple", "a"]),
        ("()", ["tuple"]),
        ("a, b", ["tuple", "a", "b"]),
        ("[a, (b, c),]", ["list", "a", ["tuple", "b", "c"]]),
    ],
)
def test_operators_bind_as_in_python(text: str, wanted: object) -> None:
    assert shape(value(text)) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        *(("0", 0), ("1_000", 1000), ("-3", -3), ("1.5", 1.5), ("1.", 1.0), (".5", 0.5)),
        *(("1e3", 1000.0), ("2.5e-3", 0.0025), ("1_0.0_1", 10.01), ("True", True)),
        *(
            ("None", None),
            ('"a"', "a"),
            ("'a'", "a"),
            ('"a\'b"', "a'b"),
            (r'"\n\t\\\""', '\n\t\\"'),
        ),
        *((r'"é\q"', "éq"), ('""', ""), ('"#"', "#")),
    ],
)
def test_literals_mean_what_they_mean_in_python(text: str, wanted: object) -> None:
    node = value(text)
    assert isinstance(node, s.Literal)
    assert node.value == wanted
    assert type(node.value) is type(wanted)


def test_every_node_knows_its_place() -> None:
    text = "net A()(x: [N, 4]) {\n    return x\n        -> fc: Linear(2 + 3, bias=False)\n}\n"
    (item,) = read(text).file.items
    assert isinstance(item, s.Net)

    def words(span: Span) -> str:
        return text[span.start : span.end]

    assert words(item.span) == text.rstrip()
    (statement,) = item.body
    assert isinstance(statement, s.Return)
    chain = statement.value
    assert isinstance(chain, s.Chain)
    assert words(chain.span) == text[text.index("x\n") : text.index("\n}")]
    (stage,) = chain.stages
    assert words(stage.span) == "fc: Linear(2 + 3, bias=False)"
    assert words(stage.callee.span) == "Linear(2 + 3, bias=False)"
    assert isinstance(stage.callee, s.Call)
    assert [words(argument.span) for argument in stage.callee.arguments] == ["2 + 3", "bias=False"]


# ---- lines -------------------------------------------------------------------------------------


def test_a_statement_goes_on_in_brackets_and_before_an_arrow() -> None:
    body = "    y = x\n\n    # a comment between\n        -> F(\n\n    1,\n  )\n    return y"
    assert len(net(body).body) == 2


def test_line_ends_and_comments_do_not_matter() -> None:
    plain = "net A()(x: [N, 4]) {\n    y = x -> F\n    return y\n}\n"
    for other in (
        plain.replace("\n", "\r\n"),
        plain.replace("\n", "  # note\n"),
        plain.replace("\n", "\n\n"),
        plain.rstrip("\n"),
        f"\n\n{plain}\n\n",
        "net A()(x: [N, 4]) { y = x -> F\n return y }",
    ):
        file, found = read(other)
        assert found.in_order() == ()
        (item,) = file.items
        assert isinstance(item, s.Net)
        assert len(item.body) == 2


def test_keywords_are_names_where_no_statement_begins() -> None:
    body = "    init = x -> layer: F(net=1, train=2) -> let: G\n    return init"
    assert len(net(body).body) == 2
    assert shape(value("train + device")) == ["+", "train", "device"]


def test_documentation_goes_to_what_follows_it() -> None:
    text = '## Of the file.\ndevice "cpu"\n\n## One.\n## Two.\nnet A()(x: [N]) {\n return x\n}\n'
    file = read(text).file
    assert file.doc == "Of the file."
    assert isinstance(file.items[1], s.Net)
    assert file.items[1].doc == "One.\nTwo."
    alone = read("# no documentation\nnet A()(x: [N]) {\n return x\n}\n").file
    assert alone.doc == ""
    assert isinstance(alone.items[0], s.Net)
    assert alone.items[0].doc == ""


# ---- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.example.split("\n")[0][:40])
def test_an_example_triggers_the_words_of_its_case(case: Case) -> None:
    (found,) = errors(case.example)
>>>>>>> main
    assert found.code == "syntax-error"
    assert found.help == case.help
    assert found.message.startswith(f"expected {case.wanted}")
    assert ", found " in found.message
<<<<<<< HEAD


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
=======
    assert found.span is not None
    assert found.span.end <= len(case.example)


def test_all_errors_are_found_in_one_run_in_source_order() -> None:
    text = (
        "net A()(x: [N, 4]) {\n    y = x ->\n    z = = 3\n    let k = (1, 2\n    return y\n}\n"
        "foo\n"
        "net B()(x: [N, 4]) {\n    return x ? 2\n}\n"
        "train B {\n    epochs 3\n    loss = \n}\n"
        "net C(\n"
    )
    found = errors(text)
    assert [(d.code, d.place.removeprefix("a.net:").split(":")[0]) for d in found] == [
        ("syntax-error", "2"),
        ("syntax-error", "3"),
        ("unclosed-bracket", "4"),
        ("syntax-error", "7"),
        ("unexpected-character", "9"),
        ("syntax-error", "12"),
        ("syntax-error", "13"),
        ("unclosed-bracket", "15"),
    ]


def test_what_is_well_formed_is_kept_beside_what_is_not() -> None:
    file, found = read(
        "net A()(x: [N]) {\n    y = x ->\n    return x\n}\n\nnet B()(x: [N]) {\n    return x\n}\n"
    )
    assert len(found.in_order()) == 1
    first, second = file.items
    assert isinstance(first, s.Net)
    assert isinstance(second, s.Net)
    assert isinstance(first.body[0], s.Broken)
    assert isinstance(first.body[1], s.Return)
    assert isinstance(second.body[0], s.Return)


def test_one_mistake_is_one_error() -> None:
    for text in (
        "net A()(x: [N, 4]) {\n    return x -> F(1, 2]\n}\n",
        "net A()(x: [N, 4]) {\n    return x -> F(1, 2\n}\n",
        "net A()(x: [N, 4]) {\n    return x -> F 1 2 3 -> G -> (\n}\n".replace(" -> (", ""),
        "net A()(x: [N, 4]) {\n    return x -> F)\n}\n",
        "net A()(x: [N, 4]) {\n    return x\n",
        "net A()(x: [N, 4]) {\n    return x\n}}\n",
        'net A()(x: [N, 4]) {\n    return x -> F("a)\n}\n',
        "net A()(x: [N, 4]) {\n    return x -> F(1 2)\n}\n",
        "net A()(x: [N, 4] {\n    return x\n}\n",
        "net A()(x: [N, 4]) \n    return x\n}\n".replace(" \n", " {\n").replace("}\n", "}\n)\n"),
    ):
        assert len(errors(text)) == 1, text


def test_syntax_errors_end_after_twenty() -> None:
    assert len(errors("net A()(x: [N]) {\n" + "    y = x ->\n" * 100 + "}\n")) == 20


@pytest.mark.parametrize("opener", ["(", "[", "-", "not ", "x -> F(", "2 ** ", "1 if 1 else "])
def test_nesting_that_is_too_deep_is_an_error(opener: str) -> None:
    found = errors(f"net A()(x: [N]) {{\n    return {opener * 1000}\n}}\n")
    found += errors(f"net A()(x: [N]) {{\n    return {opener * 1000}1\n}}\n")
    assert found
    assert {d.code for d in found} <= {"too-deep", "syntax-error"}
    closers = {"(": ")", "[": "]", "x -> F(": ")"}.get(opener, "")
    nested = f"{opener * 15}1{closers * 15}"
    assert errors(f"net A()(x: [N]) {{\n    return {nested}\n}}\n") == ()


def test_a_long_token_is_cut_in_a_message() -> None:
    (found,) = errors(f"net A()(x: [N]) {{\n    return x {'a' * 1000}\n}}\n")
    assert f"found `{'a' * 37}…`" in found.message


# ---- bytes -------------------------------------------------------------------------------------


def test_bytes_are_utf8_with_or_without_a_mark() -> None:
    assert decode("é".encode()) == "é"
    assert decode(b"\xef\xbb\xbf" + "é".encode()) == "é"


@pytest.mark.parametrize(
    ("data", "reason", "before"),
    [
        (b"ab\xff", "the byte 0xff is not UTF-8", "ab"),
        ("é".encode("utf-16"), "the byte 0xff is not UTF-8", ""),
        (b"a\n\x00", "it holds a zero byte", "a\n"),
        ("é".encode()[:1], "the byte 0xc3 is not UTF-8", ""),
        (b"\xed\xa0\x80", "the byte 0xed is not UTF-8", ""),
    ],
)
def test_other_bytes_are_refused_with_their_place(data: bytes, reason: str, before: str) -> None:
    with pytest.raises(Undecodable) as caught:
        decode(data)
    assert (caught.value.reason, caught.value.text) == (reason, before)


def test_positions_count_characters_from_one() -> None:
    source = Source("aé\r\nb\n")
    assert [source.position(offset) for offset in range(7)] == [
        *((1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (3, 1)),
    ]
    assert [source.line(number) for number in (1, 2, 3)] == ["aé", "b", ""]
>>>>>>> main
