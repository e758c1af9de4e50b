"""Losses: each shape that fits and those beside it, dtypes, weights, all arguments.

Tensors are ones, which are probabilities, signs, lengths, and labels of two classes or more.
"""

from itertools import product
from typing import Any

from netspec.tensor import Tensor
from tests.oracle.calls import grid
from tests.oracle.cases.shapes import KINDS

Calls = list[dict[str, Any]]

N, C, T = 3, 4, 5
_EACH = [(), (C,), (N, C), (1, C), (N, 1), (N, C, T), (2, N, C, T)]
_ONE = (N, C)
_WEIGHTS = [
    None,
    *map(Tensor, [(), (1,), (C,), (N,), (N, C), (1, C), (N, 1), (2, N, C), (N, C, 1)]),
]
_REDUCTIONS = ["none", "sum", "mean", "batchmean", "max"]
_NUMBERS = [0, 0.5, 1, 2, -1.0, 1.5]
_FLAGS = [True, False]


def _pairs(a: str, b: str, **more: Any) -> Calls:
    """Two tensors of shapes and dtypes that go together, and others, with and without a mean."""
    shapes = [(Tensor(x), Tensor(y)) for x in _EACH for y in _EACH]
    kinds = [(Tensor(_ONE, x.dtype), Tensor(_ONE, y.dtype)) for x in KINDS for y in KINDS]
    return [
        {a: x, b: y, **more, **reduction}
        for x, y in shapes + kinds
        for reduction in ({}, {"reduction": "none"})
    ]


def _numbers(**pools: list[Any]) -> Calls:
    both = {"input": Tensor(_ONE), "target": Tensor(_ONE)}
    weights = {name: pool for name, pool in pools.items() if "weight" in name}
    dtypes = [
        {**both, name: Tensor(_ONE, x.dtype), **more}
        for name in weights
        for x in KINDS
        for more in ({}, {"reduction": "none"})
    ]
    each = list(grid(both, reduction=_REDUCTIONS, **pools))
    unreduced = list(grid({**both, "reduction": "none"}, **pools))
    return _pairs("input", "target") + each + unreduced + dtypes


CASES: dict[str, Calls] = {
    "mse_loss": _numbers(weight=_WEIGHTS),
    "l1_loss": _numbers(weight=_WEIGHTS),
    "smooth_l1_loss": _numbers(beta=_NUMBERS),
    "huber_loss": _numbers(delta=_NUMBERS, weight=_WEIGHTS),
    "binary_cross_entropy": _numbers(weight=_WEIGHTS),
    "binary_cross_entropy_with_logits": _numbers(weight=_WEIGHTS, pos_weight=_WEIGHTS),
    "kl_div": _numbers(log_target=_FLAGS),
    "poisson_nll_loss": _numbers(log_input=_FLAGS, full=_FLAGS, eps=_NUMBERS),
    "hinge_embedding_loss": _numbers(margin=_NUMBERS),
    "soft_margin_loss": _numbers(),
    "multilabel_soft_margin_loss": _numbers(weight=_WEIGHTS),
}

_VARIANCES = [Tensor(s) for s in [*_EACH, (N,), (N, C, 1), (N, 1, T), (1, 1), (N, T)]]
_VARIANCES += [Tensor(_ONE, x.dtype) for x in KINDS]
CASES["gaussian_nll_loss"] = [
    {**given, "var": var, **more}
    for given, var in product(
        ({"input": Tensor(s), "target": Tensor(s)} for s in _EACH), [*_VARIANCES, 1.0, 0.0, 1, -1.0]
    )
    for more in ({"reduction": "none"}, {"eps": 0.1, "full": True})
] + [{**given, "var": Tensor(_ONE)} for given in _pairs("input", "target")]

_OUTPUTS = [(), (C,), (N, C), (1, C), (N, C, T), (N, C, T, 2), (N, C, 2, T, 2)]
_LABELS = [
    (),
    (1,),
    (N,),
    (C,),
    (N, C),
    (N, 1),
    (N, T),
    (N, T, 2),
    (N, 2, T, 2),
    (N, C, T),
    (N, T, C),
]
_LABELLED: Calls = [
    {"input": Tensor(x), "target": Tensor(y, dtype), **more}
    for x in _OUTPUTS
    for y in _LABELS
    for dtype in ("int64", "float32")
    for more in ({}, {"reduction": "none"})
] + [
    {"input": Tensor((N, C), x.dtype), "target": Tensor(shape, y.dtype), "reduction": "none"}
    for x in KINDS
    for y in KINDS
    for shape in [(N,), (N, C)]
]
_CLASSES = {"input": Tensor((N, C)), "target": Tensor((N,), "int64")}
_LIKELY = {"input": Tensor((N, C)), "target": Tensor((N, C))}
_WEIGHED = [*_WEIGHTS, *(Tensor((C,), x.dtype) for x in KINDS)]
_IGNORED = [-100, 1, -1, 0]
_SMOOTHING = [0.0, 0.1, 1, 1.5, -0.5]

CASES["cross_entropy"] = _LABELLED + list(
    grid(
        _CLASSES,
        _LIKELY,
        {"input": Tensor((C,)), "target": Tensor((), "int64")},
        {"input": Tensor((N, C, T)), "target": Tensor((N, T), "int64"), "reduction": "none"},
        weight=_WEIGHED,
        ignore_index=_IGNORED,
        reduction=_REDUCTIONS,
        label_smoothing=_SMOOTHING,
    )
)
CASES["nll_loss"] = _LABELLED + list(
    grid(
        _CLASSES,
        {"input": Tensor((N, C, T)), "target": Tensor((N, T), "int64"), "reduction": "none"},
        weight=_WEIGHED,
        ignore_index=_IGNORED,
        reduction=_REDUCTIONS,
    )
)
CASES["multi_margin_loss"] = _LABELLED + list(
    grid(_CLASSES, p=[1, 2, 3, 0], margin=_NUMBERS, weight=_WEIGHED, reduction=_REDUCTIONS)
)
CASES["multilabel_margin_loss"] = _LABELLED + list(
    grid(
        *(
            {"input": Tensor(shape, dtype), "target": Tensor(shape, "int64")}
            for shape in [(C,), (N, C), (1, C), (2, T), (T, 2)]
            for dtype in ("float32", "float64")
        ),
        reduction=_REDUCTIONS,
    )
)

_F = 6
_LINEAR = {
    "input": Tensor((N, _F)),
    "linear_weight": Tensor((C, _F)),
    "target": Tensor((N,), "int64"),
}
CASES["linear_cross_entropy"] = [
    {"input": Tensor(x), "linear_weight": Tensor(w), "target": Tensor(y, dtype), **more}
    for x in [(), (_F,), (N, _F), (N, C), (N, 2, _F)]
    for w in [(_F,), (C, _F), (C, T, _F), (C, 2, T, _F)]
    for y in [(), (C,), (N,), (N, C), (N, T), (N, C, T), (N, 2, T)]
    for dtype in ("int64", "float32")
    for more in ({}, {"reduction": "none"})
]
CASES["linear_cross_entropy"] += grid(
    _LINEAR,
    {**_LINEAR, "target": Tensor((N, C))},
    {**_LINEAR, "linear_weight": Tensor((C, T, _F)), "target": Tensor((N, T), "int64")},
    linear_bias=[None, *map(Tensor, [(C,), (1,), (N,), (), (C, T)]), Tensor((C,), "float64")],
    weight=_WEIGHED,
    reduction=_REDUCTIONS,
    ignore_index=[None, *_IGNORED],
    label_smoothing=_SMOOTHING,
    options=[None],
)
CASES["linear_cross_entropy"] += [
    {**_LINEAR, "input": Tensor((N, _F), x.dtype), "linear_weight": Tensor((C, _F), y.dtype)}
    for x in KINDS
    for y in KINDS
] + [
    {"input": Tensor((1, _F)), "linear_weight": Tensor((C, _F)), "target": Tensor((1,), "int64")},
    *({**_LINEAR, "target": Tensor((N,), x.dtype)} for x in KINDS),
]

_CTC = {
    "log_probs": Tensor((T, N, C)),
    "targets": Tensor((N, 2), "int64"),
    "input_lengths": Tensor((N,), "int64"),
    "target_lengths": Tensor((N,), "int64"),
}
CASES["ctc_loss"] = [
    {
        "log_probs": Tensor(x),
        "targets": Tensor(y, "int64"),
        "input_lengths": Tensor(lengths, "int64"),
        "target_lengths": Tensor(others, "int64"),
        "reduction": reduction,
    }
    for x in [(T,), (T, C), (T, N, C), (T, 1, C), (2, T, N, C)]
    for y in [(), (1,), (N,), (N, 2), (N, 1), (2, 2), (1, 2), (N, 2, 1)]
    for lengths, others in [((), ()), ((N,), (N,)), ((1,), (1,)), ((N,), ()), ((2,), (N,))]
    for reduction in ("none", "mean")
    # Targets in a row are as many as the lengths, all 1, add up to: what torch sees in the values.
    if len(y) != 1 or y == x[1:-1] or (y == (1,) and len(x) == 2)
]
CASES["ctc_loss"] += grid(_CTC, blank=[0, 3, C, -1], reduction=_REDUCTIONS, zero_infinity=_FLAGS)
CASES["ctc_loss"] += [
    {**_CTC, name: Tensor(given.shape, x.dtype)} for name, given in _CTC.items() for x in KINDS
]

_SIGNS = [(), (1,), (N,), (C,), (N, 1), (N, C)]
CASES["cosine_embedding_loss"] = [
    {"input1": Tensor(x), "input2": Tensor(y), "target": Tensor(z), **more}
    for x in [(), (C,), (N, C), (2, N, C)]
    for y in [(), (C,), (N, C), (1, C)]
    for z in _SIGNS
    for more in ({}, {"reduction": "none"})
]
CASES["cosine_embedding_loss"] += [
    {**given, "target": Tensor((N,), "int64")} for given in _pairs("input1", "input2")
]
CASES["cosine_embedding_loss"] += [
    {"input1": Tensor(_ONE), "input2": Tensor(_ONE), "target": Tensor((N,), x.dtype), **more}
    for x in KINDS
    for more in ({}, {"reduction": "none"}, {"margin": 0.5})
]
CASES["margin_ranking_loss"] = [
    {**given, "target": target}
    for given in _pairs("input1", "input2")
    for target in (Tensor(_ONE), Tensor((N, 1)), Tensor(_ONE, "int64"), given["input1"])
]
CASES["margin_ranking_loss"] += grid(
    {"input1": Tensor(_ONE), "input2": Tensor(_ONE), "target": Tensor(_ONE)},
    target=[Tensor(_ONE, x.dtype) for x in KINDS],
    margin=_NUMBERS,
    reduction=_REDUCTIONS,
)

_TRIPLET = {name: Tensor(_ONE) for name in ("anchor", "positive", "negative")}
_TRIPLETS: Calls = [
    {**given, "negative": negative}
    for given in _pairs("anchor", "positive")
    for negative in (Tensor(_ONE), given["anchor"])
]
CASES["triplet_margin_loss"] = _TRIPLETS + list(
    grid(
        _TRIPLET,
        {**_TRIPLET, "reduction": "none"},
        margin=_NUMBERS,
        p=_NUMBERS,
        eps=_NUMBERS,
        swap=_FLAGS,
        reduction=_REDUCTIONS,
    )
)
CASES["triplet_margin_with_distance_loss"] = _TRIPLETS + list(
    grid(
        _TRIPLET,
        distance_function=[None, 1],
        margin=_NUMBERS,
        swap=_FLAGS,
        reduction=_REDUCTIONS,
    )
)
