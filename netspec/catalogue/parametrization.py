"""Parametrizations: the functions of torch.nn.utils.parametrizations, for a layer's parameters."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from netspec.catalogue.layer import Misfit
from netspec.catalogue.signature import KEYWORD, PositiveFloat, PositiveInt, Signature
from netspec.dim import product, value_of
from netspec.tensor import Shape, write_shape

PARAMETRIZATIONS: dict[str, type["Parametrization"]] = {}


class Parametrization(Signature):
    """What a parameter is worked out from, each time it is used, in place of being learnt itself.

    `transposed`: whether the parameter is one of a `ConvTranspose`.
    """

    name: ClassVar[str]

    @property
    def takes_sparse(self) -> bool:
        """Whether torch hands a sparse gradient, as of `Embedding(…, sparse=True)`, through it."""
        return False

    def __init_subclass__(cls, name: str = "") -> None:
        cls.name = name
        cls.torch = f"torch.nn.utils.parametrizations.{name}"
        PARAMETRIZATIONS[name] = cls

    def check(self, shape: Shape, transposed: bool) -> None:
        """Refuse a parameter that torch would refuse.

        Raises:
            Misfit: saying why.
        """
        raise NotImplementedError

    def lengths(self, shape: Shape) -> tuple[int | None, ...]:
        """What it divides by a length of its own: each slice of a dimension; None, all numbers."""
        return ()

    def learnt(self, shape: Shape) -> Mapping[str, Shape]:
        """The tensors that are learnt in place of the parameter, by torch's names for them."""
        return {"original": shape}

    def kept(self, shape: Shape, transposed: bool) -> Mapping[str, Shape]:
        """The buffers that come with it, by torch's names for them."""
        return {}


class WeightNorm(Parametrization, name="weight_norm"):
    """A length and a direction, `original0 * original1 / |original1|` (Salimans and Kingma, 2016).

    There is a length for each index of the dimension `dim`: for each output of a `Linear` or a
    convolution as a rule. With dim=-1 there is one for the whole tensor, as torch has it. A vector
    has one for each number; torch.compile of that gives wrong numbers in torch 2.13.
    """

    dim: int = 0

    @property
    def takes_sparse(self) -> bool:
        return value_of(self.dim) == -1

    def check(self, shape: Shape, transposed: bool) -> None:
        _require_dim(self.name, self.dim, shape)

    def lengths(self, shape: Shape) -> tuple[int | None, ...]:
        number = value_of(self.dim) or 0
        return (None if number == -1 else number % len(shape),)

    def learnt(self, shape: Shape) -> Mapping[str, Shape]:
        (at,) = self.lengths(shape)
        sizes = tuple(size if axis == at else 1 for axis, size in enumerate(shape))
        return {"original0": () if at is None else sizes, "original1": shape}


class SpectralNorm(Parametrization, name="spectral_norm"):
    """Divided by its largest singular value, as the power method finds it (Miyato et al., 2018).

    The tensor counts as a matrix with a row for each index of the dimension `dim`: None means the
    outputs, 1 for a `ConvTranspose` and else 0. While training, each use takes `n_power_iterations`
    steps of the method, in buffers. A vector is divided by its length.
    """

    n_power_iterations: PositiveInt = 1
    eps: PositiveFloat = 1e-12
    dim: int | None = None

    @property
    def takes_sparse(self) -> bool:
        return True

    def check(self, shape: Shape, transposed: bool) -> None:
        _require_dim(self.name, self._row(transposed), shape)

    def lengths(self, shape: Shape) -> tuple[int | None, ...]:
        return (None,)

    def kept(self, shape: Shape, transposed: bool) -> Mapping[str, Shape]:
        if len(shape) < 2:
            return {}
        row = (value_of(self._row(transposed)) or 0) % len(shape)
        rest = [size for axis, size in enumerate(shape) if axis != row]
        return {"_u": (shape[row],), "_v": (product(rest),)}

    def _row(self, transposed: bool) -> int:
        return int(transposed) if self.dim is None else self.dim


class Orthogonal(Parametrization, name="orthogonal"):
    """Rows, or columns, at right angles and of length 1; of a batch of matrices, of each.

    `orthogonal_map` None means "matrix_exp" for square matrices, else "householder". With
    use_trivialization=True a buffer beside it holds where it began (Lezcano Casado, 2019). Where it
    stands alone it is written `parametrizations.orthogonal`, since a scheme has its name. torch
    cannot make it on the device "meta".
    """

    orthogonal_map: Literal["matrix_exp", "cayley", "householder"] | None = None
    use_trivialization: Annotated[bool, KEYWORD] = True

    def check(self, shape: Shape, transposed: bool) -> None:
        if len(shape) < 2:
            raise Misfit(
                f"`orthogonal` takes matrices, or batches of them, found {write_shape(shape)}",
                label=_dimensions(shape),
                help="use `weight_norm` or `spectral_norm` here",
            )

    def kept(self, shape: Shape, transposed: bool) -> Mapping[str, Shape]:
        size = max(shape[-2:], key=lambda dim: value_of(dim) or 0)
        return {"base": (*shape[:-2], size, size)} if self.use_trivialization else {}


def _require_dim(name: str, dim: int, shape: Shape) -> None:
    number = value_of(dim)
    if number is not None and shape and -len(shape) <= number < len(shape):
        return
    raise Misfit(
        f"`{name}` wants a dimension of the parameter, found dim={number} for {write_shape(shape)}",
        label=_dimensions(shape),
        help=f"give one from 0 to {len(shape) - 1}" if len(shape) > 1 else "leave `dim` out",
    )


def _dimensions(shape: Shape) -> str:
    return f"{len(shape)} dimension{'s' if len(shape) != 1 else ''}"
