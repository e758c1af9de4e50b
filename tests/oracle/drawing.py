"""Calls of layers and functions that Hypothesis draws from the annotations of their arguments."""

import types
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from random import Random
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from netspec.catalogue import FUNCTIONS, LAYERS
from netspec.catalogue.signature import Field
from netspec.tensor import DTYPES, DType, Tensor
from tests.oracle.calls import answer
from tests.oracle.cases import CASES
from tests.oracle.comparison import Call, map_type, ours, spoil
from tests.oracle.grid import arguments, inputs

T = TypeVar("T")

SIZES = st.sampled_from([1, 2, 3, 4, 5, 6, 8, 9])
NUMBERS = [0.5, 1.0, 0.0, 2.5, -0.5, 1e-5, 2, 1, 0, -1]
BASES = 40  # calls of the grid that fit, for each function: what is drawn starts from one of them


def values(annotation: object) -> SearchStrategy[Any]:
    """What a field takes, and now and then what it refuses: numbers just outside its bounds."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated and parts[0] in (int, float):
        return _numbers(parts[0], parts[1:])
    if origin is Annotated:
        return values(parts[0])
    if annotation is int or annotation is float:
        return _numbers(annotation, ())
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is tuple and parts[-1] is ...:
        return st.lists(values(parts[0]), max_size=4).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, parts))
    if origin in (Union, types.UnionType):
        return st.one_of(*map(values, parts))
    return _PLAIN[annotation]


_PLAIN: Mapping[object, SearchStrategy[Any]] = {
    bool: st.booleans(),
    str: st.sampled_from(["", "none", "ij->ji"]),
    type(None): st.none(),
    DType: st.sampled_from(sorted(DTYPES)).map(DType),
    Tensor: st.builds(
        Tensor, st.lists(SIZES, max_size=5).map(tuple), st.sampled_from(sorted(DTYPES))
    ),
}


def _numbers(kind: object, bounds: tuple[object, ...]) -> SearchStrategy[Any]:
    def inside(number: float) -> bool:
        return all(
            (not isinstance(bound, Gt) or number > bound.gt)  # type: ignore[operator]
            and (not isinstance(bound, Ge) or number >= bound.ge)  # type: ignore[operator]
            and (not isinstance(bound, Lt) or number < bound.lt)  # type: ignore[operator]
            and (not isinstance(bound, Le) or number <= bound.le)  # type: ignore[operator]
            for bound in bounds
        )

    pool = [*range(-3, 10)] if kind is int else NUMBERS
    within = [number for number in pool if inside(number)]
    return st.sampled_from([*within * (3 if bounds else 1), *pool])


@st.composite
def layer_calls(draw: DrawFn, name: str, makers: Mapping[str, Callable[[Random], Call]]) -> Call:
    """A call of a layer, with what flows into it; `makers` make those of several inputs."""
    layer = LAYERS[name]
    if name in makers:
        source = Random(draw(st.integers(0, 2**32)))
        call = makers[name](source)
        return spoil(call, source) if _rarely(draw) else resized(draw, call)
    base = draw(st.sampled_from(fitting_layers(name)))
    given = dict(base.arguments)
    for field in layer.fields().values():
        if not field.inferred:
            _change(draw, given, field)
    call = Call(given, base.inputs)
    return spoil(call, Random(draw(st.integers(0, 99)))) if _rarely(draw) else resized(draw, call)


def _rarely(draw: DrawFn) -> bool:
    return draw(st.integers(0, 4)) == 4


_FITTING_LAYERS: dict[str, list[Call]] = {}


def fitting_layers(name: str) -> list[Call]:
    """Some calls of the grid that fit, for a layer of one input."""
    if name not in _FITTING_LAYERS:
        layer = LAYERS[name]
        calls = [Call(given, (x,)) for given in arguments(layer, 60) for x in inputs(layer)]
        fitting = (call for call in _shuffled(calls) if not isinstance(ours(layer, call), str))
        _FITTING_LAYERS[name] = list(islice(fitting, BASES))
    return _FITTING_LAYERS[name]


def _shuffled(items: list[T]) -> Iterator[T]:
    return (items[number * 7919 % len(items)] for number in range(len(items)))


def resized(draw: DrawFn, call: Call) -> Call:
    """The call with other sizes: those that were equal stay so."""
    sizes: dict[int, int] = {}

    def change(x: Tensor) -> Tensor:
        for size in x.shape:
            if size not in sizes:
                sizes[size] = draw(SIZES) if draw(st.booleans()) else size
        return Tensor(tuple(sizes[size] for size in x.shape), x.dtype)

    return call.map(change)


_FITTING: dict[str, list[Mapping[str, Any]]] = {}


def fitting_calls(name: str) -> list[Mapping[str, Any]]:
    """Some calls of the grid that fit."""
    if name not in _FITTING:
        cases = _shuffled(list(CASES[name]))
        fitting = (given for given in cases if not isinstance(answer(name, given), str))
        _FITTING[name] = list(islice(fitting, BASES))
    return _FITTING[name]


@st.composite
def function_calls(draw: DrawFn, name: str) -> dict[str, Any]:
    """A call of a function: one of the grid with other arguments, sizes and dtypes."""
    given = dict(draw(st.sampled_from(fitting_calls(name))))
    for field in FUNCTIONS[name].fields().values():
        _change(draw, given, field)
    dtypes: dict[str, str] = {}
    sizes: dict[int, int] = {}

    def change(x: Tensor) -> Tensor:
        if x.dtype not in dtypes:
            other = draw(st.integers(0, 3)) == 0
            dtypes[x.dtype] = draw(st.sampled_from(sorted(DTYPES))) if other else x.dtype
        for size in x.shape:
            if size not in sizes:
                sizes[size] = draw(SIZES) if draw(st.integers(0, 2)) == 0 else size
        return Tensor(tuple(sizes[size] for size in x.shape), dtypes[x.dtype])

    return {key: _with_tensors(change, value) for key, value in given.items()}


def _change(draw: DrawFn, given: dict[str, Any], field: Field) -> None:
    """Draw the argument anew, or leave it out, or keep it, which is the most likely."""
    how = draw(st.sampled_from(["keep", "keep", "keep", "draw", "leave out"]))
    if field.tensor and how == "draw" and draw(st.integers(0, 4)):
        how = "keep"
    if how == "draw":
        given[field.name] = draw(values(field.annotation))
    elif how == "leave out" and not field.required:
        given.pop(field.name, None)


def _with_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple) and any(isinstance(item, Tensor) for item in value):
        return map_type(change, tuple(value))
    return value
