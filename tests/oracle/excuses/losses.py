"""The calls of losses that torch takes and the catalogue refuses."""

from netspec.tensor import COMPLEX, FLOATING
from tests.oracle.excuses import Excuse, Given


def _shapes_differ(first: str, *names: str) -> Excuse:
    return Excuse(
        "torch stretches one to the other",
        lambda g: any(g[name] is not None and g[name].shape != g[first].shape for name in names),
    )


def _has_no_fractions(*names: str) -> Excuse:
    return Excuse(
        "an output without fractions has no gradient",
        lambda g: any(g[name].dtype not in FLOATING | COMPLEX for name in names),
    )


def _is_complex_output(*names: str) -> Excuse:
    return Excuse(
        "torch takes complex outputs only where nothing looks at them",
        lambda g: any(g[name].dtype in COMPLEX for name in names),
    )


def _is_complex(name: str) -> Excuse:
    return Excuse(
        "a complex number is no target or weight",
        lambda g: g[name] is not None and g[name].dtype in COMPLEX,
    )


def _dtypes_differ(reason: str) -> Excuse:
    return Excuse(reason, lambda g: g["target"].dtype != g["input"].dtype)


def _is_likely(g: Given) -> bool:
    """Whether the target has probabilities."""
    rank = g["input"].rank + (g["linear_weight"].rank - 2 if "linear_weight" in g else 0)
    return g["target"].dtype in FLOATING and g["target"].rank == rank


def _other_weight_of_likely(g: Given) -> bool:
    return g["weight"] is not None and g["weight"].dtype != g["input"].dtype and _is_likely(g)


def _weight_of_two_dimensions(g: Given) -> bool:
    """Whether a weight is [1, C] where the output has more than two dimensions."""
    linear = g.get("linear_weight")
    many = linear.rank > 2 if linear is not None else g["input"].rank > 2
    classes = linear.shape[0] if linear is not None else g["input"].shape[1] if many else None
    return many and g["weight"] is not None and g["weight"].shape == (1, classes)


def _stretches_loss(g: Given) -> bool:
    """Whether the weight has more dimensions, or a size where the input has 1."""
    if g["weight"] is None:
        return False
    weight, shape = g["weight"].shape, g["input"].shape
    pairs = zip(weight[::-1], shape[::-1], strict=False)
    return len(weight) > len(shape) or any(a not in (1, b) for a, b in pairs)


def _lengths(g: Given) -> list[tuple[int, ...]]:
    return [g["input_lengths"].shape, g["target_lengths"].shape]


_NO_BATCH = "the batch is missing in the output; torch gives one loss or a tensor of one"
_LABEL_OF_NONE = Excuse(_NO_BATCH, lambda g: g["input"].rank == 1 and g["target"].shape == (1,))
_BYTES = Excuse(
    "torch takes labels of bytes in two dimensions only", lambda g: g["target"].dtype == "uint8"
)
_SMOOTHING = Excuse("torch takes a negative smoothing for none", lambda g: g["label_smoothing"] < 0)
_LIKELY = Excuse("torch lets weights have any dtype with probabilities", _other_weight_of_likely)
_ROW = Excuse("torch takes weights [1, C] in more than two dimensions", _weight_of_two_dimensions)
_TRUTH = Excuse(
    "of signs that are truth values torch cannot take the gradient",
    lambda g: g["target"].dtype == "bool",
)
_NO_DISTANCE = Excuse("the distance of two numbers", lambda g: g["anchor"].rank == 0)
_INPUT = (_has_no_fractions("input"), _is_complex_output("input"))
_TRIPLET = (
    _shapes_differ("anchor", "positive", "negative"),
    _has_no_fractions("anchor", "positive", "negative"),
    _is_complex_output("anchor", "positive", "negative"),
    _NO_DISTANCE,
)

LOSSES: dict[str, tuple[Excuse, ...]] = {
    "mse_loss": (
        _shapes_differ("input", "target", "weight"),
        _has_no_fractions("input"),
        _is_complex("weight"),
    ),
    "l1_loss": (
        _shapes_differ("input", "target", "weight"),
        _has_no_fractions("input"),
        _is_complex("weight"),
    ),
    "smooth_l1_loss": (_shapes_differ("input", "target"), _has_no_fractions("input")),
    "huber_loss": (
        _shapes_differ("input", "target", "weight"),
        _is_complex("weight"),
        _dtypes_differ("huber_loss has no gradient with another dtype"),
    ),
    "binary_cross_entropy_with_logits": (
        _dtypes_differ("the loss has the dtype of the target, however narrow"),
    ),
    "kl_div": (_shapes_differ("input", "target"),),
    "poisson_nll_loss": (_shapes_differ("input", "target"), *_INPUT, _is_complex("target")),
    "gaussian_nll_loss": (_shapes_differ("input", "target"), *_INPUT, _is_complex("target")),
    "hinge_embedding_loss": (
        _shapes_differ("input", "target"),
        _has_no_fractions("input"),
        _is_complex("target"),
    ),
    "soft_margin_loss": (
        _shapes_differ("input", "target"),
        _is_complex_output("input"),
        _TRUTH,
    ),
    "multilabel_soft_margin_loss": (
        _shapes_differ("input", "target"),
        _is_complex("target"),
        _is_complex("weight"),
        Excuse("torch stretches the loss to the weight", _stretches_loss),
    ),
    "cross_entropy": (_LABEL_OF_NONE, _BYTES, _SMOOTHING, _LIKELY, _ROW),
    "nll_loss": (_LABEL_OF_NONE, _BYTES, _ROW),
    "multi_margin_loss": (
        _LABEL_OF_NONE,
        Excuse(
            "the batch is missing in the label",
            lambda g: g["input"].rank == 2 and g["target"].rank == 0,
        ),
    ),
    "linear_cross_entropy": (_BYTES, _SMOOTHING, _LIKELY, _ROW),
    "ctc_loss": (
        Excuse(
            "torch turns any numbers into labels",
            lambda g: g["targets"].dtype not in ("int32", "int64"),
        ),
        Excuse(
            "torch takes lengths [1] for one sequence without a batch",
            lambda g: g["log_probs"].rank == 2 and (1,) in _lengths(g),
        ),
        Excuse(
            "torch takes one length for a batch of one",
            lambda g: g["log_probs"].shape[1:-1] == (1,) and () in _lengths(g),
        ),
        Excuse(
            "torch takes targets [1, S] for one sequence without a batch",
            lambda g: g["log_probs"].rank == 2 and g["targets"].rank == 2,
        ),
    ),
    "cosine_embedding_loss": (
        _shapes_differ("input1", "input2"),
        _has_no_fractions("input1", "input2"),
        _is_complex("target"),
        Excuse(
            "torch stretches one sign to all, or one pair to all signs",
            lambda g: g["target"].shape != g["input1"].shape[:-1],
        ),
    ),
    "margin_ranking_loss": (
        _shapes_differ("input1", "input2", "target"),
        _has_no_fractions("input1", "input2"),
    ),
    "triplet_margin_loss": (
        *_TRIPLET,
        Excuse("the number of differences has no gradient", lambda g: g["p"] <= 0),
    ),
    "triplet_margin_with_distance_loss": _TRIPLET,
}
