"""Turn `grammar/netspec.lark` into LALR(1) tables, by way of Lark.

Lark needs 0.2 s for that, so the tables are kept beside the grammar in `__pycache__`, as Python
keeps bytecode, together with the grammar that they were made from. Where that folder cannot be
written, they are made anew.
"""

import json
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

_FORMAT = 2


class Rule(NamedTuple):
    """A production. `action` names the node that it makes, "" where it makes none."""

    origin: str
    length: int
    kept: tuple[int, ...]
    action: str


class Tables(NamedTuple):
    """What a parser needs.

    `states`: for each state the action for a terminal: n >= 0 shifts to state n, ~r reduces by
    rule r. `gotos`: for each state the next one after a non-terminal.
    `pattern` matches any token, the terminal as the name of the group.
    `keywords`: the terminal for each word that can be one.
    """

    start: int
    end: int
    rules: tuple[Rule, ...]
    states: tuple[dict[str, int], ...]
    gotos: tuple[dict[str, int], ...]
    pattern: str
    keywords: dict[str, str]


@cache
def load_tables() -> Tables:
    """The tables of the grammar that comes with this package."""
    path = _folder() / "netspec.lark"
    text = path.read_text(encoding="utf-8")
    kept_at = path.parent / "__pycache__" / "netspec.tables.json"
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(kept_at.read_text(encoding="utf-8"))
        if kept["format"] == _FORMAT and kept["grammar"] == text:
            rules = tuple(Rule(*rule) for rule in kept["tables"].pop("rules"))
            return Tables(rules=rules, **kept["tables"])
    tables = compile_grammar(text)
    with suppress(OSError):
        _write(kept_at, {"format": _FORMAT, "grammar": text, "tables": tables._asdict()})
    return tables


def compile_grammar(text: str) -> Tables:
    """Let Lark work out the tables of a grammar.

    Raises:
        lark.exceptions.GrammarError: for a grammar that is not LALR(1).
    """
    from lark import Lark
    from lark.parsers.lalr_analysis import Shift

    lark = Lark(text, parser="lalr", lexer="basic", start="file")
    table = lark.parser.parser._parse_table
    number = {state: i for i, state in enumerate(table.states)}
    index = {rule: i for i, rule in enumerate(lark.rules)}
    terminals = {terminal.name for terminal in lark.terminals}
    states: list[dict[str, int]] = [{} for _ in number]
    gotos: list[dict[str, int]] = [{} for _ in number]
    for state, actions in table.states.items():
        for symbol, (kind, argument) in actions.items():
            if kind is not Shift:
                states[number[state]][symbol] = ~index[argument]
            elif symbol in terminals or symbol == "$END":
                states[number[state]][symbol] = number[argument]
            else:
                gotos[number[state]][symbol] = number[argument]
    words = {t.pattern.value: t.name for t in lark.terminals if t.pattern.value.isidentifier()}
    return Tables(
        start=number[table.start_states["file"]],
        end=number[table.end_states["file"]],
        rules=tuple(_rule(rule) for rule in lark.rules),
        states=tuple(states),
        gotos=tuple(gotos),
        pattern=_pattern(lark.terminals, set(words.values()) | {"SPACE", "BROKEN"}),
        keywords=words,
    )


def _rule(rule: object) -> Rule:
    from lark.grammar import Rule as LarkRule

    assert isinstance(rule, LarkRule)
    kept = tuple(
        i
        for i, symbol in enumerate(rule.expansion)
        if not getattr(symbol, "filter_out", False) and symbol.name != "NEWLINE"
    )
    origin = str(rule.origin.name)
    helper = origin.startswith("_")
    passes_on = len(kept) == 1 and rule.options.expand1 and not rule.alias
    action = "" if helper or passes_on else rule.alias or origin
    return Rule(origin, len(rule.expansion), kept, action)


def _pattern(terminals: object, left_out: set[str]) -> str:
    from lark.lexer import TerminalDef

    assert isinstance(terminals, list)
    wanted = [t for t in terminals if isinstance(t, TerminalDef) and t.name not in left_out]
    wanted.sort(key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name))
    groups = "|".join(f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in wanted)
    return rf"[ \t\f]*(?:{groups})"


def _folder() -> Path:
    """`grammar/` inside an installed package, else that of the checkout."""
    inside = Path(__file__).parent / "grammar"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "grammar"


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
    os.replace(draft, path)
