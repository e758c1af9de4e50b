"""A function of the catalogue: tensors in, checked arguments under torch's names, tensors out."""

from typing import ClassVar

from netspec.catalogue.signature import Signature
from netspec.tensor import Tensor

FUNCTIONS: dict[str, type["Function"]] = {}


class Function(Signature):
    """A tensor function or method, named as torch names it; it joins the catalogue as `name`.

    `arity`: the tensors that it takes before its other arguments.
    `sequence`: it takes one sequence of any number of tensors in place of `arity` single ones.
    `torch`: `torch.cat`, `torch.nn.functional.relu`, or `torch.Tensor.reshape` for a method.
    """

    name: ClassVar[str]
    arity: ClassVar[int] = 1
    sequence: ClassVar[bool] = False

    def __init_subclass__(cls, name: str = "") -> None:
        if name:
            cls.name = name
            FUNCTIONS[name] = cls

    def apply(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The output for the inputs.

        Raises:
            Misfit: where torch would raise.
        """
        raise NotImplementedError
