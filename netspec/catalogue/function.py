"""A function of the catalogue: tensors and other arguments under torch's names, tensors out."""

from typing import Any, ClassVar

from netspec.catalogue import index
from netspec.catalogue.example import Example as Example
from netspec.catalogue.example import Shapes as Shapes
from netspec.catalogue.shelf import Shelf
from netspec.catalogue.signature import Inputs, Signature
from netspec.dim import Dim
from netspec.tensor import Type

FUNCTIONS: Shelf["Function"] = Shelf(index.FUNCTIONS)


class Function(Signature):
    """A tensor function or method, named as torch names it; it joins the catalogue as `name`.

    Fields annotated `Input` take a tensor, `Inputs` several, `Input | float` either.

    `torch`: `torch.cat`, `torch.nn.functional.relu`, or `torch.Tensor.reshape` for a method; where
    a class does not say it, `name` in its `home`.
    `creates`: it makes a tensor from numbers alone, on a device that the caller chooses.
    `random`: it draws from torch's generator.
    `training`: torch's function has an argument `training`, which follows the mode of the net.
    `training_only`: arguments that are 0.0 outside training.
    """

    name: ClassVar[str]
    home: ClassVar[str] = "torch"
    creates: ClassVar[bool] = False
    random: ClassVar[bool] = False
    training: ClassVar[bool] = False
    training_only: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = ()
    shapes: ClassVar[tuple[Shapes, ...]] = ()

    def __init_subclass__(cls, name: str = "") -> None:
        if name:
            cls.name = name
            cls.torch = vars(cls).get("torch", f"{cls.home}.{name}")
            FUNCTIONS.add(name, cls)

    @classmethod
    def takes_one(cls) -> bool:
        """Whether a single tensor is all that it takes of tensors."""
        tensors = [field for field in cls.fields().values() if field.tensor]
        return len(tensors) == 1 and tensors[0].annotation != Inputs

    def apply(self) -> Type:
        """The output for the tensors and the arguments.

        Raises:
            Misfit: where torch would raise.
        """
        raise NotImplementedError

    def macs(self, output: Any) -> Dim:
        """Multiply-accumulate operations, those of products of matrices, for an output of `apply`.

        Elementwise functions count as none, as torch's FlopCounterMode has it.
        """
        return 0


class Method(Function):
    """A method of a tensor, which is its `input`."""

    home: ClassVar[str] = "torch.Tensor"


class Functional(Function):
    """A function of torch.nn.functional."""

    home: ClassVar[str] = "torch.nn.functional"
