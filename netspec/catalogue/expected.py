"""Fields that the call of a data source declares: what its code holds the data against."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netspec.dim import value_of
from netspec.misfit import Misfit
from netspec.tensor import FLOATING, Tensor

Fields = Mapping[str, Tensor]


class Limit(NamedTuple):
    """Which integers a field may have: 0 to `size` - 1, and the one that a loss ignores."""

    size: int
    ignored: int | None = None


def quote(value: str) -> str:
    """A string as Python source, in the double quotes that formatters want."""
    text = repr(value)
    return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text else text


def quote_all(values: Sequence[str]) -> str:
    """A list of strings as Python source."""
    return f"[{', '.join(map(quote, values))}]"


def write_shape(kind: Tensor, sizes: Mapping[str, int]) -> str:
    """The shape of a sample as Python source: None for a size that may be any."""
    known = [value_of(dim) for dim in kind.shape[1:]]
    named = [
        sizes.get(str(dim)) if size is None else size
        for dim, size in zip(kind.shape[1:], known, strict=True)
    ]
    inner = ", ".join(map(str, named))
    return f"({inner},)" if len(named) == 1 else f"({inner})"


def write_expected(fields: Fields, sizes: Mapping[str, int]) -> str:
    """A dict of dtypes and shapes by field, as Python source."""
    items = [
        f'{quote(name)}: ("{kind.dtype}", {write_shape(kind, sizes)})'
        for name, kind in fields.items()
    ]
    return f"{{{', '.join(items)}}}"


def is_open(fields: Fields, sizes: Mapping[str, int]) -> bool:
    """Whether a size of a field may be any."""
    return any("None" in write_shape(kind, sizes) for kind in fields.values())


def labels_in(fields: Fields, classes: int | None) -> Mapping[str, int]:
    """The fields of integers, which hold labels where there are classes."""
    if classes is None:
        return {}
    return {name: classes for name, kind in fields.items() if kind.dtype == "int64"}


def limits_of(
    fields: Fields, classes: Mapping[str, int], limits: Mapping[str, Limit]
) -> dict[str, Limit]:
    """The limits of the fields of integers: `classes` that a source has, else what a net takes."""
    known: dict[str, Limit] = {}
    for name in [name for name, kind in fields.items() if kind.dtype == "int64"]:
        taken = limits.get(name)
        if name in classes:
            known[name] = Limit(classes[name], taken.ignored if taken else None)
        elif taken is not None:
            known[name] = taken
    return known


def write_limits(
    limits: Sequence[tuple[str, Limit]], field: str, array: str, error: str, end: str
) -> list[str]:
    """The loop that looks for integers beyond the limits of their fields.

    `limits`: what stands for a field in the loop, as Python source, with its limit; `field`: the
    variable for it, `array`: the expression for its numbers. `error`: the exception, whose text
    begins with `end`.
    """
    ignores = any(limit.ignored is not None for _, limit in limits)
    rows = [
        f"({written}, {limit.size}, {limit.ignored})" if ignores else f"({written}, {limit.size})"
        for written, limit in limits
    ]
    wrong = "(array < 0) | (array >= size)"
    wrong = f"({wrong}) & (array != ignored)" if ignores else wrong
    return [
        f"for {field}, size{', ignored' if ignores else ''} in [{', '.join(rows)}]:",
        f"    array = {array}",
        f"    wrong = array[{wrong}]",
        "    if len(wrong):",
        '        found = f"{int(wrong[0])}, wanted 0 to {size - 1}"',
        f'        raise {error}(f"{end} {{found}}")',
    ]


def check_declared(title: str, fields: Fields, classes: int | None, example: str) -> None:
    """Refuse a call without fields, fields that are no batches, and classes of nothing.

    Raises:
        Misfit: with an example of a call.
    """
    help = f"write `{example}`"
    if not fields:
        raise Misfit(
            f"`{title}` needs its fields with their types", label="none is declared", help=help
        )
    for name, kind in fields.items():
        if not kind.shape or str(kind.shape[0]) != "N":
            raise Misfit(
                f"the field `{name}` begins with the batch, `N`, found {kind}",
                label="no batch of samples",
                help=f"write `{name}={kind.dtype}[N, …]`",
                argument=name,
            )
        if kind.dtype not in FLOATING and kind.dtype not in ("int64", "uint8", "bool"):
            raise Misfit(
                f"the field `{name}` cannot be {kind.dtype}",
                label="no dtype of data",
                help="data is floating point, int64, uint8 or bool",
                argument=name,
            )
    if classes is not None and not labels_in(fields, classes):
        raise Misfit(
            "`classes` is about fields of int64, and there is none",
            label="no labels",
            help="leave it out, or declare labels: `label=int64[N]`",
            argument="classes",
        )
