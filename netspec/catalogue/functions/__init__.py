"""Tensor functions and methods, lower case as in torch, by family."""

from netspec.catalogue.functions import activation, joining, reduction, reshaping

FAMILIES = (activation, joining, reduction, reshaping)
