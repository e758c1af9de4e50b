"""Tensor functions and methods, lower case as in torch, by family."""

from netspec.catalogue.functions import (
    activation,
    arithmetic,
    attention,
    conversion,
    einsum,
    indexing,
    joining,
    matrix,
    ordering,
    pointwise,
    reduction,
    reshaping,
)

FAMILIES = (
    activation,
    arithmetic,
    attention,
    conversion,
    einsum,
    indexing,
    joining,
    matrix,
    ordering,
    pointwise,
    reduction,
    reshaping,
)
