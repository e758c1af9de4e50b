"""Check the settings of a train section that are numbers, choices and switches."""

from collections.abc import Collection, Mapping
from typing import Any

from netspec import syntax as s
from netspec.catalogue.signature import LARGEST, kind_of, write_value
from netspec.diagnostic import Diagnostics
from netspec.evaluate import UNKNOWN, evaluate
from netspec.settings import KINDS, Kind, Settings, is_int


def check_settings(
    given: Mapping[str, s.Assign], scope: Mapping[str, Any], steps: int, found: Diagnostics
) -> Settings:
    """The settings, each checked; a section of several `steps` keeps no data for validation."""
    settings = Settings(validation=0.2 if steps == 1 else 0.0)
    values: dict[str, Any] = {}
    for name, kind in KINDS.items():
        if name in given:
            value = _check_value(name, kind, given[name].value, scope, found)
            if value is not UNKNOWN:
                values[name] = value
    _check_together(given, values, found)
    return settings._replace(**values)


def _check_value(
    name: str, kind: Kind, node: s.Expression, scope: Mapping[str, Any], found: Diagnostics
) -> Any:
    value = evaluate(node, scope, found)
    example = write_value(kind.example)
    if value is UNKNOWN or (kind.fits(value) and not _is_too_large(value)):
        return value
    if _is_too_large(value):
        found.add(
            "too-large",
            f"`{name}` is too large: {value}",
            node.span,
            label="torch counts to 2**63",
            help=f"write `{name} = {example}`, say",
        )
        return UNKNOWN
    plain = kind_of(value)
    found.add(
        "wrong-argument",
        f"`{name}` must be {kind.wanted}, found {write_value(value)}",
        node.span,
        label=f"{plain}, not {kind.wanted}"
        if plain not in kind.wanted and '"' not in kind.wanted
        else f"found {write_value(value)}",
        help=f"write `{name} = {example}`, say",
    )
    return UNKNOWN


def _is_too_large(value: Any) -> bool:
    return is_int(value) and value > LARGEST


def _check_together(
    given: Mapping[str, s.Assign], values: Mapping[str, Any], found: Diagnostics
) -> None:
    """Report settings that exclude each other, or that mean nothing alone."""
    for name, other, why in (
        ("steps", "epochs", "both say how long it trains"),
        ("swa", "ema", "both average the weights"),
        ("clip_norm", "clip_value", "both clip the gradients"),
    ):
        if name in given and other in given:
            found.add(
                "conflicting-settings",
                f"`{name}` and `{other}` exclude each other",
                given[name].target.span,
                label=why,
                help=f"remove `{name}` or `{other}`",
            )
    _require_with(given, "keep", ("save_every",), "numbered checkpoints are what it counts", found)
    if values.get("validation") == 0:
        for name in ("early_stopping", "best"):
            if name in given:
                found.add(
                    "conflicting-settings",
                    f"`{name}` needs data to validate on, and `validation` is 0",
                    given[name].target.span,
                    label="nothing to measure",
                    help="write `validation = 0.2`, say",
                )


def _require_with(
    given: Mapping[str, s.Assign],
    name: str,
    others: Collection[str],
    why: str,
    found: Diagnostics,
) -> None:
    if name in given and not set(others) & set(given):
        other = next(iter(others))
        found.add(
            "missing-setting",
            f"`{name}` needs `{other}`",
            given[name].target.span,
            label=why,
            help=f"add `{other} = {write_value(KINDS[other].example)}`, say",
        )
