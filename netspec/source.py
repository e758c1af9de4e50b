"""Turn the bytes of a file into text whose offsets can be told as lines and columns."""

from bisect import bisect_right
from functools import cached_property
from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of a source text, as offsets of characters: `start` inclusive, `end` exclusive."""

    start: int
    end: int


class Source:
    """A spec's text and the name that diagnostics call it by."""

    def __init__(self, text: str, name: str = "<spec>") -> None:
        self.text = text
        self.name = name

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        find = self.text.find
        at = find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = find("\n", at + 1)
        return starts

    def cut(self, span: Span) -> str:
        """The text at a span, in one line."""
        return " ".join(self.text[span.start : span.end].split())

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a character, both from 1; columns count characters."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1), without its end."""
        starts = self._starts
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r")


class Undecodable(Exception):
    """Bytes that are no UTF-8 text; `offset` counts characters up to the first bad one."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.text = text


def decode(data: bytes) -> str:
    """The text of a spec's bytes; a byte order mark is dropped.

    Raises:
        Undecodable: for bytes that are not UTF-8, and for binary data.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        raise Undecodable(f"the byte 0x{data[error.start]:02x} is not UTF-8", before) from None
    if "\0" in text:
        raise Undecodable("it holds a zero byte", text[: text.index("\0")])
    return text
