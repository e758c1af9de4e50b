"""Normalisations of each sample: over the last dimensions, groups of channels, near channels."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.layer import Example, Layer, Misfit, rank_help, require_rank
from netspec.catalogue.signature import (
    INFERRED,
    InferredInt,
    KeywordFlag,
    PositiveInt,
)
from netspec.compare import same
from netspec.dim import Dim, product, value_of
from netspec.tensor import Shape, Tensor, write_shape

_FLOAT32 = frozenset({"float32"})


def require_several(layer: Layer, x: Tensor, values: Dim, help: str = "") -> None:
    """Training cannot normalise one value: it has no spread."""
    if same(values, 1):
        raise Misfit(
            f"`{type(layer).__name__}` needs more than one value for each mean while training, "
            f"found one in {write_shape(x.shape)}",
            label=f"the input has shape {write_shape(x.shape)}",
            help=help or "let the data decide the batch size: write a name for it, [N, …]",
        )


class _TrailingNorm(Layer):
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    stateless: ClassVar[bool] = False
    zeroed: ClassVar[frozenset[str]] = frozenset({"bias"})
    dtypes: ClassVar[frozenset[str]] = _FLOAT32

    def infer(self, x: Tensor) -> Mapping[str, Dim]:
        given = self.given.get("normalized_shape")
        if not x.shape:
            raise Misfit(
                f"`{type(self).__name__}` needs at least one dimension, found []",
                label="the input has 0 dimensions",
                help=rank_help(self, x, 1),
            )
        if given is None or not isinstance(given, tuple | list):
            return {"normalized_shape": x.shape[-1]}
        trailing = x.shape[len(x.shape) - len(given) :] if len(given) <= x.rank else ()
        fits = len(trailing) == len(given) > 0
        if not fits or any(same(a, b) is False for a, b in zip(given, trailing, strict=True)):
            raise Misfit(
                f"normalized_shape={write_shape(tuple(given))} are not the last dimensions of "
                f"{write_shape(x.shape)}",
                label=f"the input ends with {write_shape(trailing or x.shape)}",
                help="leave it out to normalise the last dimension, or name the last dimensions",
                argument="normalized_shape",
            )
        return {}

    def parameters(self) -> Mapping[str, Shape]:
        layer: Any = self
        if not layer.elementwise_affine:
            return {}
        size = layer.normalized_shape
        shape: Shape = tuple(size) if isinstance(size, tuple | list) else (size,)
        return (
            {"weight": shape, "bias": shape} if getattr(layer, "bias", False) else {"weight": shape}
        )


class LayerNorm(_TrailingNorm):
    """Normalise each sample over its last dimensions, by default the very last: shape unchanged."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example("LayerNorm", "float32[N, T, 64]", "float32[N, T, 64]"),
        Example("LayerNorm(normalized_shape=(4, 5))", "float32[N, 4, 5]", "float32[N, 4, 5]"),
    )

    normalized_shape: Annotated[PositiveInt | tuple[PositiveInt, ...], INFERRED]
    eps: float = 1e-05
    elementwise_affine: bool = True
    bias: bool = True


class RMSNorm(_TrailingNorm):
    """Divide each sample by the root mean square of its last dimensions: shape unchanged."""

    takes: ClassVar[tuple[str, ...]] = ("x",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("RMSNorm", "float32[N, T, 64]", "float32[N, T, 64]"),
    )

    normalized_shape: Annotated[PositiveInt | tuple[PositiveInt, ...], INFERRED]
    eps: float | None = None
    elementwise_affine: bool = True


class GroupNorm(Layer):
    """Normalise groups of channels of each sample."""

    stateless: ClassVar[bool] = False
    zeroed: ClassVar[frozenset[str]] = frozenset({"bias"})
    dtypes: ClassVar[frozenset[str]] = _FLOAT32
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, *]", "[N, C, *]"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("GroupNorm(4)", "float32[N, 64, 8, 8]", "float32[N, 64, 8, 8]"),
    )

    num_groups: PositiveInt
    num_channels: InferredInt
    eps: float = 1e-05
    affine: bool = True
    bias: KeywordFlag = True

    def infer(self, x: Tensor) -> Mapping[str, Dim]:
        if x.rank < 2:
            raise Misfit(
                f"`GroupNorm` takes [N, C, *], found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimension{'s' if x.rank != 1 else ''}",
                help=rank_help(self, x, 2),
            )
        return {"num_channels": x.shape[1]}

    def output(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        rest = value_of(channels % self.num_groups)
        if rest:
            raise Misfit(
                f"{channels} channels do not divide into {self.num_groups} groups",
                label=f"{value_of(channels)} % {value_of(self.num_groups)} is {rest}",
                help="choose a number of groups that divides the channels",
            )
        require_several(self, x, product((x.shape[0] * channels // self.num_groups, *x.shape[2:])))
        return x

    def parameters(self) -> Mapping[str, Shape]:
        shape = (self.num_channels,)
        if not self.affine:
            return {}
        return {"weight": shape, "bias": shape} if self.bias else {"weight": shape}


class LocalResponseNorm(Layer):
    """Divide by the squares of the `size` nearest channels."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, *]", "[N, C, *]"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("LocalResponseNorm(5)", "float32[N, 96, 55, 55]", "float32[N, 96, 55, 55]"),
    )

    size: PositiveInt
    alpha: float = 0.0001
    beta: float = 0.75
    k: float = 1.0

    def output(self, x: Tensor) -> Tensor:
        if x.rank < 3:
            raise Misfit(
                f"`LocalResponseNorm` takes [N, C, *] of at least 3 dimensions, "
                f"found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimension{'s' if x.rank != 1 else ''}",
                help=rank_help(self, x, 3),
            )
        return x


class CrossMapLRN2d(Layer):
    """As LocalResponseNorm, cut off differently at the ends."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, H, W]", "[N, C, H, W]"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("CrossMapLRN2d(5)", "float32[N, 96, 55, 55]", "float32[N, 96, 55, 55]"),
    )

    size: PositiveInt
    alpha: float = 0.0001
    beta: float = 0.75
    k: float = 1

    def output(self, x: Tensor) -> Tensor:
        require_rank(self, x, (4,), "images [N, C, H, W]")
        return x
