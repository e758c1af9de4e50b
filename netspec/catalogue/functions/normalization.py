"""Functions that bring numbers to one scale: by their norm, or by mean and variance."""

from typing import ClassVar

from netspec.catalogue.dtypes import require_dtype
from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.function import Example, Functional
from netspec.catalogue.shapes import require_dimensions, resolve_axis
from netspec.catalogue.signature import Input, PositiveInt, Sizes
from netspec.compare import same
from netspec.dim import Dim, product, value_of
from netspec.misfit import Misfit
from netspec.tensor import COMPLEX, FLOATING, Shape, Tensor, write_shape


class Normalize(Functional, name="normalize"):
    """Vectors along `dim` divided by their p-norm."""

    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples = (Example("x -> normalize(dim=-1)", "x: float32[N, T, 8]", "float32[N, T, 8]"),)

    input: Input
    p: float = 2.0
    dim: int = 1
    eps: float = 1e-12

    def apply(self) -> Tensor:
        require_dtype("normalize", self.input, FLOATING | COMPLEX)
        resolve_axis(self.input, self.dim, "normalize", "dim")
        return self.input


def _require_scale(title: str, x: Tensor, scale: Tensor | None, shape: Shape, name: str) -> None:
    """Refuse a weight or bias of another shape or dtype."""
    if scale is None:
        return
    if scale.dtype != x.dtype:
        raise Misfit(
            f"`{name}` of `{title}` has the dtype of the input, {x.dtype}, found {scale.dtype}",
            label=f"`{name}` is {scale}",
            help=f"convert it: `-> to({x.dtype})`",
            argument=name,
        )
    if scale.rank != len(shape) or not all(map(same, scale.shape, shape)):
        raise Misfit(
            f"`{name}` of `{title}` has shape {write_shape(shape)}, found "
            f"{write_shape(scale.shape)}",
            label=f"the input has shape {write_shape(x.shape)}",
            help="give it one number for each that is scaled",
            argument=name,
        )


def _require_last(title: str, x: Tensor, sizes: Shape) -> None:
    """Refuse sizes that are not those of the last dimensions."""
    last = x.shape[len(x.shape) - len(sizes) :] if len(sizes) <= x.rank else ()
    if not sizes or len(last) != len(sizes) or not all(map(same, sizes, last)):
        raise Misfit(
            f"normalized_shape={write_shape(sizes)} are not the last dimensions of "
            f"{write_shape(x.shape)}",
            label=f"the input ends with {write_shape(last or x.shape)}",
            help="name the last dimensions, as a tuple",
            argument="normalized_shape",
        )


class LayerNorm(Functional, name="layer_norm"):
    """Each sample normalised over its last dimensions: `x -> layer_norm((D,))`."""

    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples = (
        Example("x -> layer_norm((8,))", "x: float32[N, T, 8]", "float32[N, T, 8]"),
        Example(
            "layer_norm(x, (8,), scale, shift)",
            "x: float32[N, 8], scale: float32[8], shift: float32[8]",
            "float32[N, 8]",
        ),
    )

    input: Input
    normalized_shape: Sizes
    weight: Input | None = None
    bias: Input | None = None
    eps: float = 1e-05

    def apply(self) -> Tensor:
        x, sizes = self.input, tuple(self.normalized_shape)
        require_dtype("layer_norm", x, FLOATING)
        _require_last("layer_norm", x, sizes)
        _require_scale("layer_norm", x, self.weight, sizes, "weight")
        _require_scale("layer_norm", x, self.bias, sizes, "bias")
        return x


class RmsNorm(Functional, name="rms_norm"):
    """Each sample divided by the root of its mean square over its last dimensions."""

    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples = (Example("x -> rms_norm((8,))", "x: float32[N, T, 8]", "float32[N, T, 8]"),)

    input: Input
    normalized_shape: Sizes
    weight: Input | None = None
    eps: float | None = None

    def apply(self) -> Tensor:
        x, sizes = self.input, tuple(self.normalized_shape)
        require_dtype("rms_norm", x, FLOATING)
        _require_last("rms_norm", x, sizes)
        _require_scale("rms_norm", x, self.weight, sizes, "weight")
        return x


def _require_several(title: str, count: Dim) -> None:
    if value_of(count) == 1:
        raise Misfit(
            f"`{title}` needs more than one number to normalise, found one",
            label="its variance is 0",
            help="give it a larger picture, or use `layer_norm`",
        )


class GroupNorm(Functional, name="group_norm"):
    """Groups of channels of each sample normalised: [N, C, *]."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, *]", "[N, C, *]"),)
    examples = (Example("x -> group_norm(4)", "x: float32[N, 8, H, W]", "float32[N, 8, H, W]"),)

    input: Input
    num_groups: PositiveInt
    weight: Input | None = None
    bias: Input | None = None
    eps: float = 1e-05

    def apply(self) -> Tensor:
        x = self.input
        require_dtype("group_norm", x, FLOATING)
        require_dimensions(x, "group_norm", 2)
        channels = x.shape[1]
        rest = value_of(channels % self.num_groups)
        if rest:
            raise Misfit(
                f"{channels} channels do not divide into {self.num_groups} groups",
                label=f"{value_of(channels)} % {value_of(self.num_groups)} is {rest}",
                help="choose a number of groups that divides the channels",
                argument="num_groups",
            )
        batch = x.shape[0] * channels // self.num_groups
        _require_several("group_norm", product((batch, *x.shape[2:])))
        _require_scale("group_norm", x, self.weight, (channels,), "weight")
        _require_scale("group_norm", x, self.bias, (channels,), "bias")
        return x


class InstanceNorm(Functional, name="instance_norm"):
    """Each channel of each sample normalised: [N, C, *]."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, *]", "[N, C, *]"),)
    examples = (Example("x -> instance_norm", "x: float32[N, 8, H, W]", "float32[N, 8, H, W]"),)

    input: Input

    def apply(self) -> Tensor:
        x = self.input
        require_dtype("instance_norm", x, FLOATING)
        require_dimensions(x, "instance_norm", 3)
        _require_several("instance_norm", product(x.shape[2:]))
        return x


class LocalResponseNorm(Functional, name="local_response_norm"):
    """Each number divided by the squares of its neighbours in `size` channels."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, *]", "[N, C, *]"),)
    examples = (
        Example("x -> local_response_norm(5)", "x: float32[N, 8, H, W]", "float32[N, 8, H, W]"),
    )

    input: Input
    size: PositiveInt
    alpha: float = 0.0001
    beta: float = 0.75
    k: float = 1.0

    def apply(self) -> Tensor:
        require_dtype("local_response_norm", self.input, FLOATING)
        require_dimensions(self.input, "local_response_norm", 3)
        return self.input
