"""What torch has and the catalogue has not, by namespace, each with the reason."""

from collections.abc import Mapping

_HERE = "serves torch itself"
_BASE = "the base of others"
_WEIGHTS = "has weights: the layer of the same name makes them"
_INDICES = "is return_indices=True"
_LAYERS = "has arguments that only the layer of the same name offers"
_GPU = "multiplies formats of one GPU"
_STATISTICS = "has running statistics: BatchNorm2d keeps them"
_OLD = "is now `interpolate`"

LEFT_OUT: Mapping[str, Mapping[str, str]] = {
    "torch.nn": {
        "Module": _BASE,
        "RNNBase": _BASE,
        "RNNCellBase": _BASE,
        "Container": "deprecated, a Module",
        "Sequential": "written `->`",
        "ModuleList": "written `for`, `repeat` or `layer`",
        "ModuleDict": "written `layer`",
        "ParameterList": "written `parameter`",
        "ParameterDict": "written `parameter`",
        "Parameter": "written `parameter`",
        "Buffer": "a tensor of a module; layers that have some make them",
        "UninitializedParameter": "for lazy modules: netspec infers sizes before it builds",
        "UninitializedBuffer": "for lazy modules: netspec infers sizes before it builds",
        "DataParallel": "wraps a whole net while training",
        "NLLLoss2d": "deprecated: NLLLoss",
        "LinearCrossEntropyOptions": "how torch cuts the work of one loss into pieces",
        "factory_kwargs": _HERE,
    },
    "torch.nn.functional": {
        **dict.fromkeys((f"conv{n}d" for n in (1, 2, 3)), _WEIGHTS),
        **dict.fromkeys((f"conv_transpose{n}d" for n in (1, 2, 3)), _WEIGHTS),
        **dict.fromkeys(("bilinear", "embedding_bag", "multi_head_attention_forward"), _WEIGHTS),
        "conv_tbc": "is Conv1d over a sequence, and has weights",
        **dict.fromkeys((f"max_pool{n}d_with_indices" for n in (1, 2, 3)), _INDICES),
        **dict.fromkeys((f"adaptive_max_pool{n}d_with_indices" for n in (1, 2, 3)), _INDICES),
        **dict.fromkeys((f"fractional_max_pool{n}d" for n in (2, 3)), _LAYERS),
        **dict.fromkeys((f"fractional_max_pool{n}d_with_indices" for n in (2, 3)), _INDICES),
        **dict.fromkeys((f"max_unpool{n}d" for n in (1, 2, 3)), _LAYERS),
        **dict.fromkeys(("upsample", "upsample_bilinear", "upsample_nearest"), _OLD),
        **dict.fromkeys(("grouped_mm", "scaled_grouped_mm", "scaled_mm"), _GPU),
        "batch_norm": _STATISTICS,
        "native_channel_shuffle": "is `channel_shuffle`",
        "assert_int_or_pair": _HERE,
        "boolean_dispatch": _HERE,
        "handle_torch_function": _HERE,
        "has_torch_function": _HERE,
        "has_torch_function_unary": _HERE,
        "has_torch_function_variadic": _HERE,
        "ScalingType": "of scaled_mm",
        "SwizzleType": "of scaled_mm",
        "Tensor": "a type, not a function",
    },
    "torch.nn.init": {
        "calculate_gain": "a number for `gain`, not a scheme",
        "Tensor": "a type, not a scheme",
    },
    "torch.optim": {
        "Optimizer": _BASE,
        "swap_in_optimizer_params_and_state": _HERE,
    },
    "torch.optim.lr_scheduler": {
        "LRScheduler": _BASE,
        "Optimizer": "of torch.optim",
        "Tensor": "a type, not a scheduler",
    },
    "torch.optim.swa_utils": {
        "AveragedModel": "the settings `ema` and `swa` of a train section",
        "update_bn": "what `swa` does at its end",
        **dict.fromkeys(
            ("get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn"),
            "what `ema` and `swa` average with",
        ),
        **dict.fromkeys(("LRScheduler", "Module", "Tensor"), "of torch"),
    },
    "torch.nn.utils.parametrizations": {
        "Module": "of torch.nn",
        "Tensor": "a type, not a parametrization",
    },
}
