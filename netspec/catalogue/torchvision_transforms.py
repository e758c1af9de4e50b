"""Transforms that torchvision does, a sample at a time: each draws numbers of its own."""

from typing import Annotated, ClassVar

from netspec.catalogue.annotation import ASCENDING
from netspec.catalogue.picture_transforms import scaled
from netspec.catalogue.signature import (
    FiniteFloat,
    FiniteNonNegativeFloat,
    FinitePositiveFloat,
    PositiveInt,
    Probability,
    Size2,
)
from netspec.catalogue.transform import Transform, require_picture, resized, sides
from netspec.dim import value_of
from netspec.literal import write_literal
from netspec.misfit import Misfit
from netspec.tensor import Tensor

Range = Annotated[tuple[FiniteFloat, FiniteFloat], ASCENDING]
PositiveRange = Annotated[tuple[FinitePositiveFloat, FinitePositiveFloat], ASCENDING]
NonNegativeRange = Annotated[tuple[FiniteNonNegativeFloat, FiniteNonNegativeFloat], ASCENDING]
Shares = Annotated[tuple[Probability, Probability], ASCENDING]
Factor = FiniteNonNegativeFloat | NonNegativeRange


class _Vision(Transform):
    """A class of torchvision's `v2` that leaves shapes alone; `colours`: of 1 or 3 channels."""

    random = True
    imports: ClassVar[tuple[str, ...]] = ("from torchvision.transforms import v2",)
    colours: ClassVar[bool] = False

    def apply(self, x: Tensor) -> Tensor:
        require_picture(self, x)
        if self.colours and value_of(x.shape[1]) not in (1, 3):
            raise Misfit(
                f"`{type(self).__name__}` takes pictures of 1 or 3 channels, found {x}",
                label=f"{x.shape[1]} channels",
                help="leave it out for these pictures",
            )
        return x

    def made(self) -> str:
        arguments = ", ".join(f"{key}={write_literal(value)}" for key, value in self.given.items())
        return f"v2.{type(self).__name__}({arguments})"


class ColorJitter(_Vision):
    """Random changes of brightness, contrast, saturation and hue, by torchvision."""

    colours = True

    brightness: Factor = 0.0
    contrast: Factor = 0.0
    saturation: Factor = 0.0
    hue: FiniteNonNegativeFloat | Range = 0.0

    def apply(self, x: Tensor) -> Tensor:
        hue = self.hue if isinstance(self.hue, tuple) else (-self.hue, self.hue)
        if not -0.5 <= hue[0] <= hue[1] <= 0.5:
            raise Misfit(
                f"`hue` of `ColorJitter` is within -0.5 and 0.5, found {self.hue}",
                label="out of range",
                help="write `hue=0.1`, say",
                argument="hue",
            )
        return super().apply(x)


class GaussianBlur(_Vision):
    """Pictures blurred by a Gaussian of random width, by torchvision."""

    kernel_size: PositiveInt | tuple[PositiveInt, PositiveInt]
    sigma: FinitePositiveFloat | PositiveRange = (0.1, 2.0)

    def apply(self, x: Tensor) -> Tensor:
        if any(side % 2 == 0 for side in sides(self.kernel_size)):
            raise Misfit(
                f"`kernel_size` of `GaussianBlur` is odd, found {self.kernel_size}",
                label="an even one has no middle",
                help="write `kernel_size=3`, say",
                argument="kernel_size",
            )
        return super().apply(x)


class RandomAffine(_Vision):
    """Pictures turned, moved, scaled and sheared at random, by torchvision."""

    degrees: FiniteNonNegativeFloat | Range
    translate: tuple[Probability, Probability] | None = None
    scale: PositiveRange | None = None
    shear: FiniteNonNegativeFloat | Range | None = None


class RandomErasing(_Vision):
    """A rectangle of some pictures erased, by torchvision."""

    p: Probability = 0.5
    scale: Shares = (0.02, 0.33)
    ratio: PositiveRange = (0.3, 3.3)
    value: FiniteFloat = 0.0


class RandomGrayscale(_Vision):
    """Some pictures without their colours, by torchvision."""

    colours = True

    p: Probability = 0.1


class RandomPerspective(_Vision):
    """Some pictures seen from elsewhere, by torchvision."""

    distortion_scale: Probability = 0.5
    p: Probability = 0.5


class RandomResizedCrop(_Vision):
    """A random part of pictures in a new size, by torchvision; validation resizes all of it."""

    size: Size2
    scale: PositiveRange = (0.08, 1.0)
    ratio: PositiveRange = (0.75, 4 / 3)

    def apply(self, x: Tensor) -> Tensor:
        return resized(super().apply(x), *sides(self.size))

    def resting(self, name: str, x: Tensor) -> tuple[str, ...]:
        return (scaled(name, *sides(self.size)),)


class RandomRotation(_Vision):
    """Pictures turned by a random angle in degrees, by torchvision."""

    degrees: FiniteNonNegativeFloat | Range


class TrivialAugmentWide(_Vision):
    """One random change of random strength to each picture (Müller and Hutter, 2021)."""

    colours = True

    num_magnitude_bins: PositiveInt = 31
