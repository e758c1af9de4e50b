"""PyTorch is the oracle for operators between tensors, and tensors and numbers."""

import operator
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

from netspec.elementwise import operate, operate_number, operate_unary
from netspec.misfit import Misfit
from netspec.tensor import Tensor
from tests.oracle.calls import REFUSALS, is_unknown, real, type_of
from tests.oracle.cases.shapes import KINDS
from tests.oracle.tally import counted

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    **{"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv},
    **{"//": operator.floordiv, "%": operator.mod, "**": operator.pow, "@": operator.matmul},
    **{"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le},
    **{">": operator.gt, ">=": operator.ge},
}
SHAPES = [(), (6,), (1,), (4,), (4, 6), (4, 1), (2, 4, 6), (2, 1, 6), (6, 4), (3, 5), (3, 1, 6, 4)]
PAIRS = [(Tensor(a), Tensor(b)) for a in SHAPES for b in SHAPES]
PAIRS += [
    (Tensor(s, a.dtype), Tensor(t, b.dtype))
    for s, t in [((4, 4), (4, 4)), ((), (4, 4)), ((4, 4), ()), ((4,), (4,))]
    for a in KINDS
    for b in KINDS
]


@pytest.mark.parametrize("sign", BINARY)
def test_an_operator_between_tensors_agrees_with_torch(sign: str) -> None:
    for a, b in PAIRS:
        _compare(f"{a} {sign} {b}", lambda: operate(sign, a, b), lambda: _run(sign, a, b))  # noqa: B023


@pytest.mark.parametrize("sign", BINARY)
@pytest.mark.parametrize("number", [2, 0.5, True, -1.0])
def test_an_operator_with_a_number_agrees_with_torch(sign: str, number: Any) -> None:
    for x in [*KINDS, Tensor(()), Tensor((), "int64")]:
        for a, b in ((x, number), (number, x)):
            _compare(
                f"{a} {sign} {b}",
                lambda: operate_number(sign, x, number),  # noqa: B023
                lambda: _run(sign, a, b),  # noqa: B023
                sign == "**" and number is True,
            )


@pytest.mark.parametrize("sign", ["+", "-"])
def test_a_sign_agrees_with_torch(sign: str) -> None:
    run = {"+": operator.pos, "-": operator.neg}[sign]
    for x in KINDS:
        _compare(f"{sign}{x}", lambda: operate_unary(sign, x), lambda: run(real(x, "")))  # noqa: B023


def _run(sign: str, a: Any, b: Any) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # complex32 is experimental
        return BINARY[sign](real(a, ""), real(b, ""))


@counted("operators")
def _compare(
    case: str, mine: Callable[[], Tensor], theirs: Callable[[], Any], stricter: bool = False
) -> bool:
    answer: Any
    try:
        answer = mine()
    except Misfit as misfit:
        answer = misfit.message
    try:
        wanted = type_of(theirs())
    except REFUSALS as error:
        assert isinstance(answer, str), f"{case}: torch says {error}, the catalogue {answer}"
        return False
    if isinstance(answer, str):
        complex32 = "complex32" in answer
        assert stricter or complex32 or is_unknown(wanted), f"{case}: refused with {answer}"
        return False
    assert answer == wanted, f"{case}: torch gives {wanted}"
    return True
