"""Match the tensors that flow into a block with its signature, and bind its dimensions."""

from collections.abc import Sequence

from netspec import syntax as s
from netspec.compare import agree
from netspec.diagnostic import Diagnostics
from netspec.dim import Dim, Expression, divide, remainder, symbol, value_of
from netspec.evaluate import Scope, evaluate
from netspec.flow import Bundle, Flow, Value
from netspec.misfit import Misfit
from netspec.source import Source
from netspec.tensor import Tensor, write_shape
from netspec.visit import names_in


def match_inputs(
    definition: s.Block | s.Extern,
    inputs: Sequence[Value],
    scope: Scope,
    frame: int = 0,
) -> dict[str, Value]:
    """The inputs by name; the dimensions of the signature go to `scope`.

    With a `frame`, each dimension becomes a symbol of that frame under its own name.

    Raises:
        Misfit: for another number of tensors, or one that does not fit its shape.
    """
    title = definition.name.id
    wanted = definition.inputs
    if len(inputs) != len(wanted):
        raise Misfit(
            f"`{title}` takes {_tensors(len(wanted))}, found {len(inputs)}",
            label=f"{_tensors(len(inputs))} flow{'s' if len(inputs) == 1 else ''} into it",
            help=f"its inputs are {', '.join(item.name.id for item in wanted)}",
        )
    values: dict[str, Value] = {}
    taken = {parameter.name.id for parameter in definition.parameters}
    for item, value in zip(wanted, inputs, strict=True):
        values[item.name.id] = _match(title, item, value, scope, frame, taken)
    return values


def _match(
    title: str,
    item: s.Input,
    value: Value,
    scope: Scope,
    frame: int,
    taken: set[str],
) -> Value:
    origin = f"the input `{item.name.id}`"
    if item.type is None:
        return _rename(item.name.id, value, scope, frame, taken) if frame else value
    if isinstance(value, Bundle):
        raise Misfit(
            f"`{item.name.id}` of `{title}` is one tensor, found {len(value.items)}",
            label="several tensors flow into it",
        )
    if not isinstance(value, Flow):
        return value
    tensor, written = value.type, item.type
    if len(written.shape) != tensor.rank:
        raise _misfit(title, item, tensor)
    if (written.dtype.id if written.dtype else "float32") != tensor.dtype:
        dtype = written.dtype.id if written.dtype else "float32"
        raise Misfit(
            f"`{item.name.id}` of `{title}` is {dtype}, found {tensor.dtype}",
            label=f"the input is {tensor}",
        )
    shape: list[Dim] = []
    for axis, (part, dim) in enumerate(zip(written.shape, tensor.shape, strict=True)):
        shape.append(_bind(title, item, axis, part, dim, scope, frame, tensor))
    known = Tensor(tuple(shape), tensor.dtype)
    return value._replace(type=known, origin=origin, span=item.span)


def _bind(
    title: str,
    item: s.Input,
    axis: int,
    part: s.Expression,
    dim: Dim,
    scope: Scope,
    frame: int,
    tensor: Tensor,
) -> Dim:
    """Bind the names of one dimension; the dimension as the block sees it."""
    fresh = [name for name in names_in(part) if name.id not in scope]
    if isinstance(part, s.Name) and fresh:
        own = symbol(part.id, value_of(dim), frame) if frame else dim
        _define(scope, part.id, own)
        return own
    if len({name.id for name in fresh}) == 1:
        _define(
            scope, fresh[0].id, _solve(title, item, part, fresh[0].id, dim, scope, frame, tensor)
        )
    wanted = evaluate(part, scope, Diagnostics(Source("")))
    if not isinstance(wanted, int | Expression):
        raise _misfit(title, item, tensor)
    if frame:
        return wanted
    if not agree(wanted, dim):
        raise _misfit(title, item, tensor, axis, wanted, dim)
    return dim


def _define(scope: Scope, name: str, dim: Dim) -> None:
    scope[name] = dim
    if isinstance(dim, Expression):
        scope.parametric.add(name)


def _solve(
    title: str,
    item: s.Input,
    part: s.Expression,
    name: str,
    dim: Dim,
    scope: Scope,
    frame: int,
    tensor: Tensor,
) -> Dim:
    """The value of the only new name in a dimension like `2 * C`."""
    unknown = symbol("?", None, -1)
    trial = Scope({**scope, name: unknown})
    pattern = evaluate(part, trial, Diagnostics(Source("")))
    rest = evaluate(part, Scope({**scope, name: 0}), Diagnostics(Source("")))
    if not isinstance(pattern, Expression) or not isinstance(rest, int | Expression):
        raise _misfit(title, item, tensor)
    factor = (pattern - rest) // unknown
    if (pattern - rest) != factor * unknown or factor == 0:
        raise _misfit(title, item, tensor)
    if not agree(remainder(dim - rest, factor), 0):
        raise _misfit(title, item, tensor, None, remainder(dim - rest, factor))
    solved = divide(dim - rest, factor)
    return symbol(name, value_of(solved), frame) if frame else solved


def untyped_sizes(definition: s.Block, inputs: Sequence[Value]) -> dict[str, Dim]:
    """The sizes of inputs that have no shape in the signature, by the names that they get."""
    taken = {parameter.name.id for parameter in definition.parameters}
    sizes: dict[str, Dim] = {}
    for item, value in zip(definition.inputs, inputs, strict=True):
        if item.type is None:
            for name, flow in _named_flows(item.name.id, value):
                for axis, dim in enumerate(flow.type.shape):
                    sizes[_size_name(name, axis, flow.type.rank, taken | set(sizes))] = dim
    return sizes


def _named_flows(name: str, value: Value) -> list[tuple[str, Flow]]:
    if isinstance(value, Flow):
        return [(name, value)]
    if isinstance(value, Bundle):
        return [
            pair
            for number, item in enumerate(value.items, 1)
            for pair in _named_flows(f"{name}{number}", item)
        ]
    return []


def _rename(name: str, value: Value, scope: Scope, frame: int, taken: set[str]) -> Value:
    """The value with a symbol of its own for each size."""
    if isinstance(value, Bundle):
        parts = (
            _rename(f"{name}{number}", item, scope, frame, taken)
            for number, item in enumerate(value.items, 1)
        )
        return Bundle(tuple(parts))
    if not isinstance(value, Flow):
        return value
    shape: list[Dim] = []
    for axis, dim in enumerate(value.type.shape):
        own = symbol(_size_name(name, axis, value.type.rank, taken), value_of(dim), frame)
        taken.add(str(own))
        _define(scope, str(own), own)
        shape.append(own)
    return value._replace(type=Tensor(tuple(shape), value.type.dtype))


def _size_name(name: str, axis: int, rank: int, taken: set[str]) -> str:
    """What people call a size: `in_channels`, where the name is free."""
    common = "in_channels" if axis == 1 and rank > 3 else ""
    common = "in_features" if axis == rank - 1 and rank <= 3 else common
    return common if common and common not in taken else f"{name}_size{axis}"


def _misfit(
    title: str,
    item: s.Input,
    tensor: Tensor,
    axis: int | None = None,
    wanted: Dim = 0,
    found: Dim = 0,
) -> Misfit:
    from netspec.write import write_expression

    assert item.type is not None
    shape = ", ".join(write_expression(part) for part in item.type.shape)
    return Misfit(
        f"`{title}` takes {item.name.id}: [{shape}], found {write_shape(tensor.shape)}",
        label=f"{tensor.rank} dimensions, {len(item.type.shape)} wanted"
        if axis is None and tensor.rank != len(item.type.shape)
        else f"dimension {axis} is {found}, {wanted} wanted"
        if axis is not None
        else "the sizes do not go with its signature",
        help="bring the tensor to that shape first",
        equal=[(wanted, found)],
    )


def _tensors(number: int) -> str:
    return "one tensor" if number == 1 else f"{number} tensors"
