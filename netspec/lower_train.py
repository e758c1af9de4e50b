"""Turn a checked training into the text of `train.py`, by way of a Jinja template."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from netspec.layout import WIDTH, bracketed, docstring, escaped, opening, wrapped
from netspec.lower_call import write_arguments
from netspec.lower_evaluation import Evaluation, plan_evaluation
from netspec.lower_imports import import_lines
from netspec.lower_schedule import steps_metric
from netspec.lower_step import StepCode, lower_step
from netspec.lower_update import Update, plan_updates, rate_of, write_optimizers, write_update
from netspec.render import fill, fold
from netspec.settings import Settings
from netspec.training import TrainedNet, Training
from netspec.write import write_literal

# Names that the script has a meaning for, so that no net or value is called so.
SCRIPT = frozenset(
    """
    Any AveragedModel BatchSampler Config DataLoader DistributedDataParallel DistributedSampler F
    Iterator Path Sequence TensorDataset argparse arguments average_gradients bar batch best cfg code curve
    data device dist ema epoch error evaluate f fields file files flag found group groups kind
    least loader load_data losses main make_loaders make_nets math mean minimum name nn np os out parse_config parser part parts pin rank rest row rows
    sampler save split start state step sums swa sys table text torch tqdm train val_data val_loader window world
    writer
    """.split()
)

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
    *(("torch.utils.data", n) for n in ("BatchSampler", "DataLoader", "DistributedSampler")),
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
        self.wraps = len(training.nets) == 1 and not self.layers

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
            "data": self._data(),
            "steps": [self._step(update) for update in self.updates],
            "validates": bool(settings.validation),
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
        if re.search(r"\bF\.", body):
            others.plain.append("import torch.nn.functional as F")
        dataset = self.training.dataset
        standard.add(dataset.standard_imports)
        others.add(dataset.imports)
        for update in self.updates:
            for mover in update.movers:
                others.add(mover.call.schedule.imports() if mover.call.schedule else ())
        for call in self.training.metrics:
            others.add(call.metric.imports)
        if self.settings.warmup:
            others.note((("torch.optim.lr_scheduler", "LinearLR"),))
            others.note((("torch.optim.lr_scheduler", "SequentialLR"),))
        return standard.lines(), others.lines()

    def _import_nets(self) -> str:
        names = dict.fromkeys(self._imported(item) for item in self.training.nets)
        return f"from model import {', '.join(sorted(names))}  # isort: skip"

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
            f"steps: int = {settings.steps}" if settings.steps else f"epochs: int = {settings.epochs}",
            f"batch_size: int = {settings.batch_size}  # per process",
        ]
        for update in self.updates:
            for mover in update.movers:
                options.append(f"{mover.rate}: float = {write_literal(rate_of(mover.call))}")
        default = Settings()
        for name in ("warmup", "clip_norm", "clip_value", "accumulate", "ema", "swa"):
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
        return f"{{{', '.join(f'{write_literal(name)}: {value}' for name, value in least.items())}}}"

    # ---- data ------------------------------------------------------------------------------------

    def _data(self) -> dict[str, Any]:
        dataset = self.training.dataset
        tensors = ", ".join(dataset.tensors())
        return {
            "type": "TensorDataset",
            "doc": docstring(dataset.told(), 1),
            "code": [*dataset.code(), f"return TensorDataset({tensors})"],
        }

    def _made_loaders(self) -> dict[str, Any]:
        """The function that makes the loaders, and what it gives."""
        validates = bool(self.settings.validation)
        types = ["DistributedSampler[Any]", "DataLoader[Any]", *["DataLoader[Any]"] * validates]
        given = ["cfg: Config", "device: torch.device", "rank: int", "world: int"]
        tail = f") -> tuple[{', '.join(types)}]:"
        more = ", and the loader for validation" if validates else ""
        return {
            "loaders_signature": bracketed("def make_loaders(", given, tail, 0),
            "loaders_doc": f"Return sampler and loader for training{more}.",
            "loaders": self._loaders(),
            "loaded": "sampler, loader, val_loader" if validates else "sampler, loader",
        }

    def _loaders(self) -> list[str]:
        settings = self.settings
        shares = "[1.0]"
        names = "data"
        lines: list[str] = []
        if settings.validation:
            shares = f"[{_training_share(settings.validation)}, {write_literal(settings.validation)}]"
            names = "data, val_data"
            lines.append("split = torch.Generator().manual_seed(0)  # the same one, whatever the seed")
            lines.append(f"{names} = torch.utils.data.random_split(load_data(), {shares}, split)")
        else:
            lines.append("whole = load_data()")
            lines.append("data = torch.utils.data.Subset(whole, range(len(whole)))")
        shuffle = "" if settings.shuffle else ", shuffle=False"
        lines += [
            'pin = device.type == "cuda"',
            "data.indices = data.indices[: cfg.max_batches * cfg.batch_size or None]",
            f"sampler: DistributedSampler[Any] = DistributedSampler(data, world, rank{shuffle}, seed=cfg.seed)",
            "batches = BatchSampler(sampler, cfg.batch_size, drop_last=False)",
            f"loader = DataLoader(data, None, sampler=batches{self._workers()})",
        ]
        if settings.validation:
            lines += [
                "shard = range(rank, len(val_data), world)  # each sample on exactly one rank",
                "val_batches = BatchSampler(shard, cfg.batch_size, drop_last=False)",
                f"val_loader = DataLoader(val_data, None, sampler=val_batches{self._workers()})",
            ]
        return lines

    def _workers(self) -> str:
        workers = ", num_workers=cfg.workers" if self.settings.workers else ""
        return f"{workers}, pin_memory=pin"

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
                "found = torch.accelerator.is_available() and torch.accelerator.current_accelerator()",
                'device = found or torch.device("cpu")',
            ]
        tried = [name for name in dict.fromkeys([device, *parts]) if name not in ("auto", "cpu")]
        if tried:
            lines += [
                f"for used in ({', '.join(map(write_literal, tried))},):",
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
        layout = ", memory_format=torch.channels_last" if self.settings.channels_last else ""
        typed = f"{item.name}: nn.Module"
        if item.net.devices:
            head = "with device:  # parts with devices of their own are made there"
            return [head, f"    {typed} = {call}"]
        return [f"{typed} = {call}.to(device{layout})"]

    def _started(self, item: TrainedNet) -> list[str]:
        """The lines that load the weights that a net begins with."""
        if not item.start:
            return []
        path = f"start = {write_literal(item.start)}"
        read = "torch.load(start, map_location=device, weights_only=True)"
        if item.start.endswith(".safetensors"):
            read = "load_file(start)"
        lines = ["if not cfg.resume:", f"    {path}", "    try:", f"        weights = {read}"]
        if item.strict:
            lines.append(f"        {item.name}.load_state_dict(weights)")
        else:
            lines += [
                f"        own = {item.name}.state_dict()",
                "        fits = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}",
                f"        {item.name}.load_state_dict(fits, strict=False)",
                f'        print(f"{{len(fits)}} of {{len(own)}} tensors are from {{start}}")',
            ]
        lines += [
            "    except Exception as error:  # there is no telling what a file holds",
            f'        raise SystemExit(f"cannot begin with {{start}}: {{error!r:.500}}") from None',
        ]
        return lines

    def _optimisers(self) -> list[str]:
        settings = self.settings
        lines: list[str] = []
        if self._counts_steps():
            lines.append(f"steps_per_epoch = {self._steps_per_epoch()}")
        for update in self.updates:
            lines += write_optimizers(self.training, update)
        (first, *_) = self._modules()
        if settings.ema:
            average = "multi_avg_fn=get_ema_multi_avg_fn(cfg.ema), use_buffers=True"
            lines.append(f"ema = AveragedModel({first}, {average})")
        if settings.swa:
            lines.append(f"swa = AveragedModel({first})")
        return lines

    def _counts_steps(self) -> bool:
        texts = [
            text
            for update in self.updates
            for mover in update.movers
            if mover.call.schedule is not None
            for text in mover.call.schedule.names()
        ]
        return bool(self.settings.steps) or bool({"steps", "steps_per_epoch"} & set(texts))

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
            lines.append("writer = SummaryWriter(out) if rank == 0 else None")
        return lines

    # ---- an epoch ----------------------------------------------------------------------------------

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
        lines: list[str] = []
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
        if settings.validation:
            modules = ", ".join("ema" if n == self._averaged() else n for n in self._modules())
            lines.append(f"row |= evaluate({modules}, val_loader)")
        lines.append("rows.append(row)")
        lines += self._scheduled()
        if settings.swa:
            lines += ["if epoch + 1 >= cfg.swa:", f"    swa.update_parameters({self._modules()[0]})"]
        return lines

    def _averaged(self) -> str:
        return self._modules()[0] if self.settings.ema else ""

    def _scheduled(self) -> list[str]:
        if self.settings.scheduler_interval == "step" or self.settings.warmup:
            return []
        lines: list[str] = []
        for update in self.updates:
            for mover in update.movers:
                if mover.scheduler:
                    metric = steps_metric(mover.call.schedule)
                    figure = f'row["{self._figure(metric)}"]' if metric else ""
                    lines.append(f"{mover.scheduler}.step({figure})")
        return lines

    def _figure(self, mode: str) -> str:
        """The figure that a schedule follows, the smaller or the larger the better."""
        if not self.settings.validation:
            return "loss"
        return self.evaluation.best if (mode == "max") != self.evaluation.falls else "val_loss"

    def _saved(self) -> list[str]:
        """What the first process saves at the end of an epoch."""
        settings = self.settings
        lines: list[str] = []
        if settings.validation:
            choose = "min" if self.evaluation.falls else "max"
            lines.append(f'best = {choose}(rows, key=lambda row: row["{self.evaluation.best}"])')
            lines.append("if best is row:")
            lines += [f"    {line}" for line in self._best()]
        lines.append("state = {name: part.state_dict() for name, part in parts.items()}")
        lines.append('save(state | {"rows": rows}, out / "last.pt")')
        if settings.save_every:
            lines += [
                "if (epoch + 1) % cfg.save_every == 0:",
                '    save(state | {"rows": rows}, out / f"epoch{epoch + 1:05}.pt")',
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
            "    update_bn(loader, swa, device)",
            '    save(swa.module.state_dict(), out / "swa.pt")',
        ]

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
                self.taken.setdefault(module, []).append(name)

    def add(self, lines: Iterable[str]) -> None:
        """Take import lines as they stand."""
        for line in lines:
            if line.startswith("import "):
                self.plain.append(line)
            else:
                _, module, _, names = line.split(" ", 3)
                known = self.taken.setdefault(module, [])
                known += [name for name in names.split(", ") if name not in known]

    def lines(self) -> list[str]:
        return [*sorted(set(self.plain), key=_by_module), *import_lines(self.taken, self.taken)]


def _by_module(line: str) -> str:
    return line.split()[1]


def _training_share(validation: float) -> str:
    """What is left to train on; the two shares must not add up to more than 1."""
    share = round(1 - validation, 10)
    return write_literal(share if share + validation == 1 else 1 - validation)


def catalogue_imports(training: Training) -> list[str]:
    """The import lines that a script may have for its data, its metrics and its schedules."""
    dataset = training.dataset
    lines = [*dataset.standard_imports, *dataset.imports]
    for named in training.metrics:
        lines += named.metric.imports
    for call in (call for step in training.steps for call in step.optimizers):
        lines += call.schedule.imports() if call.schedule else ()
    return lines


def options_of(training: Training) -> Mapping[str, object]:
    """The options of a script by name, with their defaults."""
    return training.settings._asdict()
