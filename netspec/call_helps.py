"""The ways out where a function or a layer is named, and not called as it should be."""

from collections.abc import Sequence

from netspec.catalogue import ALIASES, FUNCTIONS, LAYERS
from netspec.catalogue.functions.loss_function import LossFunction
from netspec.catalogue.loss_layers import LossLayer

_LONG = {"bce": "binarycrossentropy", "bcewithlogits": "binarycrossentropywithlogits"}


def call_of(name: str) -> str:
    """A function as it is called, with the arguments that it needs: `mse_loss(output, target)`."""
    function = FUNCTIONS[name]
    fields = function.fields()
    needed = [key for key in function.positional() if fields[key].required]
    first = "output" if issubclass(function, LossFunction) else "x"
    needed = [first if key == "input" else key for key in needed]
    return f"{name}({', '.join(needed)})"


def help_for_layer(title: str, written: Sequence[str], in_section: bool) -> str:
    """The way out where a layer is named for its value; `written`: tensors that it is given.

    Only a train section can call a layer that it makes: `MSELoss()(output, target)`.
    """
    known = LAYERS[ALIASES[title]] if title in ALIASES else None
    if known is None or not issubclass(known, LossLayer):
        first = f"({', '.join(written)})" if len(written) > 1 else "".join(written) or "x"
        return f"write `{first} -> {title}`"
    operands = ", ".join(written) or "output, target"
    called = f"{title}()({operands})" if in_section else f"({operands}) -> {title}"
    function = _function_like(title)
    return f"write `{function}({operands})` or `{called}`" if function else f"write `{called}`"


def _function_like(title: str) -> str:
    """The function that works out what a layer of a loss does; "" where there is none."""
    stem = title.lower().removesuffix("loss")
    wanted = _LONG.get(stem, stem)
    losses = [name for name, entry in FUNCTIONS.items() if issubclass(entry, LossFunction)]
    return next(
        (x for x in losses if x.replace("_", "").removesuffix("loss") == wanted),
        "",
    )
