"""Check that the numbers of the data are rows of the tables that they choose from."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from netspec.catalogue.embedding import Embedding, EmbeddingBag
from netspec.check_data import Fields
from netspec.compare import at_least
from netspec.diagnostic import Diagnostics
from netspec.graph import Application, ExternUse, Net, steps_in
from netspec.source import Span


class Table(NamedTuple):
    """A table of vectors, by its name, and the field of the data that chooses from it."""

    field: str
    name: str
    owner: str
    layer: Embedding | EmbeddingBag


def check_tables(
    graph: Net, nets: Mapping[str, Net], fields: Fields, place: Span, found: Diagnostics
) -> None:
    """Refuse data with numbers beyond the rows of an `Embedding`; `place`: where it is named."""
    for field, name, owner, layer in dict.fromkeys(tables_in(graph, nets)):
        classes = fields.classes.get(field)
        if classes is None or at_least(layer.num_embeddings, classes) is not False:
            continue
        found.add(
            "shape-mismatch",
            f"`{field}` has numbers from 0 to {classes - 1}, and `{name}`{owner} has "
            f"{layer.num_embeddings} rows",
            place,
            label=f"{classes} different numbers",
            help=f"give `{name}` a row for each: `{type(layer).__name__}({classes}, "
            f"{layer.embedding_dim})`",
        )


def tables_in(graph: Net, nets: Mapping[str, Net]) -> Iterator[Table]:
    """The tables of a step's nets, and of its own layers, that a field chooses from."""
    for placed in steps_in(graph.steps):
        step = placed.step
        if isinstance(step, Application) and isinstance(step.layer, Embedding | EmbeddingBag):
            yield Table(step.given, step.name, "", step.layer)
        elif isinstance(step, ExternUse) and step.name in nets:
            net = nets[step.name]
            ports = zip(net.inputs, step.given, strict=True)
            given = {port.name: field for port, field in ports if field}
            for table in tables_in(net, {}):
                if table.field in given:
                    owner = f" of `{net.name}`"
                    yield table._replace(field=given[table.field], owner=owner)
