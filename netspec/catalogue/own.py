"""Turn what goes wrong in the rules of a layer that a user has registered into a misfit."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from netspec.bounds import TooComplex
from netspec.dim import Expression
from netspec.misfit import Misfit
from netspec.tensor import DTYPES, Tensor, Type

if TYPE_CHECKING:
    from netspec.catalogue.layer import Layer


@contextmanager
def rules_of(layer: "Layer") -> Iterator[None]:
    """While this lasts, whatever the layer's own code raises becomes a misfit that says where.

    Raises:
        Misfit: in place of any other exception.
    """
    try:
        yield
    except (Misfit, TooComplex):
        raise
    except Exception as error:
        words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise Misfit(
            f"the description of `{type(layer).__name__}` raises {words}",
            label=place_of(error.__traceback__) or "netspec cannot tell what comes out of it",
            help=f"correct the class `{type(layer).__name__}` in `{type(layer).__module__}`",
            code="layer-fails",
        ) from error


def place_of(traceback: TracebackType | None) -> str:
    """The innermost line outside of netspec that an exception came through."""
    place = ""
    while traceback is not None:
        frame = traceback.tb_frame
        module = str(frame.f_globals.get("__name__"))
        if module.partition(".")[0] not in ("netspec", "importlib"):
            code = frame.f_code
            place = f"raised by `{code.co_name}`, line {traceback.tb_lineno} of "
            place += Path(code.co_filename).name
        traceback = traceback.tb_next
    return place


def require_inferred(layer: "Layer", inferred: object) -> None:
    """Refuse what `infer` returns where it is not one size for each inferred argument.

    Raises:
        TypeError: saying what it is.
    """
    wanted = [field.name for field in layer.fields().values() if field.inferred]
    if not isinstance(inferred, Mapping) or sorted(inferred) != sorted(wanted):
        found = sorted(inferred) if isinstance(inferred, Mapping) else inferred
        raise TypeError(f"`infer` must give a size for each of {wanted}, found {found}")
    for name, dim in inferred.items():
        if not _is_size(dim):
            raise TypeError(f"`infer` must give a size for `{name}`, found {dim!r}")


def require_outcome(layer: "Layer", bound: tuple[Type | None, ...], output: object) -> None:
    """Refuse an output that is no type, parameters and buffers without shapes, MACs that are none.

    Raises:
        TypeError: saying what it is.
    """
    if not _is_type(output):
        raise TypeError(f"`output` must give a Tensor, or a tuple of them, found {output!r}")
    for method, shapes in (("parameters", layer.parameters()), ("buffers", layer.buffers())):
        if not isinstance(shapes, Mapping):
            raise TypeError(f"`{method}` must give shapes by name, found {shapes!r}")
        for name, shape in shapes.items():
            if not isinstance(shape, tuple) or not all(map(_is_size, shape)):
                raise TypeError(f"`{method}` must give a tuple for `{name}`, found {shape!r}")
    macs = layer.macs(bound[0], output, *bound[1:])
    if not _is_size(macs):
        raise TypeError(f"`macs` must give a number, found {macs!r}")


def _is_size(value: object) -> bool:
    return isinstance(value, int | Expression) and not isinstance(value, bool)


def _is_type(value: object) -> bool:
    if isinstance(value, Tensor):
        sizes = isinstance(value.shape, tuple) and all(map(_is_size, value.shape))
        return sizes and value.dtype in DTYPES
    return isinstance(value, tuple) and bool(value) and all(map(_is_type, value))
