"""Move weights from one net into another that differs from it in places."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from netspec.table import align
from netspec.tensor import write_shape


class Difference(NamedTuple):
    """A tensor that both nets have under one name, in two shapes."""

    name: str
    old: tuple[int, ...]
    new: tuple[int, ...]


class Transfer(NamedTuple):
    """What a transfer did: names as in a `state_dict`, in the order of the new net.

    `moved`: tensors of the new net that have the old values. The rest kept theirs: `differing` have
    another shape in the old net, `missing` are not in it. `unused`: tensors of the old net that the
    new one does not have.
    """

    moved: tuple[str, ...]
    differing: tuple[Difference, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        total = len(self.moved) + len(self.differing) + len(self.missing)
        lines = [f"moved {len(self.moved)} of {total} tensors"]
        if self.differing:
            rows = [(d.name, write_shape(d.old), "->", write_shape(d.new)) for d in self.differing]
            lines += ["other shapes, kept as they were:", *_indented(align(rows))]
        if self.missing:
            lines += ["not in the old net, kept as they were:", *_indented(self.missing)]
        if self.unused:
            lines += ["not in the new net:", *_indented(self.unused)]
        return "\n".join(lines)


def transfer(old: nn.Module | Mapping[str, Tensor], new: nn.Module, /) -> Transfer:
    """Copy into `new` each parameter and buffer that `old` has under the same name and shape.

    Values go to the device and the dtype that `new` has them in. `old` may be a `state_dict`.

    Raises:
        TypeError: if `old` or `new` is something else, or the values of `old` are no tensors.
        ValueError: if `old` has no values, since it lives on "meta".
    """
    if not isinstance(new, nn.Module):
        raise TypeError(f"weights go into an nn.Module, found {type(new).__name__}")
    given = old.state_dict() if isinstance(old, nn.Module) else old
    _require_values(given)
    own = new.state_dict()
    both = [name for name in own if name in given]
    fitting = {name: None for name in both if given[name].shape == own[name].shape}
    with torch.no_grad():
        for name in fitting:
            own[name].copy_(given[name])
    return Transfer(
        tuple(fitting),
        tuple(
            Difference(name, tuple(given[name].shape), tuple(own[name].shape))
            for name in both
            if name not in fitting
        ),
        tuple(name for name in own if name not in given),
        tuple(name for name in given if name not in own),
    )


def _require_values(given: object) -> None:
    if not isinstance(given, Mapping):
        found = type(given).__name__
        raise TypeError(f"weights come from an nn.Module or a state_dict, found {found}")
    for name, value in given.items():
        if not isinstance(value, Tensor):
            raise TypeError(
                f"`{name}` is a {type(value).__name__}, not a tensor: "
                'of a checkpoint, the weights alone are wanted, `checkpoint["model"]`, say'
            )
        if value.is_meta:
            raise ValueError(f'`{name}` has no values: the old net lives on "meta"')


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]
