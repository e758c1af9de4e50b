"""Data in files of numbers: tables and arrays."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from annotated_types import MinLen

from netspec.catalogue.dataset import Dataset, Place, Sizes
from netspec.catalogue.expected import (
    check_declared,
    is_open,
    labels_in,
    limits_of,
    quote,
    quote_all,
    write_expected,
    write_limits,
)
from netspec.catalogue.signature import KEYWORD, PositiveInt, write_value
from netspec.dim import symbol
from netspec.misfit import Misfit
from netspec.tensor import Tensor

Names = Annotated[tuple[str, ...], MinLen(1)]
Path = Annotated[str, MinLen(1)]


class CSV(Dataset):
    """A table with names in its first line, as comma-separated values.

    `features` float32[N, F] are the columns of that name, or all but the target. With `classes`,
    a number or the names of the labels, `label` is int64[N]: labels that are no integers from 0 on
    are numbered in sorted order, or in the order of their names. Without, `target` is
    float32[N, 1], or [N, K] for K columns.
    """

    standard_imports: ClassVar[tuple[str, ...]] = ("import csv", "import math")

    path: Path
    target: Path | Names
    features: Names | None = None
    classes: Annotated[PositiveInt | Names | None, KEYWORD] = None
    delimiter: Annotated[str, MinLen(1), KEYWORD] = ","

    def check(self) -> None:
        targets, features = _listed(self.target), _listed(self.features or ())
        if self.classes is not None and not isinstance(self.target, str):
            raise Misfit(
                "labels with `classes` stand in one column",
                label=f"{len(targets)} columns",
                help=f"write `target={write_value(targets[0])}`",
                argument="target",
            )
        names = [*targets, *features]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise Misfit(
                f"the column {write_value(twice)} stands here twice",
                label="a feature or a target, once",
                help="leave one of the two out",
                argument="features",
            )
        if len(self.delimiter) != 1 or self.delimiter in '\r\n"':
            raise Misfit(
                f"`delimiter` must be one character, found {write_value(self.delimiter)}",
                label="what stands between two cells",
                help='write `delimiter=";"`, say',
                argument="delimiter",
            )
        labels = _listed(self.classes) if isinstance(self.classes, tuple) else ()
        if len(set(labels)) < len(labels):
            raise Misfit(
                "a class stands in `classes` twice",
                label="the same name again",
                help="name each class once",
                argument="classes",
            )

    def columns(self) -> Mapping[str, Tensor]:
        n = symbol("N")
        width = len(self.features) if self.features else symbol("F")
        features = Tensor((n, width))
        if self.classes is not None:
            return {"features": features, "label": Tensor((n,), "int64")}
        return {"features": features, "target": Tensor((n, len(_listed(self.target))))}

    def classes_of(self) -> Mapping[str, int]:
        return {} if self.classes is None else {"label": _count(self.classes)}

    def places(self) -> tuple[Place, ...]:
        return (Place("path", "str", self.path),)

    def told(self) -> str:
        if self.classes is not None:
            return f"Read a table: features, labels of {_count(self.classes)} classes."
        return "Read a table: features, targets."

    def code(self, sizes: Sizes) -> tuple[str, ...]:
        delimiter = "" if self.delimiter == "," else f", delimiter={quote(self.delimiter)}"
        return (
            "try:",
            '    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:',
            f"        reader = csv.reader(file{delimiter})",
            "        head = next(reader, [])",
            "        lines = [(reader.line_num, cells) for cells in reader if cells]",
            "except csv.Error as error:",
            '    where = f"{path}, line {reader.line_num}"',
            '    raise SystemExit(f"cannot read {where}: {error}") from None',
            "if not lines:",
            '    wanted = "rows below its first line" if head else "names in its first line"',
            '    raise SystemExit(f"{path} has no {wanted}")',
            *self._columns(sizes),
            *self._rows(),
            "features = [[float(row[name]) for name in names] for row in rows]",
            *self._targets(),
        )

    def _columns(self, sizes: Sizes) -> list[str]:
        """The lines that leave the columns in `names` and `target` or `targets`."""
        targets, labels = _listed(self.target), self.classes is not None
        lines = [f"target = {quote(targets[0])}" if labels else f"targets = {quote_all(targets)}"]
        used, looked, missing = "head", "targets", "missing[0]"
        if self.features:
            lines.append(f"names = {quote_all(self.features)}")
            used = looked = f"[*names, {'target' if labels else '*targets'}]"
        else:
            test = "!= target" if labels else "not in targets"
            lines.append(f"names = [name for name in head if name {test}]")
        if labels and not self.features:
            missing = "target"
            lines.append("if target not in head:")
        else:
            lines.append(f"if missing := [name for name in {looked} if name not in head]:")
        lines += [
            "    found = f\"only {', '.join(head):.200}\"",
            f'    raise SystemExit(f"{{path}} has no column {{{missing}!r}}, {{found}}")',
            f"for name in {used}:",
            "    if head.count(name) > 1:",
            '        raise SystemExit(f"{path} has several columns {name!r}")',
        ]
        if not self.features and "F" in sizes:
            lines += [
                f"if len(names) != {sizes['F']}:",
                f"    found = f\"the net takes {sizes['F']}: {{', '.join(names):.200}}\"",
                '    raise SystemExit(f"{path} has {len(names)} features, {found}")',
            ]
        elif not self.features:
            lines += ["if not names:", '    raise SystemExit(f"{path} has no features")']
        return lines

    def _rows(self) -> list[str]:
        """The lines that leave the cells in `rows`, by the names of their columns."""
        return [
            *self._numbered(),
            "largest = torch.finfo(torch.float32).max",
            "rows = []",
            "for line, cells in lines:",
            '    where = f"{path}, line {line}"',
            "    if len(cells) != len(head):",
            '        raise SystemExit(f"{where}: {len(cells)} cells, for {len(head)} columns")',
            "    row = dict(zip(head, cells, strict=True))",
            f"    for name in {'names' if self.classes is not None else '[*names, *targets]'}:",
            "        try:",
            "            value = float(row[name])",
            "        except ValueError:",
            "            value = math.nan",
            "        if not abs(value) <= largest:",
            '            wanted = "a number" if math.isnan(value) else "a number of float32"',
            '            found = f"found {row[name]!r:.60}, wanted {wanted}"',
            '            raise SystemExit(f"{where}, column {name!r}: {found}")',
            *self._label(),
            "    rows.append(row)",
        ]

    def _numbered(self) -> list[str]:
        """The line that numbers the classes, where they have names."""
        if not isinstance(self.classes, tuple):
            return []
        return [f"classes = {{name: i for i, name in enumerate({quote_all(self.classes)})}}"]

    def _label(self) -> list[str]:
        """The lines that look at the label of a row, where one row tells what is wrong with it."""
        known: tuple[str, ...] = ()
        if isinstance(self.classes, tuple):
            known = ('        known = ", ".join(classes)',)
            test, wanted = "row[target] not in classes", "one of {known:.200}"
        elif self.classes is not None and self.apart:
            test = f"not row[target].isdecimal() or int(row[target]) >= {self.classes}"
            wanted = f"0 to {self.classes - 1}"
        else:
            return []
        return [
            f"    if {test}:",
            *known,
            f'        found = f"found {{row[target]!r:.60}}, wanted {wanted}"',
            '        raise SystemExit(f"{where}, column {target!r}: {found}")',
        ]

    def _targets(self) -> list[str]:
        """The lines that leave `values`, or `labels`."""
        if self.classes is None:
            return ["values = [[float(row[name]) for name in targets] for row in rows]"]
        if isinstance(self.classes, tuple):
            return ["labels = [classes[row[target]] for row in rows]"]
        if self.apart:
            return ["labels = [int(row[target]) for row in rows]"]
        return [
            "kinds = [row[target] for row in rows]",
            "if all(kind.isdecimal() for kind in kinds):",
            "    labels = [int(kind) for kind in kinds]",
            "else:",
            "    classes = {kind: i for i, kind in enumerate(sorted(set(kinds)))}",
            "    labels = [classes[kind] for kind in kinds]",
            f"if max(labels) >= {self.classes}:",
            "    first = labels.index(max(labels))",
            '    where = f"{path}, line {lines[first][0]}, column {target!r}"',
            f'    found = f"label {{max(labels)}}, wanted 0 to {self.classes - 1}"',
            '    raise SystemExit(f"{where}: found {kinds[first]!r:.60} as {found}")',
        ]

    def tensors(self) -> tuple[str, ...]:
        second = "torch.tensor(values)" if self.classes is None else "torch.tensor(labels)"
        return ("torch.tensor(features)", second)


class Npz(Dataset):
    """Named arrays in a file of NumPy, `np.savez("data.npz", image=…, label=…)`.

    The call declares the fields, `Npz("data.npz", image=float32[N, 1, 28, 28], label=int64[N],
    classes=10)`: `classes` says that the integers are labels from 0 to 9.
    """

    declares: ClassVar[bool] = True
    imports: ClassVar[tuple[str, ...]] = ("import numpy as np",)

    path: Path
    classes: Annotated[PositiveInt | None, KEYWORD] = None

    def check(self) -> None:
        example = 'Npz("data.npz", x=float32[N, 8], y=float32[N, 1])'
        check_declared("Npz", self.declared, self.classes, example)

    def columns(self) -> Mapping[str, Tensor]:
        return self.declared

    def classes_of(self) -> Mapping[str, int]:
        return labels_in(self.declared, self.classes)

    def places(self) -> tuple[Place, ...]:
        return (Place("path", "str", self.path),)

    def told(self) -> str:
        return "Read arrays of NumPy, each held against what the net takes."

    def code(self, sizes: Sizes) -> tuple[str, ...]:
        lines = [
            f"expected = {write_expected(self.declared, sizes)}",
            "try:",
            "    with np.load(path) as file:",
            "        arrays = {name: file[name] for name in expected if name in file}",
            "except Exception as error:  # there is no telling what a file holds",
            '    raise SystemExit(f"cannot read {path}: {error!r:.500}") from error',
            "tensors = []",
            "for name, (dtype, shape) in expected.items():",
            "    if name not in arrays:",
            '        raise SystemExit(f"{path} has no array {name!r}")',
            "    array = arrays[name]",
            f"    if {self._misfits(sizes)}:",
            '        found = f"{array.dtype}{[*array.shape]}"',
            '        raise SystemExit(f"{path}: {name} is {found}, not {dtype}[N, *{shape}]")',
            "    tensors.append(torch.from_numpy(array.astype(dtype)))",
            "    if tensors[-1].isfinite().logical_not().any():",
            '        raise SystemExit(f"{path}: {name} is not finite everywhere")',
            "if len({len(tensor) for tensor in tensors}) > 1 or not len(tensors[0]):",
            '    raise SystemExit(f"{path}: {[len(tensor) for tensor in tensors]} samples")',
        ]
        limits = limits_of(self.declared, self.classes_of(), self.limits)
        if limits:
            rows = [(quote(name), limit) for name, limit in limits.items()]
            end = "{path}: {name} has"
            lines += write_limits(rows, "name", "arrays[name]", "SystemExit", end)
        return tuple(lines)

    def _misfits(self, sizes: Sizes) -> str:
        kind = 'not np.can_cast(array.dtype, dtype, "same_kind")'
        if is_open(self.declared, sizes):
            known = "len(array.shape) != len(shape) + 1 or any("
            known += "a not in (b, None) for a, b in zip(shape, array.shape[1:]))"
            return f"{kind} or {known}"
        return f"{kind} or array.shape[1:] != shape"

    def tensors(self) -> tuple[str, ...]:
        return ("*tensors",)


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _count(classes: int | tuple[str, ...]) -> int:
    return classes if isinstance(classes, int) else len(classes)
