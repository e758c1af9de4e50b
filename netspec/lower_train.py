"""Turn a checked training into the text of `train.py`, by way of a Jinja template."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from netspec.layout import WIDTH, bracketed, escaped, opening, wrapped
from netspec.lower_data import data_imports, extern_imports, write_data, write_loaders
from netspec.lower_epoch import (
    bar_lines,
    batch_lines,
    end_lines,
    epoch_count,
    figure_lines,
    last_lines,
    save_lines,
    stop_lines,
)
from netspec.lower_imports import import_lines
from netspec.lower_samples import IMPORTS, samples_context
from netspec.lower_setup import (
    counted_lines,
    device_lines,
    net_lines,
    optimizer_lines,
    parts_text,
    ready_lines,
    start_lines,
)
from netspec.lower_shard import (
    SHARD_IMPORTS,
    shared_lines,
    spread_lines,
    unit_lines,
)
from netspec.lower_step import StepCode, lower_step
from netspec.lower_update import Update
from netspec.render import fill, fold
from netspec.script_names import SCRIPT
from netspec.script_plan import ScriptPlan
from netspec.settings import POSITIVE, Settings
from netspec.training import TrainedNet, Training
from netspec.write import write_literal

_STANDARD = (
    *(("math", ""), ("os", ""), ("sys", "")),
    *(("collections.abc", "Iterator"), ("collections.abc", "Sequence")),
    *(("dataclasses", "asdict"), ("dataclasses", "dataclass")),
    *(("warnings", "catch_warnings"), ("warnings", "filterwarnings")),
    *(("fnmatch", "fnmatch"), ("itertools", "islice"), ("pathlib", "Path"), ("typing", "Any")),
)
_TORCH = (
    ("torch", "Tensor"),
    ("torch", "nn"),
    ("torch.nn.parallel", "DistributedDataParallel"),
    *(("torch.optim.swa_utils", n) for n in ("AveragedModel", "get_ema_multi_avg_fn", "update_bn")),
    *(("torch.utils.data", n) for n in ("BatchSampler", "DataLoader", "Dataset")),
    *(("torch.utils.data", n) for n in ("DistributedSampler", "Subset", "TensorDataset")),
    ("tqdm", "tqdm"),
    ("safetensors", "SafetensorError"),
    ("safetensors.torch", "save_model"),
    ("safetensors.torch", "load_file"),
    ("torch.utils.tensorboard", "SummaryWriter"),
    *SHARD_IMPORTS,
)


def render_train(training: Training, script: str = "train.py") -> str:
    """The source of the script, which is called `script`."""
    return _Script(training, _codes(training), script).render()


def _codes(training: Training) -> list[StepCode]:
    """The functions of the steps; no class of theirs is called as one that a schedule needs."""
    reserved = SCRIPT | {name for _, name in _schedulers(training)}
    return [lower_step(step, training, set(reserved)) for step in training.steps]


def _schedulers(training: Training) -> list[tuple[str, str]]:
    """The classes of all schedules, behind their modules."""
    calls = [call.schedule for step in training.steps for call in step.optimizers]
    paths = [
        x.torch.rpartition(".") for schedule in calls if schedule for x in schedule.schedulers()
    ]
    return [(module, name) for module, _, name in paths]


class _Script:
    def __init__(self, training: Training, codes: Sequence[StepCode], script: str) -> None:
        self.plan = ScriptPlan(training, codes)
        self.training = training
        self.settings: Settings = training.settings
        self.updates = self.plan.updates
        self.evaluation = self.plan.evaluation
        self.script = script

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
            "prog": write_literal(self.script),
            "purpose": write_literal(self._purpose()),
            "imports": imports,
            "import_nets": nets,
            "options": self._options(),
            "data": write_data(training),
            "steps": [self._step(update) for update in self.updates],
            "validates": training.validates,
            "workers": settings.workers,
            "evaluate_signature": bracketed(
                "def evaluate(",
                [
                    *(f"{name}: nn.Module" for name in self.plan.modules()),
                    "loader: Any",
                    "device: torch.device",
                ],
                ") -> dict[str, float]:",
                0,
            ),
            **self.evaluation.context(),
            **samples_context(training, self.plan.samples),
            "modes": self.plan.modes(),
            "averages_gradients": self.plan.averages,
            "shards": settings.shard,
            "units": unit_lines(self.plan) if settings.shard else (),
            "shared": self._shared(),
            "counted": counted_lines(self.plan),
            "device": device_lines(self.plan),
            "setup": self._setup(),
            **self._made_nets(),
            "started": [
                *(line for item in training.nets for line in start_lines(self.plan, item)),
                *(spread_lines(self.plan) if settings.shard else ()),
            ],
            **self._made_loaders(),
            "optimisers": optimizer_lines(self.plan),
            "parts": parts_text(self.plan),
            "ready": ready_lines(self.plan),
            "epochs": epoch_count(self.plan),
            "bar": bar_lines(self.plan),
            "counter": "step, " if settings.accumulate > 1 else "",
            "update": batch_lines(self.plan),
            "after": end_lines(self.plan),
            "saved": save_lines(self.plan),
            "stopping": stop_lines(self.plan),
            "finally": last_lines(self.plan),
            "positive": self._positive(),
            "ranges": self._ranges(),
            "failures": self._failures(),
        }

    # ---- above the functions ---------------------------------------------------------------------

    def _title(self) -> list[str]:
        """The first lines of the script's docstring."""
        doc = escaped(self.training.doc.split("\n")[0]) or self._purpose()
        first, *rest = wrapped(doc, WIDTH - 4)
        return [opening(first), *rest]

    def _purpose(self) -> str:
        return f"Train {self.training.name} on {type(self.training.dataset).__name__}."

    def _imports(self, body: str) -> tuple[list[str], ...]:
        """The import lines that the body needs, in their groups."""
        standard, others = _Imports(body), _Imports(body)
        standard.note(_STANDARD)
        others.note(_TORCH)
        others.plain += ["import torch", "import torch.distributed as dist", "import tyro"]
        if self.settings.log == "wandb":
            others.plain.append("import wandb")
        if re.search(r"\bF\.", body):
            others.plain.append("import torch.nn.functional as F")
        for group, lines in zip((standard, others), data_imports(self.training), strict=True):
            group.add(lines)
        for update in self.updates:
            for module, name in update.code.imports:
                others.take(module, name)
        for module, name in _schedulers(self.training):
            others.take(module, name)
        others.add(self.evaluation.imports)
        if self.plan.samples:
            others.add(IMPORTS)
        return standard.lines(), others.lines()

    def _import_nets(self) -> str:
        names = dict.fromkeys(self._imported(item) for item in self.training.nets)
        lines = [*extern_imports(self.training), f"from model import {', '.join(sorted(names))}"]
        return "\n".join(f"{line}  # isort: skip" for line in lines)

    def _imported(self, item: TrainedNet) -> str:
        own = self.plan.class_name(item)
        return own if own == item.net.name else f"{item.net.name} as {own}"

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
                options += [f"{n}: float = {write_literal(rate)}" for n, rate in mover.rates()]
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

    def _positive(self) -> str:
        """The settings that must be at least 1; the others take 0."""
        own = [line.partition(":")[0] for line in self._options()]
        return write_literal(tuple(name for name in own if name in POSITIVE))

    def _ranges(self) -> list[str]:
        """The lines that refuse what no setting of a training may be."""
        if not self.settings.ema:
            return []
        return [
            "if self.ema >= 1:",
            '    raise ValueError(f"ema must be below 1, not {self.ema}")',
        ]

    def _failures(self) -> str:
        """The exceptions that end a script with one line."""
        return "(OSError, SafetensorError)" if self._exports() else "OSError"

    def _exports(self) -> bool:
        return self.settings.export == "safetensors" and len(self.plan.saved()) == 1

    # ---- data ------------------------------------------------------------------------------------

    def _made_loaders(self) -> dict[str, Any]:
        """The function that makes the loaders, and what it gives."""
        validates = self.training.validates
        more = ", and the loader for validation" if validates else ""
        return {
            "loaders_doc": f"Return sampler and loader for training{more}.",
            "loaders": write_loaders(self.training),
            "loaded": "sampler, loader, val_loader" if validates else "sampler, loader",
        }

    # ---- what is made ----------------------------------------------------------------------------

    def _setup(self) -> list[str]:
        if not self.settings.deterministic:
            return []
        return [
            'os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # as torch demands',
            "torch.use_deterministic_algorithms(True)",
        ]

    def _made_nets(self) -> dict[str, Any]:
        """The function that makes the nets, and what it gives."""
        names = self.plan.modules()
        types = ["nn.Module"] * len(names) if len(names) < 5 else ["nn.Module", "..."]
        type_ = types[0] if len(names) == 1 else f"tuple[{', '.join(types)}]"
        several = len(self.training.nets) > 1
        what = "the nets" if several else "the net"
        what += " and the layers of the loss" if self.plan.layers else ""
        tail = f") -> {type_}:"
        return {
            "nets_signature": bracketed("def make_nets(", ["device: torch.device"], tail, 0),
            "nets_doc": f"Return {what}, with random weights.",
            "made": net_lines(self.plan),
            "modules": ", ".join(names),
        }

    def _shared(self) -> list[str]:
        """What is saved where all processes have a part in it, behind what the first one writes."""
        if not self.settings.shard:
            return []
        first = [f"    {line}" for line in figure_lines(self.plan)]
        return ["if rank == 0:", *first, *shared_lines(self.plan)]

    # ---- functions -------------------------------------------------------------------------------

    def _step(self, update: Update) -> dict[str, Any]:
        code = update.code
        arguments = [f"{name}: nn.Module" for name in code.modules]
        several = code.returns != "Tensor"
        doc = "Return the loss of a batch"
        doc += ", and what its figures are made of." if several else "."
        given = [*arguments, f"{code.batch}: Sequence[Tensor]"]
        returned = "tuple[Any, ...]" if several else "Any"
        head = bracketed(f"def {code.name}(", given, f") -> {returned}:", 0)
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


def _by_module(line: str) -> str:
    return line.split()[1]


class ModuleNames(NamedTuple):
    """What `make_nets` of a script gives: nets, then the layers of losses; which ones it saves."""

    made: tuple[str, ...]
    saved: tuple[str, ...]


def module_names(training: Training) -> ModuleNames:
    """How the script of a training calls its modules."""
    plan = ScriptPlan(training, _codes(training))
    return ModuleNames(tuple(plan.modules()), tuple(plan.saved()))


def catalogue_imports(training: Training) -> list[str]:
    """The import lines that a script may have for what its section names.

    They are for its data, metrics, schedules and samples, and for the author's own data and layers
    of losses.
    """
    codes = _codes(training)
    lines = [line for group in data_imports(training) for line in group]
    lines += extern_imports(training)
    lines += ScriptPlan(training, codes).evaluation.imports
    lines += IMPORTS if training.samples else ()
    lines += [f"from {module} import {name}" for code in codes for module, name in code.imports]
    lines += [f"from {module} import {name}" for module, name in _schedulers(training)]
    return lines
