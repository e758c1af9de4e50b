"""Initialisation schemes: the functions of torch.nn.init, without the underscore."""

import math
from typing import ClassVar, Literal

from netspec.catalogue.layer import Misfit
from netspec.catalogue.signature import (
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    Probability,
    Signature,
)
from netspec.dim import value_of
from netspec.tensor import Shape, write_shape

INITIALISERS: dict[str, type["Initialiser"]] = {}
_MANY = 99
_CHANCE = 1e-6  # of a row of zeros, so that nobody meets one


class Initialiser(Signature):
    """A scheme; `ranks` are the fewest and the most dimensions of a tensor that it can fill."""

    name: ClassVar[str]
    ranks: ClassVar[tuple[int, int]] = (0, _MANY)

    def __init_subclass__(cls, name: str = "") -> None:
        if name:
            cls.name = name
            cls.torch = f"torch.nn.init.{name}_"
            INITIALISERS[name] = cls

    def check(self, shape: Shape) -> None:
        """Refuse a parameter that the scheme cannot fill.

        Raises:
            Misfit: where torch would raise.
        """
        fewest, most = self.ranks
        if fewest <= len(shape) <= most:
            return
        wanted = f"exactly {fewest}" if fewest == most else f"at least {fewest}"
        wanted = f"{fewest} to {most}" if fewest < most < _MANY else wanted
        raise Misfit(
            f"`{self.name}` fills tensors of {wanted} dimensions, found {write_shape(shape)}",
            label=f"{len(shape)} dimension{'s' if len(shape) != 1 else ''}",
            help="use `zeros`, `uniform` or `normal` here",
        )

    def leaves_zeros(self, shape: Shape, dim: int | None) -> bool:
        """Whether a slice of the dimension `dim`, or for None all of it, is 0, or may well be."""
        return False


class Uniform(Initialiser, name="uniform"):
    """Numbers evenly from `a` to `b`."""

    a: float = 0.0
    b: float = 1.0

    def check(self, shape: Shape) -> None:
        if self.a > self.b:
            raise Misfit(
                f"`uniform` draws from a to b, found a={self.a} above b={self.b}",
                label="an empty range",
                help="swap them",
            )

    def leaves_zeros(self, shape: Shape, dim: int | None) -> bool:
        return self.a == self.b == 0


class Normal(Initialiser, name="normal"):
    """Numbers of a normal distribution."""

    mean: float = 0.0
    std: NonNegativeFloat = 1.0

    def leaves_zeros(self, shape: Shape, dim: int | None) -> bool:
        return self.mean == self.std == 0


class TruncNormal(Initialiser, name="trunc_normal"):
    """Numbers of a normal distribution, drawn again where they fall outside `a` to `b`."""

    mean: float = 0.0
    std: PositiveFloat = 1.0
    a: float = -2.0
    b: float = 2.0

    def check(self, shape: Shape) -> None:
        if self.a > self.b:
            raise Misfit(
                f"`trunc_normal` cuts at a and b, found a={self.a} above b={self.b}",
                label="an empty range",
                help="swap them",
            )

    def leaves_zeros(self, shape: Shape, dim: int | None) -> bool:
        return self.a == self.b == 0


class Constant(Initialiser, name="constant"):
    """One number everywhere."""

    val: float

    def leaves_zeros(self, shape: Shape, dim: int | None) -> bool:
        return self.val == 0


class Ones(Initialiser, name="ones"):
    """1 everywhere."""


class Zeros(Initialiser, name="zeros"):
    """0 everywhere."""

    def leaves_zeros(self, shape: Shape, dim: int | None) -> bool:
        return True


class Eye(Initialiser, name="eye"):
    """The identity matrix."""

    ranks: ClassVar[tuple[int, int]] = (2, 2)

    def leaves_zeros(self, shape: Shape, dim: int | None) -> bool:
        return dim is not None and _size(shape, dim) > _size(shape, 1 - dim)


class Dirac(Initialiser, name="dirac"):
    """A convolution that hands its input on, in `groups` groups."""

    ranks: ClassVar[tuple[int, int]] = (3, 5)

    groups: PositiveInt = 1

    def check(self, shape: Shape) -> None:
        super().check(shape)
        rest = value_of(shape[0] % self.groups)
        if rest:
            raise Misfit(
                f"`groups`={self.groups} of `dirac` must divide the {shape[0]} output channels",
                label=f"{value_of(shape[0])} % {value_of(self.groups)} is {rest}",
                help="choose a number of groups that divides the channels",
            )

    def leaves_zeros(self, shape: Shape, dim: int | None) -> bool:
        if dim is None:
            return False
        outputs, inputs = _size(shape, 0) // (value_of(self.groups) or 1), _size(shape, 1)
        # The one number of each output that is not 0 stands in the middle.
        return _size(shape, dim) > 1 if dim > 1 else (outputs > inputs, inputs > outputs)[dim]


class XavierUniform(Initialiser, name="xavier_uniform"):
    """Evenly within gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""

    ranks: ClassVar[tuple[int, int]] = (2, _MANY)

    gain: NonNegativeFloat = 1.0

    def leaves_zeros(self, shape: Shape, dim: int | None) -> bool:
        return self.gain == 0


class XavierNormal(Initialiser, name="xavier_normal"):
    """Normal, std gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""

    ranks: ClassVar[tuple[int, int]] = (2, _MANY)

    gain: NonNegativeFloat = 1.0

    def leaves_zeros(self, shape: Shape, dim: int | None) -> bool:
        return self.gain == 0


Mode = Literal["fan_in", "fan_out"]
Nonlinearity = Literal[
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "selu",
]


class KaimingUniform(Initialiser, name="kaiming_uniform"):
    """Evenly within gain sqrt(3 / fan) (He et al., 2015)."""

    ranks: ClassVar[tuple[int, int]] = (2, _MANY)

    a: float = 0
    mode: Mode = "fan_in"
    nonlinearity: Nonlinearity = "leaky_relu"


class KaimingNormal(Initialiser, name="kaiming_normal"):
    """Normal, std gain / sqrt(fan) (He et al., 2015)."""

    ranks: ClassVar[tuple[int, int]] = (2, _MANY)

    a: float = 0
    mode: Mode = "fan_in"
    nonlinearity: Nonlinearity = "leaky_relu"


class Orthogonal(Initialiser, name="orthogonal"):
    """Rows, or columns, at right angles (Saxe et al., 2013)."""

    ranks: ClassVar[tuple[int, int]] = (2, _MANY)

    gain: float = 1

    def leaves_zeros(self, shape: Shape, dim: int | None) -> bool:
        return self.gain == 0


class Sparse(Initialiser, name="sparse"):
    """A share `sparsity` of each column 0, the rest normal (Martens, 2010)."""

    ranks: ClassVar[tuple[int, int]] = (2, 2)

    sparsity: Probability
    std: NonNegativeFloat = 0.01

    def leaves_zeros(self, shape: Shape, dim: int | None) -> bool:
        rows, columns = _size(shape, 0), _size(shape, 1)
        zeros = math.ceil(self.sparsity * rows)  # in each column
        likely = dim == 0 and rows * (zeros / rows) ** columns > _CHANCE
        return self.std == 0 or zeros == rows or likely


def _size(shape: Shape, dim: int) -> int:
    return value_of(shape[dim]) or 0
