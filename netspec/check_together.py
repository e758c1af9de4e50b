"""Check what does not go together in a train section: settings, figures, nets that are frozen."""

from collections.abc import Collection, Mapping, Sequence

from netspec import syntax as s
from netspec.check_step import Named, items_of
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.names import listing
from netspec.settings import Settings
from netspec.source import Span
from netspec.training import Step, TrainedNet

Given = Mapping[str, s.Assign]  # settings by name


def check_single(
    given: Given, trained: Sequence[TrainedNet], steps: Sequence[Step], found: Diagnostics
) -> None:
    """Report settings that are about one net, where there are several modules to train."""
    names = dict.fromkeys(name for step in steps for name in step.moves)
    names |= dict.fromkeys(item.name for item in trained)
    for key in ("ema", "swa", "export"):
        if key in given and len(names) > 1:
            found.add(
                "conflicting-settings",
                f"`{key}` is for one net, and the section trains {listing(names)}",
                given[key].target.span,
                label="of which of them?",
                help="leave it out, or do without the others",
            )


def check_weights(
    train: s.Train, trained: Sequence[TrainedNet], steps: Sequence[Step], found: Diagnostics
) -> None:
    """Warn of nets whose weights stay random: no step trains them, and no file has them."""
    places = {item.name.id: item.name.span for item in train.nets}
    moved = {name for step in steps for name in step.moves}
    for item in trained:
        if item.name in moved or item.start or not item.net.parameter_shapes():
            continue
        found.add(
            "random-weights",
            f"no step trains `{item.name}`, and its weights are of no file: they stay random",
            places.get(item.name, train.name.span),
            label="keeps its first weights",
            help=f'load some, `from "weights.pt" with (net={item.name})`, or train it',
            severity="warning",
        )


# ---- figures -----------------------------------------------------------------------------------


def check_best(
    given: Given,
    settings: Settings,
    steps: Sequence[str],
    metrics: Sequence[Named],
    found: Diagnostics,
) -> None:
    """The best state is chosen by a figure that there is; `steps`: their names, "" for the only.

    Of several losses none is known to say how good a state is, least of all where nets compete.
    """
    written = given.get("metrics")
    if written is not None and len(items_of(written.value)) > len(metrics):
        return  # it may be one of those that have been refused
    losses = [f"val_{name.lower()}_loss" if name else "val_loss" for name in steps]
    names = [*losses, *(named.call.name for named in metrics)]
    validates = given.get("validation_data") or (settings.validation and given.get("validation"))
    if validates and len(steps) > 1 and not metrics and "best" not in given:
        found.add(
            "missing-setting",
            "several steps validate, and nothing says which figure `best.pt` is chosen by",
            validates.target.span,
            label=f"there are {listing(losses)}",
            help=f'write `best = "{losses[-1]}"`, say, or name `metrics`',
        )
    if settings.best and settings.best not in names:
        found.add(
            "wrong-argument",
            f'there is no figure "{settings.best}"',
            given["best"].value.span,
            label="neither a loss nor a metric",
            help=did_you_mean(settings.best, names) or f"there are {listing(names)}",
        )


def check_plateau(
    step: Step,
    place: Span,
    settings: Settings,
    metrics: Sequence[Named],
    validates: bool,
    found: Diagnostics,
) -> None:
    """A schedule that waits for a figure to rise needs one that does; `place`: the scheduler's."""
    schedules = [call.schedule for call in step.optimizers if call.schedule is not None]
    if not any(getattr(x.scheduler, "mode", "") == "max" for x in schedules if x.metric):
        return
    best = settings.best or (metrics[0].call.name if metrics else "")
    rises = any(m.call.name == best and not m.call.metric.falls for m in metrics)
    if rises and validates:
        return
    what = f"`{best}` falls" if best else "a loss falls"
    found.add(
        "conflicting-settings",
        '`mode="max"` waits for a figure to rise, and there is none to follow',
        place,
        label=what if validates else "nothing is measured on held-out data",
        help='name one that rises in `metrics`, or write `mode="min"`'
        if validates
        else 'write `validation = 0.2`, say, or `mode="min"`',
    )


# ---- nets that are frozen ----------------------------------------------------------------------


def check_freezes(
    train: s.Train, titles: Mapping[str, str], steps: Collection[str], found: Diagnostics
) -> frozenset[str]:
    """The nets of a section that are frozen, by the names that the script has for them.

    `titles`: what the author may call each net, and what the script does; `steps`: their names.
    """
    frozen: set[str] = set()
    for freeze in (item for item in train.items if isinstance(item, s.Freeze)):
        for selector in freeze.selectors:
            if not isinstance(selector, s.Name) or selector.id not in titles:
                _report_no_net(selector, titles, found)
            elif selector.id in steps:
                found.add(
                    "conflicting-settings",
                    f"`{selector.id}` is frozen, and a step trains it",
                    selector.span,
                    label="what its optimiser would move",
                    help=f"remove `freeze {selector.id}`, or that step",
                )
            else:
                frozen.add(titles[selector.id])
    return frozenset(frozen)


def _report_no_net(
    selector: s.Name | s.Literal, titles: Mapping[str, str], found: Diagnostics
) -> None:
    name = selector.id if isinstance(selector, s.Name) else str(selector.value)
    shown = f"`{name}`" if isinstance(selector, s.Name) else f'"{name}"'
    quoted = isinstance(selector, s.Literal) and name in titles
    found.add(
        "unknown-net",
        f"`freeze` keeps the weights of a whole net here, and {shown} is none of this section",
        selector.span,
        label=f"there {'is' if len(titles) == 1 else 'are'} {listing(titles)}",
        help=f"write `freeze {name}`, without quotes"
        if quoted
        else did_you_mean(name, titles)
        or f"to freeze a part of a net, write `freeze {shown.strip('`')}` in that net",
    )
