"""Data whose fields the spec declares: random numbers, and the data sets of Hugging Face."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from annotated_types import MinLen

from netspec.catalogue.dataset import Dataset, Place, Sizes
from netspec.catalogue.expected import (
    check_declared,
    is_open,
    labels_in,
    limits_of,
    quote,
    write_limits,
    write_shape,
)
from netspec.catalogue.signature import KEYWORD, PositiveInt
from netspec.dim import value_of
from netspec.misfit import Misfit
from netspec.tensor import FLOATING, Tensor

_WRITTEN = {"float16": "half", "bfloat16": "bfloat16", "float64": "double"}


class Synthetic(Dataset):
    """Random numbers, to see that a net trains at all: the same ones in each run.

    The inputs of the net are fields by themselves, and the call declares the others:
    `Synthetic(1024, label=int64[N], classes=10)`. Floating point is drawn from a normal
    distribution, integers are from 0 to `classes` - 1.
    """

    fixed: ClassVar[bool] = True
    declares: ClassVar[bool] = True

    samples: PositiveInt
    classes: Annotated[PositiveInt | None, KEYWORD] = None

    def check(self) -> None:
        example = "Synthetic(1024, x=float32[N, 8], label=int64[N], classes=10)"
        check_declared("Synthetic", self.declared, self.classes, example)
        for name, kind in self.declared.items():
            if kind.dtype not in FLOATING and kind.dtype != "bool" and self.classes is None:
                raise Misfit(
                    f"the field `{name}` is {kind.dtype}, and needs `classes`",
                    label="integers from 0 to what?",
                    help="write `classes=10` for numbers from 0 to 9, say",
                )
            if any(value_of(dim) is None for dim in kind.shape[1:]):
                raise Misfit(
                    f"the field `{name}` is {kind}: numbers are drawn for sizes that are known",
                    label="how large is a sample?",
                    help=f"write its sizes as numbers: `{name}={kind.dtype}[N, …]`",
                )

    def length(self) -> int:
        return self.samples

    def columns(self) -> Mapping[str, Tensor]:
        return self.declared

    def classes_of(self) -> Mapping[str, int]:
        return labels_in(self.declared, self.classes)

    def told(self) -> str:
        return f"Draw {self.samples} samples, the same ones in each run."

    def code(self, sizes: Sizes) -> tuple[str, ...]:
        return ("generator = torch.Generator().manual_seed(0)",)

    def tensors(self) -> tuple[str, ...]:
        return tuple(self._drawn(kind) for kind in self.declared.values())

    def _drawn(self, kind: Tensor) -> str:
        shape = f"({', '.join(map(str, (self.samples, *map(value_of, kind.shape[1:]))))}"
        shape += ",)" if kind.rank == 1 else ")"
        if kind.dtype in FLOATING:
            drawn = f"torch.randn({shape}, generator=generator)"
            return f"{drawn}.{_WRITTEN[kind.dtype]}()" if kind.dtype in _WRITTEN else drawn
        if kind.dtype == "bool":
            return f"torch.randint(2, {shape}, generator=generator).bool()"
        drawn = f"torch.randint({self.classes}, {shape}, generator=generator)"
        return f"{drawn}.byte()" if kind.dtype == "uint8" else drawn


class Samples(Dataset, listed=False):
    """A source that gives samples one by one, each of them held against the fields.

    `called`: the class that does it. `loop`: how its fields are gone through, `part`: that of a
    sample.
    """

    streamed: ClassVar[bool] = True
    called: ClassVar[str]
    loop: ClassVar[str] = "name, dtype, shape in self.FIELDS"
    part: ClassVar[str] = "sample[name]"

    def columns(self) -> Mapping[str, Tensor]:
        return self.declared

    def above(self, sizes: Sizes) -> tuple[str, ...]:
        rows = [
            f"        ({quote(name)}, torch.{kind.dtype}, {write_shape(kind, sizes)}),"
            for name, kind in self.declared.items()
        ]
        shape = "part.shape != shape"
        if is_open(self.declared, sizes):
            shape = (
                "part.ndim != len(shape) or any(a not in (b, None) "
                "for a, b in zip(shape, part.shape))"
            )
        return (
            f"class {self.called}(Dataset[tuple[Tensor, ...]]):",
            '    """Samples of a source, each of them held against `FIELDS`."""',
            "",
            "    FIELDS = (",
            *rows,
            "    )",
            "",
            "    def __init__(self, source: Any) -> None:",
            "        self.source = source",
            "",
            "    def __len__(self) -> int:",
            "        return len(self.source)",
            "",
            "    def __getitem__(self, index: int) -> tuple[Tensor, ...]:",
            "        sample = self.source[index]",
            "        parts = []",
            f"        for {self.loop}:",
            "            try:",
            f"                part = torch.as_tensor({self.part})",
            "            except Exception as error:",
            '                found = f"{name} of sample {index} is no tensor: {error!r:.500}"',
            "                raise OSError(found) from error",
            f"            if part.dtype != dtype or {shape}:",
            '                found = f"{part.dtype}{[*part.shape]}, not {dtype}{[*shape]}"',
            '                raise OSError(f"{name} of sample {index} is {found}")',
            "            if not part.isfinite().all():",
            '                raise OSError(f"{name} of sample {index} is not finite everywhere")',
            "            parts.append(part)",
            *self._limited(),
            "        return tuple(parts)",
        )

    def _limited(self) -> tuple[str, ...]:
        """The lines that hold integers against their limits."""
        limits = limits_of(self.declared, self.classes_of(), self.limits)
        if not limits:
            return ()
        places = list(self.declared)
        rows = [(str(places.index(name)), limit) for name, limit in limits.items()]
        end = "{self.FIELDS[place][0]} of sample {index} has"
        lines = write_limits(rows, "place", "parts[place]", "OSError", end)
        return tuple(f"        {line}" for line in lines)

    def kind(self) -> str:
        return self.called

    def source(self) -> str:
        return "data"


class HuggingFace(Samples):
    """A data set of the Hugging Face hub, or of a folder, as the package `datasets` reads it.

    The call declares the fields, which are columns of numbers or pictures with their names:
    `HuggingFace("ylecun/mnist", image=uint8[N, 1, 28, 28], label=int64[N], classes=10)`. `config`
    chooses one of several, `split` a part of it.
    """

    declares: ClassVar[bool] = True
    imports: ClassVar[tuple[str, ...]] = ("from datasets import load_dataset",)

    called: ClassVar[str] = "Rows"

    path: Annotated[str, MinLen(1)]
    config: str | None = None
    split: Annotated[str, MinLen(1), KEYWORD] = "train"
    classes: Annotated[PositiveInt | None, KEYWORD] = None

    def check(self) -> None:
        example = 'HuggingFace("ylecun/mnist", image=uint8[N, 1, 28, 28], label=int64[N])'
        check_declared("HuggingFace", self.declared, self.classes, example)

    def classes_of(self) -> Mapping[str, int]:
        return labels_in(self.declared, self.classes)

    def places(self) -> tuple[Place, ...]:
        return (Place("path", "str", self.path), Place("split", "str", self.split))

    def told(self) -> str:
        return "Load a data set of Hugging Face, each sample held against its fields."

    def code(self, sizes: Sizes) -> tuple[str, ...]:
        config = "" if self.config is None else f"{quote(self.config)}, "
        return (
            "try:",
            f'    source = load_dataset(path, {config}split=split).with_format("torch")',
            "except Exception as error:  # there is no telling what goes wrong on the way",
            '    raise SystemExit(f"cannot load {path}: {error!r:.500}") from error',
            "for name, _, _ in Rows.FIELDS:",
            "    if name not in source.column_names:",
            '        raise SystemExit(f"{path} has no column {name!r}")',
            "data = Rows(source)",
            "if len(data):",
            "    data[0]  # what is wrong with all samples is wrong with the first one",
        )
