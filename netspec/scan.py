"""Turn a spec's text into tokens: keywords told from names, statements ended, brackets paired."""

import re
from collections.abc import Mapping
from keyword import iskeyword
from typing import NamedTuple

from netspec.diagnostic import Diagnostics
from netspec.source import Span

FILE = -1  # the place of the documentation of a file among those of declarations
DEEPEST = 100  # brackets inside brackets
_PAIRS = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
_OPENS = {closer: opener for opener, closer in _PAIRS.items()}
_TEXT = {"LPAR": "(", "RPAR": ")", "LSQB": "[", "RSQB": "]", "LBRACE": "{", "RBRACE": "}"}


class Token(NamedTuple):
    type: str
    start: int
    end: int


class Scan(NamedTuple):
    """The tokens of a text, and its documentation by the offset of the token after it."""

    tokens: list[Token]
    docs: dict[int, str]


class TooDeep(Exception):
    """Brackets inside brackets inside brackets: there is no sense in reading on."""


def scan(text: str, pattern: str, keywords: Mapping[str, str], found: Diagnostics) -> Scan:
    """Split `text` into tokens; what is wrong with characters and brackets goes to `found`.

    Raises:
        TooDeep: after reporting it, for brackets nested deeper than `DEEPEST`.
    """
    scanner = _Scanner(text, keywords, found)
    hard = {word for word in keywords if iskeyword(word)}
    scanner.read(re.compile(pattern), hard)
    scanner.finish()
    _promote_repeat(scanner.tokens, text)
    return Scan(scanner.tokens, scanner.docs)


def _promote_repeat(tokens: list[Token], text: str) -> None:
    """Make `repeat` a keyword where a layer or a group follows its brackets."""
    for index, token in enumerate(tokens):
        if token.type == "NAME" and text[token.start : token.end] == "repeat":
            end = _closing(tokens, index + 1)
            if end is not None and tokens[end + 1].type in ("NAME", "LPAR"):
                tokens[index] = Token("REPEAT", token.start, token.end)


def _closing(tokens: list[Token], start: int) -> int | None:
    """The index of the bracket that closes the one at `start`, with a token behind it."""
    depth = 0
    for index in range(start, len(tokens) - 1):
        depth += tokens[index].type in _PAIRS
        depth -= tokens[index].type in _OPENS
        if depth == 0:
            return index if index > start else None
    return None


def _plain(text: str) -> str:
    """Documentation without what a docstring cannot hold or would break its line."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


class _Scanner:
    def __init__(self, text: str, keywords: Mapping[str, str], found: Diagnostics) -> None:
        self.text = text
        self.keywords = keywords
        self.found = found
        self.tokens: list[Token] = []
        self.docs: dict[int, str] = {}
        self.open: list[
            tuple[Token, int]
        ] = []  # an opening bracket, and where its statement begins
        self.inside = False  # ( or [ is open
        self.statement = 0  # the index of the token that began the statement
        self.newline: Token | None = None  # a NEWLINE that the next token may swallow
        self.fresh_line = True
        self.doc: list[str] = []
        self.torn = 0  # where the last unclosed string begins: it hides brackets of its line

    def read(self, pattern: re.Pattern[str], hard: set[str]) -> None:
        text, keywords, match = self.text, self.keywords, pattern.match
        at, length = 0, len(self.text)
        while at < length:
            hit = match(text, at)
            if hit is None:
                at = self._stray(at)
                continue
            kind = hit.lastgroup or ""
            at = hit.end()
            if kind == "NEWLINE":
                if self.fresh_line and self.doc:
                    self._end_doc()
                if not self.inside and self.newline is None:
                    self.newline = Token(kind, hit.start(kind), at)
                self.fresh_line = True
            elif kind == "DOC":
                self.doc.append(_plain(hit[kind][2:]))
                self.fresh_line = False
            elif kind != "COMMENT":
                start = hit.start(kind)
                if kind == "NAME":
                    word = hit[kind]
                    if word in hard:
                        kind = keywords[word]
                self._emit(Token(kind, start, at))

    def finish(self) -> None:
        end = len(self.text)
        while self.open:
            opener = self.open[-1][0]
            self._unclosed(opener)
            if opener.type != "LBRACE":
                self._break_statement(end)
                continue
            self._end_statement(end)
            self.tokens.append(Token("RBRACE", end, end))
            self.open.pop()
        self._end_statement(end)

    def _end_doc(self) -> None:
        """Documentation with an empty line behind it is that of the file, where it comes first."""
        if not self.tokens and FILE not in self.docs:
            self.docs[FILE] = "\n".join(self.doc).strip()
        self.doc = []

    def _emit(self, token: Token) -> None:
        if self.inside and self.fresh_line:
            self._begins_statement(token)
        self._settle_newline(token)
        if self.doc:
            self.docs[token.start] = "\n".join(self.doc).strip()
            self.doc = []
        self._promote(token.type)
        if token.type in _PAIRS:
            self._opened(token)
        elif token.type in _OPENS and not self._closed(token):
            return
        self.tokens.append(token)
        self.fresh_line = False

    def _settle_newline(self, token: Token) -> None:
        newline, self.newline = self.newline, None
        if newline is None or token.type in ("ARROW", "ELSE"):
            return
        if self.tokens and self.tokens[-1].type not in ("NEWLINE", "LBRACE"):
            self.tokens.append(newline)
        self.statement = len(self.tokens)

    def _promote(self, following: str) -> None:
        """Make the last token a keyword if it begins a statement and is one, by what follows."""
        last = len(self.tokens) - 1
        if last == self.statement + 1 and self.tokens[last - 1].type == "EXTERN":
            word = self.tokens[last]
            if following == "NAME" and self.text[word.start : word.end] == "dataset":
                self.tokens[last] = Token("DATASET", word.start, word.end)
        if last != self.statement or last < 0 or self.tokens[last].type != "NAME":
            return
        name = self.tokens[last]
        keyword = self.keywords.get(self.text[name.start : name.end])
        if keyword and keyword != "DATASET" and following not in ("ASSIGN", "COMMA", "LSQB"):
            self.tokens[last] = Token(keyword, name.start, name.end)

    def _opened(self, token: Token) -> None:
        if token.type == "LBRACE":
            while self.inside:
                self._close_missing(token.start)
        self.open.append((token, self.statement))
        self.inside = token.type != "LBRACE"
        if len(self.open) > DEEPEST:
            self.found.add(
                "too-deep",
                f"brackets are nested more than {DEEPEST} deep",
                Span(token.start, token.end),
                label=f"bracket number {DEEPEST + 1}",
                help="give parts of it names of their own, with `let` or `name = …`",
            )
            raise TooDeep
        if token.type == "LBRACE":
            self.statement = len(self.tokens) + 1

    def _closed(self, token: Token) -> bool:
        """Pair a closing bracket; False where it is to be dropped."""
        if token.type == "RBRACE":
            while self.inside:
                self._unclosed(self.open[-1][0])
                self._break_statement(token.start)
            if self.open:
                self._end_statement(token.start)
        if not self.open or (self.open[-1][0].type == "LBRACE") != (token.type == "RBRACE"):
            self._closes_nothing(token)
            return False
        opener, self.statement = self.open.pop()
        self.inside = bool(self.open) and self.open[-1][0].type != "LBRACE"
        if _PAIRS[opener.type] != token.type:
            wanted = _TEXT[_PAIRS[opener.type]]
            line, _ = self.found.source.position(opener.start)
            self.found.add(
                "mismatched-bracket",
                f"`{_TEXT[token.type]}` closes `{_TEXT[opener.type]}`",
                Span(token.start, token.end),
                label=f"`{_TEXT[opener.type]}` of line {line} wants `{wanted}`",
                help=f"write `{wanted}` here",
            )
            self.tokens.append(Token(_PAIRS[opener.type], token.start, token.end))
            return False
        return True

    def _closes_nothing(self, token: Token) -> None:
        text = _TEXT[token.type]
        self.found.add(
            "unexpected-bracket",
            f"`{text}` closes nothing",
            Span(token.start, token.end),
            label=f"no `{_TEXT[_OPENS[token.type]]}` is open here",
            help=f"remove this `{text}`, or open a bracket before it",
        )

    def _unclosed(self, opener: Token) -> None:
        if opener.start < self.torn and "\n" not in self.text[opener.start : self.torn]:
            return
        text = _TEXT[opener.type]
        self.found.add(
            "unclosed-bracket",
            f"`{text}` is never closed",
            Span(opener.start, opener.end),
            label="opened here",
            help=f"add `{_TEXT[_PAIRS[opener.type]]}` where it should end",
        )

    def _begins_statement(self, token: Token) -> None:
        """A line inside brackets that can only be a statement: a bracket before it stayed open."""
        if token.type == "NAME":
            word = self.text[token.start : token.end]
            rest = self.text[token.end : token.end + 80].split("\n", 1)[0].lstrip(" \t")
            keyword = word in self.keywords and (rest[:1].isalpha() or rest[:1] in "_\"'")
        else:
            keyword = token.type == "RETURN"
        if not keyword:
            return
        while self.inside:
            self._unclosed(self.open[-1][0])
            self._break_statement(token.start)
        self.newline = Token("NEWLINE", token.start, token.start)

    def _break_statement(self, end: int) -> None:
        """Give up the statement of the innermost bracket, up to the offset `end`."""
        _, first = self.open.pop()
        while self.open and self.open[-1][1] == first and self.open[-1][0].type != "LBRACE":
            opener, _ = self.open.pop()
            self._unclosed(opener)
        start = self.tokens[first].start if first < len(self.tokens) else end
        del self.tokens[first:]
        self.tokens.append(Token("BROKEN", start, end))
        self.statement = first
        self.inside = bool(self.open) and self.open[-1][0].type != "LBRACE"

    def _close_missing(self, at: int) -> None:
        opener, _ = self.open.pop()
        self._unclosed(opener)
        self.tokens.append(Token(_PAIRS[opener.type], at, at))
        self.inside = bool(self.open) and self.open[-1][0].type != "LBRACE"

    def _end_statement(self, at: int) -> None:
        self.newline = None
        if self.tokens and self.tokens[-1].type not in ("NEWLINE", "LBRACE"):
            self.tokens.append(Token("NEWLINE", at, at))
        self.statement = len(self.tokens)

    def _stray(self, at: int) -> int:
        """Report what no token begins with; the offset to go on from."""
        while self.text[at] in " \t\f":
            at += 1
            if at == len(self.text):
                return at
        character = self.text[at]
        if character in "\"'":
            end = self.text.find("\n", at)
            end = len(self.text) if end < 0 else end
            self.torn = at
            self.found.add(
                "unclosed-string",
                f"a string that begins with {character} does not end in its line",
                Span(at, min(end, at + 40)),
                label="begins here",
                help=f"add {character} at its end",
            )
            self._emit(Token("STRING", at, end))
            return end
        shown = character if character.isprintable() else f"U+{ord(character):04X}"
        self.found.add(
            "unexpected-character",
            f"unexpected character `{shown}`",
            Span(at, at + 1),
            label="no part of the language",
            help="remove it",
        )
        return at + 1
