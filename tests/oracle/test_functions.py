"""PyTorch is the oracle for tensor functions, initialisers, losses and optimisers, too."""

import functools
import inspect
import types
import warnings
from operator import or_
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
import torch
import torch.nn.functional as F
from pydantic import ConfigDict, InstanceOf, TypeAdapter, ValidationError
from pydantic_core import SchemaValidator
from torch import nn

from netspec.catalogue import FUNCTIONS, INITIALISERS, LAYERS
from netspec.catalogue.layer import Misfit
from netspec.catalogue.loss import LOSSES
from netspec.catalogue.optimizer import OPTIMIZERS
from netspec.catalogue.signature import MISSING, ArgumentErrors, schema_of
from netspec.dim import value_of
from netspec.elementwise import operate, operate_number
from netspec.tensor import DType, Tensor
from tests.oracle.grid import SHAPES, arguments

DTYPES = ("float32", "float64", "int64", "int32", "uint8", "bool", "float16", "bfloat16")

CALLS: dict[str, list[dict[str, Any]]] = {
    "reshape": [
        {"shape": shape}
        for shape in [
            (2, -1),
            (-1,),
            (6, 4),
            (2, 24),
            (3, -1, 2),
            (2, 2),
            (-1, -1),
            (0, 4),
            (-2, 3),
        ]
    ],
    "permute": [
        {"dims": dims}
        for dims in [(0, 1), (1, 0), (0, 2, 1), (-1, 0, 1), (0, 0, 1), (0, 3, 1, 2), (0,), (4, 0)]
    ],
    "mean": [
        {"dim": dim, "keepdim": keep}
        for dim in (None, 0, 1, -1, 3, -4, (0, 1), (2, 3), (1, 1), (-1, 1))
        for keep in (False, True)
    ],
}
CALLS["sum"] = CALLS["mean"]


def call(name: str, x: torch.Tensor, given: dict[str, Any]) -> torch.Tensor:
    path = FUNCTIONS[name].torch
    if path.startswith("torch.Tensor."):
        return getattr(x, name)(**given)
    if path.startswith("torch.nn.functional."):
        return getattr(F, name)(x, **given)
    return getattr(torch, name)(x, **given)


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"cat"}))
def test_a_function_agrees_with_torch(name: str) -> None:
    function = FUNCTIONS[name]
    grid = CALLS.get(name) or list(arguments(function, 20))
    tensors = [Tensor(shape, "float32") for shape in SHAPES]
    tensors += [Tensor((2, 4, 6), dtype) for dtype in DTYPES]
    for given in grid:
        for x in tensors:
            _compare(name, given, x)


def _compare(name: str, given: dict[str, Any], x: Tensor) -> None:
    case = f"{name}({given}) on {x}"
    try:
        mine: Any = FUNCTIONS[name](x, **given).apply()
    except (Misfit, ArgumentErrors) as error:
        mine = str(error)
    try:
        real = call(name, torch.ones(x.shape, dtype=getattr(torch, x.dtype)), given)
    except (RuntimeError, IndexError, TypeError) as error:
        assert isinstance(mine, str), f"{case}: torch says {error}, the catalogue {mine}"
        return
    if isinstance(mine, str) and (name in _ALSO_INTEGERS or real.numel() == 0):
        assert x.dtype not in ("float32", "float64") or real.numel() == 0, (case, mine)
        return
    assert not isinstance(mine, str), f"{case}: torch takes it, refused with {mine}"
    assert mine == Tensor(tuple(real.shape), str(real.dtype).removeprefix("torch.")), case


# Functions that torch runs on more dtypes than the catalogue lets pass.
_ALSO_INTEGERS = ("sigmoid", "tanh", "relu")


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -3, 3])
def test_cat_agrees_with_torch(dim: int) -> None:
    for left in SHAPES:
        for right in [*SHAPES, (2, 5, 6), (2, 4, 9)]:
            tensors = (torch.ones(left), torch.ones(right))
            try:
                mine: Any = FUNCTIONS["cat"]((Tensor(left), Tensor(right)), dim).apply()
            except Misfit as misfit:
                mine = misfit.message
            try:
                real = torch.cat(tensors, dim)
            except (RuntimeError, IndexError) as error:
                assert isinstance(mine, str), f"torch says {error}, the catalogue {mine}"
                continue
            assert tuple(map(value_of, mine.shape)) == tuple(real.shape)


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "//", "%", "**", "@"])
def test_operators_agree_with_torch(operator: str) -> None:
    shapes = [(), (6,), (1,), (4, 6), (4, 1), (2, 4, 6), (2, 1, 6), (6, 4), (3, 5)]
    pairs = [((a, "float32"), (b, "float32")) for a in shapes for b in shapes]
    pairs += [(((4, 4), a), ((4, 4), b)) for a in DTYPES for b in DTYPES]
    for (a, left), (b, right) in pairs:
        x = torch.ones(a, dtype=getattr(torch, left))
        y = torch.ones(b, dtype=getattr(torch, right))
        _compare_operator(operator, Tensor(a, left), Tensor(b, right), x, y)


def _compare_operator(
    operator: str, a: Tensor, b: Tensor, x: torch.Tensor, y: torch.Tensor
) -> None:
    try:
        mine: Any = operate(operator, a, b)
    except Misfit as misfit:
        mine = misfit.message
    try:
        real = eval(f"x {operator} y", {"x": x, "y": y})
    except (RuntimeError, NotImplementedError) as error:
        assert isinstance(mine, str), f"{a} {operator} {b}: torch says {error}"
        return
    if operator == "@" and min(a.rank, b.rank) < 2:
        assert isinstance(mine, str)  # vectors are not offered
        return
    assert mine == Tensor(tuple(real.shape), str(real.dtype).removeprefix("torch.")), (a, b)


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "//", "%", "**"])
def test_operators_with_numbers_agree_with_torch(operator: str) -> None:
    for dtype in ("float32", "float64", "int64", "int32", "bfloat16"):
        for number in (2, 0.5):
            x = torch.ones((2, 3), dtype=getattr(torch, dtype))
            real = eval(f"x {operator} n", {"x": x, "n": number})
            mine = operate_number(operator, Tensor((2, 3), dtype), number)
            assert mine.dtype == str(real.dtype).removeprefix("torch.")


@pytest.mark.parametrize("name", sorted(INITIALISERS))
def test_an_initialiser_agrees_with_torch(name: str) -> None:
    function = getattr(nn.init, f"{name}_")
    wanted = _defaults(function, ("tensor", "generator"))
    assert {k: f.default for k, f in INITIALISERS[name].fields().items()} == wanted
    for given in arguments(INITIALISERS[name], 20):
        for shape in [(4,), (6, 4), (6, 4, 3), (6, 4, 3, 3), (6, 4, 2, 2, 2), (2, 2, 2, 2, 2, 2)]:
            _compare_initialiser(name, given, shape)


def _compare_initialiser(name: str, given: dict[str, Any], shape: tuple[int, ...]) -> None:
    try:
        INITIALISERS[name](**given).check(shape)
        fits = True
    except (Misfit, ArgumentErrors):
        fits = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            getattr(nn.init, f"{name}_")(torch.empty(shape), **given)
            real = True
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError):
            real = False
        except ZeroDivisionError:
            real = False
    nonsense = any(isinstance(v, int | float) and v <= 0 for v in given.values())
    nonsense = nonsense or given.get("sparsity", 0) > 1
    assert fits == real or (not fits and nonsense), f"{name}({given}) on {shape}"


def _defaults(function: Any, left_out: tuple[str, ...]) -> dict[str, Any]:
    return {
        key: MISSING if p.default is inspect.Parameter.empty else p.default
        for key, p in inspect.signature(function).parameters.items()
        if key not in left_out
    }


def test_all_initialisers_of_torch_are_there() -> None:
    named = {name[:-1] for name in dir(nn.init) if name.endswith("_") and name[0] != "_"}
    assert set(INITIALISERS) == named
    assert len(INITIALISERS) == 14


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_optimiser_has_torchs_names_and_defaults(name: str) -> None:
    real = _defaults(getattr(torch.optim, name).__init__, ("self", "params"))
    fields = OPTIMIZERS[name].fields()
    assert {k: f.default for k, f in fields.items()} == {k: real[k] for k in fields}
    positional = OPTIMIZERS[name].positional()
    assert positional == list(real)[: len(positional)]
    getattr(torch.optim, name)([torch.zeros(1, requires_grad=True)], **{k: real[k] for k in fields})


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_loss_has_torchs_names_and_defaults(name: str) -> None:
    real = _defaults(getattr(F, name), ())
    fields = LOSSES[name].fields()
    assert {k: f.default for k, f in fields.items()} == {k: real[k] for k in fields}


ANNOTATIONS = {
    repr(field.annotation): field.annotation
    for catalogue in (LAYERS, FUNCTIONS, INITIALISERS, OPTIMIZERS, LOSSES)
    for signature in catalogue.values()
    for field in signature.fields().values()
}
VALUES = [
    *(0, 1, -1, 7, 2.5, 0.0, -0.5, 1.0, True, False, None, "zeros", "same", "mean", "x", ""),
    *((1,), (1, 2), (1, 2, 3), (0, 1), (1.5, 2), (True, 1), (None, 3), (), ("a",), (0.9, 0.999)),
    *(Tensor((2, 3)), (Tensor((2,)), Tensor(())), (Tensor((2,)), 3), DType("int64"), "int64"),
]


@pytest.mark.parametrize("annotation", ANNOTATIONS.values(), ids=ANNOTATIONS)
def test_arguments_are_validated_as_pydantic_would(annotation: Any) -> None:
    engine = SchemaValidator(schema_of(annotation))  # type: ignore[arg-type]
    pydantic: TypeAdapter[Any] = TypeAdapter(
        _as_instances(annotation), config=ConfigDict(strict=True)
    )
    for value in VALUES:
        assert _accepts(engine.validate_python, value) == _accepts(
            pydantic.validate_python, value
        ), (value, annotation)


def _as_instances(annotation: Any) -> Any:
    """The annotation with tensors and dtypes taken as they are, not as tuples and strings."""
    origin, parts = get_origin(annotation), tuple(map(_as_instances, get_args(annotation)))
    if annotation in (Tensor, DType):
        return InstanceOf[annotation]
    if origin is Annotated:
        return Annotated[parts[0], *annotation.__metadata__]
    if origin in (Union, types.UnionType):
        return functools.reduce(or_, parts)
    return tuple[parts] if origin is tuple else annotation


def _accepts(validate: Any, value: Any) -> bool:
    try:
        validate(value)
    except ValidationError:
        return False
    return True
