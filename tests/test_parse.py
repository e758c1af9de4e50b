"""Text into trees: what stands where, what an error says, how reading goes on after it."""

import pytest

from netspec import syntax as s
from netspec.diagnostic import Diagnostic
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
    assert found.code == "syntax-error"
    assert found.help == case.help
    assert found.message.startswith(f"expected {case.wanted}")
    assert ", found " in found.message
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
