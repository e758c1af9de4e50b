"""Attention: each position of a sequence looks at the positions of another, or of its own."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import (
    Example,
    Layer,
    Misfit,
    require_divides,
    require_rank,
    require_same_dtype,
    require_shape,
)
from netspec.catalogue.signature import INFERRED, InferredInt, PositiveInt, Probability
from netspec.compare import same
from netspec.dim import Dim, product, total
from netspec.tensor import Shape, Tensor, Type, write_shape

SEQUENCES = "[T, N, E], [N, T, E] with batch_first=True, or one sequence, [T, E]"


class Sequences(NamedTuple):
    """The sizes of sequences, wherever the batch stands; it is None for one sequence alone."""

    batch: Dim | None
    length: Dim
    width: Dim
    batch_first: bool

    @property
    def shape(self) -> Shape:
        if self.batch is None:
            return self.length, self.width
        outer = (self.batch, self.length) if self.batch_first else (self.length, self.batch)
        return *outer, self.width

    def batched(self, *shape: Dim, times: Dim = 1) -> Shape:
        """`shape` behind the batch, if there is one."""
        return shape if self.batch is None else (product((self.batch, times)), *shape)


def sequences(x: Tensor, batch_first: bool) -> Sequences:
    """The sizes in an input of two or three dimensions."""
    *outer, width = x.shape
    if x.rank == 2:
        return Sequences(None, outer[0], width, batch_first)
    batch, length = outer if batch_first else reversed(outer)
    return Sequences(batch, length, width, batch_first)


def require_heads(layer: Layer, name: str, heads: Dim, width: Dim) -> None:
    """Refuse a number of heads that does not divide the width."""
    require_divides(layer, name, heads, width, "the width of the input")


def require_rank_of(layer: Layer, first: str, x: Tensor, name: str, given: Tensor) -> None:
    """Refuse a second sequence that has a batch where the first has none, or another dtype."""
    require_same_dtype(layer, name, given, x.dtype)
    if given.rank != x.rank:
        raise Misfit(
            f"`{name}` of `{type(layer).__name__}` must have {x.rank} dimensions as `{first}` has, "
            f"found {write_shape(given.shape)}",
            label=f"`{first}` is {write_shape(x.shape)}",
            help="give both a batch, or neither",
            argument=name,
        )


def require_masks(
    layer: Layer,
    heads: Dim,
    to: Sequences,
    of: Sequences,
    mask: tuple[str, Tensor | None],
    padding: tuple[str, Tensor | None],
) -> None:
    """Hold the masks of one attention, by name, against its queries `to` and its keys `of`.

    Raises:
        Misfit: where one has a wrong dtype or shape.
    """
    pairs = (to.length, of.length)
    wanted = {
        mask[0]: to.batched(*pairs, times=heads) if to.batch is not None else (heads, *pairs),
        padding[0]: to.batched(of.length),
    }
    for name, given in (mask, padding):
        if given is None:
            continue
        if given.dtype not in ("bool", "float32"):
            raise Misfit(
                f"`{name}` of `{type(layer).__name__}` must be bool or float32, "
                f"found {given.dtype}",
                label=f"this is {given}",
                help="compare it with a number to get a mask: True hides a position",
                argument=name,
            )
        if name == mask[0] and given.rank != 3:
            require_shape(layer, name, given, pairs, "it has an entry for each query and key")
        else:
            why = "batch times heads, queries, keys" if name == mask[0] else "the batch, the keys"
            if to.batch is None:
                why = why.removeprefix("batch times ").removeprefix("the batch, ")
            else:
                why += f"; the batch is dimension {0 if to.batch_first else 1} of the query"
            require_shape(layer, name, given, wanted[name], f"its dimensions are {why}")


class MultiheadAttention(Layer):
    """The values that fit the queries, each with the weight of its key: output and weights.

    The weights are the mean over the heads. With batch_first=True all of them have the batch first;
    without a batch they have two dimensions. `add_bias_kv` and `add_zero_attn` add a key each, so
    one to S in the weights. `kdim` and `vdim` follow from the key and the value where these differ
    from the query in width. torch's `need_weights`, `average_attn_weights` and `is_causal` keep
    their defaults.
    """

    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})
    optional: ClassVar[frozenset[str]] = frozenset({"in_proj_bias", "bias_k", "bias_v"})
    zeroed: ClassVar[frozenset[str]] = frozenset({"in_proj_bias", "out_proj.bias"})
    takes: ClassVar[tuple[str, ...]] = ("query", "key", "value")
    may_take: ClassVar[tuple[str, ...]] = ("key_padding_mask", "attn_mask")
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[L, N, E], [S, N, K], [S, N, V]", "([L, N, E], [N, L, S])"),
        Shapes("[N, L, E], [N, S, K], [N, S, V]", "([N, L, E], [N, L, S])", "batch_first=True"),
        Shapes("[L, E], [S, K], [S, V]", "([L, E], [L, S])"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "MultiheadAttention(8, batch_first=True)",
            "float32[N, L, 64], float32[N, S, 64], float32[N, S, 64]",
            "(float32[N, L, 64], float32[N, L, S])",
        ),
    )

    embed_dim: InferredInt
    num_heads: PositiveInt
    dropout: Probability = 0.0
    bias: bool = True
    add_bias_kv: bool = False
    add_zero_attn: bool = False
    kdim: Annotated[PositiveInt | None, INFERRED] = None
    vdim: Annotated[PositiveInt | None, INFERRED] = None
    batch_first: bool = False

    def infer(
        self, query: Tensor, key: Tensor, value: Tensor, *masks: Tensor | None
    ) -> Mapping[str, Dim]:
        require_rank(self, query, (2, 3), SEQUENCES)
        width = query.shape[-1]
        found = {"embed_dim": width}
        for name, own, given in (("key", "kdim", key), ("value", "vdim", value)):
            require_rank_of(self, "query", query, name, given)
            if self.given.get(own) is not None or same(given.shape[-1], width) is not True:
                found[own] = given.shape[-1]
        return found

    def output(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
    ) -> Type:
        require_heads(self, "num_heads", self.num_heads, self.embed_dim)
        to, of = sequences(query, self.batch_first), sequences(key, self.batch_first)
        wanted = of._replace(batch=to.batch)
        require_shape(self, "key", key, wanted.shape, "it has the batch of the query")
        wanted = wanted._replace(width=value.shape[-1])
        require_shape(self, "value", value, wanted.shape, "it is as long as the key")
        mask, padding = ("attn_mask", attn_mask), ("key_padding_mask", key_padding_mask)
        require_masks(self, self.num_heads, to, of, mask, padding)
        seen = total((of.length, int(self.add_bias_kv), int(self.add_zero_attn)))
        return query, Tensor(to.batched(to.length, seen), query.dtype)

    def parameters(self) -> Mapping[str, Shape]:
        width = self.embed_dim
        shapes: dict[str, Shape] = {}
        if self._one_width():
            shapes["in_proj_weight"] = (product((3, width)), width)
        else:
            shapes["q_proj_weight"] = (width, width)
            shapes["k_proj_weight"] = (width, self._width(self.kdim))
            shapes["v_proj_weight"] = (width, self._width(self.vdim))
        if self.bias:
            shapes["in_proj_bias"] = (product((3, width)),)
        if self.add_bias_kv:
            shapes |= {"bias_k": (1, 1, width), "bias_v": (1, 1, width)}
        shapes["out_proj.weight"] = (width, width)
        return shapes | ({"out_proj.bias": (width,)} if self.bias else {})

    def inside(self) -> Mapping[str, str]:
        return {"out_proj": "Linear"}

    def _width(self, own: Dim | None) -> Dim:
        return self.embed_dim if own is None else own

    def _one_width(self) -> bool:
        widths = self._width(self.kdim), self._width(self.vdim)
        return all(same(width, self.embed_dim) is True for width in widths)

    def macs(self, x: Tensor, y: tuple[Tensor, Tensor], *rest: Any) -> Dim:
        to, seen = sequences(x, self.batch_first), y[1].shape[-1]
        keys = seen - int(self.add_bias_kv) - int(self.add_zero_attn)
        widths = total((self._width(self.kdim), self._width(self.vdim)))
        inside = product((2, to.length, self.embed_dim, self.embed_dim))
        across = product((keys, self.embed_dim, widths))
        products = product((2, to.length, seen, self.embed_dim))
        return product(to.batched(total((inside, across, products))))
