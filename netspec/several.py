"""What is said where one tensor is wanted, and what is there gives several by their names."""

from collections.abc import Collection
from typing import NamedTuple

from netspec.flow import Bundle, Outputs
from netspec.names import listing

_WIDEST = 40


class Several(NamedTuple):
    """The texts of a report."""

    message: str
    label: str
    help: str


def several(value: Bundle, wanted: str, taken: Collection[str]) -> Several | None:
    """What to say of a value where `wanted` takes one tensor; None where nothing is known of it.

    `taken`: names that stand for something else where it is said.
    """
    outputs = value.outputs
    if outputs is None:
        return None
    count = len(outputs.names)
    return Several(
        f"`{outputs.title}` gives {count} tensors, {listing(outputs.names)}, and {wanted} takes "
        "one",
        label=f"{count} tensors",
        help=f"take them apart first: {take_apart(outputs, taken)}",
    )


def take_apart(outputs: Outputs, taken: Collection[str]) -> str:
    """The line that names each output: `mean, logvar = E(image)`."""
    names = [f"{name}_" if name in taken else name for name in outputs.names]
    called = " ".join(outputs.written.split())
    if len(called) > _WIDEST:
        called = f"{outputs.title}(…)"
    if not called.endswith(")"):
        called = f"… -> {called}"
    return f"`{', '.join(names)} = {called}`"
