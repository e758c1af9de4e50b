"""A checked spec as a whole: its nets, and how to train them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from netspec import syntax
from netspec.graph import Net, Unfinished
from netspec.home import Home
from netspec.source import Source

if TYPE_CHECKING:
    from netspec.training import Training


class Graph(NamedTuple):
    """A checked spec: its nets in the order of the file, and its trainings, by name."""

    source: Source
    file: syntax.File
    home: Home
    doc: str
    nets: Mapping[str, Net]
    unfinished: Mapping[str, Unfinished]
    trainings: "Mapping[str, Training]"
