"""Find which integers a training takes of a field: rows of tables, places of outputs."""

from collections.abc import Iterator, Mapping, Sequence

from netspec import syntax as s
from netspec.catalogue.expected import Limit
from netspec.check_tables import tables_in
from netspec.dim import Dim, value_of
from netspec.find_losses import losses_in
from netspec.graph import Net
from netspec.training import Step


def limits_in(steps: Sequence[Step], nets: Mapping[str, Net]) -> dict[str, Limit]:
    """The limits of fields by their names in the section: the least, where there are several."""
    limits: dict[str, Limit] = {}
    for step in steps:
        for field, dim, ignored in _taken(step.graph, nets):
            size = value_of(dim)
            if size is not None:
                limits[field] = _both(Limit(size, ignored), limits.get(field))
    return limits


def _taken(graph: Net, nets: Mapping[str, Net]) -> Iterator[tuple[str, Dim, int | None]]:
    """Fields, with how many numbers from 0 on something takes of them, and which one it ignores."""
    for table in tables_in(graph, nets):
        yield table.field, table.layer.num_embeddings, None
    for statement in graph.syntax.body:
        if not isinstance(statement, s.Assign):
            continue
        for loss in losses_in(graph, statement):
            taken = loss.rule.labels_taken()
            if taken is not None and loss.field:
                yield loss.field, *taken


def _both(limit: Limit, other: Limit | None) -> Limit:
    """What holds to two limits at once."""
    if other is None:
        return limit
    ignored = limit.ignored if limit.ignored == other.ignored else None
    return Limit(min(limit.size, other.size), ignored)
