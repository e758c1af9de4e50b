"""Values that flow through a net while it is checked."""

from typing import NamedTuple

from netspec.evaluate import UNKNOWN, Unknown
from netspec.source import Span
from netspec.tensor import Tensor


class Flow(NamedTuple):
    """A tensor: its type, and what it comes from, in words (`conv1`, `the input x`).

    `channels_first` where it comes out of a layer that treats it as a picture or a signal.
    """

    type: Tensor
    origin: str
    span: Span
    channels_first: bool = False


class Bundle(NamedTuple):
    """Several values side by side."""

    items: "tuple[Flow | Bundle | Unknown, ...]"


Value = Flow | Bundle | Unknown

__all__ = ["UNKNOWN", "Bundle", "Flow", "Unknown", "Value"]
