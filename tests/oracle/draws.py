"""Arguments that Hypothesis draws for a signature: values that fit, and values that do not."""

import types
from collections.abc import Collection
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st

from netspec.catalogue.annotation import Described
from netspec.catalogue.signature import Signature

NUMBERS = (0, 0.0, 1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999, 1, 1.0, 1.2, 2.5, -0.5, -1)
COUNTS = (0, 1, 2, 3, 5, 8, 12, -1, -2)


def drawn(
    signature: type[Signature], without: Collection[str] = ()
) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments of a signature: those that it needs, and any of the others."""
    fields = [f for f in signature.fields().values() if f.name not in without]
    needed = {f.name: _values(f.annotation) for f in fields if f.required}
    others = {f.name: _values(f.annotation) for f in fields if not f.required}
    return st.fixed_dictionaries(needed, optional=others)


def _values(annotation: Any) -> st.SearchStrategy[Any]:
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation is int:
        return st.sampled_from(COUNTS)
    if annotation is float:
        return st.sampled_from(NUMBERS)
    if annotation is bool:
        return st.booleans()
    if annotation is type(None):
        return st.none()
    if origin is Annotated:
        return _values(parts[0])
    if origin is Literal:
        return st.sampled_from(parts)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(_values, parts))
    if origin is tuple and parts[-1] is ...:
        return st.lists(_values(parts[0]), max_size=4).map(tuple)
    if origin is tuple:
        return st.tuples(*map(_values, parts))
    assert not issubclass(annotation, Described), f"{annotation} is drawn elsewhere"
    raise TypeError(annotation)
