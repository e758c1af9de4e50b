"""Attention: for each query the values of the keys that are like it."""

from typing import Annotated, ClassVar

from netspec.catalogue.dtypes import require_dtype, require_one_dtype
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example, Functional
from netspec.catalogue.shapes import require_dimensions
from netspec.catalogue.signature import KEYWORD, Input, KeywordFlag, Probability
from netspec.compare import agree, same
from netspec.dim import Dim, product, value_of
from netspec.elementwise import broadcast
from netspec.misfit import Misfit
from netspec.tensor import FLOATING, Shape, Tensor, write_shape


class ScaledDotProductAttention(Functional, name="scaled_dot_product_attention"):
    """softmax(query @ key.T / sqrt(E) + mask) @ value: [..., L, E], [..., S, E], [..., S, V]."""

    random: ClassVar[bool] = True
    training_only: ClassVar[tuple[str, ...]] = ("dropout_p",)
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, L, E], [*B, S, E], [*C, S, V]", "[*broadcast(A, B, C), L, V]"),
        Shapes(
            "[*A, h, L, E], [*B, i, S, E], [*C, j, S, V]",
            "[*broadcast(A, B, C), h, L, V]",
            "enable_gqa=True",
        ),
    )
    examples = (
        Example(
            "scaled_dot_product_attention(q, k, v, is_causal=True)",
            "q: float32[N, 8, T, 64], k: float32[N, 8, T, 64], v: float32[N, 8, T, 64]",
            "float32[N, 8, T, 64]",
        ),
        Example(
            "scaled_dot_product_attention(q, k, v, mask)",
            "q: float32[N, T, 64], k: float32[N, S, 64], v: float32[N, S, 32], mask: bool[T, S]",
            "float32[N, T, 32]",
        ),
    )

    query: Input
    key: Input
    value: Input
    attn_mask: Input | None = None
    dropout_p: Probability = 0.0
    is_causal: bool = False
    scale: Annotated[float | None, KEYWORD] = None
    enable_gqa: KeywordFlag = False

    def apply(self) -> Tensor:
        query, key, value = self.query, self.key, self.value
        require_dtype(self.name, query, FLOATING)
        require_one_dtype(self.name, (query, key, value))
        for x in (query, key, value):
            require_dimensions(x, self.name, 2)
        self._require_same("query", query, "key", key, -1, "features")
        self._require_same("key", key, "value", value, -2, "positions")
        batch = self._batch()
        rows, columns = query.shape[-2], key.shape[-2]
        if self.attn_mask is not None:
            self._require_mask(self.attn_mask, (*batch, rows, columns))
        return Tensor((*batch, rows, value.shape[-1]), query.dtype)

    def macs(self, output: Tensor) -> Dim:
        query, key = self.query.shape, self.key.shape
        heads = -3 if self.enable_gqa else -2  # those of the query, which share keys
        batch = broadcast("attend with", query[:heads], key[:heads]) + query[heads:-2]
        scores = product((*batch, query[-2], key[-2], query[-1]))
        return scores + product((*output.shape, key[-2]))

    def _require_same(
        self, first: str, a: Tensor, second: str, b: Tensor, axis: int, what: str
    ) -> None:
        if not agree(a.shape[axis], b.shape[axis]):
            raise Misfit(
                f"`{first}` and `{second}` must have the same number of {what}, found "
                f"{a.shape[axis]} and {b.shape[axis]}",
                label=f"{write_shape(a.shape)} and {write_shape(b.shape)}",
                help=f"{what} are the {'last' if axis == -1 else 'second last'} dimension; "
                "`transpose` or project one of them",
                argument=second,
            )

    def _batch(self) -> Shape:
        """The dimensions in front, which broadcast; with `enable_gqa` heads are shared."""
        query, key, value = (x.shape[:-2] for x in (self.query, self.key, self.value))
        if not self.enable_gqa:
            return broadcast("attend with", broadcast("attend with", query, key), value)
        if not query or not key or not value:
            raise Misfit(
                "`enable_gqa` shares heads, the third last dimension, found none",
                label=f"`query` is {write_shape(self.query.shape)}",
                help="give it [N, heads, positions, features]",
                argument="enable_gqa",
            )
        for heads, name in ((key[-1], "key"), (value[-1], "value")):
            if value_of(heads) == 0 or value_of(query[-1] % heads):
                raise Misfit(
                    f"{query[-1]} heads of `query` do not divide by {heads} of `{name}`",
                    label=f"{query[-1]} % {heads} is {value_of(query[-1] % heads)}",
                    help=f"choose a number of heads for `{name}` that divides {query[-1]}",
                    argument=name,
                )
        rest = broadcast("attend with", broadcast("attend with", query[:-1], key[:-1]), value[:-1])
        return (*rest, query[-1])

    def _require_mask(self, mask: Tensor, wanted: Shape) -> None:
        if self.is_causal:
            raise Misfit(
                "`is_causal` and `attn_mask` do not go together",
                label="both are given",
                help="leave `is_causal` out, and put the triangle into the mask",
                argument="is_causal",
            )
        if mask.dtype not in ("bool", self.query.dtype):
            raise Misfit(
                f"`attn_mask` is bool or {self.query.dtype}, as the query is, found {mask.dtype}",
                label=f"the mask is {mask}",
                help="True lets a position take part; numbers are added to the scores",
                argument="attn_mask",
            )
        fits = 2 <= len(mask.shape) <= len(wanted) and all(
            same(a, b) or same(a, 1) for a, b in zip(mask.shape[::-1], wanted[::-1], strict=False)
        )
        if not fits:
            raise Misfit(
                f"`attn_mask` does not broadcast to {write_shape(wanted)}, found "
                f"{write_shape(mask.shape)}",
                label=f"the scores have shape {write_shape(wanted)}",
                help="a row for each query, a column for each key",
                argument="attn_mask",
            )
