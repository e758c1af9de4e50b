"""Nets of which each process has a share: what they come to, what is saved, what is refused."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import netspec
from netspec.cli import main
from tests.running import errors, open_script, run, same, write

NET = """
net Small(depth: int = 2)(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    x = image -> Flatten -> Linear(16)
    for i in range(depth) as h {
        y = x -> LayerNorm -> Linear(16) -> Dropout(0.1) -> GELU
        x = x + y
    }
    return x -> BatchNorm1d -> Linear(10)
}
"""
# Groups, a schedule over steps, several batches a step: all that has a state beside the weights.
TRAIN = """
train Small {
    data = Digits()
    loss = cross_entropy(logits, label)
    optimizer = AdamW(lr=1e-2)
    group "*.bias" with (weight_decay=0.0)
    scheduler = CosineAnnealingLR(T_max=steps)
    metrics = [accuracy(logits, label)]
    epochs = 8
    batch_size = 90
    accumulate = 3
    clip_norm = 1.0
    shard = True
}
"""
SMALL = NET + TRAIN
KILLS = 5
# Sums over other numbers of threads differ in their last bits.
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(script: Path, out: Path, *options: str) -> "list[subprocess.Popen[str]]":
    """Start a script in two processes, as torchrun does, which kills none that we mean to kill."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}
    return [
        subprocess.Popen(
            [sys.executable, str(script), "--out", str(out), *options],
            cwd=script.parent,
            env={**ONE_THREAD, **place, "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]


def spread(script: Path, out: Path, *options: str) -> tuple[int, str, str]:
    """Run a script in two processes: how the first one ended, and what it printed."""
    first, second = start(script, out, *options)
    try:
        output, problems = first.communicate(timeout=300)
        if first.returncode:
            second.kill()  # as torchrun does
        second.communicate(timeout=300)
    finally:
        first.kill()
        second.kill()
    return first.returncode, output, problems


def alone(script: Path, out: Path, *options: str) -> tuple[int, str, str]:
    command = [sys.executable, str(script), "--out", str(out), *options]
    done = subprocess.run(
        command, cwd=script.parent, env=ONE_THREAD, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def load(path: Path) -> Any:
    return torch.load(path, weights_only=True)


def saved(out: Path) -> dict[str, Any]:
    """All that the newest checkpoint in a folder holds, by the names of its files."""
    folder = max(out.glob("epoch*"))
    files: dict[str, Any] = {file.name: load_file(file) for file in folder.glob("*.safetensors")}
    return files | {"state": load(folder / "state.pt"), "folder": folder.name}


def figures(out: Path) -> torch.Tensor:
    lines = (out / "metrics.csv").read_text().splitlines()[1:]
    return torch.tensor([[float(x) for x in line.split(",")] for line in lines])


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(SMALL, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def unbroken(script: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in two processes that nothing has broken."""
    out = tmp_path_factory.mktemp("unbroken")
    assert spread(script, out)[0] == 0
    return out


# ---- what it comes to --------------------------------------------------------------------------


@pytest.mark.slow
def test_shares_come_to_the_figures_of_whole_nets(unbroken: Path, tmp_path: Path) -> None:
    whole = write(SMALL.replace("shard = True", ""), tmp_path)
    assert spread(whole, tmp_path / "out")[0] == 0
    torch.testing.assert_close(figures(unbroken), figures(tmp_path / "out"), atol=1e-5, rtol=1e-4)
    ours, theirs = load(unbroken / "best.pt"), load(tmp_path / "out/best.pt")
    assert [*ours] == [*theirs]
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, atol=1e-4, rtol=1e-3)


@pytest.mark.slow
def test_best_weights_are_whole(unbroken: Path) -> None:
    spec = netspec.loads(SMALL)
    model = netspec.Trainer(spec, out=unbroken).model
    best = load(unbroken / "best.pt")
    assert same(dict(model.state_dict()), best)
    rows = saved(unbroken)["state"]["rows"]
    assert netspec.Trainer(spec, out=unbroken, resume=True).fit() == rows
    halves = [file for name, file in saved(unbroken).items() if name.startswith("shard-")]
    assert [half["h.0.linear1.weight"].shape for half in halves] == [(8, 16), (8, 16)]


def test_blocks_are_spread_one_by_one(script: Path) -> None:
    assert list_of_units(script.read_text()) == ["h"]
    flat = NET.replace("for i in range(depth) as h {", "").replace(
        "    x = x + y\n    }", "x = x + y"
    )
    assert list_of_units(netspec.loads(flat + TRAIN).render()["train.py"]) == []


def list_of_units(text: str) -> list[str]:
    """The lists of blocks that a script spreads."""
    return re.findall(r'model\.get_submodule\("(.*)"\)\.children\(\)', text)


@pytest.mark.parametrize(
    ("world", "batch"), [(1, 64), (2, 179), (2, 180), (2, 1), (7, 4), (359, 10)]
)
def test_all_processes_validate_in_as_many_batches(tmp_path: Path, world: int, batch: int) -> None:
    text = (NET + TRAIN).replace("-> BatchNorm1d ", "")  # which takes no batch of one
    module = open_script(write(text, tmp_path))
    config = module["Config"](batch_size=batch)
    loaders = [module["make_loaders"](config, rank, world)[2] for rank in range(world)]
    assert len({len(loader) for loader in loaders}) == 1
    batches = [indices for loader in loaders for indices in loader.sampler]
    assert sorted(i for indices in batches for i in indices) == [*range(359)]
    assert all(0 < len(indices) <= batch + 1 for indices in batches)


def test_more_processes_than_samples_are_told(script: Path) -> None:
    module = open_script(script)
    with pytest.raises(SystemExit, match="359 samples validate, and there are 360 processes"):
        module["make_loaders"](module["Config"](), 0, 360)


# ---- checkpoints -------------------------------------------------------------------------------


@pytest.mark.slow
def test_shares_survive_kills_with_the_same_bits(
    script: Path, unbroken: Path, tmp_path: Path
) -> None:
    draw, kills = random.Random(0), 0
    for _ in range(100):
        more = ["--resume"] if any(tmp_path.glob("epoch*/state.pt")) else []
        begun = time.time()
        processes = start(script, tmp_path, *more)
        if kills < KILLS:
            _wait_for_a_start(processes[0], tmp_path, begun)
            time.sleep(draw.uniform(0.0, 0.6))
            for process in processes:
                process.kill()
        ends = [(process.communicate(timeout=300)[1], process.returncode) for process in processes]
        if not any(code for _, code in ends):
            break
        assert all(code in (0, -signal.SIGKILL) for _, code in ends), ends
        kills += 1
    assert kills >= KILLS // 2  # a run may be through before it is killed
    assert same(saved(tmp_path), saved(unbroken))
    assert same(load(tmp_path / "best.pt"), load(unbroken / "best.pt"))
    assert (tmp_path / "metrics.csv").read_text() == (unbroken / "metrics.csv").read_text()
    assert len([*tmp_path.glob("epoch*")]) == 1


def _wait_for_a_start(process: "subprocess.Popen[str]", out: Path, begun: float) -> None:
    """Wait until the processes touch their table: torch has been imported, the data read."""
    touched = out / "metrics.csv"
    while process.poll() is None and time.time() < begun + 120:
        if touched.exists() and touched.stat().st_mtime >= begun:
            return
        time.sleep(0.01)


@pytest.mark.slow
def test_one_process_reads_what_two_have_saved(tmp_path: Path) -> None:
    plain = NET + TRAIN.replace("CosineAnnealingLR(T_max=steps)", "ExponentialLR(0.9)")
    script, out = write(plain, tmp_path), tmp_path / "out"
    assert spread(script, out, "--max-batches", "3", "--epochs", "1")[0] == 0
    module, folder = open_script(script), out / "epoch00000001"
    model = module["make_nets"](torch.device("cpu"))
    optimizer = torch.optim.AdamW([{"params": [p]} for p in model.parameters()])
    state = load(folder / "state.pt")
    state["optimizer AdamW"] = optimizer.state_dict()["param_groups"]
    module["load_shards"](model, {"optimizer AdamW": optimizer}, state, folder)
    assert same(dict(model.state_dict()), load(out / "best.pt"))
    code, output, problems = alone(script, out, "--max-batches", "3", "--epochs", "2", "--resume")
    assert (code, problems, output[:8]) == (0, "", "epoch=1 ")
    assert spread(script, out, "--max-batches", "3", "--epochs", "3", "--resume")[0] == 0
    assert [row["epoch"] for row in saved(out)["state"]["rows"]] == [0, 1, 2]
    assert [*out.glob("epoch*")] == [out / "epoch00000003"]


@pytest.fixture(scope="module")
def short(script: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two short epochs in one process, the first of which is kept, too."""
    folder = tmp_path_factory.mktemp("short")
    done = run(write(KEPT, folder), "--epochs", "4")
    assert done.returncode == 0, done.stderr
    return folder


KEPT = NET + TRAIN.replace("shard = True", "shard = True\n    save_every = 1\n    keep = 2")


def test_older_checkpoints_are_removed_but_for_those_to_keep(short: Path) -> None:
    assert sorted(path.name for path in (short / "out").iterdir()) == [
        *("best.pt", "epoch00000003", "epoch00000004", "metrics.csv"),
    ]


def test_a_folder_counts_when_its_state_is_there(short: Path, tmp_path: Path) -> None:
    shutil.copytree(short, tmp_path, dirs_exist_ok=True)
    (tmp_path / "out/epoch00000004/state.pt").unlink()
    (tmp_path / "out/epoch00000004/junk").write_text("half of a file")
    shutil.copytree(tmp_path / "out/epoch00000003", tmp_path / "out/epoch-of-mine")
    done = run(tmp_path / "train.py", "--epochs", "4", "--resume")
    assert (done.returncode, done.stdout[:8]) == (0, "epoch=3 ")
    assert same(saved(tmp_path / "out"), saved(short / "out"))
    assert (tmp_path / "out/epoch-of-mine/state.pt").exists()


def test_a_new_run_does_not_mix_with_an_old_one(short: Path, tmp_path: Path) -> None:
    shutil.copytree(short, tmp_path, dirs_exist_ok=True)
    assert run(tmp_path / "train.py", "--epochs", "1").returncode == 0
    assert [*(tmp_path / "out").glob("epoch*")] == [tmp_path / "out/epoch00000001"]


def damage(out: Path) -> None:
    (file,) = (out / "epoch00000004").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-99])


def lose(out: Path) -> None:
    (file,) = (out / "epoch00000004").glob("*.safetensors")
    file.unlink()


def plant(out: Path) -> None:
    torch.save(Path("x"), out / "epoch00000004/state.pt")


@pytest.mark.parametrize(
    ("change", "text", "message"),
    [
        (shutil.rmtree, KEPT, "there is no complete checkpoint"),
        (damage, KEPT, "Error while deserializing header"),
        (lose, KEPT, "Missing key"),
        (plant, KEPT, "Weights only load failed"),
        (lambda out: None, KEPT.replace("depth: int = 2", "depth: int = 3"), "of another net"),
        (
            lambda out: None,
            KEPT.replace("Linear(16) -> Drop", "Linear(16, bias=False) -> Drop"),
            "of another net",
        ),
        (lambda out: None, KEPT.replace("AdamW(", "Adam("), "it has no {'optimizer Adam'}"),
    ],
)
def test_what_cannot_be_resumed_is_told_in_a_line(
    short: Path, tmp_path: Path, change: Callable[[Path], object], text: str, message: str
) -> None:
    shutil.copytree(short, tmp_path, dirs_exist_ok=True)
    change(tmp_path / "out")
    done = run(write(text, tmp_path), "--epochs", "5", "--resume")
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"cannot resume from {tmp_path}/out: ")
    assert message in line


def test_a_folder_that_cannot_be_written_is_told_in_a_line(short: Path, tmp_path: Path) -> None:
    shutil.copytree(short, tmp_path, dirs_exist_ok=True)
    (tmp_path / "out/epoch00000005").write_text("a file")
    done = run(tmp_path / "train.py", "--epochs", "5", "--resume")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


# ---- commands ----------------------------------------------------------------------------------


def test_a_trainer_goes_on_and_a_rehearsal_leaves_nothing(
    short: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = netspec.loads(KEPT)
    out = short / "out"
    rows = load(out / "epoch00000004/state.pt")["rows"]
    assert netspec.Trainer(spec, out=out, resume=True, epochs=4).fit() == rows
    assert not netspec.Trainer(spec, out=out, epochs=4).history
    done = run_command(capsys, "train", short, "--dry-run")
    assert "nothing has been saved" in done
    assert "optimizers" in done
    figures = run_command(capsys, "eval", short, "--out", str(out))
    best = max(rows, key=lambda row: row["accuracy"])
    assert figures == f"val_loss={best['val_loss']:.4g} accuracy={best['accuracy']:.4g}\n"


def run_command(
    capsys: pytest.CaptureFixture[str], command: str, folder: Path, *options: str, text: str = KEPT
) -> str:
    """What a command prints about the spec."""
    (folder / "small.net").write_text(text)
    assert main([command, str(folder / "small.net"), *options]) == 0
    return capsys.readouterr().out


NAMED = (
    NET.replace("    return", '    freeze "linear1"\n    return')
    + """
train Two(tensors=Small) {
    data = Synthetic(40, image=float32[N, 1, 8, 8], label=int64[N], classes=10)
    validation_data = Digits()
    scores = tensors(image)
    loss = cross_entropy(scores, label)
    optimizer = SGD(lr=0.1)
    shard = True
}
"""
)


def test_other_data_may_validate_a_net_of_any_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = write(NAMED, tmp_path)
    assert run(script, "--epochs", "1").returncode == 0
    done = run(script, "--epochs", "2", "--resume")
    assert (done.returncode, done.stdout[:8]) == (0, "epoch=1 ")
    rows = load(tmp_path / "out/epoch00000002/state.pt")["rows"]
    best = min(row["val_loss"] for row in rows)
    figures = run_command(capsys, "eval", tmp_path, "--out", str(tmp_path / "out"), text=NAMED)
    assert figures == f"val_loss={best:.4g}\n"


@pytest.mark.slow
def test_the_script_passes_ruff_and_mypy(tmp_path: Path) -> None:
    for name, text in (("kept", KEPT), ("named", NAMED)):
        (tmp_path / name).mkdir()
        write(text, tmp_path / name)
        for command in (
            ("ruff", "check", "--isolated", "--no-cache", "--extend-select", "I,UP,B,F,E", "."),
            ("ruff", "format", "--isolated", "--no-cache", "--check", "."),
            ("mypy", "--strict", f"--cache-dir={tmp_path}", "."),
        ):
            done = subprocess.run(
                [str(Path(sys.executable).parent / command[0]), *command[1:]],
                cwd=tmp_path / name,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("ema = 0.9", "`shard` and `ema` exclude each other"),
        ("swa = 2", "`shard` and `swa` exclude each other"),
        ("channels_last = True", "`shard` and `channels_last` exclude each other"),
        ("compile = True", "`shard` and `compile` exclude each other"),
        ('precision = "float16"', '`shard` and `precision = "float16"` exclude each other'),
        ('export = "safetensors"', '`shard` and `export = "safetensors"` exclude each other'),
    ],
)
def test_settings_that_want_a_whole_net_are_refused(setting: str, message: str) -> None:
    assert errors(SMALL.replace("shard = True", f"shard = True\n    {setting}")) == [
        f"conflicting-settings: {message}"
    ]
    assert errors(SMALL.replace("shard = True", f"shard = False\n    {setting}")) == []


@pytest.mark.parametrize("name", ["Adafactor", "LBFGS", "Rprop"])
def test_optimisers_that_fail_on_shares_are_refused(name: str) -> None:
    train = TRAIN.replace("AdamW(lr=1e-2)", f"{name}(lr=1e-2)").replace("accumulate = 3", "")
    train = "".join(x for x in train.splitlines(True) if "group" not in x and "scheduler" not in x)
    assert f"conflicting-settings: `shard` and the optimiser `{name}` exclude each other" in errors(
        NET + train
    )


def test_nets_that_cannot_be_spread_are_refused() -> None:
    layer = SMALL.replace(
        "loss = cross",
        "layer own = LinearCrossEntropyLoss(10)\n    loss = own(logits, label) + cross",
    )
    assert (
        "conflicting-settings: `shard` is for one net, and the section has `model` and `own`"
        in errors(layer)
    )
    sparse = """
    net Words()(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
        return image.long() -> Flatten -> Embedding(17, 4, sparse=True) -> Flatten -> Linear(10)
    }
    """ + TRAIN.replace("Small", "Words")
    message = "`shard` and the sparse gradient of `embedding1.weight` exclude each other"
    assert f"conflicting-settings: {message}" in errors(sparse)
    place = "`shard` and `inplace=True` of `h.0.relu` exclude each other"
    inplace = SMALL.replace("-> GELU", "-> ReLU(inplace=True)")
    assert errors(inplace) == [f"conflicting-settings: {place}"]
    part = 'on "cuda:1" {\n        x = x -> Linear(16)\n    }\n    return x ->'
    assert errors(SMALL.replace("return x ->", part)) == [
        "conflicting-settings: `shard` spreads a net over devices, and parts of `Small` have some"
    ]
    step = "step {} {{\n loss = cross_entropy({}(image), label)\n optimizer = SGD(lr=0.1)\n }}\n"
    steps = step.format("G", "G") + step.format("D", "D")
    turns = f"train Both(G=Small, D=Small) {{\n data = Digits()\n {steps} shard = True\n}}\n"
    assert errors(NET + turns) == [
        "conflicting-settings: `shard` is for one net, and the section has `G` and `D`"
    ]
