"""Embeddings: a row of a table for each index, or for each bag of indices."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import (
    Example,
    Layer,
    Misfit,
    require_rank,
    require_same_dtype,
    require_shape,
)
from netspec.catalogue.signature import KEYWORD, KeywordFlag, PositiveInt
from netspec.compare import at_least
from netspec.dim import Dim
from netspec.tensor import Shape, Tensor, write_shape


class Embedding(Layer):
    """A learnt vector, float32, for each index."""

    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = frozenset({"int32", "int64"})
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*]", "[*, embedding_dim]"),)
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
        _require_row(self.padding_idx, self.num_embeddings)
        return Tensor((*x.shape, self.embedding_dim), "float32")

    def parameters(self) -> Mapping[str, Shape]:
        return {"weight": (self.num_embeddings, self.embedding_dim)}


def _require_row(index: Dim | None, rows: Dim) -> None:
    if index is not None and not (at_least(rows - 1, index) and at_least(index + rows, 0)):
        raise Misfit(
            f"padding_idx={index} is no row of a table with {rows} rows",
            label="out of range",
            help=f"choose one from 0 to {rows - 1}",
            argument="padding_idx",
        )


class EmbeddingBag(Layer):
    """The mean of the vectors, float32, of each bag of indices.

    Bags of several lengths are given one after the other, `[T]`, with `offsets` `[N]` that say
    where each begins; with include_last_offset=True it is `[N + 1]`, the last one being T.
    `per_sample_weights` has the shape of the input and goes with mode="sum".
    """

    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = frozenset({"int32", "int64"})
    may_take: ClassVar[tuple[str, ...]] = ("offsets", "per_sample_weights")
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, T]", "[N, embedding_dim]"),
        Shapes("[T], [N]", "[N, embedding_dim]"),
        Shapes("[T], [n]", "[n - 1, embedding_dim]", "include_last_offset=True"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("EmbeddingBag(1000, 64)", "int64[N, T]", "float32[N, 64]"),
        Example("EmbeddingBag(1000, 64)", "int64[T], int64[N]", "float32[N, 64]"),
    )

    num_embeddings: PositiveInt
    embedding_dim: PositiveInt
    max_norm: float | None = None
    norm_type: float = 2.0
    scale_grad_by_freq: bool = False
    mode: Literal["sum", "mean", "max"] = "mean"
    sparse: bool = False
    include_last_offset: KeywordFlag = False
    padding_idx: Annotated[int | None, KEYWORD] = None

    def output(
        self, x: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        require_rank(self, x, (1, 2), "bags of indices, [N, T], or [T] with offsets")
        _require_row(self.padding_idx, self.num_embeddings)
        self._require_mode()
        bags = self._bags(x, offsets)
        if per_sample_weights is not None:
            self._require_weights(x, per_sample_weights)
        return Tensor((bags, self.embedding_dim), "float32")

    def _bags(self, x: Tensor, offsets: Tensor | None) -> Dim:
        if x.rank == 2:
            if offsets is not None:
                raise Misfit(
                    "`EmbeddingBag` takes no `offsets` with an input of two dimensions",
                    label=f"each row of {write_shape(x.shape)} is a bag",
                    help="leave them out, or give the indices in one dimension",
                    argument="offsets",
                )
            return x.shape[0]
        if offsets is None:
            raise Misfit(
                f"`EmbeddingBag` needs `offsets` for {write_shape(x.shape)}: where each bag begins",
                label="one dimension of indices",
                help="write `(input, offsets) -> EmbeddingBag(…)`, or give the indices as [N, T]",
            )
        if offsets.rank != 1 or offsets.dtype not in self.dtypes:
            raise Misfit(
                f"`offsets` of `EmbeddingBag` must be int64[N], found {offsets}",
                label="one number for each bag",
                help="give the places in `input` where the bags begin",
                argument="offsets",
            )
        bags = offsets.shape[0] - int(self.include_last_offset)
        if at_least(bags, 1) is False:
            raise Misfit(
                f"`EmbeddingBag` needs a bag, found `offsets` {write_shape(offsets.shape)} with "
                "include_last_offset=True",
                label="the last number ends the last bag, and begins none",
                help="give the place where each bag begins, and the length of `input`",
                argument="offsets",
            )
        return bags

    def _require_mode(self) -> None:
        for name in ("scale_grad_by_freq", "sparse"):
            if self.mode == "max" and getattr(self, name):
                raise Misfit(
                    f'`{name}` does not go with mode="max"',
                    label="True",
                    help='leave it out, or use mode="mean" or mode="sum"',
                    argument=name,
                )

    def _require_weights(self, x: Tensor, weights: Tensor) -> None:
        if self.mode != "sum":
            raise Misfit(
                f'`per_sample_weights` goes with mode="sum" only, found mode="{self.mode}"',
                label=f"{self.mode} of weighted vectors",
                help='write mode="sum"',
                argument="mode" if "mode" in self.given else "per_sample_weights",
            )
        require_same_dtype(self, "per_sample_weights", weights, "float32")
        why = "it has one weight for each index"
        require_shape(self, "per_sample_weights", weights, x.shape, why)

    def parameters(self) -> Mapping[str, Shape]:
        return {"weight": (self.num_embeddings, self.embedding_dim)}
