"""Normalisations over the batch, or over each channel of each sample, with running statistics."""

from collections.abc import Mapping
from typing import Any, ClassVar

from netspec.catalogue.convolution import PICTURES
from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import Example, Layer, Misfit, rank_help, require_rank
from netspec.catalogue.normalization import require_several
from netspec.catalogue.signature import InferredInt, KeywordFlag, PositiveFloat
from netspec.dim import Dim, product
from netspec.tensor import Shape, Tensor, write_shape

_FLOAT32 = frozenset({"float32"})


class _RunningNorm(Layer):
    stateless: ClassVar[bool] = False
    zeroed: ClassVar[frozenset[str]] = frozenset({"bias"})
    dtypes: ClassVar[frozenset[str]] = _FLOAT32

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


class _BatchNorm(_RunningNorm):
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
                else rank_help(self, x, 2),
            )
        return {"num_features": x.shape[1]}

    def output(self, x: Tensor) -> Tensor:
        require_several(self, x, product((x.shape[0], *x.shape[2:])))
        return x


class BatchNorm1d(_BatchNorm):
    """Normalise each channel over the batch of signals, or of vectors."""

    ndim: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2, 3)
    wanted: ClassVar[str] = "[N, C] or [N, C, L]"
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, C]", "[N, C]"),
        Shapes("[N, C, L]", "[N, C, L]"),
    )
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
    """Normalise each channel over the batch of images."""

    ndim: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (4,)
    wanted: ClassVar[str] = "images [N, C, H, W]"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, H, W]", "[N, C, H, W]"),)
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
    """Normalise each channel over the batch of volumes."""

    ndim: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (5,)
    wanted: ClassVar[str] = "volumes [N, C, D, H, W]"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, D, H, W]", "[N, C, D, H, W]"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("BatchNorm3d", "float32[N, 8, 5, 5, 5]", "float32[N, 8, 5, 5, 5]"),
    )

    num_features: InferredInt
    eps: PositiveFloat = 1e-05
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True
    bias: KeywordFlag = True


class SyncBatchNorm(_RunningNorm):
    """Normalise each channel over the batch of all processes."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, *]", "[N, C, *]"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("SyncBatchNorm", "float32[N, 8, 5, 5]", "float32[N, 8, 5, 5]"),
    )

    num_features: InferredInt
    eps: PositiveFloat = 1e-05
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True
    bias: KeywordFlag = True

    def infer(self, x: Tensor) -> Mapping[str, Dim]:
        if x.rank < 2:
            raise Misfit(
                f"`SyncBatchNorm` takes [N, C, *], found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimension{'s' if x.rank != 1 else ''}",
                help=rank_help(self, x, 2),
            )
        return {"num_features": x.shape[1]}

    def output(self, x: Tensor) -> Tensor:
        require_several(self, x, product((x.shape[0], *x.shape[2:])))
        return x


class _InstanceNorm(_RunningNorm):
    def infer(self, x: Tensor) -> Mapping[str, Dim]:
        ndim = self.ndim or 0
        require_rank(self, x, (ndim + 1, ndim + 2), PICTURES[ndim])
        return {"num_features": x.shape[-ndim - 1]}

    def output(self, x: Tensor) -> Tensor:
        values = product(x.shape[-(self.ndim or 0) :])
        require_several(self, x, values, "pool less before it, or use another normalisation")
        return x


class InstanceNorm1d(_InstanceNorm):
    """Normalise each channel of each signal."""

    ndim: ClassVar[int] = 1
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, L]", "[N?, C, L]"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("InstanceNorm1d", "float32[N, 8, L]", "float32[N, 8, L]"),
    )

    num_features: InferredInt
    eps: PositiveFloat = 1e-05
    momentum: float = 0.1
    affine: bool = False
    track_running_stats: bool = False
    bias: KeywordFlag = True


class InstanceNorm2d(_InstanceNorm):
    """Normalise each channel of each image."""

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, H, W]", "[N?, C, H, W]"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("InstanceNorm2d(affine=True)", "float32[N, 8, 5, 5]", "float32[N, 8, 5, 5]"),
    )

    num_features: InferredInt
    eps: PositiveFloat = 1e-05
    momentum: float = 0.1
    affine: bool = False
    track_running_stats: bool = False
    bias: KeywordFlag = True


class InstanceNorm3d(_InstanceNorm):
    """Normalise each channel of each volume."""

    ndim: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, D, H, W]", "[N?, C, D, H, W]"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("InstanceNorm3d", "float32[N, 8, 5, 5, 5]", "float32[N, 8, 5, 5, 5]"),
    )

    num_features: InferredInt
    eps: PositiveFloat = 1e-05
    momentum: float = 0.1
    affine: bool = False
    track_running_stats: bool = False
    bias: KeywordFlag = True
