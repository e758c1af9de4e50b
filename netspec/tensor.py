"""The type of a tensor: a shape of dimensions, batch first, and a dtype by torch's name."""

from typing import NamedTuple

from netspec.dim import Dim

Shape = tuple[Dim, ...]

FLOATING = frozenset({"float16", "bfloat16", "float32", "float64"})
INTEGER = frozenset({"uint8", "int8", "int16", "int32", "int64"})
COMPLEX = frozenset({"complex64", "complex128"})
DTYPES = FLOATING | INTEGER | COMPLEX | {"bool"}


class Tensor(NamedTuple):
    """A tensor's type, as `float32[N, 3, H, W]` writes it."""

    shape: Shape
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{self.dtype}{write_shape(self.shape)}"

    @property
    def rank(self) -> int:
        return len(self.shape)


Type = Tensor | tuple["Type", ...]


class DType(str):
    """A dtype given as an argument, `zeros(N, dtype=int64)`; a spec writes the bare name."""

    __slots__ = ()


def write_shape(shape: Shape) -> str:
    """`[N, 3, H // 2]`, as a spec writes it."""
    return f"[{', '.join(map(str, shape))}]"


def write_type(type_: Type) -> str:
    """`float32[N, 3]`, or `(float32[N, 3], float32[N])` for a tuple."""
    if isinstance(type_, Tensor):
        return str(type_)
    return f"({', '.join(map(write_type, type_))})"
