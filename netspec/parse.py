"""Turn the text of a spec into its syntax tree."""

from typing import Any, NamedTuple

from netspec.diagnostic import Diagnostics
from netspec.grammar import Tables, load_tables
from netspec.scan import Token, TooDeep, scan
from netspec.source import Source, Span
from netspec.syntax import File
from netspec.syntax_errors import explain
from netspec.tree import Word, build

DEEPEST = 100  # levels of an expression
_MOST = 20  # syntax errors in one file


class Parsed(NamedTuple):
    """A tree, and what was wrong on the way; broken statements stand in it as `Broken`."""

    file: File
    found: Diagnostics


def parse(source: Source) -> Parsed:
    """Read a spec. Never raises: errors are in `found`, and what could be read is in `file`."""
    found = Diagnostics(source)
    tables = load_tables()
    try:
        tokens, docs = scan(source.text, tables.pattern, tables.keywords, found)
    except TooDeep:
        return Parsed(File((), ""), found)
    end = len(source.text)
    tokens.append(Token("$END", end, end))
    parser = _Parser(source, tables, tokens, docs, found)
    file = parser.run()
    return Parsed(file if isinstance(file, File) else File((), ""), found)


class _Parser:
    """Drives the LALR(1) tables.

    Chains of rules that only pass a value on (a number is an atom is a factor is a product …) are
    walked once and remembered: most steps of a parse are such.
    """

    def __init__(
        self,
        source: Source,
        tables: Tables,
        tokens: list[Token],
        docs: dict[int, str],
        found: Diagnostics,
    ) -> None:
        self.source = source
        self.tables = tables
        self.tokens = tokens
        self.docs = docs
        self.found = found
        self.states = [tables.start]
        self.values: list[Any] = [None]
        self.spans: list[tuple[int, int]] = [(0, 0)]
        self.depths = [0]
        self.passed: dict[tuple[int, int, str], int] = {}
        self.errors = 0

    def run(self) -> object:
        at = 0
        tokens, states, actions = self.tokens, self.states, self.tables.states
        values, spans, depths, text = self.values, self.spans, self.depths, self.source.text
        while True:
            kind, start, end = tokens[at]
            action = actions[states[-1]].get(kind)
            if action is None:
                if kind == "$END" and states[-1] == self.tables.end:
                    return values[-1]
                at = self._recover(at)
                if at < 0:
                    return None
            elif action < 0:
                if not self._reduce(~action, kind):
                    return None
            else:
                states.append(action)
                values.append(Word(text[start:end], Span(start, end)))
                spans.append((start, end))
                depths.append(0)
                at += 1

    def _reduce(self, number: int, kind: str) -> bool:
        """Put the node of a rule in place of its parts; False where it would be nested too deep."""
        rule = self.tables.rules[number]
        states = self.states
        if rule.length == 1 and not rule.action and rule.kept:
            self._pass_on(rule.origin, kind)
            return True
        size = rule.length
        children: list[Any] = []
        if size:
            popped = self.values[-size:]
            span = Span(self.spans[-size][0], self.spans[-1][1])
            depth = max(self.depths[-size:])
            del self.values[-size:], self.spans[-size:], self.depths[-size:], states[-size:]
            kept = [popped[index] for index in rule.kept]
            if kept and type(kept[0]) is list:
                children = kept.pop(0)  # a repetition grows in place, not by a copy for each item
            for child in kept:
                if type(child) is list:
                    children += child
                else:
                    children.append(child)
        else:
            span, depth = Span(self.spans[-1][1], self.spans[-1][1]), 0
        if rule.action:
            depth += 1
            value = build(rule.action, children, span, self.docs)
            if depth > DEEPEST:
                self._too_deep(span)
                return False
        else:
            value = children
        states.append(self.tables.gotos[states[-1]][rule.origin])
        self.values.append(value)
        self.spans.append(span)
        self.depths.append(depth)
        return True

    def _pass_on(self, origin: str, kind: str) -> None:
        states, actions = self.states, self.tables.states
        below, top = states[-2], states[-1]
        key = (below, top, kind)
        known = self.passed.get(key)
        if known is None:
            known = self.tables.gotos[below][origin]
            while True:
                action = actions[known].get(kind, 0)
                rule = self.tables.rules[~action] if action < 0 else None
                if rule is None or rule.length != 1 or rule.action or not rule.kept:
                    break
                known = self.tables.gotos[below][rule.origin]
            self.passed[key] = known
        states[-1] = known

    def _too_deep(self, span: Span) -> None:
        self.found.add(
            "too-deep",
            f"an expression is nested more than {DEEPEST} levels deep",
            Span(span.start, min(span.end, span.start + 1)),
            label="begins here",
            help="give parts of it names of their own, with `let` or `name = …`",
        )

    def _recover(self, at: int) -> int:
        """Report the token, give its statement up; the index of the token to go on with, or -1."""
        self._report(at)
        self.errors += 1
        if self.errors >= _MOST:
            return -1
        actions = self.tables.states
        while len(self.states) > 1 and "BROKEN" not in actions[self.states[-1]]:
            self.states.pop()
            self.values.pop()
            self.spans.pop()
            self.depths.pop()
        start = self.spans[-1][1]
        end_of_statement = self._skip(at)
        broken = Token("BROKEN", max(start, 0), self.tokens[end_of_statement].start)
        following = self.tokens[end_of_statement]
        rest = [broken]
        if following.type != "NEWLINE":
            rest.append(Token("NEWLINE", following.start, following.start))
        self.tokens[at:end_of_statement] = rest
        return at

    def _skip(self, at: int) -> int:
        """The index of the token that ends the statement that the token at `at` belongs to."""
        depth = 0
        for index in range(at, len(self.tokens)):
            kind = self.tokens[index].type
            if kind == "LBRACE":
                depth += 1
            elif kind == "RBRACE":
                if depth == 0 and len(self.states) > 1:
                    return index
                depth -= 1
            elif (kind == "NEWLINE" and depth <= 0) or kind == "$END":
                return index
        return len(self.tokens) - 1

    def _report(self, at: int) -> None:
        start, end = self._statement_of(at)
        already = [d for d in self.found.in_order() if d.span and start <= d.span.start <= end]
        if already:
            return
        expected = self._expected()
        explanation = explain(self.source.text, self.tokens, at, expected)
        self.found.add(
            "syntax-error",
            explanation.message,
            explanation.span,
            label=explanation.label,
            help=explanation.help,
        )

    def _expected(self) -> set[str]:
        return {
            terminal
            for terminal in self.tables.states[self.states[-1]]
            if terminal not in ("BROKEN", "$END") and self._accepts(terminal)
        }

    def _accepts(self, terminal: str) -> bool:
        """Whether the parser would take `terminal` next, after the reductions that it asks for."""
        states = list(self.states)
        while True:
            action = self.tables.states[states[-1]].get(terminal)
            if action is None:
                return False
            if action >= 0:
                return True
            rule = self.tables.rules[~action]
            if rule.length:
                del states[-rule.length :]
            states.append(self.tables.gotos[states[-1]][rule.origin])

    def _statement_of(self, at: int) -> tuple[int, int]:
        first = at
        while first > 0 and self.tokens[first - 1].type not in ("NEWLINE", "LBRACE"):
            first -= 1
        last = at
        while last < len(self.tokens) - 1 and self.tokens[last].type != "NEWLINE":
            last += 1
        return self.tokens[first].start, self.tokens[last].end
