"""Check the data of a train section: the source, its fields, and the inputs that they feed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.arguments import bind, evaluate_arguments
from netspec.catalogue.dataset import DATASETS, Dataset
from netspec.catalogue.declared_data import Synthetic
from netspec.check_signature import tensor_type
from netspec.compare import same
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.dim import Dim, Expression, symbol, value_of
from netspec.graph import Net
from netspec.misfit import Misfit
from netspec.names import listing, variable_problem
from netspec.script_names import SCRIPT
from netspec.source import Span
from netspec.substitute import substitute, symbols
from netspec.tensor import DTYPES, Tensor


class Fields(NamedTuple):
    """The fields of the data by their names in the section, and how many classes labels have."""

    types: Mapping[str, Tensor]
    classes: Mapping[str, int]


def read_dataset(
    node: s.Expression,
    nets: Sequence[Net],
    sources: Mapping[str, s.ExternData | None],
    scope: Mapping[str, Any],
    found: Diagnostics,
) -> Dataset | None:
    """The data source that a setting names; None after reporting why there is none.

    `nets`: those that are trained; the inputs of a single one are fields of synthetic data.
    `sources`: what is read in Python.
    """
    function = node.function if isinstance(node, s.Call) else node
    if isinstance(function, s.Name) and function.id in sources:
        from netspec.check_extern_data import read_extern_data

        extern = sources[function.id]
        taken = SCRIPT | {net.name for net in nets}
        return extern and read_extern_data(extern, node, taken, scope, found)
    if not isinstance(function, s.Name) or function.id not in DATASETS:
        name = function.id if isinstance(function, s.Name) else ""
        found.add(
            "unknown-data-source",
            f"unknown data source `{name}`" if name else "the name of a data source is wanted here",
            function.span,
            label="no data source that netspec knows",
            help=did_you_mean(name, [*DATASETS, *sources]) or f"there are {listing(DATASETS, 20)}",
        )
        return None
    source = DATASETS[function.id]
    arguments = node.arguments if isinstance(node, s.Call) else ()
    if any(_report_path(argument.value, found) for argument in arguments):
        return None
    fields = [a for a in arguments if source.declares and a.name and _is_type(a.value)]
    declared = _declared(fields, scope, found)
    plain = [a for a in arguments if a not in fields]
    given = evaluate_arguments(plain, scope, found)
    if given is None or declared is None:
        return None
    read = bind(source, function.id, given, node.span, found)
    if not isinstance(read, Dataset):
        return None
    if isinstance(read, Synthetic) and len(nets) == 1:
        declared = {port.name: port.type for port in nets[0].inputs} | declared
    read.declared = declared
    return read if _holds(read.check, node, found) else None


def _report_path(node: s.Expression, found: Diagnostics) -> bool:
    """Report the name of a file without its quotes; False where it is none."""
    end = node.right if isinstance(node, s.Binary) and node.operator == "/" else node
    if not isinstance(end, s.Attribute) or not isinstance(end.value, s.Name):
        return False
    written = found.source.cut(node.span)
    found.add(
        "not-constant",
        f"the name of a file is a string, found `{written}`",
        node.span,
        label="no string",
        help=f'put it in quotes: `"{written}"`',
    )
    return True


def _is_type(node: Any) -> bool:
    """Whether an argument is written as a type: `float32[N, 3]`."""
    match node:
        case s.Subscript(s.Name(dtype), _):
            return dtype in DTYPES
    return False


def _declared(
    fields: Sequence[s.Argument], scope: Mapping[str, Any], found: Diagnostics
) -> dict[str, Tensor] | None:
    """The types of fields; a name that is no parameter is a size that only the data decides."""
    declared: dict[str, Tensor] = {}
    for field in fields:
        assert field.name is not None
        assert isinstance(field.value, s.Subscript)
        items = field.value.items
        known = dict(scope)
        known |= {x.id: symbol(x.id) for x in items if isinstance(x, s.Name) and x.id not in known}
        dtype = field.value.value
        assert isinstance(dtype, s.Name)
        kind = tensor_type(s.TensorType(dtype, items, field.value.span), known, found)
        problem = variable_problem(field.name.id)
        if problem:
            code, why = problem
            found.add(code, why, field.name.span, label="not free", help="give it another name")
        if kind is None or problem:
            return None
        declared[field.name.id] = kind
    return declared


def _holds(check: Any, node: s.Expression, found: Diagnostics) -> bool:
    """Run a check of a source, and report what it refuses."""
    try:
        check()
    except Misfit as misfit:
        arguments = node.arguments if isinstance(node, s.Call) else ()
        places = [a.span for a in arguments if a.name and a.name.id == misfit.argument]
        place = places[0] if places else node.span
        found.add("wrong-data", misfit.message, place, label=misfit.label, help=misfit.help)
        return False
    return True


def check_validation(
    dataset: Dataset,
    other: Dataset,
    nodes: tuple[s.Expression, s.Expression],
    found: Diagnostics,
) -> bool:
    """Whether other data can validate: it has the same fields, and labels that mean the same."""
    first, second = nodes
    kinds = [list(source.columns().values()) for source in (dataset, other)]
    classes = [list(source.classes_of().values()) for source in (dataset, other)]
    if kinds[0] != kinds[1] or classes[0] != classes[1]:
        shown = [listing([str(kind) for kind in kinds_of], 9) for kinds_of in kinds]
        what = "other classes" if kinds[0] == kinds[1] else f"{shown[1]}, the data {shown[0]}"
        found.add(
            "wrong-data",
            f"the fields of `validation_data` are not those of `data`: it has {what}",
            second.span,
            label="other fields",
            help="describe both in the same way",
        )
        return False
    dataset.apart = other.apart = True
    return _holds(dataset.check_apart, first, found) and _holds(other.check_apart, second, found)


def check_split(dataset: Dataset, share: float, place: Span, found: Diagnostics) -> int | None:
    """How many samples a share keeps for validation at least; None where only the data tells.

    A source that is sure to have samples, and too few of them for this share, is reported.
    """
    total = dataset.length()
    if total is None or not share:
        return None
    kept = round(total * share) if dataset.ordered else int(total * share)
    if 0 < kept < total:
        return kept
    if total < 2:
        help = "take more samples, or write `validation = 0`"
    elif kept:
        help = "write `validation = 0.2`, say"
    else:
        help = f"write `validation = {math.ceil(1000 / total) / 1000}` at least, or 0 for none"
    found.add(
        "wrong-data",
        f"`validation` is {share}, and keeps {kept} of {total} sample{'s' if total != 1 else ''}",
        place,
        label="none to train on" if kept else "none to validate on",
        help=help,
    )
    return None


def check_fields(dataset: Dataset, node: s.Expression | None, found: Diagnostics) -> Fields | None:
    """The fields, as `fields = (…)` calls them; None after reporting a wrong list of names."""
    columns, classes = dataset.columns(), dataset.classes_of()
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
