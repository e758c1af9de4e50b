"""Write what a training script does in an epoch: with a batch, at the end, with what it saves."""

import re

from netspec.lower_data import BATCH_NORMS, move_batch
from netspec.lower_samples import draw_lines, grid_lines
from netspec.lower_shard import old_shards
from netspec.lower_transforms import call_transform
from netspec.lower_update import Update, write_update
from netspec.schedule import Schedule
from netspec.script_plan import STATE, ScriptPlan
from netspec.training import TrainedNet
from netspec.write import write_literal


def epoch_count(plan: ScriptPlan) -> str:
    """How many epochs there are."""
    return "math.ceil(cfg.steps / steps_per_epoch)" if plan.settings.steps else "cfg.epochs"


def bar_lines(plan: ScriptPlan) -> list[str]:
    """The bar that gives the batches of an epoch, only some of the last where steps are counted."""
    shown = 'f"epoch {epoch}"'
    end = "leave=False, disable=rank > 0 or None)"
    if not plan.settings.steps:
        return [f"bar = tqdm(loader, {shown}, {end}"]
    left = "cfg.steps - epoch * steps_per_epoch"
    if plan.settings.accumulate > 1:
        left = f"({left}) * cfg.accumulate"
    return [
        f"left = min(len(loader), {left})",
        f"bar = tqdm(islice(loader, left), {shown}, left, {end}",
    ]


def batch_lines(plan: ScriptPlan) -> list[str]:
    """What happens with each batch."""
    lines = [move_batch(plan.training), *call_transform(plan.training, "True")]
    for update in plan.updates:
        wrapped = plan.wraps.name if plan.wraps else ""
        lines += write_update(plan.training, update, averaged=plan.averages, wrapped=wrapped)
    kept = [f"{update.loss}.detach()" for update in plan.updates]
    one = kept[0] if len(kept) == 1 else f"torch.stack([{', '.join(kept)}])"
    shown = ", ".join(f"{update.loss}={update.loss}.item()" for update in plan.updates)
    return [
        *lines,
        f"losses.append({one})",
        "if not bar.disable and len(losses) % 10 == 1:",
        f"    bar.set_postfix({shown})",
    ]


def end_lines(plan: ScriptPlan) -> list[str]:
    """What happens at the end of an epoch, in all processes."""
    settings = plan.settings
    lines = [
        "mean = torch.stack(losses).mean(dim=0)",
        "if world > 1:",
        "    dist.all_reduce(mean)",
        *(f"    {line}" for line in _shared_buffers(plan)),
    ]
    names = [update.loss for update in plan.updates]
    if len(names) == 1:
        lines.append(f'row = {{"epoch": epoch, "{names[0]}": mean.item() / world}}')
    else:
        values = ", ".join(names)
        lines.append(f"{values} = (mean / world).tolist()")
        shown = ", ".join(f'"{name}": {name}' for name in names)
        lines.append(f'row = {{"epoch": epoch, {shown}}}')
    if plan.training.validates:
        modules = ", ".join("ema" if n == plan.averaged() else n for n in plan.modules())
        lines.append(f"row |= evaluate({modules}, val_loader, device)")
    lines += [
        f"if not all({_finite(plan)}):",
        "    bad = [i for i, x in enumerate(losses) if not x.isfinite().all()]",
        '    raise SystemExit(f"not finite in epoch {epoch}, steps {bad[:3]}: {row}")',
        "rows.append(row)",
    ]
    lines += _scheduled(plan)
    if settings.swa:
        lines += [
            "if epoch + 1 >= cfg.swa:",
            f"    swa.update_parameters({plan.modules()[0]})",
        ]
    return [*lines, *draw_lines(plan)]


def _finite(plan: ScriptPlan) -> str:
    """Whether losses are numbers, and the figure of the best state; other metrics may be none."""
    names = [update.loss for update in plan.updates]
    if plan.training.validates:
        measured = [f"val_{name}" for name in names]
        names += [*measured, *(n for n in [plan.evaluation.best] if n not in measured)]
        if any(call.name not in names for call in plan.training.metrics):
            listed = ", ".join(map(write_literal, names))
            return f"math.isfinite(row[k]) for k in ({listed})"
    return "map(math.isfinite, row.values())"


def _shared_buffers(plan: ScriptPlan) -> list[str]:
    """The lines that give all processes the buffers of the first, where nets have some."""
    moved = [item for item in plan.training.nets if item.name in plan.moved()]
    names = [item.name for item in moved if _has_buffers(item)]
    names += [
        variable
        for update in plan.updates
        for name, variable in update.code.variables.items()
        if any(
            layer.layer.buffers()
            for key, layer in update.step.graph.layers.items()
            if key.partition(".")[0] == name
        )
        and variable not in plan.constants
    ]
    if not names:
        return []
    names += [n for n, on in (("ema", plan.settings.ema), ("swa", plan.settings.swa)) if on]
    own = f"{names[0]}.buffers()"
    if len(names) > 1:
        own = f"[{', '.join(f'*{name}.buffers()' for name in names)}]"
    return [
        f"for buffer in {own}:",
        "    dist.broadcast(buffer, 0)  # statistics of batches differ",
    ]


def _scheduled(plan: ScriptPlan) -> list[str]:
    lines: list[str] = []
    for update in plan.updates:
        for mover in update.movers:
            schedule = mover.call.schedule
            if schedule is not None and not schedule.by_step:
                figure = f'row["{_figure(plan, update, schedule)}"]' if schedule.metric else ""
                lines.append(f"{mover.scheduler}.step({figure})")
    return lines


def _figure(plan: ScriptPlan, update: Update, schedule: Schedule) -> str:
    """The figure that a schedule follows, the larger or the smaller the better."""
    if not plan.training.validates:
        return update.loss
    rises = getattr(schedule.scheduler, "mode", "min") == "max"
    return plan.evaluation.best if rises != plan.evaluation.falls else f"val_{update.loss}"


def save_lines(plan: ScriptPlan) -> list[str]:
    """What the first process saves at the end of an epoch, what it goes on from behind all else.

    A run that is killed on the way has all of it when it is resumed: the epoch is run again.
    """
    settings = plan.settings
    if settings.shard:
        return old_shards(plan)
    lines: list[str] = []
    if plan.training.validates:
        lines = [plan.asks_best(), *(f"    {line}" for line in _best(plan))]
    lines += [*figure_lines(plan), STATE]
    if settings.save_every:
        lines += [
            "if (epoch + 1) % cfg.save_every == 0:",
            '    save(state, out / f"epoch{epoch + 1:05}.pt")',
        ]
    if settings.keep:
        lines += [
            'for old in sorted(out.glob("epoch*.pt"), key=os.path.getmtime)[: -cfg.keep]:',
            "    old.unlink()",
        ]
    return [*lines, 'save(state, out / "last.pt")']


def figure_lines(plan: ScriptPlan) -> list[str]:
    """The lines that write the figures of all epochs, and pictures of the last one."""
    lines = [
        'lines = [",".join(map(str, line.values())) for line in rows]',
        '(out / "metrics.csv").write_text("\\n".join([",".join(row), *lines, ""]))',
        *grid_lines(plan),
    ]
    if plan.settings.log == "tensorboard":
        lines += [
            "for name in [*row][1:]:",
            "    writer.add_scalar(name, row[name], epoch)",
            "writer.flush()  # it would wait for up to two minutes",
        ]
    if plan.settings.log == "wandb":
        lines.append("wandb.log(row)")
    return lines


def _best(plan: ScriptPlan) -> list[str]:
    names = plan.saved()
    if len(names) == 1:
        module = "ema.module" if plan.settings.ema else names[0]
        lines = [f'save({module}.state_dict(), out / "best.pt")']
        if plan.settings.export == "safetensors":
            lines += [
                f'save_model({module}, str(out / "best.tmp"))',
                '(out / "best.tmp").replace(out / "best.safetensors")',
            ]
        return lines
    inner = ", ".join(f'"{name}": {name}.state_dict()' for name in names)
    return [f'save({{{inner}}}, out / "best.pt")']


def stop_lines(plan: ScriptPlan) -> list[str]:
    """The lines that end a run early, before an epoch, so that one that resumes stays ended."""
    if not plan.settings.early_stopping:
        return []
    choose = "min" if plan.evaluation.falls else "max"
    return [
        f'figures = [row["{plan.evaluation.best}"] for row in rows]',
        f"if rows and 0 < cfg.early_stopping < epoch - figures.index({choose}(figures)):",
        "    break",
    ]


def last_lines(plan: ScriptPlan) -> list[str]:
    """What happens behind the last epoch."""
    if not plan.settings.swa:
        return []
    return [
        "if rank == 0 and swa.n_averaged:",
        *(f"    {line}" for line in _average_norms(plan)),
        '    save(swa.module.state_dict(), out / "swa.pt")',
    ]


def _average_norms(plan: ScriptPlan) -> list[str]:
    """The lines that give an average of weights its own statistics of batches."""
    ((item,), (update,)) = plan.training.nets, plan.updates
    used = {type(layer.layer).__name__ for layer in item.net.layers.values()}
    kinds = BATCH_NORMS if item.net.externs else used & BATCH_NORMS
    if not kinds:
        return []
    if _takes_first_field(plan):
        changed = call_transform(plan.training, "False")
        if not changed:
            return ["update_bn(loader, swa, device)"]
        moved = move_batch(plan.training).removeprefix("batch = ")
        value = changed[0].removeprefix("batch = ").replace("(batch", f"({moved}")
        return [f"batches = ({value} for batch in loader)", "update_bn(batches, swa)"]
    classes = " | ".join(f"nn.{kind}" for kind in sorted(kinds))
    return [
        f"for norm in (m for m in swa.modules() if isinstance(m, {classes})):",
        "    norm.reset_running_stats()",
        "    norm.momentum = None  # the mean of all batches",
        "swa.train()",
        "with torch.no_grad():",
        "    for batch in loader:",
        f"        {move_batch(plan.training)}",
        *(f"        {line}" for line in call_transform(plan.training, "False")),
        f"        {update.code.name}(swa, batch)",
    ]


def _takes_first_field(plan: ScriptPlan) -> bool:
    """Whether all that a net is handed of a batch is its first field, as torch's `update_bn` does.

    The function of the step unpacks a batch in its first line.
    """
    (update,) = plan.updates
    unpacked, *lines = update.code.lines
    first = unpacked.partition(" = ")[0].strip("()").split(",")[0]
    called = re.findall(rf"(?<![\w.]){plan.modules()[0]}\((.*?)\)", "\n".join(lines))
    return called == [first]


def _has_buffers(item: TrainedNet) -> bool:
    variables = item.net.variables.values()
    return (
        any(layer.layer.buffers() for layer in item.net.layers.values())
        or any(variable.kind == "buffer" for variable in variables)
        or bool(item.net.externs)
    )
