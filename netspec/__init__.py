"""netspec: a language for neural networks that compiles to readable, standalone PyTorch."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netspec.bounds import Limits, limits
    from netspec.diagnostic import Diagnostic, SpecError
    from netspec.layers import InferredInt, Layer, Misfit, PositiveInt
    from netspec.moving import Transfer as Transfer
    from netspec.moving import transfer as transfer
    from netspec.run_error import RunError as RunError
    from netspec.spec import Spec, load, loads
    from netspec.summary import Summary
    from netspec.trainer import Trainer as Trainer

__all__ = [
    "Diagnostic",
    "InferredInt",
    "Layer",
    "Limits",
    "Misfit",
    "PositiveInt",
    "RunError",
    "Spec",
    "SpecError",
    "Summary",
    "Trainer",
    "Transfer",
    "__version__",
    "limits",
    "load",
    "loads",
    "transfer",
]
__version__ = "0.1.0"

_HOMES = {
    "Diagnostic": "netspec.diagnostic",
    "InferredInt": "netspec.layers",
    "Layer": "netspec.layers",
    "Limits": "netspec.bounds",
    "Misfit": "netspec.layers",
    "PositiveInt": "netspec.layers",
    "RunError": "netspec.run_error",
    "Spec": "netspec.spec",
    "SpecError": "netspec.diagnostic",
    "Summary": "netspec.summary",
    "Trainer": "netspec.trainer",
    "Transfer": "netspec.moving",
    "limits": "netspec.bounds",
    "load": "netspec.spec",
    "loads": "netspec.spec",
    "transfer": "netspec.moving",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: `netspec --help` needs none of it."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
