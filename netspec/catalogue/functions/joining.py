"""Functions that join tensors and take them apart."""

from typing import ClassVar

from netspec.catalogue.function import Function
from netspec.catalogue.layer import Misfit
from netspec.catalogue.shapes import resolve_axis
from netspec.catalogue.signature import Inputs
from netspec.dim import same, total
from netspec.elementwise import promote
from netspec.tensor import Tensor, write_shape


class Cat(Function, name="cat"):
    """Join tensors along `dim`; all other sizes must agree: `(a, b) -> cat(dim=1)`."""

    torch: ClassVar[str] = "torch.cat"

    tensors: Inputs
    dim: int = 0

    def apply(self) -> Tensor:
        first, *others = self.tensors
        if not first.shape:
            raise Misfit("`cat` cannot join tensors without dimensions", label="found []")
        axis = resolve_axis(first, self.dim, "cat", "dim")
        dtype = first.dtype
        for other in others:
            _require_joinable(first, other, axis)
            dtype = promote(dtype, other.dtype)
        joined = total(tensor.shape[axis] for tensor in self.tensors)
        return Tensor((*first.shape[:axis], joined, *first.shape[axis + 1 :]), dtype)


def _require_joinable(first: Tensor, other: Tensor, axis: int) -> None:
    shapes = f"{write_shape(first.shape)} and {write_shape(other.shape)}"
    if first.rank != other.rank:
        raise Misfit(
            f"cannot join tensors of shape {shapes}",
            label=f"{first.rank} and {other.rank} dimensions",
            help="bring them to the same number of dimensions, with `Flatten` say",
        )
    for at, (a, b) in enumerate(zip(first.shape, other.shape, strict=True)):
        if at != axis and not same(a, b):
            differs = "differs" if same(a, b) is False else "is not known to agree"
            raise Misfit(
                f"cannot join tensors of shape {shapes} along dimension {axis}",
                label=f"dimension {at} {differs}: {a} and {b}",
                help=f"give both the same size in dimension {at}, or join along it: dim={at}",
            )
