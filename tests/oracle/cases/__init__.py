"""The calls that tensor functions are held against torch with, by function."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.oracle.cases import (
    arithmetic,
    creation,
    indexing,
    loss,
    matrix,
    pointwise,
    pooling,
    reduction,
    reshaping,
)

CASES: Mapping[str, Iterable[Mapping[str, Any]]] = {
    **arithmetic.CASES,
    **creation.CASES,
    **indexing.CASES,
    **loss.CASES,
    **matrix.CASES,
    **pointwise.CASES,
    **pooling.CASES,
    **reduction.CASES,
    **reshaping.CASES,
}
