"""Transformers (Vaswani et al., 2017): layers of encoder and decoder, stacks of them, and both."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from netspec.catalogue.attention import (
    SEQUENCES,
    Sequences,
    require_heads,
    require_masks,
    require_rank_of,
    sequences,
)
from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import (
    Example,
    Layer,
    number_of,
    require_rank,
    require_shape,
)
from netspec.catalogue.recurrent import Depth
from netspec.catalogue.signature import KEYWORD, InferredInt, KeywordFlag, PositiveInt, Probability
from netspec.catalogue.transformer_parts import (
    DECODER,
    ENCODER,
    decoder_shapes,
    encoder_shapes,
    norm_shapes,
)
from netspec.dim import Dim, product, total
from netspec.tensor import Shape, Tensor, Type

Activation = Literal["relu", "gelu"]

_ENCODED = (
    Shapes("[T, N, E]", "[T, N, E]"),
    Shapes("[N, T, E]", "[N, T, E]", "`batch_first` is True"),
    Shapes("[T, E]", "[T, E]"),
)
_DECODED = (
    Shapes("[T, N, E], [S, N, E]", "[T, N, E]"),
    Shapes("[N, T, E], [N, S, E]", "[N, T, E]", "`batch_first` is True"),
    Shapes("[T, E], [S, E]", "[T, E]"),
)


class _Transformer(Layer):
    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})

    def infer(self, x: Tensor, *others: Tensor | None) -> Mapping[str, Dim]:
        require_rank(self, x, (2, 3), SEQUENCES)
        return {"d_model": x.shape[-1]}

    def _sequences(self, x: Tensor) -> Sequences:
        layer: Any = self
        return sequences(x, layer.batch_first)

    def _require_beside(self, first: str, x: Tensor, name: str, given: Tensor) -> None:
        """Refuse a second input of another width, batch or rank."""
        require_rank_of(self, first, x, name, given)
        own = self._sequences(x)
        wanted = self._sequences(given)._replace(batch=own.batch, width=own.width)
        why = f"it has the batch and the width of `{first}`"
        require_shape(self, name, given, wanted.shape, why)

    def _attend(self, to: Sequences, of: Sequences) -> Dim:
        """The MACs of one attention: queries and output, keys and values, both products."""
        inside = product((2, to.length, to.width, to.width))
        across = product((2, of.length, to.width, to.width))
        products = product((2, to.length, of.length, to.width))
        return product(to.batched(total((inside, across, products))))

    def _feed(self, x: Sequences) -> Dim:
        layer: Any = self
        return product(x.batched(product((2, x.length, x.width, layer.dim_feedforward))))


class TransformerEncoderLayer(_Transformer):
    """Self-attention, then two linear layers, each with a residual and a LayerNorm.

    `src_mask` is `[T,
    T]` or `[N * nhead, T, T]`, `src_key_padding_mask` `[N, T]`; True or -inf hides a position.
    `repeat(6) TransformerEncoderLayer(8)` stacks six.
    """

    takes: ClassVar[tuple[str, ...]] = ("src",)
    may_take: ClassVar[tuple[str, ...]] = ("src_mask", "src_key_padding_mask")
    shapes: ClassVar[tuple[Shapes, ...]] = _ENCODED
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "TransformerEncoderLayer(8, batch_first=True)", "float32[N, T, 64]", "float32[N, T, 64]"
        ),
    )

    d_model: InferredInt
    nhead: PositiveInt
    dim_feedforward: PositiveInt = 2048
    dropout: Probability = 0.1
    activation: Activation = "relu"
    layer_norm_eps: float = 1e-5
    batch_first: bool = False
    norm_first: bool = False
    bias: bool = True

    def output(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
    ) -> Tensor:
        require_heads(self, "nhead", self.nhead, self.d_model)
        x = self._sequences(src)
        padding = ("src_key_padding_mask", src_key_padding_mask)
        require_masks(self, self.nhead, x, x, ("src_mask", src_mask), padding)
        return src

    def parameters(self) -> Mapping[str, Shape]:
        return encoder_shapes("", self)

    def inside(self) -> Mapping[str, str]:
        return ENCODER

    def macs(self, x: Tensor, y: Tensor, *rest: Any) -> Dim:
        sequence = self._sequences(x)
        return total((self._attend(sequence, sequence), self._feed(sequence)))


class TransformerDecoderLayer(_Transformer):
    """Self-attention, attention to the memory, then two linear layers.

    Each has a residual and a LayerNorm. `tgt` comes first, then `memory`. With batch_first=True
    both have the batch first. `tgt_mask` is `[T, T]`, `memory_mask` `[T, S]`, either also with
    batch times heads in front; the padding masks are `[N, T]` and `[N, S]`.
    """

    takes: ClassVar[tuple[str, ...]] = ("tgt", "memory")
    may_take: ClassVar[tuple[str, ...]] = (
        "tgt_mask",
        "memory_mask",
        "tgt_key_padding_mask",
        "memory_key_padding_mask",
    )
    shapes: ClassVar[tuple[Shapes, ...]] = _DECODED
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "TransformerDecoderLayer(8, batch_first=True)",
            "float32[N, T, 64], float32[N, S, 64]",
            "float32[N, T, 64]",
        ),
    )

    d_model: InferredInt
    nhead: PositiveInt
    dim_feedforward: PositiveInt = 2048
    dropout: Probability = 0.1
    activation: Activation = "relu"
    layer_norm_eps: float = 1e-5
    batch_first: bool = False
    norm_first: bool = False
    bias: bool = True

    def output(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
    ) -> Tensor:
        require_heads(self, "nhead", self.nhead, self.d_model)
        self._require_beside("tgt", tgt, "memory", memory)
        to, of = self._sequences(tgt), self._sequences(memory)
        padding = ("tgt_key_padding_mask", tgt_key_padding_mask)
        require_masks(self, self.nhead, to, to, ("tgt_mask", tgt_mask), padding)
        padding = ("memory_key_padding_mask", memory_key_padding_mask)
        require_masks(self, self.nhead, to, of, ("memory_mask", memory_mask), padding)
        return tgt

    def parameters(self) -> Mapping[str, Shape]:
        return decoder_shapes("", self)

    def inside(self) -> Mapping[str, str]:
        return DECODER

    def macs(self, x: Tensor, y: Tensor, *rest: Any) -> Dim:
        to = self._sequences(x)
        of = self._sequences(rest[0])
        return total((self._attend(to, to), self._attend(to, of), self._feed(to)))


class Transformer(_Transformer):
    """Encoder layers over `src`, then decoder layers over `tgt` that attend to what comes out.

    A LayerNorm follows each stack. With batch_first=True all have the batch first. Masks
    as those of the two layers. torch warns while building it where it cannot use its fast path for
    nested tensors, as with batch_first=False; that is harmless.
    """

    takes: ClassVar[tuple[str, ...]] = ("src", "tgt")
    may_take: ClassVar[tuple[str, ...]] = (
        "src_mask",
        "tgt_mask",
        "memory_mask",
        "src_key_padding_mask",
        "tgt_key_padding_mask",
        "memory_key_padding_mask",
    )
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[S, N, E], [T, N, E]", "[T, N, E]"),
        Shapes("[N, S, E], [N, T, E]", "[N, T, E]", "`batch_first` is True"),
        Shapes("[S, E], [T, E]", "[T, E]"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Transformer(8, 2, 2, batch_first=True)",
            "float32[N, S, 64], float32[N, T, 64]",
            "float32[N, T, 64]",
        ),
    )

    d_model: InferredInt = 512
    nhead: PositiveInt = 8
    num_encoder_layers: Depth = 6
    num_decoder_layers: Depth = 6
    dim_feedforward: PositiveInt = 2048
    dropout: Probability = 0.1
    activation: Activation = "relu"
    layer_norm_eps: Annotated[float, KEYWORD] = 1e-5
    batch_first: KeywordFlag = False
    norm_first: KeywordFlag = False
    bias: KeywordFlag = True

    def output(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
    ) -> Tensor:
        require_heads(self, "nhead", self.nhead, self.d_model)
        self._require_beside("src", src, "tgt", tgt)
        of, to = self._sequences(src), self._sequences(tgt)
        padding = ("src_key_padding_mask", src_key_padding_mask)
        require_masks(self, self.nhead, of, of, ("src_mask", src_mask), padding)
        padding = ("tgt_key_padding_mask", tgt_key_padding_mask)
        require_masks(self, self.nhead, to, to, ("tgt_mask", tgt_mask), padding)
        padding = ("memory_key_padding_mask", memory_key_padding_mask)
        require_masks(self, self.nhead, to, of, ("memory_mask", memory_mask), padding)
        return tgt

    def parameters(self) -> Mapping[str, Shape]:
        shapes: dict[str, Shape] = {}
        for depth in range(number_of(self.num_encoder_layers)):
            shapes |= encoder_shapes(f"encoder.layers.{depth}.", self)
        shapes |= norm_shapes("encoder.norm", self.d_model, self.bias)
        for depth in range(number_of(self.num_decoder_layers)):
            shapes |= decoder_shapes(f"decoder.layers.{depth}.", self)
        return shapes | norm_shapes("decoder.norm", self.d_model, self.bias)

    def inside(self) -> Mapping[str, str]:
        depths = {"encoder": self.num_encoder_layers, "decoder": self.num_decoder_layers}
        kinds: dict[str, str] = {}
        for stack, parts in (("encoder", ENCODER), ("decoder", DECODER)):
            title = f"Transformer{stack.title()}"
            kinds[stack] = title
            for depth in range(number_of(depths[stack])):
                prefix = f"{stack}.layers.{depth}"
                kinds[prefix] = f"{title}Layer"
                kinds |= {f"{prefix}.{name}": kind for name, kind in parts.items()}
            kinds[f"{stack}.norm"] = "LayerNorm"
        return kinds

    def macs(self, x: Tensor, y: Tensor, *rest: Any) -> Dim:
        of, to = self._sequences(x), self._sequences(y)
        encoder = total((self._attend(of, of), self._feed(of)))
        decoder = total((self._attend(to, to), self._attend(to, of), self._feed(to)))
        return total(
            (
                product((self.num_encoder_layers, encoder)),
                product((self.num_decoder_layers, decoder)),
            )
        )


class _Stack(_Transformer):
    def _layer(self) -> TransformerEncoderLayer | TransformerDecoderLayer:
        raise NotImplementedError

    def _norm(self) -> Layer | None:
        norm: Layer | None = self.given.get("norm")
        return norm

    def _sequences(self, x: Tensor) -> Sequences:
        return sequences(x, self._layer().batch_first)

    def _normalised(self, x: Type) -> Type:
        norm = self._norm()
        return x if norm is None else norm.apply(x)

    def _prefixes(self) -> list[tuple[str, Layer]]:
        """The copies, and the norm where there is one, by the beginning of their names."""
        layer: Any = self
        parts: list[tuple[str, Layer]] = [
            (f"layers.{depth}", self._layer()) for depth in range(number_of(layer.num_layers))
        ]
        norm = self._norm()
        return parts if norm is None else [*parts, ("norm", norm)]

    def parameters(self) -> Mapping[str, Shape]:
        return {
            f"{prefix}.{name}": shape
            for prefix, part in self._prefixes()
            for name, shape in part.parameters().items()
        }

    def buffers(self) -> Mapping[str, Shape]:
        return {
            f"{prefix}.{name}": shape
            for prefix, part in self._prefixes()
            for name, shape in part.buffers().items()
        }

    def inside(self) -> Mapping[str, str]:
        kinds: dict[str, str] = {}
        for prefix, part in self._prefixes():
            kinds[prefix] = type(part).__name__
            kinds |= {f"{prefix}.{name}": kind for name, kind in part.inside().items()}
        return kinds

    def macs(self, x: Tensor, y: Tensor, *rest: Any) -> Dim:
        layer: Any = self
        layers = product((layer.num_layers, self._layer().macs(x, x, *rest)))
        norm = self._norm()
        return layers if norm is None else layers + norm.macs(x, y)


class TransformerEncoder(_Stack):
    """`num_layers` copies of `encoder_layer`, each on what the last one gives.

    The copies begin with the same weights, as torch makes them; an `init` gives each its own.
    `norm` is a layer for what comes out, a `LayerNorm` as a rule. `mask` is `[T, T]` or `[N *
    nhead, T, T]`, `src_key_padding_mask` `[N, T]`; True or -inf hides a position. In evaluation
    torch packs what no padding hides into a nested tensor, and warns while it builds a layer that
    it cannot do so for, as with batch_first=False: that is harmless, and not said with
    enable_nested_tensor=False. On the device "meta" torch cannot do so with a padding mask.
    """

    may_take: ClassVar[tuple[str, ...]] = ("mask", "src_key_padding_mask")
    takes: ClassVar[tuple[str, ...]] = ("src",)
    shapes: ClassVar[tuple[Shapes, ...]] = _ENCODED
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "TransformerEncoder(TransformerEncoderLayer(8, batch_first=True), 6, norm=LayerNorm())",
            "float32[N, T, 64]",
            "float32[N, T, 64]",
        ),
    )

    encoder_layer: TransformerEncoderLayer
    num_layers: Depth
    norm: Layer | None = None
    enable_nested_tensor: bool = True
    mask_check: bool = True

    def _layer(self) -> TransformerEncoderLayer:
        return self.encoder_layer

    def output(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
    ) -> Type:
        output = self.encoder_layer.apply(src)
        x = self._sequences(src)
        padding = ("src_key_padding_mask", src_key_padding_mask)
        require_masks(self, self.encoder_layer.nhead, x, x, ("mask", mask), padding)
        return self._normalised(output)


class TransformerDecoder(_Stack):
    """`num_layers` copies of `decoder_layer`, each with the same memory.

    `tgt` comes first, then `memory`. The copies begin with the same
    weights, as torch makes them, and an `init` gives each its own. `norm` is a layer for what comes
    out. Masks are those of the layer.
    """

    takes: ClassVar[tuple[str, ...]] = ("tgt", "memory")
    may_take: ClassVar[tuple[str, ...]] = TransformerDecoderLayer.may_take
    shapes: ClassVar[tuple[Shapes, ...]] = _DECODED
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "TransformerDecoder(TransformerDecoderLayer(8, batch_first=True), 6, norm=LayerNorm())",
            "float32[N, T, 64], float32[N, S, 64]",
            "float32[N, T, 64]",
        ),
    )

    decoder_layer: TransformerDecoderLayer
    num_layers: Depth
    norm: Layer | None = None

    def _layer(self) -> TransformerDecoderLayer:
        return self.decoder_layer

    def output(self, tgt: Tensor, memory: Tensor, *masks: Tensor | None) -> Type:
        return self._normalised(self.decoder_layer.apply(tgt, memory, *masks))
