"""Tensors to try functions on."""

from netspec.tensor import DTYPES, Tensor

SHAPES = [(), (6,), (2, 6), (2, 4, 6), (2, 4, 5, 6), (1, 4, 1, 1), (2, 3, 4, 5, 6), (1,), (3, 1)]
RANKS = [Tensor(shape) for shape in SHAPES]
KINDS = [Tensor((2, 4, 6), dtype) for dtype in sorted(DTYPES)]
EVERY = RANKS + KINDS
FEW = [Tensor((2, 4, 6)), Tensor((6,)), Tensor(()), Tensor((2, 4, 5, 6), "int64")]
