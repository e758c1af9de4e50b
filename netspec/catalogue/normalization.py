"""Normalisations: over the batch, over the last dimensions, over groups of channels."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from netspec.catalogue.layer import Example, Layer, Misfit
from netspec.catalogue.signature import (
    INFERRED,
    InferredInt,
    KeywordFlag,
    PositiveFloat,
    PositiveInt,
)
from netspec.dim import Dim, product, same, value_of
from netspec.tensor import Shape, Tensor, write_shape

_FLOAT32 = frozenset({"float32"})


class _BatchNorm(Layer):
    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = _FLOAT32
    ranks: ClassVar[tuple[int, ...]] = ()
    wanted: ClassVar[str] = ""

    def infer(self, x: Tensor) -> Mapping[str, Dim]:
        if x.rank not in self.ranks:
            raise Misfit(
                f"`{type(self).__name__}` takes {self.wanted}, found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimension{'s' if x.rank != 1 else ''}",
                help=f"use `BatchNorm{x.rank - 2}d`, or `BatchNorm` for any rank"
                if 3 <= x.rank <= 5
                else "use `BatchNorm1d` for [N, C]"
                if x.rank == 2
                else "",
            )
        return {"num_features": x.shape[1]}

    def output(self, x: Tensor) -> Tensor:
        _require_several(self, x, product((x.shape[0], *x.shape[2:])))
        return x

    def parameters(self) -> Mapping[str, Shape]:
        layer: Any = self
        shape = (layer.num_features,)
        if not layer.affine:
            return {}
        return {"weight": shape, "bias": shape} if layer.bias else {"weight": shape}

    def buffers(self) -> Mapping[str, Shape]:
        layer: Any = self
        shape = (layer.num_features,)
        if not layer.track_running_stats:
            return {}
        return {"running_mean": shape, "running_var": shape, "num_batches_tracked": ()}


def _require_several(layer: Layer, x: Tensor, values: Dim) -> None:
    """Training cannot normalise one value: it has no spread."""
    if same(values, 1):
        raise Misfit(
            f"`{type(layer).__name__}` needs more than one value for each mean while training, "
            f"found one in {write_shape(x.shape)}",
            label=f"the input has shape {write_shape(x.shape)}",
            help="let the data decide the batch size: write a name for it, [N, …]",
        )


class BatchNorm1d(_BatchNorm):
    """Normalise each channel over the batch: `[N, C]` or `[N, C, L]`, shape unchanged."""

    ndim: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2, 3)
    wanted: ClassVar[str] = "[N, C] or [N, C, L]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("BatchNorm1d", "float32[N, 8]", "float32[N, 8]"),
    )

    num_features: InferredInt
    eps: PositiveFloat = 1e-05
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True
    bias: KeywordFlag = True


class BatchNorm2d(_BatchNorm):
    """Normalise each channel over the batch: `[N, C, H, W]`, shape unchanged."""

    ndim: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (4,)
    wanted: ClassVar[str] = "images [N, C, H, W]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("BatchNorm2d(affine=False)", "float32[N, 8, 5, 5]", "float32[N, 8, 5, 5]"),
    )

    num_features: InferredInt
    eps: PositiveFloat = 1e-05
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True
    bias: KeywordFlag = True


class BatchNorm3d(_BatchNorm):
    """Normalise each channel over the batch: `[N, C, D, H, W]`, shape unchanged."""

    ndim: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (5,)
    wanted: ClassVar[str] = "volumes [N, C, D, H, W]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("BatchNorm3d", "float32[N, 8, 5, 5, 5]", "float32[N, 8, 5, 5, 5]"),
    )

    num_features: InferredInt
    eps: PositiveFloat = 1e-05
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True
    bias: KeywordFlag = True


class LayerNorm(Layer):
    """Normalise each sample over its last dimensions, by default the very last: shape unchanged."""

    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = _FLOAT32
    examples: ClassVar[tuple[Example, ...]] = (
        Example("LayerNorm", "float32[N, T, 64]", "float32[N, T, 64]"),
        Example("LayerNorm(normalized_shape=(4, 5))", "float32[N, 4, 5]", "float32[N, 4, 5]"),
    )

    normalized_shape: Annotated[PositiveInt | tuple[PositiveInt, ...], INFERRED]
    eps: float = 1e-05
    elementwise_affine: bool = True
    bias: bool = True

    def infer(self, x: Tensor) -> Mapping[str, Dim]:
        given = self.given.get("normalized_shape")
        if not x.shape:
            raise Misfit("`LayerNorm` needs at least one dimension, found []")
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
        return {"weight": shape, "bias": shape} if layer.bias else {"weight": shape}


class GroupNorm(Layer):
    """Normalise groups of channels of each sample: `[N, C, *]`, shape unchanged."""

    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = _FLOAT32
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
        _require_several(self, x, product((x.shape[0] * channels // self.num_groups, *x.shape[2:])))
        return x

    def parameters(self) -> Mapping[str, Shape]:
        shape = (self.num_channels,)
        if not self.affine:
            return {}
        return {"weight": shape, "bias": shape} if self.bias else {"weight": shape}
