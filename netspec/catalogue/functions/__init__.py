"""Tensor functions and methods, lower case as in torch, by family."""

from netspec.catalogue.functions import (
    activation,
    arithmetic,
    conversion,
    indexing,
    joining,
    ordering,
    pointwise,
    reduction,
    reshaping,
)

FAMILIES = (
    activation,
    arithmetic,
    conversion,
    indexing,
    joining,
    ordering,
    pointwise,
    reduction,
    reshaping,
)
