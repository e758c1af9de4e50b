"""Pooling, resizing, padding, windows."""

from typing import Any

from netspec.tensor import Tensor
from tests.oracle.calls import grid
from tests.oracle.cases.shapes import EVERY, KINDS, RANKS

Calls = list[dict[str, Any]]
_PLACES = {1: (2, 4, 9), 2: (2, 4, 9, 8), 3: (2, 4, 9, 8, 7)}


def _inputs(dims: int) -> list[dict[str, Any]]:
    shape = _PLACES[dims]
    shapes = [shape, shape[1:], (*shape[:-1], 1), (2, 6), (1, 2, 3, 4, 5, 6)]
    tensors = [*map(Tensor, shapes), *(Tensor(shape, x.dtype) for x in KINDS)]
    return [{"input": x} for x in tensors]


def _with(inputs: list[dict[str, Any]], **given: Any) -> list[dict[str, Any]]:
    return [{**each, **given} for each in inputs]


CASES: dict[str, Calls] = {}
for _dims in (1, 2, 3):
    _all = _inputs(_dims)
    _sizes: list[Any] = [2, 3, 1, 9, 20, 0, -1, (2,) * _dims, (2,) * (_dims + 1)]
    _kernel = _with(_all, kernel_size=3)
    _pools: dict[str, list[Any]] = {
        "stride": [1, 2, 3, None, 0, (2,) * _dims],
        "padding": [0, 1, 2, -1, (1,) * _dims],
        "ceil_mode": [True, False],
    }
    _kernels = [{**each, "kernel_size": size} for each in _all[:4] for size in _sizes]
    CASES[f"max_pool{_dims}d"] = _kernels + list(
        grid(*_kernel, **_pools, dilation=[1, 2, 0, 9], return_indices=[True, False])
    )
    CASES[f"avg_pool{_dims}d"] = _kernels + list(
        grid(*_kernel, **_pools, count_include_pad=[False, True])
    )
    if _dims > 1:
        CASES[f"avg_pool{_dims}d"] += list(grid(*_kernel[:2], divisor_override=[1, 5, 0, -1]))
    del _pools["padding"]
    CASES[f"lp_pool{_dims}d"] = _with(_kernels, norm_type=2) + list(
        grid(*_with(_kernel, norm_type=2), **_pools, norm_type=[1, 2.5, 0, 3])
    )
    _outputs: list[Any] = [1, 3, 12, 0, -1, (2,) * _dims, (2,) * (_dims + 1)]
    if _dims > 1:
        _outputs += [(None,) * _dims, (*(None,) * (_dims - 1), 4)]
    for _kind in ("avg", "max"):
        CASES[f"adaptive_{_kind}_pool{_dims}d"] = [
            {**each, "output_size": size} for each in _all for size in _outputs
        ]
    CASES[f"adaptive_max_pool{_dims}d"] += _with(_all, output_size=2, return_indices=True)

_MODES = ["nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact", "cubic"]
_PICTURES = [{"input": Tensor(shape)} for shape in (*_PLACES.values(), (2, 6), (1, 2, 3, 4, 5, 6))]
CASES["interpolate"] = [
    {**each, **target, **more}
    for each in _PICTURES
    for target in (
        *({"size": size} for size in (7, (7,), (7, 3), (7, 3, 2), 0)),
        *({"scale_factor": factor} for factor in (2, 0.5, 0.01, (2, 0.5), (2.0,), (2, 2, 0.5))),
        {},
        {"size": 3, "scale_factor": 2},
    )
    for more in (
        *({"mode": mode} for mode in _MODES),
        {},
        {"mode": "bilinear", "align_corners": True},
        {"mode": "nearest", "align_corners": False},
        {"mode": "bicubic", "antialias": True},
        {"mode": "nearest", "antialias": True},
        {"recompute_scale_factor": True},
    )
]
CASES["interpolate"] += [
    {"input": Tensor((2, 4, 6, 6), x.dtype), "size": 3, "mode": mode}
    for x in KINDS
    for mode in ("nearest", "bilinear", "area")
]
CASES["pad"] = [
    {"input": x, "pad": pad, **more}
    for x in [*EVERY, Tensor((4, 5))]
    for pad in [
        (1, 1),
        (1, 2, 0, 3),
        (1,),
        (-1, 0),
        (-3, -3),
        (5, 0),
        (6, 0),
        (1, 1, 1, 1, 1, 1),
        (),
    ]
    for more in (
        {},
        {"value": 1.5},
        *({"mode": mode} for mode in ("reflect", "replicate", "circular", "mirror")),
        {"mode": "reflect", "value": 1.0},
    )
]
CASES["pad"] += [
    {"input": x, "pad": pad, "value": value}
    for x in KINDS
    for pad in ((1, 2), (0, -1))
    for value in (-1, -0.5, 2, 300, 1e6)
]
_FACTORS = (1, 2, 3, 0, -1)
_SHUFFLES = [*RANKS, Tensor((2, 8, 3, 4)), Tensor((4, 6, 6)), Tensor((2, 9, 6, 6))]
_SHUFFLES += [Tensor((2, 4, 4, 4), x.dtype) for x in KINDS]
CASES["pixel_shuffle"] = [{"input": x, "upscale_factor": n} for x in _SHUFFLES for n in _FACTORS]
CASES["pixel_unshuffle"] = [
    {"input": x, "downscale_factor": n} for x in _SHUFFLES for n in _FACTORS
]
CASES["channel_shuffle"] = [{"input": x, "groups": n} for x in _SHUFFLES for n in _FACTORS]
_WINDOWS: dict[str, list[Any]] = {
    "dilation": [1, 2, (1, 2), 0],
    "padding": [0, 1, (0, 1), -1],
    "stride": [1, 2, (2, 1), 0],
}
_IMAGES = [{"input": x} for x in [*EVERY, Tensor((2, 4, 6, 6)), Tensor((4, 5, 6))]]
CASES["unfold"] = list(grid(*_with(_IMAGES, kernel_size=2), **_WINDOWS))
CASES["unfold"] += [{**each, "kernel_size": size} for each in _IMAGES for size in (1, 3, (2, 3), 9)]
_COLUMNS = [
    {"input": Tensor(shape), "output_size": size, "kernel_size": 2}
    for shape in [(2, 12, 12), (2, 12, 20), (12, 12), (2, 11, 12), (12,), (2, 4, 9), (1, 8, 4)]
    for size in [(4, 5), 4, (5, 6), 1, (5, 4)]
]
CASES["fold"] = list(grid(*_COLUMNS, **_WINDOWS))
CASES["fold"] += [
    {"input": Tensor((2, 4, 9), x.dtype), "output_size": 4, "kernel_size": 2} for x in KINDS
]
CASES["affine_grid"] = [
    {"theta": Tensor(theta), "size": size, **more}
    for theta in [(2, 2, 3), (2, 3, 4), (1, 2, 3), (2, 3), (2, 2, 2)]
    for size in [(2, 3, 4, 5), (2, 3, 4, 5, 6), (2, 3, 4), (1, 1, 1, 1), (2, 3, 0, 5)]
    for more in ({}, {"align_corners": True})
]
CASES["affine_grid"] += [{"theta": Tensor((2, 2, 3), x.dtype), "size": (2, 3, 4, 5)} for x in KINDS]
CASES["grid_sample"] = [
    {"input": Tensor(shape), "grid": Tensor(places), **more}
    for shape in [(2, 3, 4, 5), (2, 3, 4, 5, 6), (3, 4, 5), (1, 3, 4, 5)]
    for places in [(2, 7, 8, 2), (2, 7, 8, 9, 3), (2, 7, 8, 3), (1, 7, 8, 2), (7, 8, 2)]
    for more in (
        {},
        *({"mode": mode} for mode in ("nearest", "bicubic", "linear")),
        *({"padding_mode": mode} for mode in ("border", "reflection", "reflect")),
        {"align_corners": True},
    )
]
CASES["grid_sample"] += [
    {"input": Tensor((2, 3, 4, 5), x.dtype), "grid": Tensor((2, 7, 8, 2), y)}
    for x in KINDS
    for y in ("float32", "float64", x.dtype)
]
