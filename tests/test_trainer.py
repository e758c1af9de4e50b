"""`netspec.Trainer`: the generated script, run in this process."""

import inspect
import linecache
import traceback
from pathlib import Path
from typing import Any

import pytest
import torch

import netspec
from netspec.trainer import Trainer

ROOT = Path(__file__).parent.parent
LENET = ROOT / "specs" / "lenet5.net"
TINY = """
net Tiny()(image: float32[N, 1, 28, 28]) -> (logits: [N, 10]) {
    return image -> Flatten -> fc: Linear(10)
}
train Tiny {
    data = MNIST5k()
    loss = cross_entropy(logits, label)
    optimizer = SGD(lr=0.1)
    metrics = [accuracy(logits, label)]
    epochs = 2
}
"""
GAN = """
net Generator(nz: int = 8)(z: float32[N, nz]) -> (image: [N, 1, 28, 28]) {
    return z -> Linear(784) -> Sigmoid -> Unflatten(1, (1, 28, 28))
}
net Critic()(image: float32[N, 1, 28, 28]) -> (score: [N, 1]) {
    return image -> Flatten -> Linear(1)
}
train GAN(G=Generator(nz=4), D=Critic) {
    data = MNIST5k()
    step D {
        fake = G(randn(N, 4)).detach()
        loss = D(fake) -> mean
        optimizer = Adam(lr=2e-4)
    }
    step G {
        loss = -(D(G(randn(N, 4))) -> mean)
        optimizer = Adam(lr=2e-4)
    }
}
"""


def tiny(folder: Path, text: str = TINY, **settings: Any) -> Trainer:
    return Trainer(netspec.loads(text), out=folder / "out", max_batches=2, **settings)


def same(a: Any, b: Any) -> bool:
    """Whether two states are equal to the bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def last(trainer: Trainer) -> Any:
    return torch.load(Path(trainer.config.out) / "last.pt", weights_only=True)


# ---- a fit -------------------------------------------------------------------------------------


def test_a_fit_gives_the_figures_of_each_epoch(tmp_path: Path) -> None:
    trainer = tiny(tmp_path)
    history = trainer.fit()
    assert [list(row) for row in history] == [["epoch", "loss", "val_loss", "accuracy"]] * 2
    assert [row["epoch"] for row in history] == [0, 1]
    assert history[1]["loss"] < history[0]["loss"]
    assert trainer.history == last(trainer)["rows"] == history


def test_a_fit_leaves_what_the_script_leaves(tmp_path: Path) -> None:
    tiny(tmp_path).fit()
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["best.pt", "last.pt", "metrics.csv"]


def test_the_model_has_the_best_weights(tmp_path: Path) -> None:
    trainer = tiny(tmp_path)
    trainer.fit()
    best = torch.load(tmp_path / "out/best.pt", weights_only=True)
    assert same(dict(trainer.model.state_dict()), dict(best))
    assert not trainer.model.training
    assert trainer.model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


def test_without_validation_the_model_has_the_last_weights(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    torch.save({}, tmp_path / "out/best.pt")  # another run's
    text = TINY.replace("    metrics = [accuracy(logits, label)]\n", "    validation = 0\n")
    trainer = tiny(tmp_path, text)
    assert list(trainer.fit()[0]) == ["epoch", "loss"]
    assert same(dict(trainer.model.state_dict()), dict(last(trainer)["model"]))


def test_an_average_of_the_weights_is_what_counts(tmp_path: Path) -> None:
    text = TINY.replace("epochs = 2", "epochs = 1\n    validation = 0\n    ema = 0.5")
    trainer = tiny(tmp_path, text.replace("    metrics = [accuracy(logits, label)]\n", ""))
    trainer.fit()
    state = last(trainer)
    assert torch.equal(trainer.model.fc.weight, state["ema"]["module.fc.weight"])
    assert not torch.equal(trainer.model.fc.weight, state["model"]["fc.weight"])


def test_several_nets_are_taken_by_name(tmp_path: Path) -> None:
    trainer = tiny(tmp_path, GAN, epochs=1)
    assert list(trainer.fit()[0]) == ["epoch", "d_loss", "g_loss"]
    assert trainer.models["G"](torch.zeros(2, 4)).shape == (2, 1, 28, 28)
    with pytest.raises(netspec.RunError, match="the training has several nets: G, D"):
        _ = trainer.model


def test_before_a_fit_there_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(netspec.RunError, match="there is no checkpoint"):
        _ = tiny(tmp_path).model


# ---- going on, stopping ------------------------------------------------------------------------


def test_a_fit_that_resumes_ends_as_one_that_was_not_broken(tmp_path: Path) -> None:
    whole = tiny(tmp_path / "whole", epochs=3)
    whole.fit()
    tiny(tmp_path / "broken", epochs=1).fit()
    resumed = tiny(tmp_path / "broken", epochs=3, resume=True)
    assert resumed.fit() == whole.history
    assert same(last(resumed), last(whole))


def test_a_second_fit_begins_anew(tmp_path: Path) -> None:
    trainer = tiny(tmp_path)
    first = trainer.fit()
    assert trainer.fit() == first
    assert len(trainer.history) == 2


def test_a_callback_sees_each_epoch_and_stops_the_training(tmp_path: Path) -> None:
    seen: list[float] = []

    def stop(trainer: Trainer, row: dict[str, float]) -> bool:
        seen.append(row["loss"])
        assert len(trainer.history) == len(seen)
        assert len(last(trainer)["rows"]) == len(seen)  # what it sees has been saved
        return len(seen) < 2

    trainer = tiny(tmp_path, epochs=9)
    assert [row["loss"] for row in trainer.fit([stop])] == seen
    assert len(seen) == 2


def test_an_object_with_on_epoch_is_a_callback_and_none_goes_on(tmp_path: Path) -> None:
    class Watch:
        rows = 0

        def on_epoch(self, trainer: Trainer, row: dict[str, float]) -> None:
            self.rows += 1
            row.clear()  # its own copy

    watch = Watch()
    history = tiny(tmp_path).fit([watch])
    assert watch.rows == len(history) == 2
    assert history[0]["epoch"] == 0


def test_an_interrupt_leaves_history_and_checkpoints(tmp_path: Path) -> None:
    def interrupt(trainer: Trainer, row: dict[str, float]) -> None:
        if row["epoch"] == 1:
            raise KeyboardInterrupt

    trainer = tiny(tmp_path, epochs=5)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit([interrupt])
    assert [row["epoch"] for row in trainer.history] == [0, 1]
    assert trainer.model.fc.weight.shape == (10, 784)
    resumed = tiny(tmp_path, epochs=3, resume=True)
    assert [row["epoch"] for row in resumed.fit()] == [0, 1, 2]


def test_an_error_of_a_callback_is_its_own(tmp_path: Path) -> None:
    def fail(trainer: Trainer, row: dict[str, float]) -> None:
        raise FileNotFoundError("mine")

    with pytest.raises(FileNotFoundError, match="mine"):
        tiny(tmp_path).fit([fail])


# ---- beside others -----------------------------------------------------------------------------


def test_fits_do_not_disturb_each_other(tmp_path: Path) -> None:
    alone = tiny(tmp_path / "alone").fit()
    inner = tiny(tmp_path / "inner", seed=5)

    def train_another(trainer: Trainer, row: dict[str, float]) -> None:
        inner.fit()

    assert tiny(tmp_path / "outer").fit([train_another]) == alone
    assert inner.history != alone


def test_random_numbers_outside_go_on_as_before(tmp_path: Path) -> None:
    trainer = tiny(tmp_path, TINY.replace("epochs = 2", "epochs = 1\n    deterministic = True"))
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    trainer.fit()
    assert isinstance(trainer.model, torch.nn.Module)
    assert torch.equal(torch.rand(4), expected)
    assert not torch.are_deterministic_algorithms_enabled()


# ---- the script --------------------------------------------------------------------------------


def test_the_script_that_runs_is_the_one_that_is_written(tmp_path: Path) -> None:
    trainer = tiny(tmp_path)
    module = trainer._script.module
    assert inspect.getsource(module) == netspec.loads(TINY).render()["train.py"]
    assert "def compute_loss(" in inspect.getsource(module.compute_loss)


def test_a_traceback_shows_lines_of_the_script(tmp_path: Path) -> None:
    trainer = tiny(tmp_path)
    with pytest.raises(AttributeError) as caught:
        trainer._script.module.make_loaders(None, 0, 1)
    lines = [linecache.getline(f.filename, f.lineno or 0) for f in traceback.extract_tb(caught.tb)]
    assert (
        lines[-1].strip()
        == "data.indices = data.indices[: cfg.max_batches * cfg.batch_size * world or None]"
    )


# ---- what is wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message", "help"),
    [
        ({"epoch": 3}, "there is no setting `epoch`", "did you mean `epochs`?"),
        ({"epochs": 0}, "epochs must be from 1 to 2**62, not 0", ""),
        ({"batch_size": -1}, "batch_size must be from 1 to 2**62, not -1", ""),
        ({"lr": float("nan")}, "lr must be from 0 to 2**62, not nan", ""),
        ({"lr": "fast"}, "`lr` must be a number, found 'fast'", ""),
        ({"seed": True}, "`seed` must be an integer, found True", ""),
        ({"resume": 1}, "`resume` must be True or False, found 1", ""),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str, help: str) -> None:
    with pytest.raises(netspec.RunError) as caught:
        Trainer(netspec.loads(TINY), **settings)
    assert (caught.value.message, caught.value.help) == (message, help)


def test_a_setting_that_is_like_no_other_gets_the_list() -> None:
    with pytest.raises(netspec.RunError) as caught:
        Trainer(netspec.loads(TINY), zzz=1)
    assert caught.value.help.startswith("settings are `out`, `epochs`, `batch_size`")


@pytest.mark.parametrize(
    ("text", "net", "message", "help"),
    [
        (TINY.split("train")[0], None, "no `train` section", "add one"),
        (TINY + GAN, None, "several trainings: Tiny, GAN", "`net='Tiny'`"),
        (TINY, "Tinny", "no training `Tinny`", "did you mean `Tiny`?"),
    ],
)
def test_the_training_must_be_clear(text: str, net: str | None, message: str, help: str) -> None:
    with pytest.raises(netspec.SpecError, match=message) as caught:
        Trainer(netspec.loads(text), net=net)
    assert help in (caught.value.diagnostics[0].help or "")


def test_one_of_several_trainings_is_chosen_by_its_name(tmp_path: Path) -> None:
    trainer = tiny(tmp_path, TINY + GAN, net="Tiny", epochs=1)
    assert "accuracy" in trainer.fit()[0]


def test_where_the_script_ends_itself_an_error_says_why(tmp_path: Path) -> None:
    diverging = TINY.replace("cross_entropy(logits, label)", "(logits * logits -> mean)")
    with pytest.raises(netspec.RunError, match=r"not finite in epoch \d, steps \["):
        tiny(tmp_path, diverging, lr=1e18, epochs=9).fit()
    (tmp_path / "file").touch()
    with pytest.raises(netspec.RunError, match=r"File exists|Not a directory"):
        Trainer(netspec.loads(TINY), out=tmp_path / "file", max_batches=1).fit()


def test_a_checkpoint_of_another_net_cannot_be_resumed(tmp_path: Path) -> None:
    tiny(tmp_path, epochs=1).fit()
    wider = TINY.replace("Flatten ->", "Flatten -> first: Linear(12) ->")
    with pytest.raises(netspec.RunError, match="cannot resume from"):
        tiny(tmp_path, wider, epochs=2, resume=True).fit()
    with pytest.raises(netspec.RunError, match=r"`fc.weight` is \[10, 784\] there and \[10, 12\]"):
        _ = tiny(tmp_path, wider).model


EXTERN = """
extern Gate(features: int)(x: [N, features]) -> [N, features] from "gate_layers"

net Gated()(image: float32[N, 1, 28, 28]) -> (logits: [N, 10]) {
    return image -> Flatten -> Linear(10) -> gate: Gate(10)
}
train Gated {
    data = MNIST5k()
    loss = cross_entropy(logits, label)
    optimizer = SGD(lr=0.1)
}
"""
GATE = """
from torch import Tensor, nn


class Gate(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.fc = nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc(x).sigmoid()
"""


def test_what_is_written_in_python_is_imported_where_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gate_layers.py").write_text(GATE)
    monkeypatch.syspath_prepend(tmp_path)
    spec = netspec.loads(EXTERN)
    with pytest.raises(netspec.SpecError, match="importing `gate_layers` has not been allowed"):
        Trainer(spec, out=tmp_path / "out")
    allowed = ["gate_layers"]
    trainer = Trainer(spec, out=tmp_path / "out", max_batches=1, allow_extern=allowed)
    assert len(trainer.fit()) == 1
    assert "gate.fc.weight" in trainer.model.state_dict()
    loaded = netspec.loads(EXTERN, allow_extern=allowed)
    assert Trainer(loaded, out=tmp_path / "out").config.batch_size == 64
