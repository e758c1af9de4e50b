"""Check the data of a train section: the source, its fields, and the inputs that they feed."""

from collections.abc import Mapping
from typing import NamedTuple

from netspec import syntax as s
from netspec.catalogue.dataset import Dataset
from netspec.diagnostic import Diagnostics
from netspec.dim import Dim, Expression, same, substitute, symbols, value_of
from netspec.graph import Net
from netspec.names import listing, variable_problem
from netspec.source import Span
from netspec.tensor import Tensor


class Fields(NamedTuple):
    """The fields of the data by their names in the section, and how many classes labels have."""

    types: Mapping[str, Tensor]
    classes: Mapping[str, int]


def check_fields(dataset: Dataset, node: s.Expression | None, found: Diagnostics) -> Fields | None:
    """The fields, as `fields = (…)` calls them; None after reporting a wrong list of names."""
    columns, classes = dataset.columns(), dataset.classes()
    names = _field_names(list(columns), node, found)
    if names is None:
        return None
    renamed = dict(zip(columns, names, strict=True))
    return Fields(
        {renamed[name]: kind for name, kind in columns.items()},
        {renamed[name]: count for name, count in classes.items()},
    )


def _field_names(own: list[str], node: s.Expression | None, found: Diagnostics) -> list[str] | None:
    if node is None:
        return own
    items = node.items if isinstance(node, s.Sequence) else (node,)
    names = [item for item in items if isinstance(item, s.Name)]
    texts = [name.id for name in names]
    if not len(names) == len(items) == len(own) or len(set(texts)) < len(texts):
        found.add(
            "wrong-fields",
            f"`fields` names the {len(own)} fields of the data, {listing(own)}, in their order",
            node.span,
            label=f"{len(items)} here" if len(items) != len(own) else "no list of different names",
            help=f"write `fields = ({', '.join(own)})`, with names of your own",
        )
        return None
    for name in names:
        problem = variable_problem(name.id)
        if problem:
            code, why = problem
            found.add(code, why, name.span, label="not free", help=f"call it `{name.id}_`, say")
            return None
    return texts


class Feed(NamedTuple):
    """The field for each input of a net; `bound`: sizes of the data that the net decides."""

    fields: tuple[str, ...]
    bound: Mapping[str, Dim]


def check_feed(net: Net, fields: Fields, span: Span, found: Diagnostics) -> Feed | None:
    """What feeds a net; None after reporting that the data does not fit.

    A field feeds the input of its name; a net with a single input takes the first field.
    """
    feeds: list[str] = []
    sizes: dict[str, Dim] = {}
    bound: dict[str, Dim] = {}
    names = list(fields.types)
    for port in net.inputs:
        name = port.name if port.name in fields.types else names[0]
        if port.name not in fields.types and len(net.inputs) > 1:
            found.add(
                "missing-field",
                f"no field of the data feeds the input `{port.name}` of `{net.name}`",
                span,
                label=f"its fields are {listing(names)}",
                help=f"rename one: `fields = ({port.name}, …)`, in the order of the data",
            )
            return None
        if not _fits(net, port.type, fields.types[name], sizes, bound):
            found.add(
                "shape-mismatch",
                f"the field `{name}` is {fields.types[name]}, the input `{port.name}` of "
                f"`{net.name}` takes {port.type}",
                span,
                label="the data does not fit the net",
                help=f"declare the input as `{port.name}: {fields.types[name]}`",
            )
            return None
        feeds.append(name)
    return Feed(tuple(feeds), bound)


def _fits(
    net: Net, wanted: Tensor, given: Tensor, sizes: dict[str, Dim], bound: dict[str, Dim]
) -> bool:
    """Whether data fits an input; what it decides goes to `sizes`, what the net does to `bound`."""
    if wanted.rank != given.rank or wanted.dtype != given.dtype:
        return False
    for a, b in zip(wanted.shape, given.shape, strict=True):
        free = symbols(a) & set(net.sizes) if isinstance(a, Expression) else set()
        if free and str(a) in net.sizes:
            sizes.setdefault(str(a), b)
        wanted_size = substitute(a, sizes)
        if _is_open(b) and value_of(wanted_size) is not None:
            bound.setdefault(str(b), wanted_size)
        if same(wanted_size, substitute(b, bound)) is not True:
            return False
    return True


def _is_open(dim: Dim) -> bool:
    """Whether a size of the data is known only when it is read; that of the batch never counts."""
    return isinstance(dim, Expression) and value_of(dim) is None and str(dim) != "N"
