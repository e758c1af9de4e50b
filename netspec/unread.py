"""What the statements of a train section that could not be read may have said."""

import re
from collections.abc import Collection
from typing import NamedTuple

from netspec import syntax as s
from netspec.source import Source

_TARGETS = re.compile(r"^\s*(\w+(?:\s*,\s*\w+)*)\s*=(?!=)", re.MULTILINE)


class Unread(NamedTuple):
    """A statement and its text."""

    statement: s.Broken
    text: str

    def mentions(self, name: str) -> bool:
        """Whether it reads or sets what has this name."""
        return re.search(rf"\b{re.escape(name)}\b", self.text) is not None

    def may_define(self, settings: Collection[str]) -> bool:
        """Whether it may give a value a name: it is not the line of a setting."""
        targets = _TARGETS.findall(self.text)
        return not targets or any(target not in settings for target in targets)


def unread_of(train: s.Train, source: Source) -> list[Unread]:
    """The broken statements of a section and of its steps."""
    steps = [item for item in train.items if isinstance(item, s.Step)]
    items = [*train.items, *(item for step in steps for item in step.items)]
    broken = [item for item in items if isinstance(item, s.Broken)]
    return [Unread(x, source.text[x.span.start : x.span.end]) for x in broken]
