"""Embeddings: a row of a table for each index."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from netspec.catalogue.layer import Example, Layer, Misfit
from netspec.catalogue.signature import PositiveInt
from netspec.dim import at_least
from netspec.tensor import Shape, Tensor


class Embedding(Layer):
    """A learnt vector for each index: int64 `[*]` to float32 `[*, embedding_dim]`."""

    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = frozenset({"int32", "int64"})
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Embedding(1000, 64)", "int64[N, T]", "float32[N, T, 64]"),
    )

    num_embeddings: PositiveInt
    embedding_dim: PositiveInt
    padding_idx: Annotated[int, "may count from the end"] | None = None
    max_norm: float | None = None
    norm_type: float = 2.0
    scale_grad_by_freq: bool = False
    sparse: bool = False

    def output(self, x: Tensor) -> Tensor:
        index, rows = self.padding_idx, self.num_embeddings
        if index is not None and not (at_least(rows - 1, index) and at_least(index + rows, 0)):
            raise Misfit(
                f"padding_idx={index} is no row of a table with {rows} rows",
                label="out of range",
                help=f"choose one from 0 to {rows - 1}",
                argument="padding_idx",
            )
        return Tensor((*x.shape, self.embedding_dim), "float32")

    def parameters(self) -> Mapping[str, Shape]:
        return {"weight": (self.num_embeddings, self.embedding_dim)}
