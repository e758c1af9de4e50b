"""Data that is read in Python, as a source of a training."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from netspec.catalogue.dataset import Sizes
from netspec.catalogue.declared_data import Samples
from netspec.source import Source, Span
from netspec.tensor import Tensor


class Origin(NamedTuple):
    """Where data comes from: module and name in Python, and what the script calls it.

    The spans are those of name and module in `source`.
    """

    module: str
    name: str
    alias: str
    source: Source
    name_span: Span
    module_span: Span


class External(Samples, listed=False):
    """Data of a function or a class of the author's own, as the spec declares it.

    What it gives has a length, and samples by their numbers: tuples of what becomes tensors, in
    the order of the fields.
    """

    called: ClassVar[str] = "Samples"
    loop: ClassVar[str] = "place, (name, dtype, shape) in enumerate(self.FIELDS)"
    part: ClassVar[str] = "sample[place]"

    def __init__(
        self, origin: Origin, arguments: tuple[str, ...], fields: Mapping[str, Tensor]
    ) -> None:
        super().__init__()
        self.origin = origin
        self.arguments = arguments
        self.declared = fields

    def told(self) -> str:
        return f"Make {self.origin.alias}, each sample held against its fields."

    def code(self, sizes: Sizes) -> tuple[str, ...]:
        return (
            f"data = Samples({self.origin.alias}({', '.join(self.arguments)}))",
            "if len(data):",
            "    data[0]  # what is wrong with all samples is wrong with the first one",
        )
