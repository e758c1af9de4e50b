"""Turn the place where parsing stopped into words: what was found, what could stand there."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from netspec.prefixes import help_for_dot
from netspec.scan import Token
from netspec.source import Span


class Explanation(NamedTuple):
    message: str
    span: Span
    label: str
    help: str


class Case(NamedTuple):
    """Wording for an error where `previous` stood before `found`; `example` triggers it."""

    previous: str
    found: str
    wanted: str
    help: str
    example: str
    accepted: str = ""  # a terminal that could stand there


# The first case that fits gives the words; "" fits anything. A test walks the examples.
CASES = (
    Case(
        "ARROW",
        "",
        "a layer or a function after `->`",
        "name what the value goes into, as in `-> ReLU`, or remove the arrow",
        "net A()(x: [N, 4]) {\n    return x ->\n}\n",
    ),
    Case(
        "RETURN",
        "",
        "a value after `return`",
        "name the value that the net yields, as in `return x`",
        "net A()(x: [N, 4]) {\n    return\n}\n",
    ),
    Case(
        "ASSIGN",
        "",
        "a value after `=`",
        "write what the name stands for, as in `y = x -> ReLU`",
        "net A()(x: [N, 4]) {\n    y =\n    return x\n}\n",
    ),
    Case(
        "WITH",
        "",
        "`(` after `with`",
        "write the schemes in brackets, as in `with (weight=zeros)`",
        "init Linear with weight=zeros\n",
    ),
    Case(
        "RPAR",
        "LBRACE",
        "a second list in brackets",
        "a net has two lists, `net Name(parameters)(inputs) { … }`; the first may be empty: `()`",
        "net A(size: int) {\n    return size\n}\n",
    ),
    Case(
        "RPAR",
        "ARROW",
        "a second list in brackets",
        "a net has two lists, `net Name(parameters)(inputs) { … }`; the first may be empty: `()`",
        "net A(size: int) -> [N, 4] {\n    return size\n}\n",
    ),
    Case(
        "COLON",
        "LSQB",
        "the name of a type: int, float, bool, str or list",
        "a net has two lists, `net Name(parameters)(inputs) { … }`; tensors go into the second",
        "net A(x: [N, 4]) {\n    return x\n}\n",
    ),
    Case(
        "NET",
        "",
        "the name of the net",
        "write it as `net Name(parameters)(inputs) { … }`",
        "net (x: [N, 4]) {\n    return x\n}\n",
    ),
    Case(
        "NAME",
        "LSQB",
        "`)`, `,` or `=`",
        "a net has two lists, `net Name(parameters)(inputs) { … }`; tensors go into the second",
        "net A(x: float32[N, 4]) {\n    return x\n}\n",
        "RPAR",
    ),
    Case(
        "NAME",
        "NAME",
        "",
        "put `->` between layers, or begin a new line",
        "net A()(x: [N, 4]) {\n    return x ReLU\n}\n",
        "ARROW",
    ),
    Case(
        "",
        "",
        "a declaration: `net`, `train`, `init` or `device`",
        "what a net does stands between its braces, `net Name()(x: float32[N, 8]) { … }`",
        "x -> Linear(2)\n",
        "NET",
    ),
    Case(
        "",
        "",
        "a value",
        "write a number, a name or a call here, or remove the operator",
        "net A()(x: [N, 4]) {\n    return x + * 2\n}\n",
        "INT",
    ),
)

_WORDS = {
    "NAME": "a name",
    "INT": "a number",
    "FLOAT": "a number",
    "STRING": "a string",
    "NEWLINE": "the end of the line",
    "$END": "the end of the file",
    "RBRACE": "`}`",
    "LBRACE": "`{`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "ASSIGN": "`=`",
    "ARROW": "`->`",
    "DOT": "`.`",
}
_MOST = 4


def explain(text: str, tokens: Sequence[Token], at: int, expected: set[str]) -> Explanation:
    """Say what is wrong with the token at index `at`, where only `expected` could stand."""
    token = tokens[at]
    previous = tokens[at - 1] if at else None
    found = _found(text, token)
    case = _case(previous.type if previous else "", token.type, expected)
    wanted = case.wanted if case and case.wanted else wanted_words(expected)
    help = case.help if case else _default_help(expected)
    if token.type != "LPAR" and previous is not None and previous.type == "WITH":
        help = _help_for_with(text, tokens, at) or help
    if token.type == "DOT" and previous is not None:
        help = help_for_dot(text, Span(previous.start, previous.end)) or help
    message = f"expected {wanted}, found {found}"
    return Explanation(message, _span(token, previous), "", help)


def _help_for_with(text: str, tokens: Sequence[Token], at: int) -> str:
    """The way out where `from "f.pt" with net=T` lacks its brackets; "" where no `from` stands."""
    before = [token.type for token in tokens[max(0, at - 3) : at]]
    if before != ["FROM", "STRING", "WITH"]:
        return ""
    rest = text[tokens[at].start :].partition("\n")[0].partition("#")[0].strip()
    written = rest if re.fullmatch(r"\w+ *= *\w+(, *\w+ *= *\w+)*", rest) else "net=…"
    return f"write what goes with it in brackets, as in `with ({written})`"


def wanted_words(expected: set[str]) -> str:
    """What can stand at a place, in words, the most telling ones only."""
    if "RETURN" in expected:
        return "a statement"
    for closer in ("RPAR", "RSQB"):
        if {"COMMA", closer} <= expected:
            return f"`,` or {_WORDS[closer]}"
    if {"ARROW", "NEWLINE"} <= expected:
        return "`->` or the end of the line"
    words = list(dict.fromkeys(_WORDS[t] for t in _WORDS if t in expected))
    words += [f"`{t.lower()}`" for t in sorted(expected) if t in ("WITH", "ELSE", "IF")]
    words = words[:_MOST] or ["something else"]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _case(previous: str, found: str, expected: set[str]) -> Case | None:
    for case in CASES:
        fits = case.previous in ("", previous) and case.found in ("", found)
        if fits and (not case.accepted or case.accepted in expected):
            return case
    return None


def _found(text: str, token: Token) -> str:
    if token.type == "$END":
        return "the end of the file"
    if token.type == "NEWLINE":
        return "the end of the line"
    shown = text[token.start : token.end]
    return f"`{shown}`" if len(shown) <= 40 else f"`{shown[:37]}…`"


def _span(token: Token, previous: Token | None) -> Span:
    if token.type in ("NEWLINE", "$END") and previous is not None:
        return Span(previous.end, previous.end + 1)
    return Span(token.start, max(token.end, token.start + 1))


def _default_help(expected: set[str]) -> str:
    if {"COMMA", "RPAR"} <= expected:
        return "put `,` between arguments, or close the bracket"
    if "NEWLINE" in expected and len(expected) > 1:
        return "end the statement here, or go on in the next line with `->`"
    if "ASSIGN" in expected:
        return "give it a value with `=`"
    return ""
