"""What training scripts do: averages of weights, half precision, early ends, bars, logs."""

import csv
import io
import json
import re
from contextlib import redirect_stderr
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import netspec
from netspec.trainer import Trainer
from tests.running import open_script, run, same, write

NORMED = """
net Told()(image: float32[N, 1, 8, 8]HINT) -> (logits: [N, 10]) {
    maps = image -> Conv2d(4, 3) -> norm: BatchNorm2d -> Flatten -> Linear(10)
    return mapsMORE
}
train Told {
    data = Digits()
    loss = cross_entropy(LOGITS, label)
    optimizer = SGD(lr=0.1)
    epochs = 2
    swa = 1
    TRANSFORM
}
"""
DEEP = """
net Deep()(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    return image -> Flatten -> Linear(16) -> ReLU -> Linear(10)
}
train Deep {
    data = Digits()
    loss = cross_entropy(logits, label)
    optimizer = SGD(lr=0.1)
    SETTINGS
}
"""


def deep(*settings: str) -> str:
    return DEEP.replace("SETTINGS", "\n    ".join(settings))


# ---- averages of weights -----------------------------------------------------------------------


def normed(logits: str, transform: str = "") -> str:
    """A training of a net with a norm; a net that is called with the label has a second input."""
    hint = ("HINT", ", hint: int64[N]"), ("MORE", " + (hint -> Embedding(10, 10))")
    text = NORMED.replace("LOGITS", logits).replace("TRANSFORM", transform)
    for mark, more in hint:
        text = text.replace(mark, more if "label" in logits else "")
    return text


@pytest.mark.parametrize(
    ("text", "by_torch"),
    [
        (normed("logits"), True),
        (normed("Told(image)"), True),
        (normed("Told(image, label)"), False),
        (normed("Told(2 * image)"), False),
        (normed("Told(image) + Told(2 * image)"), False),
        (normed("logits", "transforms = image -> Normalize(0.1, 0.5)"), False),
    ],
)
def test_an_even_average_has_the_statistics_of_the_batches_of_all_inputs(
    text: str, by_torch: bool, tmp_path: Path
) -> None:
    script = write(text, tmp_path)
    assert ("update_bn(loader, swa, device)" in script.read_text(encoding="utf-8")) is by_torch
    assert run(script).returncode == 0
    weights = torch.load(tmp_path / "out/swa.pt", weights_only=True)
    defined = open_script(script)
    config = defined["Config"](max_batches=2)
    _, loader, _ = defined["make_loaders"](config, 0, 1)
    seen: list[torch.Tensor] = []
    model = defined["make_nets"](torch.device("cpu"))
    model.load_state_dict(weights)
    model.norm.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    for batch in loader:
        defined["compute_loss"](model, defined.get("transform", list)(batch))
    means = torch.cat(seen).mean((0, 2, 3))
    torch.testing.assert_close(weights["norm.running_mean"], means, atol=1e-5, rtol=1e-4)
    assert weights["norm.num_batches_tracked"] == len(seen)


def test_an_average_that_never_began_is_not_saved(tmp_path: Path) -> None:
    script = write(deep("epochs = 3", "swa = 3"), tmp_path)
    assert run(script, "--epochs", "2").returncode == 0
    assert not (tmp_path / "out/swa.pt").exists()
    assert run(script, "--resume").returncode == 0
    assert (tmp_path / "out/swa.pt").exists()


# ---- half precision ----------------------------------------------------------------------------


def test_one_scaler_serves_all_optimisers_of_a_step(tmp_path: Path) -> None:
    groups = ('precision = "float16"', 'group "*.bias" with (optimizer=Adam(lr=0.01))')
    script = write(deep(*groups, "clip_norm = 1.0"), tmp_path)
    assert script.read_text(encoding="utf-8").count("scaler.update()") == 1
    first = open_script(script)["make_nets"]
    torch.manual_seed(0)
    before = first(torch.device("cpu")).state_dict()
    assert run(script, "--epochs", "1").returncode == 0
    state = torch.load(tmp_path / "out/last.pt", weights_only=True)
    assert all(not torch.equal(before[name], state["model"][name]) for name in before)
    assert state["scaler GradScaler"]["scale"] > 1
    assert run(script, "--epochs", "2", "--resume").returncode == 0


def test_optimisers_that_share_a_scaler_step_together_or_not_at_all(tmp_path: Path) -> None:
    text = deep(  # the scaled gradients overflow before the first layer: its own are no numbers
        'precision = "float16"',
        'group "linear2.bias" with (optimizer=Adam(lr=0.01))',
        "scheduler = LambdaLR(0.5 ** (epoch / steps))",
        "clip_norm = 1.0",
    )
    text = text.replace("return image", "code = image").replace("-> ReLU", "-> ReLU\n    ")
    script = write(text.replace("     -> ", "    return (1000 * code) -> "), tmp_path)
    torch.manual_seed(0)
    before = open_script(script)["make_nets"](torch.device("cpu")).state_dict()
    done = run(script, "--epochs", "1")
    assert (done.returncode, done.stderr) == (0, "")
    state = torch.load(tmp_path / "out/last.pt", weights_only=True)
    assert same(state["model"], dict(before))
    assert state["scaler GradScaler"]["scale"] == 65536 / 2 / 2
    assert state["sgd_scheduler LambdaLR"]["last_epoch"] == 0
    assert state["adam_scheduler LambdaLR"]["last_epoch"] == 0
    assert run(script, "--epochs", "4", "--max-batches", "8", "--resume").returncode == 0
    state = torch.load(tmp_path / "out/last.pt", weights_only=True)
    assert not any(torch.equal(before[name], state["model"][name]) for name in before)
    steps = [state[f"{name}_scheduler LambdaLR"]["last_epoch"] for name in ("sgd", "adam")]
    assert 0 < steps[0] == steps[1] < 24


@pytest.mark.parametrize("more", ["", 'group "*.bias" with (optimizer=Adam(lr=0.01))'])
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_no_gradients_are_kept_while_the_next_batch_is_worked_out(
    precision: str, more: str, tmp_path: Path
) -> None:
    kept: list[bool] = []

    def look(module: torch.nn.Module, _: object) -> None:
        if module.training and isinstance(module, torch.nn.Linear):
            kept.append(any(p.grad is not None for p in module.parameters()))

    script = write(deep(f'precision = "{precision}"', more), tmp_path)
    with torch.nn.modules.module.register_module_forward_pre_hook(look):
        assert run(script, "--epochs", "1").returncode == 0
    assert kept == 4 * [False]  # two layers, two batches


# ---- runs that end early -----------------------------------------------------------------------


def test_a_run_that_ended_early_stays_ended_when_it_is_resumed(tmp_path: Path) -> None:
    script = write(deep("epochs = 9", "early_stopping = 2"), tmp_path)
    done = run(script, "--lr", "0")
    assert re.findall(r"epoch=\d", done.stdout) == ["epoch=0", "epoch=1", "epoch=2"]
    last = torch.load(tmp_path / "out/last.pt", weights_only=True)
    again = run(script, "--lr", "0", "--resume")
    assert (again.returncode, again.stdout) == (0, "")
    assert not list((tmp_path / "out").glob("*.tmp"))
    assert same(torch.load(tmp_path / "out/last.pt", weights_only=True), last)


# ---- what a terminal shows ---------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_the_rate_and_the_loss(tmp_path: Path) -> None:
    script = write(deep("epochs = 1", "batch_size = 4"), tmp_path)
    train = open_script(script)["train"]
    config = open_script(script)["Config"](out=str(tmp_path / "out"))
    with redirect_stderr(Terminal()) as shown:
        (row,) = train(config)
    assert re.search(r"epoch 0: +\d+%.*it/s, loss=\d\.\d+\]", shown.getvalue())
    assert {*row} == {"epoch", "loss", "val_loss"}


def test_the_bar_of_counted_steps_knows_how_many_an_epoch_has(tmp_path: Path) -> None:
    module = open_script(write(deep("steps = 30"), tmp_path))  # an epoch has 23
    shown = Terminal()
    with redirect_stderr(shown):
        assert len([*module["train"](module["Config"](out=str(tmp_path / "out")))]) == 2
    assert re.search(r"epoch 0: .*/23 \[", shown.getvalue())
    assert re.search(r"epoch 1: .*/7 \[", shown.getvalue())


# ---- what only the data, or a module of the author's, tells ------------------------------------

TABLE = """
net Line()(features: float32[N, 1]) -> (y: [N, 1]) {
    return features -> Linear(1)
}
train Line {
    data = CSV("t.csv", target="y")
    loss = mse_loss(y, target)
    optimizer = SGD(lr=0.1)
    metrics = [r2_score(y, target)]
}
"""
OPEN = """
extern trunk()(x: float32[N, 64]) -> [N, 8] from "trunks"
net Open()(image: float32[N, 1, 8, 8]) -> (logits: [N, 8]) {
    return image -> Flatten -> trunk
}
train Open {
    data = Digits()
    loss = cross_entropy(logits, label % 8)
    optimizer = SGD(lr=0.1)
}
"""


def test_a_figure_of_how_samples_vary_takes_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = write(TABLE, tmp_path)
    for rows, code in ((7, 1), (8, 0)):  # a fifth of them validates
        lines = ["x,y", *(f"{i},{i % 3}" for i in range(rows))]
        (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
        done = run(script)
        assert done.returncode == code
    (tmp_path / "t.csv").write_text("x,y\n1,2\n2,3\n")
    assert run(script).stderr == "2 samples are too few to train and validate on (world size 1)\n"


@pytest.mark.filterwarnings("ignore:The variance of predictions or target")
def test_a_second_metric_that_is_no_number_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["x,y", *(f"{i},{i % 3}" for i in range(20))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    flat = TABLE.replace(
        "    return", "    init Linear with (weight=zeros, bias=zeros)\n    return"
    )
    both = "mean_absolute_error(y, target), pearson_corrcoef(y, target)"  # of one number: none
    script = write(flat.replace("r2_score(y, target)", both), tmp_path)
    done = run(script, "--lr", "0")
    assert (done.returncode, "pearson_corrcoef=nan" in done.stdout) == (0, True)
    script = write(flat.replace("r2_score", "pearson_corrcoef"), tmp_path)  # which chooses the best
    assert run(script, "--lr", "0").stderr.startswith("not finite in epoch 0, steps []: ")


def test_a_net_of_parts_written_in_python_alone_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    made = "import torch\n\n\ndef trunk() -> torch.nn.Module:\n    return torch.nn.Linear(64, 8)\n"
    (tmp_path / "trunks.py").write_text(made)
    assert run(write(OPEN, tmp_path)).returncode == 0


# ---- figures, in other places than the table ---------------------------------------------------

WANDB = """
import json

lines = []


def init(**settings):
    lines.append(settings)


def log(row):
    lines.append(row)
    with open("logged.json", "w") as file:
        json.dump(lines, file)
"""


def table(path: Path) -> list[dict[str, float]]:
    with path.open(encoding="utf-8") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def test_tensorboard_has_the_figures_of_the_table(tmp_path: Path) -> None:
    script = write(deep("epochs = 2", 'log = "tensorboard"'), tmp_path)
    assert run(script).returncode == 0
    events = EventAccumulator(str(tmp_path / "out"))
    events.Reload()
    rows = table(tmp_path / "out/metrics.csv")
    for name in ("loss", "val_loss"):
        seen = {event.step: event.value for event in events.Scalars(name)}
        assert seen == pytest.approx({int(row["epoch"]): row[name] for row in rows})


def test_weights_and_biases_gets_the_settings_and_the_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wandb.py").write_text(WANDB)
    script = write(deep("epochs = 2", 'log = "wandb"'), tmp_path)
    assert run(script).returncode == 0
    settings, *rows = json.loads((tmp_path / "logged.json").read_text())
    assert (settings["project"], settings["config"]["lr"]) == ("Deep", 0.1)
    assert rows == table(tmp_path / "out/metrics.csv")


# ---- everything at once ------------------------------------------------------------------------

FULL = """
net Net(width: int = 16, classes: int = 10)(
    image: float32[N, 1, 28, 28],
) -> (logits: [N, classes]) {
    return image
        -> conv1: Conv2d(width, 3, stride=2) -> bn1: BatchNorm2d -> ReLU
        -> conv2: Conv2d(2 * width, 3, stride=2) -> bn2: BatchNorm2d -> ReLU
        -> Flatten -> Dropout(0.1) -> head: Linear(classes)
}
train Net {
    data = MNIST5k()
    batch_size = 50
    epochs = 6
    loss = cross_entropy(logits, label, label_smoothing=0.1) + 0.01 * mean(logits ** 2)
    optimizer = AdamW(lr=3e-3, weight_decay=0.05)
    group head with (lr=0.5 * lr)
    decay = "matrices"
    metrics = [accuracy(logits, label)]
    clip_norm = 1.0
    accumulate = 3
    ema = 0.95
    scheduler = CosineAnnealingLR(T_max=steps - warmup)
    warmup = 20
    precision = "float16"
    early_stopping = 3
    save_every = 2
    keep = 2
    channels_last = True
    export = "safetensors"
    workers = 2
    deterministic = True
    compile = True
    log = "tensorboard"
}
"""


@pytest.mark.parametrize("average", ["ema = 0.95", "swa = 1"])
def test_all_settings_at_once_take_260_lines_and_run(average: str, tmp_path: Path) -> None:
    text = FULL.replace("ema = 0.95", average)
    script = write(text, tmp_path)
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 260
    assert run(script, "--epochs", "2", "--no-compile").returncode == 0
    saved = {path.name for path in (tmp_path / "out").iterdir()}
    best = {"best.pt", "best.safetensors", *(["swa.pt"] if "swa" in average else [])}
    assert {name for name in saved if not name.startswith("events.")} == {
        *best,
        *("epoch00002.pt", "last.pt", "metrics.csv"),
    }
    short = {"max_batches": 2, "epochs": 2, "compile": False}
    rows = Trainer(netspec.loads(text), out=tmp_path / "own", **short).fit()
    table_of_run = table(tmp_path / "out/metrics.csv")
    assert [row["loss"] for row in rows] == [row["loss"] for row in table_of_run]


# ---- beginnings --------------------------------------------------------------------------------


# Pictures of one point: a norm has as many numbers for each channel as there are samples.
POINTS = "unflatten(1, (16, 1, 1)) -> BatchNorm2d -> Flatten"


@pytest.mark.parametrize("norm", ["BatchNorm1d", POINTS])
@pytest.mark.parametrize(("size", "code"), [("1", 1), ("479", 1), ("480", 0)])
def test_a_batch_of_one_is_told_of_before_a_norm_meets_it(
    norm: str, size: str, code: int, tmp_path: Path
) -> None:
    text = deep("epochs = 1").replace("-> ReLU", f"-> {norm} -> ReLU")
    done = run(write(text, tmp_path), "--batch-size", size, "--max-batches", "0")  # 1,438 samples
    assert done.returncode == code
    if code:
        assert done.stderr == "BatchNorm takes no batch of one: change --batch-size\n"


def test_a_schedule_behind_a_warm_up_ends_with_the_run(tmp_path: Path) -> None:
    text = deep("epochs = 3", "warmup = 4", "scheduler = CosineAnnealingLR(T_max=steps - warmup)")
    assert run(write(text, tmp_path)).returncode == 0
    state = torch.load(tmp_path / "out/last.pt", weights_only=True)
    assert state["optimizer SGD"]["param_groups"][0]["lr"] == pytest.approx(0, abs=1e-9)


def test_weights_of_which_nothing_fits_are_refused(tmp_path: Path) -> None:
    torch.save({"other.weight": torch.zeros(3)}, tmp_path / "w.pt")
    text = deep(f'from "{tmp_path}/w.pt" with (strict=False)')
    done = run(write(text, tmp_path))
    assert done.stderr == f"cannot begin with {tmp_path}/w.pt: no tensor of it fits\n"
    torch.save({"linear2.bias": torch.zeros(10)}, tmp_path / "w.pt")
    assert "1 of 4 tensors are from" in run(tmp_path / "train.py").stdout


# ---- what the command line switches off --------------------------------------------------------


def test_a_new_run_keeps_its_own_checkpoints_and_drops_those_of_an_old_one(tmp_path: Path) -> None:
    script = write(deep("epochs = 6", "save_every = 1", "keep = 2"), tmp_path)

    def numbered() -> list[str]:
        return sorted(path.name for path in (tmp_path / "out").glob("epoch*.pt"))

    assert run(script).returncode == 0
    assert numbered() == ["epoch00005.pt", "epoch00006.pt"]
    assert run(script, "--epochs", "3").returncode == 0
    assert numbered() == ["epoch00002.pt", "epoch00003.pt"]


def test_early_stopping_of_zero_stops_nothing(tmp_path: Path) -> None:
    script = write(deep("epochs = 4", "early_stopping = 1", 'best = "val_loss"'), tmp_path)
    assert run(script, "--lr", "0", "--early-stopping", "1").stdout.count("epoch=") == 2
    assert run(script, "--lr", "0", "--early-stopping", "0").stdout.count("epoch=") == 4


def test_an_average_that_keeps_nothing_of_the_new_weights_is_refused(tmp_path: Path) -> None:
    script = write(deep("epochs = 1", "ema = 0.9"), tmp_path)
    done = run(script, "--ema", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "ema must be below 1, not 1.0" in done.stderr
