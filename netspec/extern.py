"""A module written in Python, of which only the signature is known."""

from collections.abc import Mapping
from typing import Any

from netspec.tensor import Shape


class ExternLayer:
    """Stands where a layer of the catalogue would: it has no parameters that are known."""

    ndim = None
    optional: frozenset[str] = frozenset()

    def parameters(self) -> Mapping[str, Shape]:
        return {}

    def buffers(self) -> Mapping[str, Shape]:
        return {}

    def macs(self, x: Any, y: Any, *rest: Any) -> int:
        return 0
