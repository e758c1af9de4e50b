"""Turn the syntax tree of a spec into its graph: names resolved, arguments and shapes checked."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netspec import syntax as s
from netspec.check_bias import hint_biases
from netspec.check_device import check_device
from netspec.check_idle import hint_idle
from netspec.check_init import warn_unmatched
from netspec.check_names import warn_shadowed, warn_unused
from netspec.check_net import check_net
from netspec.check_signature import report_duplicate
from netspec.checked import Graph
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.graph import Net, Unfinished
from netspec.home import Home
from netspec.parse import Parsed
from netspec.placement import take_apart
from netspec.requirement import check_contradictions
from netspec.source import Source
from netspec.uses import Loader, open_home

if TYPE_CHECKING:
    from netspec.training import Training


def check(
    source: Source, parsed: Parsed, overrides: Mapping[str, Any], loader: Loader | None = None
) -> Graph:
    """Check a parsed spec, with the values of `overrides` for parameters of that name.

    All findings go to `parsed.found`; the graph has the nets that can be built. `loader` gives the
    sources of the files that the spec uses.
    """
    file, found = take_apart(parsed.file), parsed.found
    device = "auto"
    for item in file.items:
        if isinstance(item, s.Device):
            device = check_device(item.name, found)
    home = open_home(source, file, found, loader)
    declared = [item for item in file.items if isinstance(item, s.Net)]
    nets, unfinished = _check_nets(declared, home, overrides, device, found)
    _check_overrides(declared, overrides, found)
    sources = _check_sources(file, found)
    trainings: dict[str, Training] = {}
    for item in file.items:
        if isinstance(item, s.Train):
            training = _check_training(item, trainings, nets, unfinished, sources, found)
            if training is not None:
                trainings[item.name.id] = training
    if not found.has_errors:
        for item in file.items:
            if isinstance(item, s.Net | s.Block):
                warn_unused(item, _read_to_train(item, file, trainings), found)
                warn_shadowed(item, home.blocks(), found)
                check_contradictions(item.body, found)
        if nets:
            warn_unmatched(home.rules, list(nets.values()), found)
        hint_idle(file, home, found)
        hint_biases(home, list(nets.values()), found)
    if len(nets) < len(declared) and not found.has_errors:
        _report_unchecked(declared, nets, found)
    if not file.items and not found.has_errors:
        found.add(
            "empty-spec",
            "the spec is empty",
            None,
            help="begin with `net Name()(x: float32[N, 8]) { return x -> Linear(2) }`",
        )
    return Graph(source, file, home, file.doc, nets, unfinished, trainings)


def _report_unchecked(
    declared: Sequence[s.Net], nets: Mapping[str, Net], found: Diagnostics
) -> None:
    """What could not be checked is never accepted, whatever the reason."""
    for net in declared:
        if net.name.id not in nets:
            found.add(
                "not-supported",
                f"net `{net.name.id}` could not be checked to its end",
                net.name.span,
                label="a value in it has no type that is known",
                help="write its parts as blocks of their own to find the one",
            )


def _check_nets(
    declared: Sequence[s.Net],
    home: Home,
    overrides: Mapping[str, Any],
    device: str,
    found: Diagnostics,
) -> tuple[dict[str, Net], dict[str, Unfinished]]:
    nets: dict[str, Net] = {}
    unfinished: dict[str, Unfinished] = {}
    for item in declared:
        if item.name.id in nets or item.name.id in unfinished:
            report_duplicate("net", item.name, found)
            continue
        match check_net(item, home, overrides, device, found):
            case Net() as net:
                nets[net.name] = net
            case Unfinished() as net:
                unfinished[net.name] = net
    return nets, unfinished


def _check_sources(file: s.File, found: Diagnostics) -> dict[str, s.ExternData | None]:
    """The data that is read in Python by name; None for what has been reported."""
    sources: dict[str, s.ExternData | None] = {}
    for item in file.items:
        if isinstance(item, s.ExternData):
            from netspec.check_extern_data import check_extern_data

            if item.name.id in sources:
                report_duplicate("name", item.name, found)
            sound = check_extern_data(item, found)
            sources[item.name.id] = item if sound else None
    return sources


def _check_training(
    item: s.Train,
    trainings: "Mapping[str, Training]",
    nets: Mapping[str, Net],
    unfinished: Mapping[str, Unfinished],
    sources: Mapping[str, s.ExternData | None],
    found: Diagnostics,
) -> "Training | None":
    from netspec.check_train import check_train  # a spec without a training needs none of it

    if item.name.id in trainings:
        report_duplicate("train", item.name, found)
        return None
    if not _has_script(item.name, trainings, found):
        return None
    return check_train(item, nets, unfinished, sources, found)


def _read_to_train(
    item: "s.Net | s.Block", file: s.File, trainings: "Mapping[str, Training]"
) -> set[str]:
    """The build-time values that the sections which train a net read."""
    if not trainings:
        return set()
    from netspec.check_section import constants_in

    return {
        name
        for train in file.items
        if isinstance(train, s.Train)
        if item.name.id in ([x.net.id for x in train.nets] or [train.name.id])
        for name in constants_in(train, trainings[train.name.id].fields)
    }


def _has_script(name: s.Name, trainings: Collection[str], found: Diagnostics) -> bool:
    """Whether the script of a training, `train_name.py`, is not another one's already."""
    other = next((x for x in trainings if x.lower() == name.id.lower()), None)
    if other is not None:
        found.add(
            "duplicate-train",
            f"the train sections `{other}` and `{name.id}` differ in capitals only",
            name.span,
            label=f"both would be train_{name.id.lower()}.py",
            help="call one of them something else: `train Name(N=Net)`",
        )
    return other is None


def _check_overrides(
    nets: Sequence[s.Net], overrides: Mapping[str, Any], found: Diagnostics
) -> None:
    known = list(dict.fromkeys(p.name.id for net in nets for p in net.parameters))
    for name in overrides:
        if nets and name not in known:
            found.add(
                "unknown-parameter",
                f"no net has a parameter `{name}`",
                None,
                help=did_you_mean(name, known)
                or (f"parameters are {', '.join(known)}" if known else "there are no parameters"),
            )
