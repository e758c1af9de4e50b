"""Turn a training of a spec into the script for it, as a module of this process."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from netspec.diagnostic import Diagnostics, SpecError, did_you_mean
from netspec.lower_data import externs_of
from netspec.names import listing
from netspec.permission import require_allowed
from netspec.program import Import
from netspec.run_error import RunError
from netspec.spec import Spec
from netspec.training import Training
from netspec.try_losses import loss_layers, try_losses

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn

_LARGE = ("datasets", "torchvision")  # of no extra of ours: few need them
_LOGS = ("tensorboard", "wandb")
_BEHIND = {
    "torch.utils.tensorboard": "tensorboard",
    "torch.distributed.checkpoint.hf_storage": "safetensors",
}
Row = dict[str, float]  # the figures of an epoch, by name

_FOR_TRANSFORMS = (
    "from collections.abc import Sequence",
    "import torch",
    "import torch.nn.functional as F",
    "from torch import Tensor",
)


def choose_training(spec: Spec, name: str | None) -> Training:
    """The training called `name`; the only one where no name is given.

    Raises:
        SpecError: where there is no such training, or there are several.
    """
    trainings = spec.graph.trainings
    if name is None and len(trainings) == 1:
        return next(iter(trainings.values()))
    if name is not None and name in trainings:
        return trainings[name]
    if not trainings:
        message, help = "the spec has no `train` section", "add one: `train Name { … }`"
    elif name is None:
        (first, *_) = trainings
        message = f"the spec has several trainings: {', '.join(trainings)}"
        help = f"say which one: `net={first!r}` in Python, `--net {first}`"
    else:
        message = f"the spec has no training `{name}`"
        help = did_you_mean(name, trainings) or f"its trainings are {', '.join(trainings)}"
    found = Diagnostics(spec.graph.source)
    found.add("no-training", message, None, help=help)
    raise SpecError(found.in_order())


class Script(NamedTuple):
    """A training script that has been loaded, and what it was written from."""

    module: ModuleType
    training: Training
    nets: tuple[str, ...]  # nets, then the layers of losses, as the script calls them
    saved: tuple[str, ...]  # those of them that its checkpoints hold

    def defaults(self) -> dict[str, Any]:
        """The settings of the script by name, with their defaults."""
        return {field.name: field.default for field in fields(self.module.Config)}

    def configure(self, settings: Mapping[str, Any]) -> Any:
        """The script's settings, some of them given.

        Raises:
            RunError: for a setting that the script does not have, or that it cannot take.
        """
        defaults = self.defaults()
        for name, value in settings.items():
            if name not in defaults:
                help = did_you_mean(name, defaults)
                known = listing(list(defaults), len(defaults))
                raise RunError(f"there is no setting `{name}`", help or f"settings are {known}")
            _require_type(name, value, type(defaults[name]))
        try:
            return self.module.Config(**settings)
        except ValueError as error:
            raise RunError(f"{error!s:.100}") from None

    def parse(self, arguments: Sequence[str]) -> Any:
        """The script's settings from its command-line flags; what is wrong with them exits."""
        import tyro

        return tyro.cli(self.module.Config, prog="train.py", args=arguments)

    def make_nets(self, device: "torch.device") -> "dict[str, nn.Module]":
        """Fresh nets, then the layers of losses, by the names that the script has for them."""
        with said_by_script():
            made = self.module.make_nets(device)
        modules = made if isinstance(made, tuple) else (made,)
        return dict(zip(self.nets, modules, strict=True))

    def load(self, nets: "Mapping[str, nn.Module]", path: Path) -> None:
        """Load the weights in a checkpoint into these of its nets, those that none holds as kept.

        Raises:
            RunError: where a file cannot be read, or is of another net.
        """
        from netspec.checkpoint import load_checkpoint, load_kept

        load_checkpoint({name: nets[name] for name in self.saved}, path)
        for name, source in self.training.kept.items():
            if name in nets:
                load_kept(nets[name], Path(source))

    def validation_loader(self, config: Any) -> Any:
        """What gives the batches of the validation data.

        Raises:
            RunError: where the data cannot be read.
        """
        with said_by_script():
            _, _, loader = self.module.make_loaders(config, 0, 1)
        return loader

    def transform(self, names: Collection[str]) -> "Callable[[list[torch.Tensor]], Any] | None":
        """What validation does to these fields of a batch, in their order; None if it is nothing.

        It is the script's own `transform`, written for these fields alone: no transform looks at
        another field than its own.
        """
        fields = tuple(name for name in self.training.fields if name in names)
        calls = tuple(item for item in self.training.transforms if item.field in fields)
        if not calls:
            return None
        from netspec.instantiate import Origin, load_script
        from netspec.lower_transforms import is_random, transform_imports, write_transform

        own = self.training._replace(fields=fields, transforms=calls)
        imports = transform_imports(own)
        source = "\n".join([*_FOR_TRANSFORMS, *imports, *write_transform(own), ""])
        module: Any = load_script(source, "transforms", imports, (), Origin("", "", ""))
        return partial(module.transform, training=False) if is_random(calls) else module.transform

    def require_validation(self) -> None:
        """Refuse a training that keeps no data for validation.

        Raises:
            RunError: saying how to keep some.
        """
        if not self.training.validates:
            raise RunError(
                f"the training `{self.training.name}` keeps no data for validation",
                "keep a share of it, in the train section: `validation = 0.2`",
            )


def _require_type(name: str, value: Any, kind: type) -> None:
    if kind is bool or isinstance(value, bool):
        fits = isinstance(value, bool) and kind is bool
    else:
        fits = isinstance(value, (int, float) if kind is float else kind)
    if not fits:
        words = {bool: "True or False", int: "an integer", float: "a number", str: "a string"}
        raise RunError(f"`{name}` must be {words[kind]}, found {value!r:.80}")


def open_script(
    spec: Spec, training: Training, allow_extern: Collection[str] | None = None
) -> Script:
    """Write the script of a training and load it; nothing is read and nothing is trained.

    Raises:
        SpecError: if an `extern` of the spec is not allowed, not there, or not what the spec says.
        RunError: if the script imports a library that is not installed.
    """
    from netspec.instantiate import load_script
    from netspec.lower_train import catalogue_imports, module_names

    try_externs(spec, training, allow_extern)
    name = spec.script_name(training.name)
    source = spec.render()[name]
    require_installed(source)
    nets = {item.net.name for item in training.nets}
    imports = catalogue_imports(training)
    module = load_script(source, name, imports, nets, spec.origin(training.nets[0].net.name))
    return Script(module, training, *module_names(training))


def own_imports(spec: Spec, training: Training) -> list[Import]:
    """What runs of the author's own: parts of nets, then data, then layers of losses."""
    return [*spec.program.externs, *externs_of(training), *loss_layers(training)]


def try_externs(
    spec: Spec, training: Training, allow_extern: Collection[str] | None = None
) -> None:
    """Import what is the author's own, build the nets and try the losses, before the script starts.

    Raises:
        SpecError: for what is not allowed, not there, or not what the spec or its layer says.
    """
    items = own_imports(spec, training)
    if not items:
        return
    allowed = spec.allow_extern if allow_extern is None else allow_extern
    require_allowed(items, allowed)
    from netspec.import_extern import import_data

    import_data(externs_of(training))
    try_losses(training)
    if spec.program.externs:
        for name in dict.fromkeys(item.net.name for item in training.nets):
            spec.build(net=name, device="cpu", allow_extern=allowed)


def require_installed(source: str) -> None:
    """Refuse a script that imports a library which is not there, before it starts.

    Raises:
        RunError: naming the first one.
    """
    for node in ast.parse(source).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in map(_library, names):
            if name != "model" and find_spec(name) is None:
                extra = name if name in _LOGS else "train"
                brings = f"`pip install 'netspec[{extra}]'` brings what training scripts import"
                raise RunError(
                    f"the training script imports `{name}`, which is not installed",
                    f"`pip install {name}`" if name in _LARGE else brings,
                )


def _library(path: str) -> str:
    """The library that has a module; some of torch's own are nothing without another one."""
    return _BEHIND.get(path, path.partition(".")[0])


@contextmanager
def said_by_script() -> Iterator[None]:
    """Turn the ways in which a script ends itself, and what files lack, into a `RunError`."""
    try:
        yield
    except SystemExit as stop:
        raise RunError(str(stop.code)) from None
    except OSError as error:
        raise RunError(str(error)) from None
    except ModuleNotFoundError as error:
        raise RunError(
            f"the training script needs `{error.name}`, which is not installed",
            "`pip install 'netspec[train]'` brings what training scripts import",
        ) from None
