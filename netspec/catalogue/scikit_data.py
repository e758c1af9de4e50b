"""Data that comes with scikit-learn: no download."""

from collections.abc import Mapping
from typing import ClassVar

from netspec.catalogue.dataset import Dataset, Sizes
from netspec.dim import symbol
from netspec.tensor import Tensor


class _Table(Dataset):
    """A table of scikit-learn: `loader` reads it, `labels` is the number of its classes.

    `rows`: how many samples it has; `width`: how many features; `named`: what its samples are.
    """

    fixed: ClassVar[bool] = True
    loader: ClassVar[str]
    rows: ClassVar[int]
    width: ClassVar[int]
    labels: ClassVar[int]
    named: ClassVar[str]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.imports = (f"from sklearn.datasets import {cls.loader}",)

    def length(self) -> int:
        return self.rows

    def columns(self) -> Mapping[str, Tensor]:
        n = symbol("N")
        return {"features": Tensor((n, self.width)), "label": Tensor((n,), "int64")}

    def classes_of(self) -> Mapping[str, int]:
        return {"label": self.labels}

    def told(self) -> str:
        return f"Read {self.named} in scikit-learn: {self.width} features, labels."

    def code(self, sizes: Sizes) -> tuple[str, ...]:
        return (f"features, labels = {self.loader}(return_X_y=True)",)

    def tensors(self) -> tuple[str, ...]:
        return ("torch.from_numpy(features).float()", "torch.from_numpy(labels).long()")


class Digits(Dataset):
    """1,797 handwritten digits of 8 by 8 pixels that come with scikit-learn.

    `image` float32[N, 1, 8, 8] from 0 to 1, `label` int64[N] from 0 to 9.
    """

    fixed: ClassVar[bool] = True
    imports: ClassVar[tuple[str, ...]] = ("from sklearn.datasets import load_digits",)

    def length(self) -> int:
        return 1797

    def columns(self) -> Mapping[str, Tensor]:
        n = symbol("N")
        return {"image": Tensor((n, 1, 8, 8)), "label": Tensor((n,), "int64")}

    def classes_of(self) -> Mapping[str, int]:
        return {"label": 10}

    def told(self) -> str:
        return "Read the 1,797 digits in scikit-learn: images in [0, 1], labels."

    def code(self, sizes: Sizes) -> tuple[str, ...]:
        return (
            "pixels, labels = load_digits(return_X_y=True)",
            "images = torch.from_numpy(pixels).float().view(-1, 1, 8, 8) / 16",
        )

    def tensors(self) -> tuple[str, ...]:
        return ("images", "torch.from_numpy(labels).long()")


class Iris(_Table):
    """150 irises of three species (Fisher, 1936), 50 of each, that come with scikit-learn.

    `features` float32[N, 4] in cm, `label` int64[N] from 0 to 2.
    """

    loader = "load_iris"
    rows = 150
    width = 4
    labels = 3
    named = "the 150 irises"


class Wine(_Table):
    """178 wines of three growers, by chemical analysis, that come with scikit-learn.

    `features` float32[N, 13], `label` int64[N] from 0 to 2.
    """

    loader = "load_wine"
    rows = 178
    width = 13
    labels = 3
    named = "the 178 wines"


class BreastCancer(_Table):
    """569 tumours, malignant (0) or benign (1), that come with scikit-learn.

    `features` float32[N, 30], `label` int64[N], 0 or 1.
    """

    loader = "load_breast_cancer"
    rows = 569
    width = 30
    labels = 2
    named = "the 569 tumours"


class Diabetes(Dataset):
    """442 patients and how their diabetes went on a year later; it comes with scikit-learn.

    `features` float32[N, 10], standardised; `target` float32[N, 1] from 25 to 346.
    """

    fixed: ClassVar[bool] = True
    imports: ClassVar[tuple[str, ...]] = ("from sklearn.datasets import load_diabetes",)

    def length(self) -> int:
        return 442

    def columns(self) -> Mapping[str, Tensor]:
        n = symbol("N")
        return {"features": Tensor((n, 10)), "target": Tensor((n, 1))}

    def told(self) -> str:
        return "Read the 442 patients in scikit-learn: 10 features, a target."

    def code(self, sizes: Sizes) -> tuple[str, ...]:
        return ("features, targets = load_diabetes(return_X_y=True)",)

    def tensors(self) -> tuple[str, ...]:
        return (
            "torch.from_numpy(features).float()",
            "torch.from_numpy(targets).float()[:, None]",
        )
