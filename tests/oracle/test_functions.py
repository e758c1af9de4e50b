"""PyTorch is the oracle for tensor functions and initialisers, too."""

import functools
import inspect
import types
import warnings
from operator import or_
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
import torch
from pydantic import ConfigDict, InstanceOf, TypeAdapter, ValidationError
from pydantic_core import SchemaValidator
from torch import nn

from netspec.catalogue import FUNCTIONS, INITIALISERS, LAYERS
from netspec.catalogue.annotation import is_described
from netspec.catalogue.layer import Misfit
from netspec.catalogue.optimizer import OPTIMIZERS
from netspec.catalogue.scheduler import SCHEDULERS
from netspec.catalogue.signature import MISSING, ArgumentErrors, schema_of
from netspec.tensor import DType, Tensor
from tests.oracle.grid import arguments
from tests.oracle.tally import counted


@pytest.mark.parametrize("name", sorted(INITIALISERS))
def test_an_initialiser_agrees_with_torch(name: str) -> None:
    function = getattr(nn.init, f"{name}_")
    wanted = _defaults(function, ("tensor", "generator"))
    assert {k: f.default for k, f in INITIALISERS[name].fields().items()} == wanted
    for given in arguments(INITIALISERS[name], 20):
        for shape in [(4,), (6, 4), (6, 4, 3), (6, 4, 3, 3), (6, 4, 2, 2, 2), (2, 2, 2, 2, 2, 2)]:
            _compare_initialiser(name, given, shape)


@counted("initialisers")
def _compare_initialiser(name: str, given: dict[str, Any], shape: tuple[int, ...]) -> bool:
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
    return fits


def _defaults(function: Any, left_out: tuple[str, ...]) -> dict[str, Any]:
    return {
        key: MISSING if p.default is inspect.Parameter.empty else p.default
        for key, p in inspect.signature(function).parameters.items()
        if key not in left_out
    }


ANNOTATIONS = {
    repr(field.annotation): field.annotation
    for catalogue in (LAYERS, FUNCTIONS, INITIALISERS, OPTIMIZERS, SCHEDULERS)
    for signature in catalogue.values()
    for field in signature.fields().values()
}
VALUES = [
    *(0, 1, -1, 7, 2.5, 0.0, -0.5, 1.0, True, False, None, "zeros", "same", "mean", "x", ""),
    *((1,), (1, 2), (1, 2, 3), (0, 1), (1.5, 2), (True, 1), (None, 3), (), ("a",), (0.9, 0.999)),
    *(Tensor((2, 3)), (Tensor((2,)), Tensor(())), (Tensor((2,)), 3), DType("int64"), "int64"),
    *(LAYERS["LayerNorm"](), LAYERS["TransformerEncoderLayer"](2), LAYERS["LayerNorm"]),
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
    if annotation in (Tensor, DType) or is_described(annotation):
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
