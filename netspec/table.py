"""Align rows of text in columns."""

from collections.abc import Collection, Iterable, Sequence


def align(rows: Iterable[Sequence[str]], numbers: Collection[int] = ()) -> list[str]:
    """The rows as lines, the columns in `numbers` to the right; a row may leave out its last."""
    rows = list(rows)
    columns = max(map(len, rows), default=0)
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(columns)]
    return [
        "  ".join(
            cell.rjust(widths[column]) if column in numbers else cell.ljust(widths[column])
            for column, cell in enumerate(row)
        ).rstrip()
        for row in rows
    ]
