"""What the parts of a training script are written from: its steps, modules and figures, by name."""

from collections.abc import Sequence

from netspec.lower_evaluation import Evaluation, plan_evaluation
from netspec.lower_schedule import counts_steps
from netspec.lower_step import StepCode, lower_samples
from netspec.lower_update import plan_updates
from netspec.names import free_name
from netspec.schedule import STEPS
from netspec.script_names import SCRIPT
from netspec.settings import Settings
from netspec.training import TrainedNet, Training

# What the state of a run is made of, but for tensors in shares.
STATE = 'state = {"rows": rows} | {k: v.state_dict() for k, v in parts.items()}'


class ScriptPlan:
    """A training with the names that its script has for all that it needs.

    `layers`: the modules of losses and the calls that make them; `constants`: those of them that
    never change. `samples`: the function that works out pictures, where the section wants some.
    `wraps`: the only thing that is trained, a net, so
    that `DistributedDataParallel` can average its gradients; None where nothing is such a net, or
    it is spread. Nothing does it for the script where it `averages` them.
    """

    def __init__(self, training: Training, codes: Sequence[StepCode]) -> None:
        self.training = training
        self.settings: Settings = training.settings
        self.updates = plan_updates(training, codes)
        self.evaluation: Evaluation = plan_evaluation(training, self.updates)
        self.samples = lower_samples(training, set(SCRIPT))
        self.layers = {k: text for code in codes for k, text in code.layers.items()}
        self.constants = {name for code in codes for name in code.constants}
        alone = self._alone()
        self.wraps = None if self.settings.shard else alone
        self.averages = alone is None

    def _alone(self) -> TrainedNet | None:
        """The net that is all that is trained; None where there is no such net."""
        trained = [item for item in self.training.nets if item.name in self.moved()]
        learning = [x for x in trained if x.net.parameter_shapes() or x.net.externs]
        layers = self.moved() - {item.name for item in self.training.nets}
        return None if layers or len(learning) != 1 else learning[0]

    def modules(self) -> list[str]:
        """All that the steps are handed: nets and the layers of losses."""
        return [item.name for item in self.training.nets] + list(self.layers)

    def modes(self) -> list[tuple[str, str]]:
        """Each module with its mode in training: "eval" of nets whose weights are kept."""
        frozen = {item.name for item in self.training.nets} - self.moved()
        names = [name for name in self.modules() if name not in self.constants]
        return [(name, "eval" if name in frozen else "train") for name in names]

    def saved(self) -> list[str]:
        """The modules that checkpoints hold: what else there is begins as it was."""
        left = self.constants | self.training.kept.keys()
        return [name for name in self.modules() if name not in left]

    def moved(self) -> set[str]:
        return {name for step in self.training.steps for name in step.moves}

    def averaged(self) -> str:
        return self.modules()[0] if self.settings.ema else ""

    def asks_best(self) -> str:
        """The line that asks whether an epoch is the best one so far."""
        choose = "min" if self.evaluation.falls else "max"
        return f'if row is {choose}(rows, key=lambda row: row["{self.evaluation.best}"]):'

    def class_name(self, item: TrainedNet) -> str:
        """What the script calls the class of a net."""
        taken = SCRIPT | set(self.modules()) | self._imported()
        name = f"{item.net.name}Net" if item.net.name in taken else item.net.name
        return free_name(name, lambda n: n in taken)

    def _imported(self) -> set[str]:
        """The classes that the script imports beside those of its nets."""
        schedules = [mover.call.schedule for update in self.updates for mover in update.movers]
        names = {x.torch for schedule in schedules if schedule for x in schedule.schedulers()}
        names |= {line.rpartition(" ")[2] for line in self.evaluation.imports}
        names |= {name for update in self.updates for _, name in update.code.imports}
        return {name.rpartition(".")[2] for name in names}

    def schedule_names(self) -> set[str]:
        """What schedules want to know of the length of the training."""
        movers = [mover for update in self.updates for mover in update.movers]
        schedules = [mover.call.schedule for mover in movers if mover.call.schedule]
        counted = {STEPS} if any(map(counts_steps, schedules)) else set()
        return counted | {name for schedule in schedules for name in schedule.names}

    def steps_per_epoch(self) -> str:
        if self.settings.accumulate > 1:
            return "math.ceil(len(loader) / cfg.accumulate)"
        return "len(loader)"
