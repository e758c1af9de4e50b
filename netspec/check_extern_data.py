"""Check data that is read in Python: where it is declared, and where a train section names it."""

from collections.abc import Collection, Mapping
from typing import Any

from netspec import syntax as s
from netspec.arguments import evaluate_arguments
from netspec.catalogue.expected import check_declared
from netspec.catalogue.signature import kind_of, write_value
from netspec.check_signature import (
    check_parameter_type,
    default_value,
    fits_type,
    report_duplicate,
    tensor_type,
    type_words,
)
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.dim import symbol
from netspec.external_data import External, Origin
from netspec.misfit import Misfit
from netspec.names import (
    argument_problem,
    class_problem,
    free_name,
    module_problem,
    variable_problem,
)
from netspec.source import Span
from netspec.tensor import Tensor
from netspec.visit import names_in
from netspec.write import write_literal


def check_extern_data(item: s.ExternData, found: Diagnostics) -> bool:
    """Report what is wrong with a declaration, without a look at the module that it names."""
    before = found.error_count
    module = str(item.module.value)
    _report(class_problem(item.name.id), item.name.span, found)
    _report(module_problem(module), item.module.span, found)
    seen: set[str] = set()
    for parameter in item.parameters:
        name = parameter.name
        _report(argument_problem(name.id), name.span, found)
        if name.id in seen:
            report_duplicate("parameter", name, found)
        seen.add(name.id)
        if check_parameter_type(parameter, found) and parameter.default is not None:
            default_value(parameter, found)
    if item.outputs and all(output.name is not None for output in item.outputs):
        _check_fields(item, found)
    else:
        found.add(
            "missing-output",
            f"extern dataset `{item.name.id}` does not name its fields",
            item.name.span,
            label="nothing but its signature tells",
            help="write them with their types: `… -> (image: [N, 3, 64, 64], label: int64[N])`",
        )
    return found.error_count == before


def _report(problem: tuple[str, str] | None, span: Span, found: Diagnostics) -> None:
    if problem is not None:
        code, why = problem
        found.add(code, why, span, label="not free", help="rename it in Python")


def _check_fields(item: s.ExternData, found: Diagnostics) -> None:
    names = [output.name for output in item.outputs if output.name is not None]
    for place, name in enumerate(names):
        _report(variable_problem(name.id), name.span, found)
        if name.id in [other.id for other in names[:place]]:
            report_duplicate("name", name, found)
    types = _types(item, {}, found)
    if types is not None:
        try:
            check_declared(item.name.id, types, None, "")
        except Misfit as misfit:
            place_of = next((o.span for o in item.outputs if o.name in names), item.span)
            found.add("wrong-data", misfit.message, place_of, label=misfit.label, help=misfit.help)


def _types(
    item: s.ExternData, values: Mapping[str, Any], found: Diagnostics
) -> dict[str, Tensor] | None:
    """The types of the fields; a name that has no value is a size that only the data decides."""
    types: dict[str, Tensor] = {}
    for output in item.outputs:
        known = {name.id: symbol(name.id) for name in names_in(output.type.shape)} | dict(values)
        kind = tensor_type(output.type, known, found)
        if kind is None or output.name is None:
            return None
        types[output.name.id] = kind
    return types


def read_extern_data(
    item: s.ExternData,
    node: s.Expression,
    taken: Collection[str],
    scope: Mapping[str, Any],
    found: Diagnostics,
) -> External | None:
    """The data that a call means; None after reporting arguments that it does not take.

    `taken`: names that the script has another meaning for.
    """
    arguments = node.arguments if isinstance(node, s.Call) else ()
    given = evaluate_arguments(arguments, scope, found)
    if given is None:
        return None
    names = [parameter.name.id for parameter in item.parameters]
    values: dict[str, Any] = {}
    before = found.error_count
    for place, (name, value, span) in enumerate(given):
        key = name.id if name is not None else "".join(names[place : place + 1])
        if key not in names or key in values:
            twice = key in values
            found.add(
                "duplicate-argument"
                if twice
                else "unknown-argument"
                if name
                else "surplus-argument",
                f"`{item.name.id}` got `{key}` twice"
                if twice
                else f"`{item.name.id}` has no argument `{key}`"
                if name
                else f"`{item.name.id}` takes at most {len(names)} arguments",
                span,
                label="given again here" if twice else "no such argument",
                help=did_you_mean(key, names) or f"it takes {', '.join(names) or 'none'}",
            )
        else:
            _check_value(item.parameters[names.index(key)], value, span, found)
            values[key] = value
    for parameter in item.parameters:
        if parameter.name.id not in values and parameter.default is None:
            found.add(
                "missing-argument",
                f"`{item.name.id}` needs `{parameter.name.id}`",
                node.span,
                label=f"`{parameter.name.id}` is missing",
                help=f"write `{item.name.id}({parameter.name.id}=…)`",
            )
    defaults = {
        p.name.id: default_value(p, found) for p in item.parameters if p.default is not None
    }
    types = _types(item, defaults | values, found)
    if types is None or found.error_count > before:
        return None
    written = tuple(f"{key}={write_literal(value)}" for key, value in values.items())
    title, module = item.name, item.module
    alias = free_name(title.id, lambda name: name in taken)
    origin = Origin(str(module.value), title.id, alias, found.source, title.span, module.span)
    return External(origin, written, types)


def _check_value(parameter: s.Parameter, value: Any, span: Span, found: Diagnostics) -> None:
    kind = parameter.type.id if parameter.type else ""
    if kind and not fits_type(value, kind):
        found.add(
            "wrong-argument",
            f"`{parameter.name.id}` must be {type_words(kind)}, found {write_value(value)}",
            span,
            label=f"{kind_of(value)}, not {type_words(kind)}",
            help=f"give {type_words(kind)}",
        )
