"""All layers, functions and initialisation schemes that a spec can name."""

from netspec.catalogue import (
    activation,
    adaptive_pooling,
    attention,
    batch_normalization,
    convolution,
    distance,
    dropout,
    embedding,
    folding,
    functions,
    linear,
    normalization,
    padding,
    pooling,
    recurrent,
    shaping,
    transformer,
    unpooling,
)
from netspec.catalogue.function import FUNCTIONS
from netspec.catalogue.initialiser import INITIALISERS
from netspec.catalogue.layer import ALIASES, LAYERS, LAZY, RANK_OPEN

FAMILIES = (
    activation,
    adaptive_pooling,
    attention,
    batch_normalization,
    convolution,
    distance,
    dropout,
    embedding,
    folding,
    linear,
    normalization,
    padding,
    pooling,
    recurrent,
    shaping,
    *functions.FAMILIES,
    transformer,
    unpooling,
)

__all__ = ["ALIASES", "FAMILIES", "FUNCTIONS", "INITIALISERS", "LAYERS", "LAZY", "RANK_OPEN"]
