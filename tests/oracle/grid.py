"""Arguments for layers, drawn from their annotations, and inputs to try them on."""

import itertools
import random
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from netspec.catalogue.layer import Layer
from netspec.catalogue.signature import Signature
from netspec.tensor import Tensor

Arguments = dict[str, Any]

# What a grid of small numbers would not come upon: sizes that go together.
SPECIAL: dict[str, list[Arguments]] = {
    "Unflatten": [
        {"dim": 1, "unflattened_size": sizes}
        for sizes in [(2, 3), (6,), (1, 6), (-1, 2), (3, -1), (2, 2), (-1, -1), (0, 3), (4, -1)]
    ]
    + [{"dim": dim, "unflattened_size": (2, 3)} for dim in (-1, 2, 7, -2)],
    "LayerNorm": [
        {"normalized_shape": shape} for shape in [6, 5, (6,), (5, 6), (4, 6), (2, 4, 5, 6), ()]
    ],
    "Upsample": [
        *({"size": size} for size in (7, 1, (7,), (7, 3), (7, 3, 2), 0)),
        *({"scale_factor": factor} for factor in (2, 0.5, 1.5, 0.1, (2, 0.5), (2.0,), (2, 2, 0.5))),
        {"size": 3, "scale_factor": 2},
        {},
        *({"scale_factor": 2, "mode": m} for m in ("linear", "bilinear", "bicubic", "trilinear")),
        *({"size": 5, "mode": m} for m in ("area", "nearest-exact", "bilinear", "linear")),
        {"scale_factor": 2, "mode": "bilinear", "align_corners": True},
        {"scale_factor": 2, "mode": "linear", "align_corners": False},
        {"scale_factor": 2, "mode": "nearest", "align_corners": True},
        {"scale_factor": 1.5, "recompute_scale_factor": True},
        {"size": 4, "recompute_scale_factor": True},
    ],
    "Hardtanh": [{"min_val": 2.0}, {"min_val": 0, "max_val": 6}, {"min_val": 1.0, "max_val": 1.0}],
    "PReLU": [{"num_parameters": n} for n in (1, 2, 4, 5, 6)],
    "Embedding": [
        {"num_embeddings": 9, "embedding_dim": 4, "padding_idx": index}
        for index in (0, 8, 9, -1, -9, -10)
    ],
    "PixelShuffle": [{"upscale_factor": factor} for factor in (1, 2, 3)],
    "GLU": [{"dim": dim} for dim in (0, 1, 2, -1, -2, -3)],
    "RReLU": [{"lower": 0.5}, {"lower": 1, "upper": 1}, {"lower": 0.0, "upper": 0.0}],
    "RMSNorm": [{"normalized_shape": shape} for shape in [6, 5, (6,), (5, 6), (4, 6), ()]],
    "Fold": [
        {"output_size": size, "kernel_size": kernel, **more}
        for size, kernel in [((2, 3), (1, 2)), (3, 2), ((2, 5), (1, 4)), ((2, 2), (1, 1))]
        for more in ({}, {"padding": (0, 1)}, {"stride": 2}, {"dilation": 2}, {"stride": (1, 2)})
    ]
    + [
        {"output_size": (2, 4), "kernel_size": (1, 2)},
        {"output_size": (2, 3), "kernel_size": 1},
        {"output_size": (3, 4), "kernel_size": 2},
        {"output_size": (1, 2), "kernel_size": 2, "padding": 1},
        {"output_size": (4, 6), "kernel_size": (2, 2), "stride": 2},
        {"output_size": (2, 5), "kernel_size": (1, 2), "dilation": (1, 2)},
        {"output_size": (5, 6), "kernel_size": (2, 1), "dilation": 2, "stride": (2, 2)},
    ],
    "FractionalMaxPool2d": [
        *({"kernel_size": 2, "output_size": size} for size in (1, 2, (3, 2), (4, 5), (4, 6))),
        *({"kernel_size": (2, 1), "output_ratio": ratio} for ratio in (0.5, 0.7, 0.1, (0.9, 0.3))),
        {"kernel_size": 2, "output_size": 2, "output_ratio": 0.5},
    ],
    "FractionalMaxPool3d": [
        *({"kernel_size": 2, "output_size": size} for size in (1, 2, (3, 2, 1), (2, 2, 3))),
        *({"kernel_size": 1, "output_ratio": ratio} for ratio in (0.5, 0.7, (0.9, 0.3, 0.4))),
        *({"kernel_size": size, "output_size": 1} for size in (0, (1, 0, 2))),
    ],
    **{
        f"{kind}Pad{ndim}d": [
            {"padding": padding, **({"value": 0.5} if kind == "Constant" else {})}
            for padding in paddings
        ]
        for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular")
        for ndim, paddings in {
            1: [1, 0, -1, (2, 1), (0, 3), (-1, 2), (5, 0), (6, 1), (-3, -4), (7, 7)],
            2: [1, 0, -1, (2, 1, 0, 1), (0, 3, 4, 0), (-1, 2, 1, -2), (5, 0, 0, 0), (1, 1, 5, 5)],
            3: [1, 0, -1, (2, 1, 0, 1, 1, 0), (2, 2, -1, 1, 0, 2), (0, 0, 0, 0, 3, 0)],
        }.items()
    },
}

# The dimensions of the input that a layer which names none takes.
RANKS = {
    "Softmax2d": 4,
    "CrossMapLRN2d": 4,
    "LocalResponseNorm": 4,
    "PixelShuffle": 4,
    "PixelUnshuffle": 4,
    "ChannelShuffle": 4,
    "Unfold": 4,
    "Fold": 3,
    "Upsample": 4,
    "UpsamplingNearest2d": 4,
    "UpsamplingBilinear2d": 4,
}

SHAPES = [
    (),
    (6,),
    (2, 6),
    (2, 4, 6),
    (4, 5, 6),
    (2, 4, 5, 6),
    (1, 4, 1, 1),
    (3, 6, 2, 9),
    (2, 3, 4, 5, 6),
    (2, 4, 3, 3, 3),
    (1, 8, 3, 2, 4, 2),
]
SMALL = [(1,), (3, 1), (2, 6, 1), (1, 4, 1), (1, 4, 6), (1, 4, 5, 6), (1, 4, 3, 3, 3)]
MORE = [tuple(range(first, first + rank)) for first in (2, 1) for rank in (1, 2, 3, 4, 5)]
MORE += [(*(2,) * rank, first) for first in (1, 5, 7, 9) for rank in (1, 2, 3, 4)]
DTYPES = ["float32", "float64", "float16", "int64", "int32", "uint8", "bool", "complex64"]


def inputs(layer: type[Layer]) -> list[Tensor]:
    """Shapes of every rank in the dtype that suits the layer, and one shape in the other dtypes."""
    own = "int64" if "int64" in layer.dtypes and "float32" not in layer.dtypes else "float32"
    rank = RANKS.get(layer.__name__, 2 + (layer.ndim or 0))
    typical = {2: (2, 6), 3: (2, 4, 6), 4: (2, 4, 5, 6), 5: (2, 4, 3, 3, 3)}[rank]
    plain = all(field.inferred for field in layer.fields().values())  # no arguments to vary
    tensors = [Tensor(shape, own) for shape in SHAPES + SMALL + (MORE if plain else [])]
    return tensors + [Tensor(typical, dtype) for dtype in DTYPES if dtype != own]


def arguments(signature: type[Signature], count: int) -> Iterator[Arguments]:
    """Those of `_arguments`, each once."""
    yield from {
        repr(sorted(given.items())): given for given in _arguments(signature, count)
    }.values()


def _arguments(signature: type[Signature], count: int) -> Iterator[Arguments]:
    """Each field through its values while the others keep theirs, then random mixtures."""
    yield from SPECIAL.get(signature.__name__, [])
    fields = [f for f in signature.fields().values() if not (f.inferred or f.tensor)]
    pools = {field.name: _values(field.annotation) for field in fields}
    base = {field.name: pools[field.name][0] for field in fields if field.required}
    yield dict(base)
    for field in fields:
        for value in pools[field.name]:
            yield {**base, field.name: value}
    draw = random.Random(signature.__name__)
    for _ in range(count):
        chosen = [f for f in fields if f.required or draw.random() < 0.5]
        yield {field.name: draw.choice(pools[field.name]) for field in chosen}


def _values(annotation: object) -> list[Any]:
    """Values that a field takes, and some that it does not."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation is int or (origin is Annotated and parts[0] is int):
        return [2, 1, 3, 4, 5, 0, -1, -2, 7]
    if annotation is float or (origin is Annotated and parts[0] is float):
        return [0.5, 1.0, 0, 0.0, 2.5, -0.5]
    if origin is Annotated:
        return _values(parts[0])
    if annotation is bool:
        return [True, False]
    if annotation is type(None):
        return [None]
    if origin is Literal:
        return list(parts)
    if origin is tuple:
        if parts[-1:] == (...,):
            return [(2,), (2, 3), (0, 1), (1, 0, 2)]
        pools = [_values(part)[:4] for part in parts]
        return [*itertools.islice(zip(*pools, strict=False), 4), (1, 2, 3)[: len(parts)]]
    if origin in (Union, types.UnionType):
        return [value for part in parts for value in _values(part)]
    raise TypeError(annotation)
