"""PyTorch is asked what it has: all of it is in the catalogue, or left out for a reason."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from torch import nn

from netspec.catalogue import FUNCTIONS, LAZY, families
from netspec.catalogue.signature import Signature
from tests.oracle.left_out import LEFT_OUT


def _entries(base: type[Signature] = Signature) -> Iterator[type[Signature]]:
    for entry in base.__subclasses__():
        yield entry
        yield from _entries(entry)


def _described(namespace: str) -> set[str]:
    """The names in a namespace of torch that entries of the catalogue describe."""
    families()
    homes = [entry.torch.rpartition(".") for entry in _entries()]
    names = {name for home, _, name in homes if home == namespace}
    return names | set(LAZY) if namespace == "torch.nn" else names


def _public(space: Any) -> dict[str, Any]:
    """What torch made for others to call: no modules, no values, nothing from outside torch.

    What does not say where it is from counts as torch's.
    """
    return {
        name: member
        for name in dir(space)
        if not name.startswith("_")
        and callable(member := getattr(space, name))
        and not inspect.ismodule(member)
        and str(getattr(member, "__module__", None) or "torch").partition(".")[0] == "torch"
    }


def _is_variant(name: str, public: dict[str, Any], have: set[str]) -> bool:
    """Whether it is what the catalogue has, in place (`relu_`), by another name or an older one."""
    in_place = name.removesuffix("_") if name.endswith("_") else f"{name}_"
    same = {other for other, member in public.items() if member is public[name]}
    return bool({in_place, *same} & have)


def what_is_wrong(namespace: str, space: Any) -> list[str]:
    """What torch has and neither the catalogue nor the list has, and what the list is wrong in."""
    public, reasons, described = _public(space), set(LEFT_OUT[namespace]), _described(namespace)
    # torch.softmax and torch.Tensor.softmax are torch.nn.functional.softmax, too
    have = described | set(FUNCTIONS) if namespace == "torch.nn.functional" else described
    known = have | reasons
    missing = {name for name in set(public) - known if not _is_variant(name, public, have)}
    return [
        *(f"{namespace} has {name}, which the catalogue lacks" for name in sorted(missing)),
        *(f"{name} is left out, and in the catalogue" for name in sorted(reasons & have)),
        *(f"{name} is left out, and not in {namespace}" for name in sorted(reasons - set(public))),
        *(
            f"the catalogue has {name}, {namespace} has not"
            for name in sorted(described - set(dir(space)))
        ),
    ]


@pytest.mark.parametrize("namespace", LEFT_OUT)
def test_all_of_torch_is_there_or_left_out_for_a_reason(namespace: str) -> None:
    assert what_is_wrong(namespace, import_module(namespace)) == []


class _Conv4d(nn.Module):
    """What a newer torch might add."""


def _like(space: Any) -> ModuleType:
    stand_in = ModuleType(space.__name__)
    stand_in.__dict__.update(vars(space))
    return stand_in


def test_a_newer_torch_shows_in_one_line() -> None:
    newer = _like(nn)
    _Conv4d.__module__ = "torch.nn.modules.conv"
    newer.Conv4d = _Conv4d  # type: ignore[attr-defined]
    wrong = what_is_wrong("torch.nn", newer)
    assert wrong == ["torch.nn has Conv4d, which the catalogue lacks"]


def test_a_function_that_does_not_say_where_it_is_from_shows_too() -> None:
    newer = _like(nn.functional)
    newer.swish_ = type("builtin", (), {"__call__": None, "__module__": None})()  # type: ignore[attr-defined]
    wrong = what_is_wrong("torch.nn.functional", newer)
    assert wrong == ["torch.nn.functional has swish_, which the catalogue lacks"]


def test_what_torch_takes_away_shows() -> None:
    newer = _like(nn)
    del newer.Container, newer.ReLU
    assert what_is_wrong("torch.nn", newer) == [
        "Container is left out, and not in torch.nn",
        "the catalogue has ReLU, torch.nn has not",
    ]


def test_an_alias_needs_no_entry() -> None:
    newer = _like(nn)
    newer.Rectifier = nn.ReLU  # type: ignore[attr-defined]
    assert what_is_wrong("torch.nn", newer) == []
