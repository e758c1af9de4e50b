"""Turn a checked training into the text of `train.py`, by way of a Jinja template."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from netspec.layout import WIDTH, bracketed, escaped, opening, wrapped
from netspec.lower_call import write_arguments
from netspec.lower_data import data_imports, extern_imports, write_data, write_loaders
from netspec.lower_evaluation import Evaluation, plan_evaluation
from netspec.lower_imports import import_lines
from netspec.lower_step import StepCode, lower_step
from netspec.lower_transforms import call_transform
from netspec.lower_update import Update, plan_updates, rate_of, write_optimizers, write_update
from netspec.render import fill, fold
from netspec.schedule import STEPS, STEPS_PER_EPOCH, Schedule
from netspec.script_names import SCRIPT
from netspec.settings import Settings
from netspec.training import TrainedNet, Training
from netspec.write import write_literal

_ACCELERATOR = "torch.accelerator"
_STANDARD = (
    *(("argparse", ""), ("math", ""), ("os", ""), ("sys", "")),
    *(("collections.abc", "Iterator"), ("collections.abc", "Sequence")),
    *(("dataclasses", "asdict"), ("dataclasses", "dataclass"), ("dataclasses", "fields")),
    *(("fnmatch", "fnmatch"), ("itertools", "islice"), ("pathlib", "Path"), ("typing", "Any")),
)
_TORCH = (
    ("torch", "Tensor"),
    ("torch", "nn"),
    ("torch.nn.parallel", "DistributedDataParallel"),
    *(("torch.optim.swa_utils", n) for n in ("AveragedModel", "get_ema_multi_avg_fn", "update_bn")),
    *(("torch.utils.data", n) for n in ("BatchSampler", "DataLoader", "Dataset")),
    ("torch.utils.data", "DistributedSampler"),
    ("torch.utils.data", "TensorDataset"),
    ("tqdm", "tqdm"),
    ("safetensors.torch", "save_model"),
    ("safetensors.torch", "load_file"),
    ("torch.utils.tensorboard", "SummaryWriter"),
)


def render_train(training: Training, script: str = "train.py") -> str:
    """The source of the script, which is called `script`."""
    reserved = set(SCRIPT)
    codes = [lower_step(step, training.nets, reserved) for step in training.steps]
    return _Script(training, codes, script).render()


class _Script:
    def __init__(self, training: Training, codes: Sequence[StepCode], script: str) -> None:
        self.training = training
        self.settings: Settings = training.settings
        self.codes = codes
        self.script = script
        self.updates = plan_updates(training, codes)
        self.evaluation: Evaluation = plan_evaluation(training, self.updates)
        self.layers = {k: text for code in codes for k, text in code.layers.items()}
        names = {item.name for item in training.nets}
        self.wraps = len(names) == 1 and self._moved() == names

    def render(self) -> str:
        body = fill("train.py.jinja", **self._context((), ""))
        imports = self._imports(body)
        text = fill("train.py.jinja", **self._context(imports, self._import_nets()))
        return fold(text)

    def _context(self, imports: Sequence[Sequence[str]], nets: str) -> dict[str, Any]:
        training, settings = self.training, self.settings
        return {
            "title": self._title(),
            "script": self.script,
            "imports": imports,
            "import_nets": nets,
            "options": self._options(),
            "data": write_data(training),
            "steps": [self._step(update) for update in self.updates],
            "validates": training.validates,
            "evaluate_signature": bracketed(
                "def evaluate(",
                [*(f"{name}: nn.Module" for name in self._modules()), "loader: DataLoader[Any]"],
                ") -> dict[str, float]:",
                0,
            ),
            **self.evaluation.context(),
            "nets": [
                {"name": item.name, "frozen": item.name not in self._moved()}
                for item in training.nets
            ],
            "averages_gradients": not self.wraps,
            "device": self._device_lines(),
            "setup": self._setup(),
            **self._made_nets(),
            "started": [line for item in training.nets for line in self._started(item)],
            **self._made_loaders(),
            "optimisers": self._optimisers(),
            "parts": self._parts(),
            "map_location": self._map_location(),
            "ready": self._ready(),
            "epochs": self._epochs(),
            "loader": self._loader(),
            "counter": "step, " if settings.accumulate > 1 else "",
            "update": self._update(),
            "after": self._after(),
            "saved": self._saved(),
            "ending": self._ending(),
            "finally": self._finally(),
            "parser": self._parser(),
            "least": self._least(),
        }

    # ---- above the functions ---------------------------------------------------------------------

    def _title(self) -> list[str]:
        """The first lines of the script's docstring."""
        doc = escaped(self.training.doc.split("\n")[0]) or self._purpose()
        first, *rest = wrapped(doc, WIDTH - 4)
        return [opening(first), *rest]

    def _purpose(self) -> str:
        return f"Train {self.training.name} on {type(self.training.dataset).__name__}."

    def _parser(self) -> list[str]:
        description = write_literal(self._purpose())
        return [f"parser = argparse.ArgumentParser(description={description})"]

    def _imports(self, body: str) -> tuple[list[str], ...]:
        """The import lines that the body needs, in their groups."""
        standard, others = _Imports(body), _Imports(body)
        standard.note(_STANDARD)
        others.note(_TORCH)
        others.plain += ["import torch", "import torch.distributed as dist"]
        if self.settings.log == "wandb":
            others.plain.append("import wandb")
        if re.search(r"\bF\.", body):
            others.plain.append("import torch.nn.functional as F")
        for group, lines in zip((standard, others), data_imports(self.training), strict=True):
            group.add(lines)
        for update in self.updates:
            for module, name in update.code.imports:
                others.take(module, name)
            for mover in update.movers:
                schedule = mover.call.schedule
                for scheduler in schedule.schedulers() if schedule else ():
                    others.take(*scheduler.torch.rsplit(".", 1))
        others.add(self.evaluation.imports)
        return standard.lines(), others.lines()

    def _import_nets(self) -> str:
        names = dict.fromkeys(self._imported(item) for item in self.training.nets)
        lines = [*extern_imports(self.training), f"from model import {', '.join(sorted(names))}"]
        return "\n".join(f"{line}  # isort: skip" for line in lines)

    def _imported(self, item: TrainedNet) -> str:
        own = self._class_name(item)
        return own if own == item.net.name else f"{item.net.name} as {own}"

    def _class_name(self, item: TrainedNet) -> str:
        """What the script calls the class of a net."""
        taken = SCRIPT | {known.name for known in self.training.nets}
        return f"{item.net.name}Net" if item.net.name in taken else item.net.name

    def _options(self) -> list[str]:
        """The fields of the script's settings."""
        settings = self.settings
        options = [
            f"steps: int = {settings.steps}"
            if settings.steps
            else f"epochs: int = {settings.epochs}",
            f"batch_size: int = {settings.batch_size}  # per process",
        ]
        for update in self.updates:
            for mover in update.movers:
                options.append(f"{mover.rate}: float = {write_literal(rate_of(mover.call))}")
        default = Settings()
        for name in ("clip_norm", "clip_value", "accumulate", "ema", "swa"):
            value = getattr(settings, name)
            if value != getattr(default, name):
                kind = type(getattr(default, name))
                options.append(f"{name}: {kind.__name__} = {write_literal(kind(value))}")
        for name in ("early_stopping", "save_every", "keep", "workers"):
            if getattr(settings, name):
                options.append(f"{name}: int = {getattr(settings, name)}")
        if settings.compile:
            options.append("compile: bool = True")
        return [*options, f"seed: int = {settings.seed}"]

    def _least(self) -> str:
        """The least value of each option that has one."""
        settings = self.settings
        least = {"steps" if settings.steps else "epochs": 1, "batch_size": 1}
        least |= {mover.rate: 0 for update in self.updates for mover in update.movers}
        if settings.accumulate > 1:
            least["accumulate"] = 1
        least |= {"seed": 0, "max_batches": 0}
        pairs = ", ".join(f"{write_literal(name)}: {value}" for name, value in least.items())
        return f"{{{pairs}}}"

    # ---- data ------------------------------------------------------------------------------------

    def _made_loaders(self) -> dict[str, Any]:
        """The function that makes the loaders, and what it gives."""
        validates = self.training.validates
        types = ["DistributedSampler[Any]", "DataLoader[Any]", *["DataLoader[Any]"] * validates]
        given = ["cfg: Config", "device: torch.device", "rank: int", "world: int"]
        tail = f") -> tuple[{', '.join(types)}]:"
        more = ", and the loader for validation" if validates else ""
        return {
            "loaders_signature": bracketed("def make_loaders(", given, tail, 0),
            "loaders_doc": f"Return sampler and loader for training{more}.",
            "loaders": write_loaders(self.training),
            "loaded": "sampler, loader, val_loader" if validates else "sampler, loader",
        }

    # ---- what is made ----------------------------------------------------------------------------

    def _modules(self) -> list[str]:
        """All that the steps are handed: nets and the layers of losses."""
        return [item.name for item in self.training.nets] + list(self.layers)

    def _moved(self) -> set[str]:
        return {name for step in self.training.steps for name in step.moves}

    def _device_lines(self) -> list[str]:
        device = self.training.nets[0].net.device
        parts = [name for item in self.training.nets for name in item.net.devices]
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

    def _setup(self) -> list[str]:
        if not self.settings.deterministic:
            return []
        return ["torch.use_deterministic_algorithms(True)"]

    def _made_nets(self) -> dict[str, Any]:
        """The function that makes the nets, and what it gives."""
        names = self._modules()
        types = ["nn.Module"] * len(names)
        type_ = types[0] if len(names) == 1 else f"tuple[{', '.join(types)}]"
        several = len(self.training.nets) > 1
        what = "the nets" if several else "the net"
        what += " and the layers of the loss" if self.layers else ""
        tail = f") -> {type_}:"
        return {
            "nets_signature": bracketed("def make_nets(", ["device: torch.device"], tail, 0),
            "nets_doc": f"Return {what}, with random weights.",
            "made": self._made(),
            "modules": ", ".join(names),
        }

    def _made(self) -> list[str]:
        lines: list[str] = []
        for item in self.training.nets:
            arguments = [
                f"{a.name}={a.text}" if a.name else a.text
                for a in write_arguments(item.arguments, str)
            ]
            call = f"{self._class_name(item)}({', '.join(arguments)})"
            lines += self._placed(item, call)
        lines += [f"{name}: nn.Module = {text}.to(device)" for name, text in self.layers.items()]
        for item in self.training.nets:
            if item.name not in self._moved():
                lines.append(f"{item.name}.requires_grad_(False)")
        return lines

    def _placed(self, item: TrainedNet, call: str) -> list[str]:
        typed = f"{item.name}: nn.Module"
        if item.net.devices:
            head = "with device:  # parts with devices of their own are made there"
            return [head, f"    {typed} = {call}"]
        lines = [f"{typed} = {call}.to(device)"]
        if self.settings.channels_last:
            layout = "memory_format=torch.channels_last"
            lines.append(f"{item.name}.to({layout})  # type: ignore[call-overload]")
        return lines

    def _started(self, item: TrainedNet) -> list[str]:
        """The lines that load the weights that a net begins with."""
        if not item.start:
            return []
        lines = ["if not cfg.resume:", f"    source = {write_literal(item.start)}", "    try:"]
        read = "torch.load(source, map_location=device, weights_only=True)"
        if item.start.endswith(".safetensors"):
            read = "load_file(source)"
        lines.append(f"        weights = {read}")
        if item.strict:
            lines.append(f"        {item.name}.load_state_dict(weights)")
        else:
            fits = "{k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}"
            lines += [
                f"        own = {item.name}.state_dict()",
                f"        fits = {fits}",
                f"        {item.name}.load_state_dict(fits, strict=False)",
                '        print(f"{len(fits)} of {len(own)} tensors are from {source}")',
            ]
        return [
            *lines,
            "    except Exception as error:  # there is no telling what a file holds",
            '        raise SystemExit(f"cannot begin with {source}: {error!r:.500}") from None',
        ]

    def _optimisers(self) -> list[str]:
        settings = self.settings
        lines: list[str] = []
        names = self._schedule_names()
        if settings.steps or names & {STEPS, STEPS_PER_EPOCH}:
            lines.append(f"steps_per_epoch = {self._steps_per_epoch()}")
        if STEPS in names:
            total = "cfg.steps" if settings.steps else "cfg.epochs * steps_per_epoch"
            lines.append(f"steps = {total}")
        for update in self.updates:
            lines += write_optimizers(self.training, update)
        (first, *_) = self._modules()
        if settings.ema:
            lines.append("average = get_ema_multi_avg_fn(cfg.ema)  # type: ignore[no-untyped-call]")
            given = "multi_avg_fn=average, use_buffers=True"
            lines.append(f"ema = AveragedModel({first}, {given})")
        if settings.swa:
            lines.append(f"swa = AveragedModel({first})")
        return lines

    def _schedule_names(self) -> set[str]:
        """What schedules want to know of the length of the training."""
        movers = [mover for update in self.updates for mover in update.movers]
        return {name for m in movers if m.call.schedule for name in m.call.schedule.names}

    def _steps_per_epoch(self) -> str:
        if self.settings.accumulate > 1:
            return "math.ceil(len(loader) / cfg.accumulate)"
        return "len(loader)"

    def _parts(self) -> str:
        """What a checkpoint holds, by name."""
        names = self._modules()
        movers = [mover for update in self.updates for mover in update.movers]
        names += [n for m in movers for n in (m.optimizer, m.scheduler, m.scaler) if n]
        names += [n for n, on in (("ema", self.settings.ema), ("swa", self.settings.swa)) if on]
        return f"{{{', '.join(f'{write_literal(name)}: {name}' for name in names)}}}"

    def _map_location(self) -> str:
        parts = any(item.net.devices for item in self.training.nets)
        return '"cpu"' if parts else "device"

    def _ready(self) -> list[str]:
        lines: list[str] = []
        if self.settings.compile:
            lines.append("if cfg.compile:")
            lines += [
                f"    {item.name}.compile()  # in place: names in checkpoints stay"
                for item in self.training.nets
            ]
        if self.wraps:
            (net,) = self.training.nets
            wrapped_net = f"DistributedDataParallel({net.name}) if world > 1 else {net.name}"
            lines.append(f"net = {wrapped_net}")
        if self.settings.log == "tensorboard":
            lines.append("writer: Any = SummaryWriter(out) if rank == 0 else None")
        if self.settings.log == "wandb":
            name = write_literal(self.training.name)
            lines += [
                "if rank == 0:",
                f"    wandb.init(project={name}, config=asdict(cfg), dir=cfg.out)",
            ]
        return lines

    # ---- an epoch --------------------------------------------------------------------------------

    def _epochs(self) -> str:
        return "math.ceil(cfg.steps / steps_per_epoch)" if self.settings.steps else "cfg.epochs"

    def _loader(self) -> str:
        if not self.settings.steps:
            return "loader"
        left = "cfg.steps - epoch * steps_per_epoch"
        if self.settings.accumulate > 1:
            left = f"({left}) * cfg.accumulate"
        return f"islice(loader, {left})"

    def _update(self) -> list[str]:
        lines = call_transform(self.training, "True")
        if self.settings.channels_last:
            layout = "torch.channels_last"
            lines.append(
                f"batch = [t.to(memory_format={layout}) if t.ndim == 4 else t for t in batch]"
            )
        for update in self.updates:
            own = write_update(self.training, update, averaged=not self.wraps)
            if self.wraps:
                old = f"{update.code.name}({self.training.nets[0].name},"
                own = [line.replace(old, f"{update.code.name}(net,") for line in own]
            lines += own
        kept = [f"{update.loss}.detach()" for update in self.updates]
        one = kept[0] if len(kept) == 1 else f"torch.stack([{', '.join(kept)}])"
        lines.append(f"losses.append({one})")
        return lines

    def _after(self) -> list[str]:
        """What happens at the end of an epoch, in all processes."""
        settings = self.settings
        lines = [
            "curve = torch.stack(losses)",
            "if not curve.isfinite().all():",
        ]
        rows = "curve.isfinite()" if len(self.updates) == 1 else "curve.isfinite().all(dim=1)"
        lines += [
            f"    step = int({rows}.int().argmin())",
            '    raise SystemExit(f"loss is {curve[step].tolist()} in epoch {epoch}, step {step}")',
            "mean = curve.mean(dim=0)",
            "if world > 1:",
            "    dist.all_reduce(mean)",
        ]
        names = [update.loss for update in self.updates]
        if len(names) == 1:
            lines.append('row = {"epoch": epoch, "loss": mean.item() / world}')
        else:
            values = ", ".join(names)
            lines.append(f"{values} = (mean / world).tolist()")
            shown = ", ".join(f'"{name}": {name}' for name in names)
            lines.append(f'row = {{"epoch": epoch, {shown}}}')
        lines += self._shared_buffers()
        if self.training.validates:
            modules = ", ".join("ema" if n == self._averaged() else n for n in self._modules())
            lines.append(f"row |= evaluate({modules}, val_loader)")
            lines += self._require_finite()
        lines.append("rows.append(row)")
        lines += self._scheduled()
        if settings.swa:
            lines += [
                "if epoch + 1 >= cfg.swa:",
                f"    swa.update_parameters({self._modules()[0]})",
            ]
        return lines

    def _shared_buffers(self) -> list[str]:
        """The lines that give all processes the buffers of the first, where nets have some."""
        names = [item.name for item in self.training.nets if _has_buffers(item)]
        if not names:
            return []
        names += [n for n, on in (("ema", self.settings.ema), ("swa", self.settings.swa)) if on]
        own = f"{names[0]}.buffers()"
        if len(names) > 1:
            own = f"[{', '.join(f'*{name}.buffers()' for name in names)}]"
        return [
            "if world > 1:  # statistics of batches differ between processes",
            f"    for buffer in {own}:",
            "        dist.broadcast(buffer, 0)",
        ]

    def _require_finite(self) -> list[str]:
        """The lines that end a run whose loss on the held-out data is no number."""
        lines: list[str] = []
        for update in self.updates:
            name = f"val_{update.loss}"
            lines += [
                f'if not math.isfinite(row["{name}"]):',
                f"    raise SystemExit(f\"{name} is {{row['{name}']}} in epoch {{epoch}}\")",
            ]
        return lines

    def _averaged(self) -> str:
        return self._modules()[0] if self.settings.ema else ""

    def _scheduled(self) -> list[str]:
        lines: list[str] = []
        for update in self.updates:
            for mover in update.movers:
                schedule = mover.call.schedule
                if schedule is not None and not schedule.by_step:
                    figure = f'row["{self._figure(schedule)}"]' if schedule.metric else ""
                    lines.append(f"{mover.scheduler}.step({figure})")
        return lines

    def _figure(self, schedule: Schedule) -> str:
        """The figure that a schedule follows, the larger or the smaller the better."""
        if not self.training.validates:
            return "loss"
        rises = getattr(schedule.scheduler, "mode", "min") == "max"
        return self.evaluation.best if rises != self.evaluation.falls else "val_loss"

    def _saved(self) -> list[str]:
        """What the first process saves at the end of an epoch."""
        settings = self.settings
        lines: list[str] = []
        if self.training.validates:
            choose = "min" if self.evaluation.falls else "max"
            lines.append(f'best = {choose}(rows, key=lambda row: row["{self.evaluation.best}"])')
            lines.append("if best is row:")
            lines += [f"    {line}" for line in self._best()]
        lines.append("state = {name: part.state_dict() for name, part in parts.items()}")
        lines.append('state |= {"kinds": kinds, "rows": rows}')
        lines.append('save(state, out / "last.pt")')
        if settings.save_every:
            lines += [
                "if (epoch + 1) % cfg.save_every == 0:",
                '    save(state, out / f"epoch{epoch + 1:05}.pt")',
            ]
        if settings.keep:
            lines += [
                'for old in sorted(out.glob("epoch*.pt"))[: -cfg.keep]:',
                "    old.unlink()",
            ]
        lines += [
            "table = [row, *(line.values() for line in rows)]",
            'text = "\\n".join(",".join(map(str, line)) for line in table)',
            '(out / "metrics.csv").write_text(text + "\\n")',
        ]
        if settings.log == "tensorboard":
            lines += [
                "for name, value in row.items():",
                "    writer.add_scalar(name, value, epoch)",
            ]
        if settings.log == "wandb":
            lines.append("wandb.log(row)")
        return lines

    def _best(self) -> list[str]:
        names = self._modules()
        if len(names) == 1:
            module = "ema.module" if self.settings.ema else names[0]
            lines = [f'save({module}.state_dict(), out / "best.pt")']
            if self.settings.export == "safetensors":
                lines.append(f'save_model({module}, str(out / "best.safetensors"))')
            return lines
        inner = ", ".join(f'"{name}": {name}.state_dict()' for name in names)
        return [f'save({{{inner}}}, out / "best.pt")']

    def _ending(self) -> list[str]:
        if not self.settings.early_stopping:
            return []
        choose = "min" if self.evaluation.falls else "max"
        return [
            f'figures = [row["{self.evaluation.best}"] for row in rows]',
            f"if figures.index({choose}(figures)) + cfg.early_stopping <= epoch:",
            "    break",
        ]

    def _finally(self) -> list[str]:
        if not self.settings.swa:
            return []
        return [
            "if rank == 0:",
            f"    update_bn({self._seen()}, swa, device)",
            '    save(swa.module.state_dict(), out / "swa.pt")',
        ]

    def _seen(self) -> str:
        """The batches of an epoch as the net sees them."""
        calls = call_transform(self.training, "False")
        return f"({calls[0].partition(' = ')[2]} for batch in loader)" if calls else "loader"

    # ---- functions -------------------------------------------------------------------------------

    def _step(self, update: Update) -> dict[str, Any]:
        code = update.code
        arguments = [f"{name}: nn.Module" for name in code.modules]
        several = code.returns != "Tensor"
        doc = "Return the loss of a batch"
        doc += ", and what its figures are made of." if several else "."
        given = [*arguments, f"{code.batch}: Sequence[Tensor]"]
        head = bracketed(f"def {code.name}(", given, ") -> Any:", 0)
        return {"signature": head, "doc": doc, "lines": code.lines}


class _Imports:
    """The imports of one group."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.plain: list[str] = []
        self.taken: dict[str, list[str]] = {}

    def note(self, candidates: Iterable[tuple[str, str]]) -> None:
        """Take those of the modules and names that the body uses."""
        for module, name in candidates:
            if not name and re.search(rf"\b{module}\.", self.body):
                self.plain.append(f"import {module}")
            elif name and re.search(rf"(?<![\w.]){name}\b", self.body):
                self.take(module, name)

    def add(self, lines: Iterable[str]) -> None:
        """Take import lines as they stand."""
        for line in lines:
            if line.startswith("import "):
                self.plain.append(line)
            else:
                _, module, _, names = line.split(" ", 3)
                for name in names.split(", "):
                    self.take(module, name)

    def take(self, module: str, name: str) -> None:
        """Import a name from a module."""
        known = self.taken.setdefault(module, [])
        if name not in known:
            known.append(name)

    def lines(self) -> list[str]:
        return [*sorted(set(self.plain), key=_by_module), *import_lines(self.taken, self.taken)]


def _has_buffers(item: TrainedNet) -> bool:
    variables = item.net.variables.values()
    return (
        any(layer.layer.buffers() for layer in item.net.layers.values())
        or any(variable.kind == "buffer" for variable in variables)
        or bool(item.net.externs)
    )


def _by_module(line: str) -> str:
    return line.split()[1]


def catalogue_imports(training: Training) -> list[str]:
    """The import lines that a script may have for its data, its metrics and its schedules."""
    lines = [line for group in data_imports(training) for line in group]
    last = training.steps[-1]
    kinds = [port.type for port in last.graph.outputs[1:]]
    types = dict(zip(last.figures, kinds, strict=True))
    for named in training.metrics:
        output, target = (types[name] for name in named.operands)
        if not named.metric.code(output, target, named.operands):
            lines += named.metric.imports(output, target)
    for call in (call for step in training.steps for call in step.optimizers):
        for scheduler in call.schedule.schedulers() if call.schedule else ():
            module, name = scheduler.torch.rsplit(".", 1)
            lines.append(f"from {module} import {name}")
    return lines


def options_of(training: Training) -> Mapping[str, object]:
    """The options of a script by name, with their defaults."""
    return training.settings._asdict()
