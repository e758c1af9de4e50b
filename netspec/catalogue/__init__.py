"""All layers, functions and initialisation schemes that a spec can name."""

from netspec.catalogue import (
    activation,
    convolution,
    dropout,
    embedding,
    functions,
    linear,
    normalization,
    pooling,
    shaping,
)
from netspec.catalogue.function import FUNCTIONS
from netspec.catalogue.initialiser import INITIALISERS
from netspec.catalogue.layer import ALIASES, LAYERS, LAZY, RANK_OPEN

FAMILIES = (
    activation,
    convolution,
    dropout,
    embedding,
    linear,
    normalization,
    pooling,
    shaping,
    *functions.FAMILIES,
)

__all__ = ["ALIASES", "FAMILIES", "FUNCTIONS", "INITIALISERS", "LAYERS", "LAZY", "RANK_OPEN"]
