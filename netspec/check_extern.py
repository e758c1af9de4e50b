"""Check what is written in Python by its signature: where it is declared, and where it is used."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netspec import syntax as s
from netspec.arguments import Given
from netspec.check_signature import (
    check_parameter_type,
    default_value,
    report_duplicate,
    tensor_type,
)
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.evaluate import BUILTINS, UNKNOWN, Scope
from netspec.flow import Bundle, Flow, Outputs, Value, flow_of, type_of
from netspec.graph import ExternUse
from netspec.home import Entry
from netspec.names import argument_problem, class_problem, module_problem
from netspec.source import Span
from netspec.tensor import Type
from netspec.visit import names_in

if TYPE_CHECKING:
    from netspec.check_net import Checker


def check_extern(extern: s.Extern, found: Diagnostics) -> bool:
    """Report what is wrong with a declaration, without a look at the module that it names."""
    before = found.error_count
    _check_class(extern, found)
    _check_parameters(extern, found)
    _check_inputs(extern, found)
    _check_outputs(extern, found)
    return found.error_count == before


def _check_class(extern: s.Extern, found: Diagnostics) -> None:
    problem = class_problem(extern.name.id)
    if problem:
        code, why = problem
        help = "give the class another name in Python"
        found.add(code, why, extern.name.span, label="not free", help=help)
    problem = module_problem(str(extern.module.value))
    if problem:
        code, why = problem
        found.add(
            code,
            why,
            extern.module.span,
            label="cannot be imported",
            help="give the module another name, or put it into a package"
            if code == "reserved-name"
            else 'write the module as Python imports it: `from "my_layers.spectral"`',
        )


def _check_parameters(extern: s.Extern, found: Diagnostics) -> None:
    seen: set[str] = set()
    for parameter in extern.parameters:
        name = parameter.name
        _check_name(name, "parameter", seen, found)
        if not check_parameter_type(parameter, found):
            continue
        if parameter.type is not None and parameter.type.id == "block":
            found.add(
                "wrong-parameter",
                "what is written in Python cannot take a block",
                parameter.type.span,
                label="nobody knows what would flow into it",
                help="apply the block before or after it",
            )
        elif parameter.default is not None:
            default_value(parameter, found)


def _check_name(name: s.Name, kind: str, seen: set[str], found: Diagnostics) -> None:
    problem = argument_problem(name.id)
    if problem:
        code, why = problem
        help = f"give the {kind} another name in Python"
        found.add(code, why, name.span, label="not free", help=help)
    elif name.id in seen and kind == "parameter":
        report_duplicate("parameter", name, found)
    elif name.id in seen:
        report_duplicate("name", name, found)
    seen.add(name.id)


def _check_inputs(extern: s.Extern, found: Diagnostics) -> None:
    seen: set[str] = set()
    for item in extern.inputs:
        _check_name(item.name, "input", seen, found)
        if item.type is not None:
            _check_dtype(item.type, found)
    if not extern.inputs:
        title = extern.name.id
        found.add(
            "missing-input",
            f"extern `{title}` has no inputs",
            extern.name.span,
            label="nothing flows through it",
            help=f"name them in the second list: `extern {title}()(x: [N, C, H, W]) -> …`",
        )


def _check_outputs(extern: s.Extern, found: Diagnostics) -> None:
    """An output is required, and written with names that its signature binds."""
    if not extern.outputs:
        found.add(
            "missing-output",
            f"extern `{extern.name.id}` does not say what comes out of it",
            extern.name.span,
            label="nothing but its signature tells",
            help='write the shape behind the inputs: `… -> [N, C, H, W] from "…"`',
        )
    shapes = [dim for item in extern.inputs if item.type for dim in item.type.shape]
    known = [p.name.id for p in extern.parameters]
    known += dict.fromkeys(name.id for dim in shapes for name in names_in(dim))
    seen: set[str] = set()
    for output in extern.outputs:
        if output.name is not None:
            _check_name(output.name, "output", seen, found)
        _check_dtype(output.type, found)
        for name in names_in(output.type.shape):
            if name.id not in known and name.id not in BUILTINS:
                found.add(
                    "unknown-name",
                    f"unknown name `{name.id}`",
                    name.span,
                    label="no parameter, no dimension of an input",
                    help=did_you_mean(name.id, known) or "bind it in the shape of an input",
                )


def _check_dtype(written: s.TensorType, found: Diagnostics) -> None:
    """Report a dtype that there is not; shapes have values only where the extern is used."""
    tensor_type(written._replace(shape=()), {}, found)


# ---- where it is used --------------------------------------------------------------------------


def declared_output(extern: s.Extern, scope: Scope, found: Diagnostics) -> Type | None:
    """What its signature says that comes out; None after reporting what no shape can be."""
    types = [tensor_type(output.type, scope, found) for output in extern.outputs]
    known = tuple(kind for kind in types if kind is not None)
    if len(known) < len(types):
        return None
    return known[0] if len(known) == 1 else known


def run_extern(
    checker: "Checker",
    entry: Entry,
    stage: s.Stage,
    given: Sequence[Given],
    inputs: Sequence[Value],
    key: Span,
    span: Span,
) -> Value:
    """Apply what is written in Python: the value that its signature declares."""
    extern = entry.definition
    assert isinstance(extern, s.Extern)
    values = checker.block_arguments(entry, stage, given)
    kinds = [kind for kind in map(type_of, inputs) if kind is not None]
    if values is None or UNKNOWN in values.values() or len(kinds) < len(inputs):
        return UNKNOWN
    scope = Scope(values)
    place = stage.callee.span if span == key else span
    if checker.match(entry, inputs, scope, place) is None:
        return UNKNOWN
    note = checker.built_note(extern, values, span)
    found = checker.found.inside(entry.home.source, (note, *checker.found.notes))
    output = declared_output(extern, scope, found)
    if output is None:
        return UNKNOWN
    path = checker.path(key)
    if not checker.site.muted or key != span:
        checker.site.externs.setdefault(path, entry)
    if not checker.site.muted:
        given_by = tuple(value.given if isinstance(value, Flow) else "" for value in inputs)
        step = ExternUse(path, extern, entry.home.source, values, tuple(kinds), output, given_by)
        checker.site.steps.append(step)
    value = flow_of(output, f"`{path}`", span)
    names = tuple(item.name.id for item in extern.outputs if item.name is not None)
    if isinstance(value, Bundle) and len(names) == len(value.items):
        written = checker.found.source.cut(span)
        return value._replace(outputs=Outputs(extern.name.id, names, written, span))
    return value
