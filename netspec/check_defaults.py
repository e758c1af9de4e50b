"""Check the defaults of parameters that are blocks: they stand by themselves."""

from collections.abc import Collection

from netspec import syntax as s
from netspec.catalogue import ALIASES, FUNCTIONS, RANK_OPEN
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.evaluate import BUILTINS
from netspec.lazy import report_lazy
from netspec.tensor import DTYPES
from netspec.visit import names_in


def check_block_defaults(block: s.Block, modules: Collection[str], found: Diagnostics) -> None:
    """Report names in such a default that are neither layers nor blocks; `modules`: the blocks.

    It is read where the block is used, whose names are none of its business.
    """
    for parameter in block.parameters:
        if parameter.default is not None and parameter.type and parameter.type.id == "block":
            for name in strange_names(parameter.default, modules):
                if not report_lazy(name, found, parameter.default):
                    _report(name, parameter.name.id, block, modules, found)


def strange_names(default: s.Expression, modules: Collection[str]) -> list[s.Name]:
    """The names in a default that stand for no layer and no block, and for nothing else there."""
    known = (modules, ALIASES, RANK_OPEN, FUNCTIONS, BUILTINS, DTYPES)
    return [name for name in names_in(default) if not any(name.id in names for names in known)]


def _report(
    name: s.Name, parameter: str, block: s.Block, modules: Collection[str], found: Diagnostics
) -> None:
    own = name.id in {other.name.id for other in block.parameters}
    near = did_you_mean(name.id, [*modules, *ALIASES, *RANK_OPEN])
    if name.id[:1].isupper() and not own:
        found.add(
            "unknown-layer",
            f"unknown layer `{name.id}`",
            name.span,
            label=f"in the default of `{parameter}`",
            help=near or "layers have the names of torch.nn, as in `Conv2d`, `Linear`, `ReLU`",
        )
        return
    found.add(
        "unknown-name",
        f"the default of `{parameter}` cannot speak of `{name.id}`",
        name.span,
        label="a parameter, whose value each use decides" if own else "not defined here",
        help=f"write a number, or hand the block on where `{block.name.id}` is used",
    )
