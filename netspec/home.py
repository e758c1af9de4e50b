"""Where names of a file come from: its nets and blocks, and those that it uses."""

from collections.abc import Mapping
from typing import NamedTuple

from netspec import syntax as s
from netspec.source import Source


class Entry(NamedTuple):
    """A net or block by its definition, with the file that it stands in."""

    definition: s.Net | s.Block
    home: "Home"


class Home(NamedTuple):
    """A file: its source, what its names stand for, and its own `init` rules."""

    source: Source
    entries: dict[str, Entry]
    rules: tuple[s.Init, ...]

    def blocks(self) -> Mapping[str, Entry]:
        """What can be used like a layer."""
        return {k: e for k, e in self.entries.items() if not isinstance(e.definition, s.Net)}
