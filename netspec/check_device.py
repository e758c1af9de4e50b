"""Check where nets and their parts live: the names of devices, and what crosses between parts."""

from collections.abc import Set

from netspec import syntax as s
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.placement import Crossings, Move
from netspec.source import Span

DEVICES = ("auto", "cpu", "cuda", "mps", "xpu", "meta")


def check_device(name: s.Literal, found: Diagnostics) -> str:
    """The device that a `device` statement names."""
    text = str(name.value)
    kind, _, index = text.partition(":")
    indexed = index.isdecimal() and kind in ("cuda", "xpu")
    if text not in DEVICES and not indexed:
        found.add(
            "unknown-device",
            f'unknown device "{text}"',
            name.span,
            label="no device of torch",
            help=did_you_mean(kind, DEVICES)
            or 'devices are "auto", "cpu", "cuda", "cuda:1", "mps", "xpu" and "meta"',
        )
    return text


def check_parts(definition: "s.Net | s.Block", found: Diagnostics) -> None:
    """Check the devices of the parts of a net or block."""
    for part in definition.parts:
        if check_device(part.device, found) == "auto":
            found.add(
                "wrong-device",
                'a part of a net cannot live on "auto"',
                part.device.span,
                label="where the rest lives, as a rule",
                help='name a device, `on "cuda:1"`, or write `device "auto"` for the net',
            )


def check_crossings(crossings: Crossings, rest: str, bundles: Set[str], found: Diagnostics) -> None:
    """Report what cannot be moved; `rest` is the device of what stands in no part.

    `bundles`: the names of several tensors in one; "" is what the definition returns.
    """
    for move in crossings.moves:
        source, target = (rest if d is None else d for d in (move.source, move.target))
        what = f"`{move.name}`" if move.name else "what is returned"
        if source == "meta" and target != "meta":
            found.add(
                "wrong-device",
                f'{what} is on "meta", where there are no numbers to move to {_shown(target)}',
                move.span,
                label=f"wanted on {_shown(target)}",
                help='use it on "meta" only, or give that part another device',
            )
        elif source != target and move.name in bundles:
            _report_bundle(move, what, found)


def _report_bundle(move: Move, what: str, found: Diagnostics) -> None:
    found.add(
        "wrong-device",
        f"{what} is several tensors in one, which are not moved between devices",
        move.span,
        label="on another device",
        help="take it apart where it is made, `h, c = …`, and use the parts",
    )


def report_far_layer(
    name: str, own: str | None, place: str | None, span: Span, found: Diagnostics
) -> None:
    """A layer lives where it is defined, and is applied there."""
    found.add(
        "wrong-device",
        f"layer `{name}` is defined {_where(own)}, and applied {_where(place)}",
        span,
        label="its weights are elsewhere",
        help="define it where it is applied, or apply it where it is defined",
    )


def report_far_tie(tie: s.Tie, first: str, second: str, found: Diagnostics) -> None:
    """Tied parameters are one tensor, which is on one device."""
    found.add(
        "wrong-device",
        f"cannot tie `{tie.first.text}` {_where(first)} to `{tie.second.text}` {_where(second)}",
        tie.span,
        label="tied parameters are one tensor, on one device",
        help="put both layers into the same part",
    )


def _where(device: str | None) -> str:
    return f'on "{device}"' if device else "outside of parts"


def _shown(device: str) -> str:
    return f'"{device}"' if device != "auto" else "a real device"


__all__ = ["DEVICES", "check_crossings", "check_device", "check_parts"]
