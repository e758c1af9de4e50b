"""Where names of a file come from: its nets, blocks and externs, and those that it uses."""

from collections.abc import Mapping
from typing import NamedTuple

from netspec import syntax as s
from netspec.source import Source


class Entry(NamedTuple):
    """A net, block or extern by its definition, with the file that it stands in.

    `broken`: what is wrong with it has been reported where it stands.
    """

    definition: s.Net | s.Block | s.Extern
    home: "Home"
    broken: bool = False


class Home(NamedTuple):
    """A file: its source, what its names stand for, and its own `init` rules.

    `offered`: of a train section, what its values may be made of; None elsewhere.
    """

    source: Source
    entries: dict[str, Entry]
    rules: tuple[s.Init, ...]
    offered: tuple[str, ...] | None = None

    def blocks(self) -> Mapping[str, Entry]:
        """What can be used like a layer."""
        return {k: e for k, e in self.entries.items() if not isinstance(e.definition, s.Net)}

    def externs(self) -> Mapping[str, Entry]:
        """What is written in Python."""
        return {k: e for k, e in self.entries.items() if isinstance(e.definition, s.Extern)}
