"""Check the settings of a train section that are numbers, choices and switches."""

from collections.abc import Collection, Mapping
from typing import Any

from netspec import syntax as s
from netspec.catalogue.signature import LARGEST, kind_of, write_value
from netspec.diagnostic import Diagnostics
from netspec.evaluate import UNKNOWN, evaluate
from netspec.settings import KINDS, Kind, Settings, is_int

_MEASURED = ("early_stopping", "best", "metrics", "export")


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
    _check_together(given, found)
    settings = settings._replace(**values)
    if "epochs" not in given or "epochs" in values:
        _check_length(given, settings, found)
    if steps > 1 and settings.accumulate > 1:
        _report_accumulate(given["accumulate"], found)
    if not settings.validation and ("validation" not in given or "validation" in values):
        _check_measured(given, steps, found)
    return settings


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


def _check_together(given: Mapping[str, s.Assign], found: Diagnostics) -> None:
    """Report settings that exclude each other, or that mean nothing alone."""
    for name, other, why in (
        ("steps", "epochs", "both say how long it trains"),
        ("swa", "ema", "both average the weights"),
        ("swa", "steps", "it averages from an epoch on, and how many there are is not known"),
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


def _check_length(given: Mapping[str, s.Assign], settings: Settings, found: Diagnostics) -> None:
    """Report an average that begins when the training is over."""
    if "steps" not in given and settings.swa > settings.epochs:
        found.add(
            "conflicting-settings",
            f"`swa` averages from epoch {settings.swa} on, and `epochs` is {settings.epochs}",
            given["swa"].value.span,
            label="never reached",
            help=f"write `epochs = {2 * settings.swa}`, say",
        )


def _report_accumulate(item: s.Assign, found: Diagnostics) -> None:
    found.add(
        "conflicting-settings",
        "`accumulate` does not go with several steps",
        item.target.span,
        label="the loss of one leaves gradients in the nets of the others",
        help="write a larger `batch_size`",
    )


def _check_measured(given: Mapping[str, s.Assign], steps: int, found: Diagnostics) -> None:
    """Report settings that are about held-out data, where there is none."""
    if "validation_data" in given:
        return
    why = "`validation` is 0" if "validation" in given else "with several steps there is none"
    for name in _MEASURED:
        if name in given:
            found.add(
                "conflicting-settings",
                f"`{name}` needs data to validate on, and {why}",
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
