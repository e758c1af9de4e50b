"""Write what a training script makes before it begins: device, nets, optimisers, checkpoints."""

from collections.abc import Mapping
from string import digits

from netspec.catalogue.recurrent import RECURRENT
from netspec.idle_parameters import why_idle
from netspec.lower_call import write_arguments
from netspec.lower_samples import shown_lines
from netspec.lower_schedule import write_ends
from netspec.lower_update import Mover, write_optimizers
from netspec.schedule import STEPS, STEPS_PER_EPOCH
from netspec.script_names import SCRIPT
from netspec.script_plan import ScriptPlan
from netspec.training import TrainedNet
from netspec.write import write_literal

_ACCELERATOR = "torch.accelerator"


def device_lines(plan: ScriptPlan) -> list[str]:
    """The device, and a try of those that must be there."""
    device = plan.training.nets[0].net.device
    parts = [name for item in plan.training.nets for name in item.net.devices]
    lines = [f"device = torch.device({write_literal(device)})"]
    if device == "auto":
        lines = [
            f"found = {_ACCELERATOR}.is_available() and {_ACCELERATOR}.current_accelerator()",
            'device = found or torch.device("cpu")',
        ]
    tried = [name for name in dict.fromkeys([device, *parts]) if name not in ("auto", "cpu")]
    if tried:
        lines += [
            f"for used in {write_literal(tuple(tried))}:",
            "    try:",
            "        torch.zeros(1, device=used)",
            "    except (AssertionError, RuntimeError) as error:  # torch has both for this",
            '        raise SystemExit(f"cannot use {used}: {error}") from None',
        ]
    return lines


def net_lines(plan: ScriptPlan) -> list[str]:
    """The nets and the layers of losses."""
    lines: list[str] = []
    for item in plan.training.nets:
        arguments = [
            f"{a.name}={a.text}" if a.name else a.text for a in write_arguments(item.arguments, str)
        ]
        call = f"{plan.class_name(item)}({', '.join(arguments)})"
        lines += _placed(plan, item, call)
    lines += [f"{name}: nn.Module = {text}.to(device)" for name, text in plan.layers.items()]
    for item in plan.training.nets:
        if item.name not in plan.moved():
            lines.append(f"{item.name}.requires_grad_(False)")
    if len(lines) == 1 and (made := lines[0].partition(": nn.Module = ")[2]):
        return [f"return {made}"]
    return [*lines, f"return {', '.join(plan.modules())}"]


def _placed(plan: ScriptPlan, item: TrainedNet, call: str) -> list[str]:
    typed = f"{item.name}: nn.Module"
    if item.net.devices:
        head = "with device:  # parts with devices of their own are made there"
        return [head, f"    {typed} = {call}"]
    lines = [f"{typed} = {call}.to(device)"]
    if plan.settings.channels_last:
        layout = "memory_format=torch.channels_last"
        lines.append(f"{item.name}.to({layout})  # type: ignore[call-overload]")
    return lines


def start_lines(plan: ScriptPlan, item: TrainedNet) -> list[str]:
    """The lines that load the weights that a net begins with."""
    if not item.start:
        return []
    lines = [f"source = {write_literal(item.start)}", "try:"]
    read = 'torch.load(source, map_location="cpu", weights_only=True)'
    if item.start.endswith(".safetensors"):
        read = "load_file(source)"
    lines.append(f"    weights = {read}")
    if item.strict:
        lines.append(f"    {item.name}.load_state_dict(weights)")
    else:
        fits = "{k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}"
        lines += [
            f"    own = {item.name}.state_dict()",
            f"    fits = {fits}",
            "    if not fits:",
            '        raise ValueError("no tensor of it fits")',
            f"    {item.name}.load_state_dict(fits, strict=False)",
            "    if rank == 0:",
            '        print(f"{len(fits)} of {len(own)} tensors are from {source}")',
        ]
    lines += [
        "except Exception as error:  # there is no telling what a file holds",
        '    why = " ".join(f"{error}".split()) or type(error).__name__',
        '    raise SystemExit(f"cannot begin with {source}: {why:.500}") from error',
    ]
    if item.name in plan.training.kept:
        return lines
    return ["if not cfg.resume:", *(f"    {line}" for line in lines)]


def optimizer_lines(plan: ScriptPlan) -> list[str]:
    """The optimisers, with what they count, and averages of weights."""
    settings = plan.settings
    lines: list[str] = []
    names = plan.schedule_names()
    if settings.steps or STEPS_PER_EPOCH in names:
        lines.append(f"steps_per_epoch = {plan.steps_per_epoch()}")
    if STEPS in names:
        each = "steps_per_epoch" if lines else plan.steps_per_epoch()
        total = "cfg.steps" if settings.steps else f"cfg.epochs * {each}"
        lines.append(f"steps = {total}")
    taken = SCRIPT.union(plan.modules())
    for update in plan.updates:
        lines += write_optimizers(plan.training, update, taken)
    (first, *_) = plan.modules()
    if settings.ema or settings.swa:
        lines += _copyable_lines(plan.training.nets[0])
    if settings.ema:
        lines.append("average = get_ema_multi_avg_fn(cfg.ema)  # type: ignore[no-untyped-call]")
        given = "multi_avg_fn=average, use_buffers=True"
        lines.append(f"ema = AveragedModel({first}, {given})")
    if settings.swa:
        lines.append(f"swa = AveragedModel({first})")
    return lines


def _copyable_lines(item: TrainedNet) -> list[str]:
    """What lets torch copy a net, where a recurrent layer of it is parametrized.

    Such a layer keeps weights that are worked out, and torch copies none that is part of a graph.
    """
    for layer in item.net.layers.values():
        kinds = {type(layer.layer).__name__, *layer.layer.inside().values()}
        if layer.parametrizations and kinds & RECURRENT:
            return [
                "with torch.no_grad():",
                f"    {item.name}.to()  # recurrent weights without a graph: they can be copied",
            ]
    return []


def parts_text(plan: ScriptPlan) -> str:
    """What a checkpoint holds, by name."""
    parts = _parts(plan)
    if plan.settings.shard:
        parts = {key: part for key, part in parts.items() if part not in _optimizers(plan)}
    else:
        parts = {name: name for name in plan.saved()} | parts
    parts |= {n: n for n, on in (("ema", plan.settings.ema), ("swa", plan.settings.swa)) if on}
    return _dictionary(parts)


def counted_lines(plan: ScriptPlan) -> list[str]:
    """The optimisers by name, where what they keep is saved in shares."""
    if not plan.settings.shard:
        return []
    own = {key: part for key, part in _parts(plan).items() if part in _optimizers(plan)}
    return [f"optimizers: dict[str, torch.optim.Optimizer] = {_dictionary(own)}"]


def _dictionary(parts: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{write_literal(key)}: {part}' for key, part in parts.items())}}}"


def _optimizers(plan: ScriptPlan) -> set[str]:
    return {mover.optimizer for update in plan.updates for mover in update.movers}


def _parts(plan: ScriptPlan) -> dict[str, str]:
    """Optimisers, schedules and scalers, by the names that they have in a checkpoint."""
    movers = [mover for update in plan.updates for mover in update.movers]
    return {key: part for mover in movers for key, part in _parts_of(mover).items()}


def _parts_of(mover: Mover) -> dict[str, str]:
    """Optimiser and schedule by their classes: no other one can be resumed with their states."""
    classes = {mover.optimizer: type(mover.call.optimizer).__name__}
    if mover.call.schedule:
        classes[mover.scheduler] = type(mover.call.schedule.scheduler).__name__
    if mover.scaler:
        classes[mover.scaler] = "GradScaler"
    return {_key(part, kind): part for part, kind in classes.items()}


def _key(part: str, kind: str) -> str:
    """What a checkpoint calls a part: its class stands there, too, where its variable has none."""
    return part if part.rstrip(digits).endswith(kind.lower()) else f"{part} {kind}"


def ready_lines(plan: ScriptPlan) -> list[str]:
    """What is done just before the first epoch."""
    lines = shown_lines(plan)
    for mover in (mover for update in plan.updates for mover in update.movers):
        if mover.call.schedule:
            lines += write_ends(mover.call.schedule, mover.scheduler, plan.steps_per_epoch())
    if plan.settings.compile:
        lines.append("if cfg.compile:")
        lines += [
            f"    {item.name}.compile()  # in place: names in checkpoints stay"
            for item in plan.training.nets
        ]
    if plan.wraps:
        lines += _wrapped(plan, plan.wraps)
    if plan.settings.log == "tensorboard":
        lines.append(
            "writer: Any = SummaryWriter(out, purge_step=len(rows)) if rank == 0 else None"
        )
    if plan.settings.log == "wandb":
        name = write_literal(plan.training.name)
        lines += [
            "if rank == 0:",
            '    resume = "auto" if cfg.resume else None',
            f"    wandb.init(project={name}, config=asdict(cfg), dir=cfg.out, resume=resume)",
        ]
    return lines


def _wrapped(plan: ScriptPlan, item: TrainedNet) -> list[str]:
    """The lines that let all processes take the mean of their gradients."""
    reasons = [why_idle(item.net, item.name, update.step) for update in plan.updates]
    net = "net: Any" if plan.settings.accumulate > 1 else "net"  # it is told when to average
    if not any(reasons):
        return [f"{net} = DistributedDataParallel({item.name}) if world > 1 else {item.name}"]
    return [
        f"{net} = {item.name}",
        f"if world > 1:  # {next(filter(None, reasons))}",
        f"    net = DistributedDataParallel({item.name}, find_unused_parameters=True)",
    ]
