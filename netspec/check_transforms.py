"""Check the transforms of a train section: what is done to which field, and what comes out."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.arguments import Given, bind, evaluate_arguments
from netspec.catalogue import FUNCTIONS
from netspec.catalogue.function import Function
from netspec.catalogue.transform import TRANSFORMS, Transform
from netspec.check_data import Fields
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.dim import Dim
from netspec.misfit import Misfit
from netspec.names import listing
from netspec.source import Span
from netspec.substitute import substitute
from netspec.tensor import DTYPES, DType, Tensor


class TransformCall(NamedTuple):
    """A transform of a field, which is `kind` before it.

    `call`: a transform, or a function of torch with the `arguments` that the author wrote.
    """

    field: str
    call: Transform | Function
    arguments: tuple[s.Argument, ...]
    kind: Tensor
    span: Span


class Transformed(NamedTuple):
    """Transforms in order, and the fields as they are behind them."""

    calls: tuple[TransformCall, ...]
    fields: Fields


def settle(
    calls: Sequence[TransformCall], bound: Mapping[str, Dim], found: Diagnostics
) -> tuple[TransformCall, ...]:
    """The transforms with the sizes that the net decides; what is still open may be refused."""
    settled: list[TransformCall] = []
    for item in calls:
        shape = tuple(substitute(dim, bound) for dim in item.kind.shape)
        call, kind = item.call, Tensor(shape, item.kind.dtype)
        try:
            if isinstance(call, Transform):
                call.apply(kind)
                call.settle(kind)
        except Misfit as misfit:
            found.add(
                "wrong-transform", misfit.message, item.span, label=misfit.label, help=misfit.help
            )
        settled.append(item._replace(kind=kind))
    return tuple(settled)


def check_transforms(
    node: s.Expression | None, fields: Fields, scope: Mapping[str, Any], found: Diagnostics
) -> Transformed | None:
    """The transforms of a section; None after reporting what is wrong with one."""
    if node is None:
        return Transformed((), fields)
    before = found.error_count
    calls: list[TransformCall] = []
    types = dict(fields.types)
    chains: Sequence[Any] = node.items if isinstance(node, s.Sequence) else (node,)
    for chain in chains:
        if not isinstance(chain, s.Chain) or not isinstance(chain.first, s.Name):
            found.add(
                "wrong-transform",
                "a transform begins with a field",
                chain.span,
                label="no chain that begins with the name of a field",
                help=f"write `{next(iter(types))} -> Normalize(0.5, 0.5)`, say",
            )
        elif chain.first.id not in types:
            found.add(
                "unknown-name",
                f"unknown field `{chain.first.id}`",
                chain.first.span,
                label="no field of the data",
                help=did_you_mean(chain.first.id, types) or f"its fields are {listing(types)}",
            )
        else:
            calls += _check_chain(chain, chain.first.id, types, scope, found)
    classes = {
        name: count for name, count in fields.classes.items() if types[name] == fields.types[name]
    }
    if found.error_count > before:
        return None
    return Transformed(tuple(calls), fields._replace(types=types, classes=classes))


def _check_chain(
    chain: s.Chain,
    field: str,
    types: dict[str, Tensor],
    scope: Mapping[str, Any],
    found: Diagnostics,
) -> list[TransformCall]:
    """The transforms of a chain; `types` has the field's type behind those that fit."""
    calls: list[TransformCall] = []
    for stage in chain.stages:
        kind = types[field]
        read = _read_stage(stage, kind, scope, found)
        if read is None:
            return calls
        call, arguments = read
        try:
            output = call.apply(kind) if isinstance(call, Transform) else call.apply()
            if not isinstance(output, Tensor) or output.shape[:1] != kind.shape[:1]:
                raise Misfit(
                    "a transform leaves one sample for each",
                    label=f"{kind} becomes {output}",
                    help="write it in the section instead, as a value: `x = …`",
                )
        except Misfit as misfit:
            place = _place(stage, misfit.argument)
            found.add(
                "wrong-transform", misfit.message, place, label=misfit.label, help=misfit.help
            )
            return calls
        calls.append(TransformCall(field, call, arguments, kind, stage.span))
        types[field] = output
    return calls


def _read_stage(
    stage: s.Stage, kind: Tensor, scope: Mapping[str, Any], found: Diagnostics
) -> tuple[Transform | Function, tuple[s.Argument, ...]] | None:
    callee = stage.callee
    function = callee.function if isinstance(callee, s.Call) else callee
    name = function.id if isinstance(function, s.Name) else ""
    plain = stage.label is None and stage.schemes is None
    of_torch = name in FUNCTIONS and not (FUNCTIONS[name].random or FUNCTIONS[name].creates)
    if not plain or not (name in TRANSFORMS or of_torch):
        found.add(
            "unknown-transform",
            f"unknown transform `{name}`" if name and plain else "a transform is wanted here",
            stage.span,
            label="no transform that netspec knows" if plain else "nothing else stands here",
            help=did_you_mean(name, TRANSFORMS) or f"there are {listing(TRANSFORMS, 20)}",
        )
        return None
    arguments: tuple[s.Argument, ...] = callee.arguments if isinstance(callee, s.Call) else ()
    dtypes = {dtype: DType(dtype) for dtype in DTYPES}
    given = evaluate_arguments(arguments, dtypes | dict(scope), found)
    if given is None:
        return None
    if name in TRANSFORMS:
        call = bind(TRANSFORMS[name], name, given, stage.span, found)
    else:
        given = [Given(None, kind, stage.span), *given]
        call = bind(FUNCTIONS[name], name, given, stage.span, found)
    return (call, arguments) if isinstance(call, Transform | Function) else None


def _place(stage: s.Stage, argument: str | None) -> Any:
    """Where an argument stands, else the stage."""
    arguments = stage.callee.arguments if isinstance(stage.callee, s.Call) else ()
    named = [a.span for a in arguments if a.name is not None and a.name.id == argument]
    return named[0] if named else stage.span
