"""Pictures: folders of them, and the collections that torchvision knows."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from annotated_types import MinLen

from netspec.catalogue.dataset import Dataset, Place, Sizes
from netspec.catalogue.expected import quote_all
from netspec.catalogue.signature import KEYWORD, KeywordFlag, PositiveInt, Size2
from netspec.dim import symbol
from netspec.misfit import Misfit
from netspec.tensor import Tensor

Names = Annotated[tuple[str, ...], MinLen(1)]
Path = Annotated[str, MinLen(1)]


class ImageFolder(Dataset):
    """Pictures in a folder for each class, as Pillow reads them, resized to height and width.

    `image` float32[N, 3, H, W] from 0 to 1, or [N, 1, H, W] with `channels=1`; `label` int64[N].
    `classes` is the number of the folders, which are numbered in sorted order, or their names.
    """

    streamed: ClassVar[bool] = True
    imports: ClassVar[tuple[str, ...]] = ("import numpy as np", "from PIL import Image")

    path: Path
    size: Size2
    classes: Annotated[PositiveInt | Names, KEYWORD]
    channels: Annotated[Literal[1, 3], KEYWORD] = 3

    def check(self) -> None:
        if isinstance(self.classes, tuple) and len(set(self.classes)) < len(self.classes):
            raise Misfit(
                "a class stands in `classes` twice",
                label="the same name again",
                help="name each class once",
                argument="classes",
            )

    def check_apart(self) -> None:
        if isinstance(self.classes, int):
            raise Misfit(
                "folders of two places are numbered alike only where they have the same names",
                label="which folder is which class?",
                help='name them: `classes=["cat", "dog"]`',
                argument="classes",
            )

    def columns(self) -> Mapping[str, Tensor]:
        n = symbol("N")
        shape = (n, self.channels, *self._sides())
        return {"image": Tensor(shape), "label": Tensor((n,), "int64")}

    def _sides(self) -> tuple[int, int]:
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def _count(self) -> int:
        return self.classes if isinstance(self.classes, int) else len(self.classes)

    def classes_of(self) -> Mapping[str, int]:
        return {"label": self._count()}

    def places(self) -> tuple[Place, ...]:
        return (Place("path", "str", self.path),)

    def told(self) -> str:
        return f"Find the pictures of {self._count()} classes, in a folder for each."

    def above(self, sizes: Sizes) -> tuple[str, ...]:
        height, width = self._sides()
        mode = "RGB" if self.channels == 3 else "L"
        pixels = "pixels.permute(2, 0, 1)" if self.channels == 3 else "pixels[None]"
        return (
            "class Pictures(Dataset[tuple[Tensor, int]]):",
            '    """Pictures with their labels, read when they are asked for."""',
            "",
            "    def __init__(self, files: Sequence[Path], labels: Sequence[int]) -> None:",
            "        self.files = files",
            "        self.labels = labels",
            "",
            "    def __len__(self) -> int:",
            "        return len(self.files)",
            "",
            "    def __getitem__(self, index: int) -> tuple[Tensor, int]:",
            "        file = self.files[index]",
            "        try:",
            "            with Image.open(file) as picture:",
            f'                resized = picture.convert("{mode}").resize(({width}, {height}))',
            "                pixels = torch.from_numpy(np.array(resized))",
            "        except Exception as error:  # Pillow has many for what is no picture",
            '            raise OSError(f"cannot read {file}: {error}") from error',
            f"        return {pixels} / 255, self.labels[index]",
        )

    def code(self, sizes: Sizes) -> tuple[str, ...]:
        if isinstance(self.classes, tuple):
            lines = [f"names = {quote_all(self.classes)}"]
        else:
            lines = [
                "names = sorted(folder.name for folder in Path(path).iterdir() if folder.is_dir())",
                f"if len(names) != {self.classes}:",
                f'    raise SystemExit(f"{{path}} has {{len(names)}} folders, not {self.classes}")',
            ]
        return (
            *lines,
            "files, labels = [], []",
            "for label, name in enumerate(names):",
            '    found = sorted(f for f in Path(path, name).rglob("[!.]*") if f.is_file())',
            "    if not found:",
            '        raise SystemExit(f"{path} has no pictures of {name!r}")',
            "    files += found",
            "    labels += [label] * len(found)",
            'rank, world = int(os.getenv("RANK", "0")), int(os.getenv("WORLD_SIZE", "1"))',
            "for file in files[rank::world]:  # a look at each, before hours of training",
            "    try:",
            "        with Image.open(file) as picture:",
            "            picture.verify()",
            "    except Exception as error:  # Pillow has many for what is no picture",
            '        raise SystemExit(f"cannot read {file}: {error}") from error',
        )

    def kind(self) -> str:
        return "Pictures"

    def source(self) -> str:
        return "Pictures(files, labels)"


class _Collection(Dataset):
    """A collection of torchvision, downloaded where it is not there yet."""

    streamed: ClassVar[bool] = True
    fixed: ClassVar[bool] = True
    imports: ClassVar[tuple[str, ...]] = ("from torchvision import datasets, transforms",)
    shape: ClassVar[tuple[int, int, int]]
    labels: ClassVar[int]
    samples: ClassVar[int]

    path: Path
    train: KeywordFlag = True
    download: KeywordFlag = True

    def length(self) -> int:
        return self.samples if self.train else 10_000

    def columns(self) -> Mapping[str, Tensor]:
        n = symbol("N")
        return {"image": Tensor((n, *self.shape)), "label": Tensor((n,), "int64")}

    def classes_of(self) -> Mapping[str, int]:
        return {"label": self.labels}

    def places(self) -> tuple[Place, ...]:
        return (Place("path", "str", self.path), Place("train", "bool", self.train))

    def told(self) -> str:
        return f"Read {type(self).__name__} by torchvision: images in [0, 1], labels."

    def code(self, sizes: Sizes) -> tuple[str, ...]:
        title = type(self).__name__
        lines: list[str] = []
        if self.download:
            lines += [
                'if os.environ.get("LOCAL_RANK", "0") == "0":  # one download for all processes',
                f"    datasets.{title}(path, train, download=True)",
                "if dist.is_initialized():",
                "    dist.barrier()",
            ]
        return (
            "try:",
            *(f"    {line}" for line in lines),
            f"    source = datasets.{title}(path, train, transform=transforms.ToTensor())",
            "except RuntimeError as error:  # not there, or not what was downloaded",
            '    raise SystemExit(f"cannot read {path}: {error}") from None',
        )

    def kind(self) -> str:
        return f"datasets.{type(self).__name__}"

    def source(self) -> str:
        return "source"


class MNIST(_Collection):
    """70,000 handwritten digits (LeCun et al., 1998), 10,000 of them for tests, by torchvision.

    `image` float32[N, 1, 28, 28] from 0 to 1, `label` int64[N] from 0 to 9. `train=False` has the
    test images.
    """

    samples = 60_000
    shape = (1, 28, 28)
    labels = 10


class FashionMNIST(_Collection):
    """70,000 pictures of clothes (Xiao et al., 2017), 10,000 of them for tests, by torchvision.

    `image` float32[N, 1, 28, 28] from 0 to 1, `label` int64[N] from 0 to 9. `train=False` has the
    test images.
    """

    samples = 60_000
    shape = (1, 28, 28)
    labels = 10


class CIFAR10(_Collection):
    """60,000 colour pictures of 10 classes (Krizhevsky, 2009), 10,000 for tests, by torchvision.

    `image` float32[N, 3, 32, 32] from 0 to 1, `label` int64[N] from 0 to 9. `train=False` has the
    test images.
    """

    samples = 50_000
    shape = (3, 32, 32)
    labels = 10


class CIFAR100(_Collection):
    """60,000 colour pictures of 100 classes (Krizhevsky, 2009), 10,000 for tests, by torchvision.

    `image` float32[N, 3, 32, 32] from 0 to 1, `label` int64[N] from 0 to 99. `train=False` has the
    test images.
    """

    samples = 50_000
    shape = (3, 32, 32)
    labels = 100
