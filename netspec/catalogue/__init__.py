"""All layers, functions and initialisation schemes that a spec can name."""

from netspec.catalogue import (
    activation,
    attention,
    convolution,
    dropout,
    embedding,
    functions,
    linear,
    normalization,
    pooling,
    recurrent,
    shaping,
    transformer,
)
from netspec.catalogue.function import FUNCTIONS
from netspec.catalogue.initialiser import INITIALISERS
from netspec.catalogue.layer import ALIASES, LAYERS, LAZY, RANK_OPEN

FAMILIES = (
    activation,
    attention,
    convolution,
    dropout,
    embedding,
    linear,
    normalization,
    pooling,
    recurrent,
    shaping,
    *functions.FAMILIES,
    transformer,
)

__all__ = ["ALIASES", "FAMILIES", "FUNCTIONS", "INITIALISERS", "LAYERS", "LAZY", "RANK_OPEN"]
