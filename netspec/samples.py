"""Read samples for a net: tables, arrays of NumPy, folders of pictures."""

import csv
import math
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from netspec.dim import value_of
from netspec.graph import Port
from netspec.names import listing
from netspec.run_error import RunError
from netspec.tensor import INTEGER, write_shape

PICTURES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


class Batch(NamedTuple):
    """Some samples: what each is called, and a tensor for each input of the net."""

    names: list[str]
    inputs: tuple[Tensor, ...]


class Form(NamedTuple):
    """What a train section says of tables: the columns of a sample, those of its target, the form.

    `columns`: empty where all columns count that hold numbers only, but for the `targets`.
    """

    columns: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    delimiter: str = ","


def read_samples(path: Path, inputs: Sequence[Port], size: int, form: Form) -> Iterator[Batch]:
    """The samples at `path`, in batches of `size`.

    A `.csv` file has one sample a line, and a first line with names or none. Its numbers are those
    of the form's columns, or else all columns with numbers only, in their order, but for targets. A
    `.npy` file has samples along its first dimension, a `.npz` file an array for each input by its
    name. Of a folder, the pictures are read in the order of their names, as numbers from 0 to 1, or
    as they are where the input is uint8.

    Raises:
        RunError: where there is nothing to read, or it does not fit the inputs.
    """
    if path.is_dir():
        yield from _read_pictures(path, inputs, size)
    elif not path.is_file():
        raise RunError(f"there is no file or folder {path}", "check the path")
    elif path.suffix == ".csv":
        yield from _batches(_read_table(path, _only(inputs, path), form), size)
    elif path.suffix in (".npy", ".npz"):
        yield from _batches(_read_arrays(path, inputs), size)
    else:
        raise RunError(
            f"cannot tell what {path} holds", "give a .csv, .npy or .npz file, or a folder"
        )


def _batches(tensors: Sequence[Tensor], size: int) -> Iterator[Batch]:
    total = len(tensors[0])
    for start in range(0, total, size):
        names = [str(number) for number in range(start, min(start + size, total))]
        yield Batch(names, tuple(tensor[start : start + size] for tensor in tensors))


def _only(inputs: Sequence[Port], path: Path) -> Port:
    if len(inputs) > 1:
        names = [port.name for port in inputs]
        raise RunError(
            f"the net has {len(inputs)} inputs, {listing(names)}, and {path} has samples for one",
            f"save an array for each: np.savez('samples.npz', {names[0]}=…, {names[1]}=…)",
        )
    return inputs[0]


# ---- tables ------------------------------------------------------------------------------------


def _read_table(path: Path, port: Port, form: Form) -> tuple[Tensor]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=form.delimiter)
            lines = [(line, row) for line, row in _numbered(reader) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"cannot read {path}: {error}", "give a table in UTF-8") from None
    named = bool(lines) and _is_header(lines[0][1], form)
    header = lines[0][1] if named else []
    lines = lines[1:] if named else lines
    if not lines:
        raise RunError(f"{path} has no samples", "give one a line")
    places = _places(path, header, lines, form)
    rows = [_row(path, line, row, places, len(header or lines[0][1])) for line, row in lines]
    _require_width(path, port, len(places), [header[i] for i in places] if named else [])
    return (_shaped(torch.tensor(rows, dtype=torch.float64), port, path),)


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    for row in reader:
        yield reader.line_num, row


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_header(row: list[str], form: Form) -> bool:
    """Whether a first line has names: some are no numbers, or all are those of the training."""
    known = {*form.columns, *form.targets}
    return any(_number(text) is None for text in row) or bool(known and known.issubset(row))


def _places(
    path: Path, header: list[str], lines: list[tuple[int, list[str]]], form: Form
) -> list[int]:
    """The columns that are read, by their places."""
    if form.columns and header:
        missing = [name for name in form.columns if name not in header]
        if missing:
            raise RunError(
                f"{path} has no column {listing(missing)}", f"it has {listing(header, 12)}"
            )
        twice = [name for name in form.columns if header.count(name) > 1]
        if twice:
            raise RunError(
                f"{path} has several columns {listing(twice)}", "rename those that are not meant"
            )
        return [header.index(name) for name in form.columns]
    first = lines[0][1]
    targets = {place for place, name in enumerate(header) if name in form.targets}
    numbers = [place for place, text in enumerate(first) if _number(text) is not None]
    return [place for place in numbers if place not in targets]


def _row(path: Path, line: int, row: list[str], places: list[int], width: int) -> list[float]:
    if len(row) != width:
        raise RunError(f"{path}:{line} has {len(row)} columns, not {width}", "correct the line")
    values: list[float] = []
    for place in places:
        value = _number(row[place])
        if value is None or not math.isfinite(value):
            raise RunError(
                f"{path}:{line} has {row[place]!r:.40} in column {place + 1}, not a finite number",
                "leave such samples out, or fill them in",
            )
        values.append(value)
    return values


def _require_width(path: Path, port: Port, width: int, names: list[str]) -> None:
    wanted = _numbers_of(port)
    if wanted is not None and width != wanted:
        told = f": {listing(names, 12)}" if names else ""
        raise RunError(
            f"{path} has {width} columns with numbers{told}; "
            f"the input `{port.name}` takes {wanted}",
            f"leave the columns in that make up {port.type}, and no others",
        )


def _numbers_of(port: Port) -> int | None:
    """How many numbers a sample has; None where data decides."""
    sizes = [value_of(dim) for dim in port.type.shape[1:]]
    known = [int(size) for size in sizes if size is not None]
    return math.prod(known) if len(known) == len(sizes) else None


# ---- arrays ------------------------------------------------------------------------------------


def _read_arrays(path: Path, inputs: Sequence[Port]) -> list[Tensor]:
    _require_library("numpy", "numpy", "arrays")
    import numpy as np

    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {"": loaded} if path.suffix == ".npy" else {k: loaded[k] for k in loaded.files}
    except Exception as error:  # there is no telling what a file holds
        raise RunError(f"cannot read {path}: {error!s:.200}", "save it with np.savez") from None
    if len(inputs) == 1 and len(arrays) == 1:
        arrays = {inputs[0].name: next(iter(arrays.values()))}
    missing = [port.name for port in inputs if port.name not in arrays]
    if missing:
        found = listing(list(arrays)) if path.suffix == ".npz" else "one array"
        raise RunError(
            f"{path} has no array for the input {listing(missing)}",
            f"it has {found}; save an array for each input, by its name",
        )
    return _same_length([_tensor(arrays[port.name], port, path) for port in inputs], path)


def _tensor(array: Any, port: Port, path: Path) -> Tensor:
    if array.dtype.kind not in "biuf":
        raise RunError(f"{path} has no numbers, but {array.dtype}", "save numbers")
    if array.ndim == 0 or len(array) == 0:
        raise RunError(f"{path} has no samples", "save them along the first dimension")
    values = torch.from_numpy(array.astype("float64" if array.dtype.kind == "f" else "int64"))
    if not values.isfinite().all():
        place = int(values.isfinite().flatten(1).all(1).int().argmin()) if values.ndim > 1 else 0
        raise RunError(
            f"{path} has a number in sample {place} that is not finite", "leave such samples out"
        )
    return _shaped(values, port, path)


def _same_length(tensors: list[Tensor], path: Path) -> list[Tensor]:
    lengths = {len(tensor) for tensor in tensors}
    if len(lengths) > 1:
        raise RunError(
            f"the arrays in {path} have {' and '.join(map(str, sorted(lengths)))} samples",
            "save as many for each input",
        )
    return tensors


def _shaped(values: Tensor, port: Port, path: Path) -> Tensor:
    """The values as the input takes them: flattened samples in their shape, in its dtype."""
    sizes = [value_of(dim) for dim in port.type.shape[1:]]
    given = list(values.shape[1:])
    fits = len(given) == len(sizes) and all(
        want is None or want == size for want, size in zip(sizes, given, strict=True)
    )
    if not fits and len(given) == 1 and _numbers_of(port) == given[0]:
        values = values.view(len(values), *(int(size) for size in sizes if size is not None))
    elif not fits:
        raise RunError(
            f"{path} has samples of shape {write_shape(tuple(given))}; "
            f"the input `{port.name}` takes {port.type}",
            "give each sample the shape behind the first dimension, or flatten it",
        )
    if port.type.dtype in INTEGER and not (values == values.round()).all():
        raise RunError(f"{path} has fractions; the input `{port.name}` takes {port.type}")
    taken = values.to(getattr(torch, port.type.dtype))
    kept = taken.to(values.dtype) == values if port.type.dtype in INTEGER else taken.isfinite()
    if not kept.all():
        sample = int(kept.flatten(1).all(1).int().argmin()) if kept.ndim > 1 else 0
        raise RunError(
            f"{path} has a number in sample {sample} that is too large for {port.type.dtype}",
            "scale the numbers as those that the net was trained on",
        )
    return taken


# ---- pictures ----------------------------------------------------------------------------------


def _read_pictures(folder: Path, inputs: Sequence[Port], size: int) -> Iterator[Batch]:
    port = _only(inputs, folder)
    paths = iter(sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES))
    _require_library("PIL", "pillow", "pictures")
    empty = True
    while chosen := list(islice(paths, size)):
        empty = False
        pictures = [_read_picture(path, port) for path in chosen]
        odd = next((n for n, one in enumerate(pictures) if one.shape != pictures[0].shape), 0)
        if odd:
            raise RunError(
                f"{chosen[odd]} has another size than {chosen[0]}", "take --batch-size 1"
            )
        yield Batch([path.name for path in chosen], (torch.stack(pictures),))
    if empty:
        raise RunError(
            f"there are no pictures in {folder}", f"it reads {' '.join(sorted(PICTURES))}"
        )


def _read_picture(path: Path, port: Port) -> Tensor:
    """A picture as channels, rows and columns: from 0 to 1, or bytes where these are wanted."""
    from PIL import Image

    channels, *sizes = [value_of(dim) for dim in port.type.shape[1:]] or [None]
    if len(sizes) != 2 or channels not in (1, 3) or port.type.dtype not in ("float32", "uint8"):
        raise RunError(
            f"the input `{port.name}` takes {port.type}, which no picture is",
            "pictures are for float32[N, 1, H, W] and float32[N, 3, H, W]",
        )
    try:
        with Image.open(path) as picture:
            read = picture.convert("L" if channels == 1 else "RGB")
    except Exception as error:  # damaged files raise all sorts of errors
        raise RunError(f"cannot read the picture {path}: {error!s:.200}", "remove it") from None
    found = (read.height, read.width)
    if any(want is not None and want != size for want, size in zip(sizes, found, strict=True)):
        raise RunError(
            f"{path} has {found[0]} x {found[1]} pixels; the input `{port.name}` takes {port.type}",
            "scale the pictures as those that the net was trained on",
        )
    values = torch.frombuffer(bytearray(read.tobytes()), dtype=torch.uint8)
    values = values.view(*found, int(channels)).permute(2, 0, 1).contiguous()
    return values if port.type.dtype == "uint8" else values / 255


def _require_library(name: str, package: str, what: str) -> None:
    if find_spec(name) is None:
        raise RunError(f"to read {what} takes {package}", f"`pip install {package}`")
