"""The calls of layers that torch takes and the catalogue refuses."""

from typing import Any

import torch

from netspec.catalogue.layer import Layer
from netspec.catalogue.loss_layers import LossLayer
from netspec.catalogue.signature import MISSING
from netspec.tensor import COMPLEX, FLOATING, INTEGER, Tensor
from tests.oracle.comparison import Call
from tests.oracle.excuses import Excuse, Given, functions, holding

OTHER_FLOATS = FLOATING - {"float32"}

EMPTY = Excuse("a layer that leaves no elements is a mistake", lambda _: True)


def excuses(layer: type[Layer], call: Call, output: Any) -> list[Excuse]:
    """The reasons for which the catalogue refuses what torch makes `output` of."""
    first = output if isinstance(output, torch.Tensor) else output[0]
    if isinstance(first, torch.Tensor) and first.numel() == 0:
        return [EMPTY]
    if issubclass(layer, LossLayer):
        return functions.excuses(layer.rule.name, _of_function(layer, call))
    name = layer.__name__
    known = functions.EXCUSES[FUNCTIONS[name]] if name in FUNCTIONS else LAYERS.get(name, ())
    return holding(known, _complete(layer, call))


def _complete(layer: type[Layer], call: Call) -> Given:
    """All arguments, and what flows in by name, the first by `input` too."""
    fields = layer.fields()
    defaults = {key: f.default for key, f in fields.items() if f.default is not MISSING}
    names = (*layer.takes, *layer.may_take)
    inputs = dict(zip(names, call.inputs, strict=False))
    return {**defaults, **call.arguments, "input": call.inputs[0], **inputs, **call.named}


def _of_function(layer: type[LossLayer], call: Call) -> Given:
    """The call of the function that a loss is."""
    given: dict[str, Any] = {
        key: Tensor((len(value),)) if layer.fields()[key].numbers and value else value
        for key, value in call.arguments.items()
    }
    inputs = list(call.inputs)
    if "num_classes" in given:
        x = inputs[0]
        assert isinstance(x, Tensor)
        classes = (given.pop("num_classes"), *given.pop("out_features", ()))
        given.pop("bias", None)
        inputs.insert(1, Tensor((*classes, x.shape[-1])))
    return {**given, **dict(zip(layer.rule.fields(), inputs, strict=False))}


def _without_weights(*arguments: str) -> Excuse:
    return Excuse(
        "torch takes other dtypes than that of the weights where it has none",
        lambda g: not any(g[name] for name in arguments) and g["input"].dtype in OTHER_FLOATS,
    )


def _half_by_weights(*arguments: str) -> Excuse:
    return Excuse(
        "torch scales half precision by weights of float32 in norms, and in no other layers",
        lambda g: any(g[name] for name in arguments) and g["input"].dtype in functions.HALF,
    )


def _takes(reason: str, dtypes: frozenset[str]) -> Excuse:
    return Excuse(reason, lambda g: g["input"].dtype in dtypes)


def _number(name: str, value: Any) -> Any:
    """Whether an argument is a number, or has one among others."""
    return lambda g: value in (g[name] if isinstance(g[name], tuple) else (g[name],))


def _converts_cell(g: Given) -> bool:
    """Whether h has the dtype of the input, and c another."""
    if g.get("hx") is None:
        return False
    h, c = g["hx"]
    dtype = g["input"].dtype
    return h.dtype == dtype != c.dtype


def _guesses_features(g: Given) -> bool:
    features = g["input"].shape[-1]
    return bool(features // g["div_value"] ** len(g["cutoffs"]) < 1)


_GUESS = Excuse(
    "torch guesses `dim` of a softmax, with a warning that this will end",
    lambda g: g["dim"] is None,
)
_NO_FACTOR = Excuse(
    "torch takes a factor of 0 for none",
    lambda g: g["size"] is not None and g["scale_factor"] == 0,
)
_BATCH_NORM = (
    _without_weights("affine", "track_running_stats"),
    _half_by_weights("affine", "track_running_stats"),
)
_INSTANCE_NORM = (
    _without_weights("affine"),  # running means are converted
    _half_by_weights("affine"),
    Excuse(
        "an `eps` that is not positive divides by 0 where all are equal", lambda g: g["eps"] <= 0
    ),
)
_PADS = (Excuse(functions.NOTHING_PADDED, lambda g: functions.nothing_padded(g["padding"], g)),)
_BYTES = _takes("only CPUs resize bytes", frozenset({"uint8"}))

LAYERS: dict[str, tuple[Excuse, ...]] = {
    **dict.fromkeys(("Softmax", "Softmin", "LogSoftmax"), (_GUESS,)),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"), _BATCH_NORM),
    **{f"InstanceNorm{n}d": _INSTANCE_NORM for n in (1, 2, 3)},
    "FractionalMaxPool2d": (Excuse("torch takes windows of nothing", _number("kernel_size", 0)),),
    **dict.fromkeys(("Upsample", "UpsamplingBilinear2d"), (_NO_FACTOR, _BYTES)),
    "UpsamplingNearest2d": (
        _NO_FACTOR,
        _BYTES,
        Excuse("it resizes signals and volumes, too", lambda g: g["input"].rank != 4),
    ),
    **{f"ConstantPad{n}d": _PADS for n in (1, 2, 3)},
    "GroupNorm": (_without_weights("affine"), _half_by_weights("affine")),
    "LayerNorm": (
        _without_weights("elementwise_affine"),
        _half_by_weights("elementwise_affine"),
    ),
    "RMSNorm": (_takes("torch rounds weights without a word", OTHER_FLOATS | COMPLEX),),
    "Hardtanh": (_takes("only CPUs clamp integers", INTEGER),),
    "CrossMapLRN2d": (
        Excuse("torch takes no neighbours at all", lambda g: g["size"] <= 0),
        _takes("torch takes the squares of complex numbers, not of their moduli", COMPLEX),
    ),
    "EmbeddingBag": (
        Excuse(
            "torch does not look at their dtype where there are no weights",
            lambda g: (
                g.get("offsets") is not None
                and g["offsets"].dtype not in ("int32", "int64")
                and g.get("per_sample_weights") is None
            ),
        ),
    ),
    "AdaptiveLogSoftmaxWithLoss": (
        Excuse(
            "a range of classes that is told apart by no features can only be guessed",
            _guesses_features,
        ),
    ),
    "LSTM": (
        Excuse(
            "where the state is projected, torch converts the dtype of c, but not that of h",
            lambda g: g["proj_size"] > 0 and _converts_cell(g),
        ),
    ),
    "LSTMCell": (Excuse("torch converts the dtype of c, but not that of h", _converts_cell),),
}

# Those that are what a function is, with the same names of arguments.
FUNCTIONS: dict[str, str] = {
    "Dropout": "dropout",
    "AlphaDropout": "alpha_dropout",
    "FeatureAlphaDropout": "feature_alpha_dropout",
    "LocalResponseNorm": "local_response_norm",
    "Threshold": "threshold",
    **{f"Dropout{n}d": f"dropout{n}d" for n in (1, 2, 3)},
    **{f"AvgPool{n}d": f"avg_pool{n}d" for n in (1, 2, 3)},
    **{f"MaxPool{n}d": f"max_pool{n}d" for n in (1, 2, 3)},
    **{f"LPPool{n}d": f"lp_pool{n}d" for n in (1, 2, 3)},
    **{f"AdaptiveAvgPool{n}d": f"adaptive_avg_pool{n}d" for n in (1, 2, 3)},
}
