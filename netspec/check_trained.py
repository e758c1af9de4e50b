"""Check which nets a train section is about: their arguments, and the weights they begin with."""

from collections.abc import Mapping, Sequence
from typing import Any

from netspec import syntax as s
from netspec.catalogue import ALIASES, FUNCTIONS
from netspec.catalogue.signature import kind_of, write_value
from netspec.check_net import check_net
from netspec.check_signature import fits_type, report_duplicate, type_words
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.evaluate import UNKNOWN, evaluate
from netspec.graph import Net, Unfinished
from netspec.names import label_problem, listing, variable_problem
from netspec.script_names import script_problem
from netspec.source import Span
from netspec.training import TrainedNet

ONLY = "model"  # what the script calls the only net of a training


def check_nets(
    train: s.Train,
    nets: Mapping[str, Net],
    unfinished: Mapping[str, Unfinished],
    found: Diagnostics,
) -> list[TrainedNet] | None:
    """The nets of a section, made with its arguments; None after reporting what is wrong.

    A stand-in without outputs takes the place of a net that has errors of its own.
    """
    there = {**nets, **{name: net.stand_in() for name, net in unfinished.items()}}
    there = dict(sorted(there.items(), key=lambda item: item[1].syntax.span.start))
    if train.nets:
        trained = [_check_named(item, there, found) for item in train.nets]
    else:
        trained = [_check_only(train, there, found)]
    known = [item for item in trained if item is not None]
    before = found.error_count
    if train.nets:
        _check_names(train, found)
    for item in known:
        _check_device(item, train, found)
    if found.error_count > before or len(known) < len(trained):
        return None
    return _check_starts(train, known, found)


def _check_only(train: s.Train, nets: Mapping[str, Net], found: Diagnostics) -> TrainedNet | None:
    net = nets.get(train.name.id)
    if net is None:
        _report_unknown(train.name, nets, found)
        return None
    return TrainedNet(ONLY, net, ())


def _report_unknown(name: s.Name, nets: Mapping[str, Net], found: Diagnostics) -> None:
    found.add(
        "unknown-net",
        f"there is no net `{name.id}`",
        name.span,
        label="not defined in this file",
        help=did_you_mean(name.id, nets)
        or (f"the file has {listing(nets)}" if nets else "define it with `net`"),
    )


def _check_names(train: s.Train, found: Diagnostics) -> None:
    """Each net has a name of its own, which means nothing else in the section."""
    seen: set[str] = set()
    for item in train.nets:
        name = item.name
        problem = variable_problem(name.id) or label_problem(name.id)
        meaning = script_problem(name.id)
        if problem is None and meaning is not None:
            problem = "reserved-name", meaning
        if problem is not None:
            code, why = problem
            found.add(code, why, name.span, label="not free", help=f"call it `{name.id}_`, say")
        elif name.id in seen:
            report_duplicate("net", name, found)
        elif name.id in ALIASES or name.id in FUNCTIONS:
            what = "a layer of torch.nn" if name.id in ALIASES else "a tensor function"
            found.add(
                "duplicate-name",
                f"`{name.id}` is {what}",
                name.span,
                label="not free",
                help="call the net something else here",
            )
        seen.add(name.id)


def _check_named(item: s.Trained, nets: Mapping[str, Net], found: Diagnostics) -> TrainedNet | None:
    net = nets.get(item.net.id)
    if net is None:
        _report_unknown(item.net, nets, found)
        return None
    values = _check_arguments(item, net, found)
    if values is None:
        return None
    if not values or not net.outputs:
        return TrainedNet(item.name.id, net, ())
    shown = ", ".join(f"{name}={write_value(value)}" for name, value in values.items())
    line, column = found.source.position(item.span.start)
    note = f"in {net.name}({shown}), trained at {found.source.name}:{line}:{column}"
    inner = found.inside(found.source, (*found.notes, note))
    made = check_net(net.syntax, net.home, {**net.parameters, **values}, net.device, inner)
    made = made if isinstance(made, Net) else made.stand_in()
    return TrainedNet(item.name.id, made, item.arguments)


def _check_arguments(item: s.Trained, net: Net, found: Diagnostics) -> dict[str, Any] | None:
    """The values of the parameters that a section gives; None after reporting what is wrong."""
    parameters = {p.name.id: p for p in net.syntax.parameters}
    names = list(parameters)
    values: dict[str, Any] = {}
    before = found.error_count
    for position, argument in enumerate(item.arguments):
        if argument.name is None and position >= len(names):
            found.add(
                "surplus-argument",
                f"`{net.name}` takes {len(names)} argument{'' if len(names) == 1 else 's'}, "
                f"found {len(item.arguments)}",
                argument.span,
                label="one too many",
                help=f"it takes {listing(names)}" if names else "it takes none",
            )
            break
        name = argument.name.id if argument.name else names[position]
        if name not in parameters:
            found.add(
                "unknown-argument",
                f"`{net.name}` has no parameter `{name}`",
                argument.span,
                label="no such parameter",
                help=did_you_mean(name, names)
                or (f"it takes {listing(names)}" if names else "it takes none"),
            )
            continue
        if name in values:
            message = f"`{net.name}` got `{name}` twice"
            found.add("duplicate-argument", message, argument.span, label="given again here")
            continue
        values[name] = _check_value(net, parameters[name], argument, found)
    return values if found.error_count == before else None


def _check_value(net: Net, parameter: s.Parameter, given: s.Argument, found: Diagnostics) -> Any:
    value = evaluate(given.value, {}, found)
    kind = parameter.type.id if parameter.type else ""
    if value is UNKNOWN or not kind or fits_type(value, kind):
        return value
    wanted = type_words(kind)
    found.add(
        "wrong-argument",
        f"`{parameter.name.id}` of `{net.name}` must be {wanted}, found {write_value(value)}",
        given.span,
        label=f"{kind_of(value)}, not {wanted}",
        help=f"give {wanted}",
    )
    return UNKNOWN


def _check_device(item: TrainedNet, train: s.Train, found: Diagnostics) -> None:
    net = item.net
    if "meta" not in (net.device, *net.devices):
        return
    part = "" if net.device == "meta" else "a part of "
    found.add(
        "wrong-device",
        f'{part}`{net.name}` lives on "meta", where there are no numbers to train',
        train.name.span,
        label="cannot be trained",
        help="give it another device" if part else 'write `device "auto"`',
    )


# ---- weights to begin with ---------------------------------------------------------------------


def _check_starts(
    train: s.Train, trained: Sequence[TrainedNet], found: Diagnostics
) -> list[TrainedNet]:
    """The nets with the files that their weights begin with."""
    nets = {item.name: item for item in trained}
    for item in train.items:
        if isinstance(item, s.Start):
            name, strict = _read_start(item, list(nets), _likely(train, nets), found)
            if name and nets[name].start:
                _report_twice(item.span, found)
            elif name:
                nets[name] = nets[name]._replace(start=str(item.path.value), strict=strict)
    return list(nets.values())


def _report_twice(span: Span, found: Diagnostics) -> None:
    found.add(
        "duplicate-setting",
        "the net begins with other weights already",
        span,
        label="a second file",
        help="remove one of the two",
    )


def _likely(train: s.Train, nets: Mapping[str, TrainedNet]) -> str:
    """The net that most likely begins with weights of a file: one that is not trained."""
    frozen = {
        str(selector.id if isinstance(selector, s.Name) else selector.value)
        for item in train.items
        if isinstance(item, s.Freeze)
        for selector in item.selectors
    }
    steps = {item.name.id for item in train.items if isinstance(item, s.Step)}
    free = [name for name, item in nets.items() if not item.start]
    still = [name for name in free if name in frozen or (steps and name not in steps)]
    return next(iter([*still, *free, *nets]))


def _read_start(
    start: s.Start, names: list[str], likely: str, found: Diagnostics
) -> tuple[str, bool]:
    """The net that a file is for, "" after reporting what is wrong; whether all of it is wanted.

    `likely`: the net that the way out names.
    """
    name, strict = names[0] if len(names) == 1 else "", True
    for argument in start.arguments:
        key = argument.name.id if argument.name else ""
        value = argument.value
        if key == "net" and isinstance(value, s.Name) and value.id in names:
            name = value.id
        elif key == "strict" and isinstance(value, s.Literal) and isinstance(value.value, bool):
            strict = value.value
        else:
            found.add(
                "wrong-argument",
                "`from` takes `strict`, True or False, and `net`, a net of the section",
                argument.span,
                label="neither of them",
                help=f"write `with (net={likely})` or `with (strict=False)`",
            )
            return "", strict
    if not name:
        found.add(
            "missing-argument",
            "which net begins with these weights?",
            start.span,
            label=f"the section has {listing(names)}",
            help=f'write `from "{start.path.value}" with (net={likely})`',
        )
    return name, strict
