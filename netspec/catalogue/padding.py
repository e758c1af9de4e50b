"""Padding: zeros, a number, or the input's own numbers around a signal, image or volume."""

from typing import Any, ClassVar

from netspec.catalogue.convolution import PICTURES
from netspec.catalogue.dtypes import ANY, NUMBERS, require_padding
from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import Example, Layer, Misfit, rank_help, require_rank
from netspec.compare import at_least
from netspec.dim import Dim, value_of
from netspec.tensor import Tensor, write_shape

_SIGNAL = (
    Shapes("[*, L]", "[*, l + L + r]", "l, r = padding"),
    Shapes("[*, L]", "[*, L + 2 * padding]", "`padding` is a number"),
)
_IMAGE = (
    Shapes("[*, H, W]", "[*, t + H + b, l + W + r]", "l, r, t, b = padding"),
    Shapes("[*, H, W]", "[*, H + 2 * padding, W + 2 * padding]", "`padding` is a number"),
)
_VOLUME = (
    Shapes("[*, D, H, W]", "[*, f + D + k, t + H + b, l + W + r]", "l, r, t, b, f, k = padding"),
    Shapes(
        "[*, D, H, W]",
        "[*, D + 2 * padding, H + 2 * padding, W + 2 * padding]",
        "`padding` is a number",
    ),
)
Pad1 = int | tuple[int, int]
Pad2 = int | tuple[int, int, int, int]
Pad3 = int | tuple[int, int, int, int, int, int]


class _Pad(Layer):
    """The padding is given from the last dimension on: left, right, top, bottom, front, back.

    A negative one cuts off.
    """

    cuts_first: ClassVar[bool] = False

    def output(self, x: Tensor) -> Tensor:
        layer: Any = self
        ndim = layer.ndim
        self._require_input(x)
        padding = layer.padding
        around = tuple(padding) if isinstance(padding, tuple | list) else (padding,) * (2 * ndim)
        sizes: list[Dim] = []
        for number, size in enumerate(reversed(x.shape[-ndim:])):
            before, after = around[2 * number : 2 * number + 2]
            self._require_limit(size, before, after)
            self._require_left(x, size, before, after)
            sizes.insert(0, size + before + after)
        return Tensor((*x.shape[:-ndim], *sizes), x.dtype)

    def _require_input(self, x: Tensor) -> None:
        ndim = self.ndim or 0
        require_rank(self, x, (ndim + 1, ndim + 2), PICTURES[ndim])

    def _require_left(self, x: Tensor, size: Dim, before: Dim, after: Dim) -> None:
        """Refuse to cut off all, or more than there is even if the other end is padded."""
        layer: Any = self
        # torch cuts before it pads with a number, and pads before it cuts otherwise
        cuts = (before, after) if self.cuts_first else ()
        if at_least(size + before + after, 1) is False or any(
            at_least(size + cut, 0) is False for cut in cuts
        ):
            raise Misfit(
                f"nothing would be left of {write_shape(x.shape)} after "
                f"padding={_written(layer.padding)}",
                label=f"a negative padding cuts off, here of a size of {size}",
                help="cut off less",
                argument="padding",
            )

    def _limit(self, size: Dim) -> tuple[Dim, str] | None:
        """The most that it can pad, and why."""
        return None

    def _require_limit(self, size: Dim, *paddings: Dim) -> None:
        limit = self._limit(size)
        if limit is None:
            return
        most, why = limit
        for padding in paddings:
            if at_least(most, padding) is False:
                raise Misfit(
                    f"`{type(self).__name__}` cannot pad a size of {size} by {padding}: {why}",
                    label=f"the most is {value_of(most)}",
                    help="pad less, or with another kind of padding",
                    argument="padding",
                )


def _written(padding: Any) -> str:
    if isinstance(padding, tuple | list):
        return f"({', '.join(map(str, padding))})"
    return str(padding)


class _ConstantPad(_Pad):
    dtypes: ClassVar[frozenset[str]] = ANY
    cuts_first: ClassVar[bool] = True

    def _require_input(self, x: Tensor) -> None:
        if x.rank < (self.ndim or 0):
            raise Misfit(
                f"`{type(self).__name__}` pads the last "
                f"{'dimension' if self.ndim == 1 else f'{self.ndim} dimensions'}, "
                f"found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimension{'s' if x.rank != 1 else ''}",
                help=rank_help(self, x, self.ndim or 0),
            )
        require_padding(type(self).__name__, self.given.get("value"), x.dtype)


class _ReflectionPad(_Pad):
    dtypes: ClassVar[frozenset[str]] = NUMBERS

    def _limit(self, size: Dim) -> tuple[Dim, str]:
        return size - 1, "it mirrors at the edge, which is not repeated"


class _ReplicationPad(_Pad):
    dtypes: ClassVar[frozenset[str]] = NUMBERS


class _CircularPad(_Pad):
    dtypes: ClassVar[frozenset[str]] = ANY

    def _limit(self, size: Dim) -> tuple[Dim, str]:
        return size, "it would go round more than once"


class ConstantPad1d(_ConstantPad):
    """`value` around a signal."""

    ndim: ClassVar[int] = 1
    shapes: ClassVar[tuple[Shapes, ...]] = _SIGNAL
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ConstantPad1d(3, 0.5)", "float32[N, 8, L]", "float32[N, 8, L + 6]"),
    )

    padding: Pad1
    value: float


class ConstantPad2d(_ConstantPad):
    """`value` around an image."""

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = _IMAGE
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "ConstantPad2d((1, 1, 2, 0), 0.5)", "float32[N, 8, H, W]", "float32[N, 8, H + 2, W + 2]"
        ),
    )

    padding: Pad2
    value: float


class ConstantPad3d(_ConstantPad):
    """`value` around a volume."""

    ndim: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = _VOLUME
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ConstantPad3d(1, 0.5)", "float32[N, 8, 5, 5, 5]", "float32[N, 8, 7, 7, 7]"),
    )

    padding: Pad3
    value: float


class ZeroPad1d(_ConstantPad):
    """Zeros around a signal."""

    ndim: ClassVar[int] = 1
    shapes: ClassVar[tuple[Shapes, ...]] = _SIGNAL
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ZeroPad1d(3)", "float32[N, 8, L]", "float32[N, 8, L + 6]"),
    )

    padding: Pad1


class ZeroPad2d(_ConstantPad):
    """Zeros around an image."""

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = _IMAGE
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ZeroPad2d((1, 1, 2, 0))", "float32[N, 8, H, W]", "float32[N, 8, H + 2, W + 2]"),
    )

    padding: Pad2


class ZeroPad3d(_ConstantPad):
    """Zeros around a volume."""

    ndim: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = _VOLUME
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ZeroPad3d(1)", "float32[N, 8, 5, 5, 5]", "float32[N, 8, 7, 7, 7]"),
    )

    padding: Pad3


class ReflectionPad1d(_ReflectionPad):
    """Mirror images around a signal."""

    ndim: ClassVar[int] = 1
    shapes: ClassVar[tuple[Shapes, ...]] = _SIGNAL
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ReflectionPad1d(3)", "float32[N, 8, L]", "float32[N, 8, L + 6]"),
    )

    padding: Pad1


class ReflectionPad2d(_ReflectionPad):
    """Mirror images around an image."""

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = _IMAGE
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "ReflectionPad2d((1, 1, 2, 0))", "float32[N, 8, H, W]", "float32[N, 8, H + 2, W + 2]"
        ),
    )

    padding: Pad2


class ReflectionPad3d(_ReflectionPad):
    """Mirror images around a volume."""

    ndim: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = _VOLUME
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ReflectionPad3d(1)", "float32[N, 8, 5, 5, 5]", "float32[N, 8, 7, 7, 7]"),
    )

    padding: Pad3


class ReplicationPad1d(_ReplicationPad):
    """Repeated edges around a signal."""

    ndim: ClassVar[int] = 1
    shapes: ClassVar[tuple[Shapes, ...]] = _SIGNAL
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ReplicationPad1d(3)", "float32[N, 8, L]", "float32[N, 8, L + 6]"),
    )

    padding: Pad1


class ReplicationPad2d(_ReplicationPad):
    """Repeated edges around an image."""

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = _IMAGE
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "ReplicationPad2d((1, 1, 2, 0))", "float32[N, 8, H, W]", "float32[N, 8, H + 2, W + 2]"
        ),
    )

    padding: Pad2


class ReplicationPad3d(_ReplicationPad):
    """Repeated edges around a volume."""

    ndim: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = _VOLUME
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ReplicationPad3d(1)", "float32[N, 8, 5, 5, 5]", "float32[N, 8, 7, 7, 7]"),
    )

    padding: Pad3


class CircularPad1d(_CircularPad):
    """The other end around a signal."""

    ndim: ClassVar[int] = 1
    shapes: ClassVar[tuple[Shapes, ...]] = _SIGNAL
    examples: ClassVar[tuple[Example, ...]] = (
        Example("CircularPad1d(3)", "float32[N, 8, L]", "float32[N, 8, L + 6]"),
    )

    padding: Pad1


class CircularPad2d(_CircularPad):
    """The other end around an image."""

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = _IMAGE
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "CircularPad2d((1, 1, 2, 0))", "float32[N, 8, H, W]", "float32[N, 8, H + 2, W + 2]"
        ),
    )

    padding: Pad2


class CircularPad3d(_CircularPad):
    """The other end around a volume."""

    ndim: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = _VOLUME
    examples: ClassVar[tuple[Example, ...]] = (
        Example("CircularPad3d(1)", "float32[N, 8, 5, 5, 5]", "float32[N, 8, 7, 7, 7]"),
    )

    padding: Pad3
