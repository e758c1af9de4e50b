"""Check what a net takes and gives: parameters with their values, inputs, outputs, dimensions."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.catalogue.signature import kind_of, write_value
from netspec.compare import at_least, same
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.dim import Dim, Expression, symbol
from netspec.evaluate import UNKNOWN, evaluate
from netspec.flow import Constructor
from netspec.graph import Port
from netspec.names import variable_problem
from netspec.proof import proof_of
from netspec.source import Span
from netspec.tensor import DTYPES, Tensor, write_shape

_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "an integer"),
    "float": ((float, int), "a number"),
    "bool": ((bool,), "True or False"),
    "str": ((str,), "a string"),
    "list": ((list, tuple), "a list"),
    "block": ((Constructor,), "a layer or a block"),
}


class Header(NamedTuple):
    """A net's parameters by name, its scope of build-time values, its inputs and its sizes."""

    parameters: Mapping[str, Any]
    scope: dict[str, Any]
    inputs: tuple[Port, ...] | None
    sizes: Mapping[str, tuple[str, int]]


def check_header(net: s.Net, overrides: Mapping[str, Any], found: Diagnostics) -> Header:
    """Work out parameters and inputs; `inputs` is None where one of them has an error."""
    parameters = _parameters(net, overrides, found)
    scope = dict(parameters)
    sizes: dict[str, tuple[str, int]] = {}
    _check_input_names(net, scope, found)
    for item in net.inputs:
        _bind_plain_names(item, scope, sizes, found)
    ports = [_input(item, scope, found) for item in net.inputs]
    if not net.inputs:
        found.add(
            "missing-input",
            f"net `{net.name.id}` has no inputs",
            net.name.span,
            label="nothing flows through it",
            help=f"name them in the second list: `net {net.name.id}()(x: float32[N, 3, 32, 32])`",
        )
    complete = bool(ports) and all(port is not None for port in ports)
    inputs = tuple(port for port in ports if port is not None) if complete else None
    return Header(parameters, scope, inputs, sizes)


def _parameters(net: s.Net, overrides: Mapping[str, Any], found: Diagnostics) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for parameter in net.parameters:
        name = parameter.name.id
        if not check_variable(parameter.name, found) or not _is_free(parameter.name, found):
            continue
        if name in values:
            report_duplicate("parameter", parameter.name, found)
            continue
        values[name] = _parameter_value(net, parameter, overrides, found)
    return values


def _is_free(name: s.Name, found: Diagnostics) -> bool:
    """Refuse what `Spec.build` has a keyword of its own for."""
    if name.id not in ("net", "device", "allow_extern"):
        return True
    found.add(
        "reserved-name",
        f"`{name.id}` cannot be a parameter: `Spec.build({name.id}=…)` means something else",
        name.span,
        label="not free",
        help=f"call it `{name.id}_`, say",
    )
    return False


def _parameter_value(
    net: s.Net, parameter: s.Parameter, overrides: Mapping[str, Any], found: Diagnostics
) -> Any:
    name = parameter.name.id
    if not check_parameter_type(parameter, found):
        return UNKNOWN
    if parameter.type is not None and parameter.type.id == "block":
        found.add(
            "wrong-parameter",
            "a net cannot take a block: nobody could give it one",
            parameter.type.span,
            label="for blocks only",
            help="write it inside the net, or make the net a `block`",
        )
        return UNKNOWN
    value: Any = UNKNOWN
    if parameter.default is not None:
        value = default_value(parameter, found)
        if value is UNKNOWN:
            return UNKNOWN
    if name in overrides:
        return _override(parameter, overrides[name], value, found)
    if parameter.default is None:
        found.add(
            "missing-parameter",
            f"parameter `{name}` of net `{net.name.id}` has no value",
            parameter.name.span,
            label="no default, and none given",
            help=f"give it a default, `{name}: int = 8`, or a value: `--set {name}=8`",
        )
    return value


def type_words(kind: str) -> str:
    """What a parameter of a type takes, in words."""
    return _TYPES[kind][1] if kind in _TYPES else kind


def default_value(parameter: s.Parameter, found: Diagnostics) -> Any:
    """The default of a parameter; UNKNOWN after reporting that it does not have its type."""
    assert parameter.default is not None
    value = evaluate(parameter.default, {}, found)
    kind = parameter.type.id if parameter.type else ""
    if value is UNKNOWN or not kind or fits_type(value, kind):
        return value
    name = parameter.name.id
    found.add(
        "wrong-argument",
        f"the default of `{name}` must be {type_words(kind)}, found {write_value(value)}",
        parameter.default.span,
        label=f"{kind_of(value)}, not {type_words(kind)}",
        help=f"give a default of type {kind}, or change the type",
    )
    return UNKNOWN


def check_parameter_type(parameter: s.Parameter, found: Diagnostics) -> bool:
    """Report a type that there is not."""
    kind = parameter.type
    if kind is None or kind.id in _TYPES:
        return True
    found.add(
        "unknown-type",
        f"unknown type `{kind.id}`",
        kind.span,
        label="no type of a parameter",
        help=did_you_mean(kind.id, _TYPES) or "types are int, float, bool, str, list and block",
    )
    return False


def _override(parameter: s.Parameter, value: Any, default: Any, found: Diagnostics) -> Any:
    kind = parameter.type.id if parameter.type else _type_name(default)
    if not _is_plain(value):
        found.add(
            "wrong-argument",
            f"`{parameter.name.id}` cannot be a Python value of type {type(value).__name__}",
            parameter.name.span,
            label="what is given for it could not stand in a spec",
            help="give a number, a string, True, False, None, or a list of such",
        )
        return UNKNOWN
    if kind is None or fits_type(value, kind):
        return list(value) if isinstance(value, tuple) else value
    wanted = _TYPES[kind][1]
    found.add(
        "wrong-argument",
        f"`{parameter.name.id}` must be {wanted}, found {write_value(value)}",
        parameter.name.span,
        label=f"the value given is {kind_of(value)}",
        help=f"give {wanted}",
    )
    return UNKNOWN


def _is_plain(value: Any) -> bool:
    """Whether a value from outside is one that a spec could write."""
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def fits_type(value: Any, kind: str) -> bool:
    """Whether a parameter of type `kind` takes `value`; an integer serves as a float."""
    if isinstance(value, bool) and kind != "bool":
        return False
    if isinstance(value, Expression):
        return kind in ("int", "float") and value.value is not None
    return kind not in _TYPES or isinstance(value, _TYPES[kind][0])


def _type_name(value: Any) -> str | None:
    for kind in ("bool", "int", "float", "str", "list"):
        if value is not UNKNOWN and fits_type(value, kind) and value is not None:
            return kind
    return None


def check_variable(name: s.Name, found: Diagnostics) -> bool:
    """Report a name that generated code cannot use for a variable."""
    problem = variable_problem(name.id)
    if problem:
        code, why = problem
        found.add(code, why, name.span, label="not free", help=f"call it `{name.id}_`, say")
    return problem is None


def report_duplicate(kind: str, name: s.Name, found: Diagnostics) -> None:
    found.add(
        f"duplicate-{kind}",
        f"there is {'an' if kind[0] in 'aeiou' else 'a'} {kind} `{name.id}` already",
        name.span,
        label="the same name again",
        help=f"give this {kind} another name",
    )


def _check_input_names(net: s.Net, scope: Mapping[str, Any], found: Diagnostics) -> None:
    seen: set[str] = set()
    for item in net.inputs:
        if check_variable(item.name, found) and (item.name.id in seen or item.name.id in scope):
            report_duplicate("input", item.name, found)
        seen.add(item.name.id)


def _bind_plain_names(
    item: s.Input, scope: dict[str, Any], sizes: dict[str, tuple[str, int]], found: Diagnostics
) -> None:
    for axis, dim in enumerate(item.type.shape if item.type else ()):
        if isinstance(dim, s.Name) and dim.id not in scope:
            scope[dim.id] = symbol(dim.id)
            sizes[dim.id] = (item.name.id, axis)


def _input(item: s.Input, scope: Mapping[str, Any], found: Diagnostics) -> Port | None:
    if item.type is None:
        found.add(
            "missing-shape",
            f"the input `{item.name.id}` of a net needs a shape",
            item.name.span,
            label="no dtype and shape",
            help=f"write it as torch has it, batch first: `{item.name.id}: float32[N, 3, 32, 32]`",
        )
        return None
    tensor = tensor_type(item.type, scope, found)
    return None if tensor is None else Port(item.name.id, tensor)


def tensor_type(
    written: s.TensorType, scope: Mapping[str, Any], found: Diagnostics
) -> Tensor | None:
    """The type that `float32[N, 3]` stands for; None after reporting what is wrong with it."""
    dtype = written.dtype.id if written.dtype else "float32"
    if written.dtype and dtype not in DTYPES:
        found.add(
            "unknown-dtype",
            f"unknown dtype `{dtype}`",
            written.dtype.span,
            label="no dtype of torch",
            help=did_you_mean(dtype, DTYPES) or "common ones are float32, int64 and bool",
        )
        return None
    dims = [_dim(part, scope, found) for part in written.shape]
    known = [dim for dim in dims if dim is not None]
    return Tensor(tuple(known), dtype) if len(known) == len(dims) else None


def _dim(part: s.Expression, scope: Mapping[str, Any], found: Diagnostics) -> Dim | None:
    value = evaluate(part, scope, found)
    if value is UNKNOWN:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Expression):
        found.add(
            "wrong-dimension",
            f"a dimension must be an integer, found {write_value(value)}",
            part.span,
            label=kind_of(value),
            help="write a number, a name or an expression of both",
        )
        return None
    if at_least(value, 1) is False:
        found.add(
            "wrong-dimension",
            f"a dimension must be at least 1, found {write_value(value)}",
            part.span,
            label="no tensor has such a size",
            help="write a positive number, or a name for a size that data decides",
        )
        return None
    return value


def check_outputs(
    written: Sequence[s.Output],
    given: Sequence[tuple[Tensor, str]],
    scope: Mapping[str, Any],
    sizes: Collection[str],
    span: Span,
    found: Diagnostics,
) -> None:
    """Hold what the net returns against what its signature says.

    `given` has the type of each returned value and what it comes from; `sizes` are the names of
    the dimensions that only data decides.
    """
    if len(written) != len(given):
        found.add(
            "wrong-output",
            f"the net says {_count(len(written))}, `return` has {_count(len(given))}",
            span,
            label=f"{_count(len(given))} here",
            help="return one value for each output in the signature, in its order",
        )
        return
    names = dict(scope)
    for output, (tensor, origin) in zip(written, given, strict=True):
        for dim, size in zip(output.type.shape, tensor.shape, strict=False):
            if isinstance(dim, s.Name):
                names.setdefault(dim.id, size)
        wanted = tensor_type(output.type, names, found)
        if wanted is not None:
            _compare_output(output, wanted, tensor, origin, sizes, span, found)


def _compare_output(
    output: s.Output,
    wanted: Tensor,
    tensor: Tensor,
    origin: str,
    sizes: Collection[str],
    span: Span,
    found: Diagnostics,
) -> None:
    name = f"output `{output.name.id}`" if output.name else "the output"
    fits = wanted.rank == tensor.rank and all(
        same(a, b) for a, b in zip(wanted.shape, tensor.shape, strict=True)
    )
    if fits and wanted.dtype == tensor.dtype:
        return
    line, _ = found.source.position(output.type.span.start)
    if fits:
        message = f"{name} is declared as {wanted.dtype}, but is {tensor.dtype}"
        help = f"write `{tensor}` in line {line}"
    else:
        declared, actual = write_shape(wanted.shape), write_shape(tensor.shape)
        message = f"{name} is declared as {declared}, but has shape {actual}"
        help = _output_help(wanted, tensor, sizes, line)
    found.add(
        "wrong-output",
        message,
        span,
        label=f"{tensor}, from {origin}",
        notes=(f"declared in line {line}",),
        help=help,
    )


def _output_help(wanted: Tensor, tensor: Tensor, sizes: Collection[str], line: int) -> str:
    pairs = zip(wanted.shape, tensor.shape, strict=False)
    proof = proof_of(pairs, sizes) if wanted.rank == tensor.rank else ""
    if proof:
        return f"add `require {proof}` at the start of the net"
    if wanted.rank == 2 and tensor.rank > 2:
        return "put `Flatten` before the first `Linear`, or declare the shape that comes out"
    return f"change the last layer, or declare `{tensor}` in line {line}"


def _count(number: int) -> str:
    return f"{number} output{'' if number == 1 else 's'}"
