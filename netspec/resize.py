"""Write the sizes of values otherwise: other formulas for names, another size at one place."""

from collections.abc import Callable, Mapping
from typing import Any

from netspec.dim import Dim, symbol
from netspec.flow import Bundle, Flow, Value, flows_in
from netspec.substitute import atoms, substitute
from netspec.symbol import Symbol
from netspec.tensor import Tensor


def resized(value: Value, change: Callable[[Dim], Dim]) -> Value:
    """A value with each of its sizes changed."""
    match value:
        case Flow():
            shape = tuple(change(dim) for dim in value.type.shape)
            return value._replace(type=Tensor(shape, value.type.dtype))
        case Bundle(items):
            return Bundle(tuple(resized(item, change) for item in items))
    return value


def substituted(value: Value, sizes: Mapping[str, Dim]) -> Value:
    """A value with other sizes in place of names."""
    return resized(value, lambda dim: substitute(dim, sizes))


def with_size(value: Value, place: int, axis: int, dim: Dim) -> Value:
    """A value with another size at one place: `axis` of its tensor number `place`."""
    if isinstance(value, Flow):
        shape = list(value.type.shape)
        shape[axis] = dim
        return value._replace(type=Tensor(tuple(shape), value.type.dtype))
    if isinstance(value, Bundle):
        items = list(value.items)
        for number, item in enumerate(items):
            count = len(flows_in(item))
            if place < count:
                items[number] = with_size(item, place, axis, dim)
                break
            place -= count
        return Bundle(tuple(items))
    return value


def forget_examples(kind: Any) -> Any:
    """A type without the example values of its names."""
    if isinstance(kind, Tensor):
        return Tensor(tuple(_forget(dim) for dim in kind.shape), kind.dtype)
    if isinstance(kind, tuple):
        return tuple(forget_examples(part) for part in kind)
    return kind


def _forget(dim: Dim) -> Dim:
    names = {
        atom.name: symbol(atom.name, None, atom.frame)
        for atom in atoms(dim)
        if isinstance(atom, Symbol)
    }
    return substitute(dim, names)
