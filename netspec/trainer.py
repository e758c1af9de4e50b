"""Train a net of a spec in this process, with the very script that `netspec train` runs."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from netspec.checkpoint import checkpoint_path, read_rows
from netspec.instantiate import require_device
from netspec.randomness import kept_random_state
from netspec.run_error import RunError
from netspec.script import Row, choose_training, open_script, said_by_script
from netspec.spec import Spec, load_with

Callback = Callable[["Trainer", Row], object]


class Trainer:
    """A training of a spec, run in this process.

    The script is rendered and loaded; `fit` runs its `train`. So a run is the one that the command
    line makes: it leaves the same checkpoints and the same `metrics.csv` in `out`.

    Args:
        spec: a spec, or the path of one.
        net: the name of the train section, where there are several.
        out: the folder for checkpoints.
        allow_extern: modules written in Python that the nets may import, in place of those that the
            spec was loaded with.
        settings: fields of the script's `Config`, as `epochs`, `batch_size`, `lr`, `resume`.

    Raises:
        SpecError: if the spec has errors, no train section, or several and `net` names none.
        RunError: for a setting that the script does not have or cannot take, and for a library that
            the script imports and that is not installed.
    """

    def __init__(
        self,
        spec: Spec | str | Path,
        *,
        net: str | None = None,
        out: str | Path = "out",
        allow_extern: Collection[str] | None = None,
        **settings: Any,
    ) -> None:
        self.spec = spec if isinstance(spec, Spec) else load_with(spec, {})
        self.training = choose_training(self.spec, net)
        self._script = open_script(self.spec, self.training, allow_extern)
        self.config = self._script.configure({"out": str(out), **settings})
        self.history: list[Row] = []

    def __repr__(self) -> str:
        return f"<Trainer of {self.training.name}: {len(self.history)} epochs in {self.config.out}>"

    def fit(self, callbacks: Sequence[Callback] = ()) -> list[Row]:
        """Train, and return the figures of each epoch, which `history` has as well.

        Each fit begins anew, unless the trainer was made with `resume=True`: then it goes on from
        `last.pt`, and `history` begins with the epochs before. An interrupt leaves the epochs so
        far in `history`, and their checkpoints in `out`. torch's random numbers outside go on as
        if nothing had been drawn here.

        Args:
            callbacks: functions of the trainer and the figures of the epoch that has just been
                saved, or objects with such a method `on_epoch`; one that returns False ends the
                training after this epoch.

        Raises:
            RunError: where the script ends itself: a loss that is not finite, a device that is not
                there, files that cannot be read or written, `last.pt` of another net.
        """
        steps = [getattr(callback, "on_epoch", callback) for callback in callbacks]
        self.history = self._rows_before()
        rows = self._script.module.train(self.config)
        with kept_random_state():
            try:
                while (row := _next(rows)) is not None:
                    self.history.append(dict(row))
                    answers = [step(self, dict(row)) for step in steps]
                    if any(answer is False for answer in answers):
                        _require_one_process()
                        break
            finally:
                rows.close()
        return self.history

    def _rows_before(self) -> list[Row]:
        return read_rows(self.training, Path(self.config.out)) if self.config.resume else []

    @property
    def model(self) -> nn.Module:
        """The trained net with its best weights, in eval mode, where the spec wants it to live.

        The best are those of the best figure on the validation data; where none is kept, the last.

        Raises:
            RunError: before anything has been saved in `out`, and where several nets are trained:
                `models` has them.
        """
        nets = self.training.nets
        if len(nets) > 1:
            names = ", ".join(item.name for item in nets)
            raise RunError(f"the training has several nets: {names}", "take them from `models`")
        return self.models[nets[0].name]

    @property
    def models(self) -> dict[str, nn.Module]:
        """All nets of the training by name, each as `model` has it."""
        path = checkpoint_path(self.training, self.config.out, None)
        with kept_random_state():
            nets = self._script.make_nets(require_device(self.training.nets[0].net.device))
        self._script.load(nets, path)
        return {item.name: nets[item.name].eval() for item in self.training.nets}


def _next(rows: Iterator[Row]) -> Row | None:
    """Train for an epoch; None at the end."""
    with said_by_script():
        return next(rows, None)


def _require_one_process() -> None:
    """Refuse to end one of several processes: the others would wait for it."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RunError(
            "a callback cannot end a training of several processes", "end it by `epochs`"
        )
