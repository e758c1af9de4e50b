"""The commands that run the generated script: train, eval, predict."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

import netspec
from netspec.cli import main
from netspec.dim import symbol
from netspec.graph import Port
from netspec.run_error import RunError
from netspec.samples import Form, read_samples
from netspec.tensor import Tensor
from netspec.trainer import Trainer

FINE, WRONG, USAGE = 0, 1, 2
TINY = """
net Tiny(wide: int = 784)(image: float32[N, 1, 28, 28]) -> (logits: [N, 10]) {
    return image -> Flatten -> first: Linear(wide) -> fc: Linear(10)
}
train Tiny {
    data = MNIST5k()
    loss = cross_entropy(logits, label)
    optimizer = Adam(lr=0.001)
    metrics = [accuracy(logits, label)]
    epochs = 3
}
"""
HALF = TINY.replace("Tiny", "Half").replace("epochs = 3", 'precision = "bfloat16"')
BLIND = """
net Blind()(image: float32[N, 1, 28, 28]) -> (code: [N, 2, 3], size: [N, 1]) {
    code = image -> Flatten -> Linear(6) -> Unflatten(1, (2, 3))
    size = image -> Flatten -> Linear(1)
    return code, size
}
train Blind {
    data = MNIST5k()
    loss = (code * code -> mean) + (size * size -> mean)
    optimizer = SGD(lr=0.01)
    validation = 0
}
"""
PAIR = """
net Pair()(image: float32[N, 1, 28, 28], label: int64[N]) -> (score: [N, 4]) {
    layer table = Embedding(10, 4)
    return (image -> Flatten -> Linear(4)) + (label -> table)
}
train Pair {
    data = MNIST5k()
    loss = score * score -> mean
    optimizer = SGD(lr=0.01)
    validation = 0
}
"""
GAN = """
net Generator()(z: float32[N, 4]) -> (image: [N, 1, 28, 28]) {
    return z -> Linear(784) -> Unflatten(1, (1, 28, 28))
}
net Critic()(image: float32[N, 1, 28, 28]) -> (score: [N, 1]) {
    return image -> Flatten -> Linear(1)
}
train GAN(G=Generator, D=Critic) {
    data = MNIST5k()
    step D {
        loss = D(G(randn(N, 4)).detach()) -> mean
        optimizer = SGD(lr=0.01)
    }
    step G {
        loss = D(G(randn(N, 4))) -> mean
        optimizer = SGD(lr=0.01)
    }
}
"""


SCALED = """
net Scaled()(image: float32[N, 1, 20, 20]) -> (logits: [N, 10]) {
    return image -> Flatten -> Linear(10)
}
train Scaled {
    data = MNIST5k()
    transforms = image -> Normalize(0.5, 0.25) -> RandomCrop(20) -> RandomHorizontalFlip(1.0)
    loss = cross_entropy(logits, label)
    optimizer = SGD(lr=0.01)
}
"""
CELLS = """
net Cells()(features: float32[N, 2]) -> (score: [N, 1]) {
    return features -> Linear(1)
}
train Cells {
    data = CSV("cells.csv", target="3", delimiter=";")
    loss = mse_loss(score, target)
    optimizer = SGD(lr=0.01)
}
"""


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Shell:
    """Runs commands in a folder of their own, in this process."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capfd = capfd

    def __call__(self, *arguments: str) -> Done:
        try:
            code = main(arguments)
        except SystemExit as stop:  # argparse's way out
            assert isinstance(stop.code, int)
            code = stop.code
        return Done(code, *self.capfd.readouterr())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with specs, and in folders of their names what training them leaves."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "cells.csv").write_text("1;3;2\n" + "0.1;5;0.2\n0.3;6;0.4\n" * 5)
    for text in (TINY, HALF, BLIND, PAIR, GAN, SCALED, CELLS):
        name = text.split("train ")[1].split("(")[0].split(" ")[0].lower()
        place = str(folder / "cells.csv")  # nothing is read from the current folder here
        (folder / f"{name}.net").write_text(text.replace("cells.csv", place))
        Trainer(folder / f"{name}.net", out=folder / name, epochs=1, max_batches=2).fit()
    return folder


@pytest.fixture
def shell(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    monkeypatch.chdir(trained)
    import gc

    yield Shell(trained, capfd)
    gc.enable()


def table(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def digits(count: int, channels: int = 1) -> np.ndarray[Any, Any]:
    """Pictures of noise."""
    return np.random.default_rng(0).integers(0, 256, (count, channels, 28, 28), dtype=np.uint8)


# ---- a dry run ---------------------------------------------------------------------------------


def test_a_dry_run_shows_what_a_training_takes_and_saves_nothing(shell: Shell) -> None:
    before = sorted(shell.folder.rglob("*"))
    done = shell("train", "tiny.net", "--dry-run", "--batch-size", "100", "--out", "new")
    assert (done.code, done.err) == (FINE, "")
    *lines, memory, batch, end = done.out.splitlines()
    assert lines == [
        "net        Tiny: 623,290 parameters",
        f"device     {netspec.instantiate.pick_device('auto')}",
        "data       4,000 samples to train on, 1,000 to validate",
        "batch      image float32[100, 1, 28, 28], label int64[100]",
        "steps      40 an epoch, 120 in all",
    ]
    # 4 bytes for each parameter; Adam has two numbers for each; the input and the hidden layer
    assert memory.startswith("memory     at least 10.6 MB: weights 2.49 MB, gradients 2.49 MB, ")
    assert "optimizers 4.99 MB, activations 63" in memory
    assert batch.startswith("one batch  loss=")
    assert " accuracy=" in batch
    assert end == "nothing has been saved"
    assert sorted(shell.folder.rglob("*")) == before


def test_a_dry_run_tells_of_each_net(shell: Shell) -> None:
    done = shell("train", "gan.net", "--dry-run")
    assert done.code == FINE
    assert "Generator: 3,920 parameters" in done.out
    assert "Critic: 785 parameters" in done.out
    assert "validate" not in done.out


def test_a_dry_run_finds_what_a_run_would(shell: Shell) -> None:
    diverging = BLIND.replace("loss = (code", "loss = (log(code - code) -> mean) + (code")
    (shell.folder / "diverging.net").write_text(diverging)
    done = shell("train", "diverging.net", "--dry-run")
    assert (done.code, done.out) == (WRONG, "")
    assert "error: not finite in epoch 0, steps [0]: {'epoch': 0, 'loss': -inf" in done.err
    assert shell("train", "tiny.net", "--dry-run", "--frob").code == USAGE
    done = shell("train", "tiny.net", "--dry-run", "--plot")
    assert done.code == USAGE
    assert "--dry-run: not allowed with argument --plot" in done.err
    assert shell("train", "tiny.net", "--nproc", "0").code == USAGE


# ---- train -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_train_draws_curves(shell: Shell) -> None:
    options = ("--epochs", "2", "--max-batches", "1", "--out", "drawn", "--plot")
    done = shell("train", "tiny.net", *options)
    assert done.code == FINE, done.err
    assert done.out.splitlines()[-1] == "drew drawn/curves.png"
    with Image.open(shell.folder / "drawn/curves.png") as picture:
        assert picture.width > 500


@pytest.mark.slow
def test_train_runs_in_several_processes(shell: Shell) -> None:
    options = ("--epochs", "1", "--max-batches", "2", "--out", "parallel")
    done = shell("train", "tiny.net", "--nproc", "2", *options)
    assert done.code == FINE, done.err
    assert done.out.count("epoch=0") == 1


def test_to_draw_takes_matplotlib(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    done = shell("train", "tiny.net", "--plot", "--out", "never")
    assert done.code == WRONG
    assert done.err.startswith("error: to draw curves takes matplotlib\n = help: `pip install")
    assert not (shell.folder / "never").exists()


@pytest.mark.parametrize("command", [("train",), ("eval",), ("predict", "-o", "x.csv", "x.npy")])
def test_the_training_must_be_clear(shell: Shell, command: tuple[str, ...]) -> None:
    name, *rest = command
    (shell.folder / "both.net").write_text(TINY + GAN)
    done = shell(name, "both.net", *rest)
    assert done.code == WRONG
    assert "the spec has several trainings: Tiny, GAN" in done.err
    assert "--net Tiny" in done.err
    done = shell(name, "both.net", *rest, "--net", "Gan")
    assert done.code == WRONG
    assert "did you mean `GAN`?" in done.err


# ---- eval --------------------------------------------------------------------------------------


def test_eval_gives_the_figures_of_the_last_epoch(shell: Shell) -> None:
    (row,) = torch.load(shell.folder / "tiny/last.pt", weights_only=True)["rows"]
    done = shell("eval", "tiny.net", "--out", "tiny", "--json")
    assert (done.code, done.err) == (FINE, "")
    assert json.loads(done.out) == {
        "weights": "tiny/best.pt",
        "figures": {name: row[name] for name in ("val_loss", "accuracy")},
    }
    line = f"val_loss={row['val_loss']:.4g} accuracy={row['accuracy']:.4g}\n"
    for weights in ("last.pt", "tiny/last.pt"):
        assert shell("eval", "tiny.net", "--out", "tiny", "--weights", weights).out == line


def test_eval_has_the_precision_of_the_training(shell: Shell) -> None:
    (row,) = torch.load(shell.folder / "half/last.pt", weights_only=True)["rows"]
    done = shell("eval", "half.net", "--out", "half", "--json")
    figures = {name: row[name] for name in ("val_loss", "accuracy")}
    assert json.loads(done.out) == {"weights": "half/best.pt", "figures": figures}


def test_eval_hands_flags_to_the_script(shell: Shell) -> None:
    whole = shell("eval", "tiny.net", "--out", "tiny").out
    assert shell("eval", "tiny.net", "--out", "tiny", "--batch-size", "1000").out == whole
    done = shell("eval", "tiny.net", "--frobnicate")
    assert done.code == USAGE
    assert "Unrecognized options: --frobnicate" in done.err


def test_eval_wants_data_for_validation(shell: Shell) -> None:
    done = shell("eval", "blind.net", "--out", "blind")
    assert done == Done(
        WRONG,
        "",
        "error: the training `Blind` keeps no data for validation\n"
        " = help: keep a share of it, in the train section: `validation = 0.2`\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "nowhere"), "there is no checkpoint nowhere/best.pt"),
        (("--weights", "nothing.pt"), "there is no checkpoint nothing.pt"),
        (("--weights", "tiny.net"), "cannot read tiny.net: "),
        (("--weights", "blind/last.pt"), "blind/last.pt is of another net: it lacks"),
        (("--weights", "gan/last.pt"), "gan/last.pt is of another training: it has no weights"),
        (
            ("--out", "tiny", "--set", "wide=5"),
            "tiny/best.pt is of another net: `first.weight` is [784, 784] there and [5, 784] here; "
            "`first.bias` is [784] there and [5] here; "
            "`fc.weight` is [10, 784] there and [10, 5] here\n",
        ),
    ],
)
def test_weights_that_do_not_fit_are_told(
    shell: Shell, arguments: tuple[str, ...], message: str
) -> None:
    done = shell("eval", "tiny.net", *arguments)
    assert (done.code, done.out) == (WRONG, "")
    assert done.err.startswith(f"error: {message}")
    assert "\n = help: " in done.err


def test_no_code_in_a_checkpoint_is_run(shell: Shell, tmp_path: Path) -> None:
    torch.save(Path("x"), tmp_path / "evil.pt")
    done = shell("eval", "tiny.net", "--weights", str(tmp_path / "evil.pt"))
    assert done.code == WRONG
    assert "evil.pt: it holds Python objects beside weights" in done.err
    assert "weights_only" not in done.err
    (tmp_path / "junk.pt").write_text("hello")
    (tmp_path / "cut.pt").write_bytes((shell.folder / "tiny/best.pt").read_bytes()[:99])
    for name in ("junk.pt", "cut.pt"):
        done = shell("eval", "tiny.net", "--weights", str(tmp_path / name))
        assert (done.code, done.out) == (WRONG, "")
        assert f"{name}: it is damaged, or no `state_dict`" in done.err
    torch.save([1], tmp_path / "list.pt")
    done = shell("eval", "tiny.net", "--weights", str(tmp_path / "list.pt"))
    assert "holds no weights, but a list" in done.err


# ---- predict -----------------------------------------------------------------------------------


def predict(shell: Shell, source: Path, *options: str, net: str = "tiny") -> list[list[str]]:
    arguments = ("-o", str(source.with_name("got.csv")), "--out", net, *options)
    done = shell("predict", f"{net}.net", str(source), *arguments)
    assert done.code == FINE, done.err
    return table(source.with_name("got.csv"))


def test_pictures_arrays_and_tables_give_the_same_predictions(shell: Shell, tmp_path: Path) -> None:
    pixels = digits(5)
    (tmp_path / "folder").mkdir()
    for number, picture in enumerate(pixels):
        Image.fromarray(picture[0]).save(tmp_path / f"folder/{number}.png")
    (tmp_path / "folder/readme.txt").write_text("no picture")
    np.save(tmp_path / "a.npy", pixels / 255)
    np.savez(tmp_path / "a.npz", image=(pixels / 255).astype("float32"))
    flat = (pixels / 255).reshape(5, -1)
    np.save(tmp_path / "flat.npy", flat)
    np.savetxt(tmp_path / "bare.csv", flat, delimiter=",")
    names = ",".join(["name", *(f"p{i}" for i in range(784))])
    lines = [",".join([f"n{i}", *map(str, row)]) for i, row in enumerate(flat)]
    (tmp_path / "named.csv").write_text("\n".join([names, *lines]) + "\n")
    model = Trainer(TINY_SPEC(), out=shell.folder / "tiny").model.cpu()
    with torch.no_grad():
        logits = model(torch.tensor(pixels / 255, dtype=torch.float32))
    first = ["sample", "class", "probability", *(f"logits_{i}" for i in range(10))]
    for source in ("folder", "a.npy", "a.npz", "flat.npy", "bare.csv", "named.csv"):
        head, *rows = predict(shell, tmp_path / source, "--batch-size", "2")
        assert head == first, source
        suffix = ".png" if source == "folder" else ""
        assert [row[0] for row in rows] == [f"{i}{suffix}" for i in range(5)]
        assert [int(row[1]) for row in rows] == logits.argmax(1).tolist()
        found = torch.tensor([[float(x) for x in row[2:]] for row in rows])
        torch.testing.assert_close(found[:, 0], logits.softmax(1).max(1).values)
        torch.testing.assert_close(found[:, 1:], logits)


def TINY_SPEC() -> netspec.Spec:
    return netspec.loads(TINY)


def test_each_number_of_an_output_has_a_column(shell: Shell, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", digits(2) / 255)
    head, *rows = predict(shell, tmp_path / "a.npy", net="blind")
    codes = [f"code_{i}_{j}" for i in range(2) for j in range(3)]
    assert head == ["sample", *codes, "size"]
    assert [len(row) for row in rows] == [8, 8]


def test_a_net_with_several_inputs_takes_arrays_by_name(shell: Shell, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", label=np.arange(3), image=digits(3) / 255)
    head, *rows = predict(shell, tmp_path / "a.npz", net="pair")
    assert head == ["sample", "score_0", "score_1", "score_2", "score_3"]
    assert len(rows) == 3


def test_a_part_of_a_training_predicts(shell: Shell, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", digits(3) / 255)
    assert predict(shell, tmp_path / "a.npy", "--part", "D", net="gan")[0] == ["sample", "score"]
    done = shell("predict", "gan.net", "a.npy", "-o", "x.csv", "--out", "gan")
    assert "the training `GAN` has several nets: G, D" in done.err
    done = shell("predict", "gan.net", "a.npy", "-o", "x.csv", "--out", "gan", "--part", "E")
    assert "has no net `E`" in done.err


def test_a_net_may_be_named_as_the_spec_names_it(shell: Shell, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", digits(3) / 255)
    whole = predict(shell, tmp_path / "a.npy")
    for name in ("model", "Tiny"):
        assert predict(shell, tmp_path / "a.npy", "--part", name) == whole
    assert predict(shell, tmp_path / "a.npy", "--part", "Critic", net="gan")[0][1] == "score"
    done = shell("predict", "tiny.net", "a.npy", "-o", "x.csv", "--out", "tiny", "--part", "Tin")
    assert done.err == "error: the training `Tiny` has no net `Tin`\n = help: it has `Tiny`\n"


def test_samples_are_transformed_as_in_validation(shell: Shell, tmp_path: Path) -> None:
    pixels = digits(3)
    (tmp_path / "folder").mkdir()
    for number, picture in enumerate(pixels):
        Image.fromarray(picture[0]).save(tmp_path / f"folder/{number}.png")
    np.save(tmp_path / "a.npy", pixels / 255)
    middle = torch.tensor(pixels / 255, dtype=torch.float32)[..., 4:24, 4:24]
    model = Trainer(netspec.loads(SCALED), out=shell.folder / "scaled").model.cpu()
    with torch.no_grad():
        logits = model((middle - 0.5) / 0.25)
    for source in ("folder", "a.npy"):
        _, *rows = predict(shell, tmp_path / source, net="scaled")
        found = torch.tensor([[float(x) for x in row[3:]] for row in rows])
        torch.testing.assert_close(found, logits)


def test_the_table_of_a_training_predicts_without_its_target(shell: Shell, tmp_path: Path) -> None:
    text = (shell.folder / "cells.csv").read_text()
    (tmp_path / "a.csv").write_text(text)
    rows = [line.split(";") for line in text.splitlines()]
    (tmp_path / "b.csv").write_text(
        "".join(f"{a};{c}\n" for a, _, c in [("x", "", "y"), *rows[1:]])
    )
    head, *given = predict(shell, tmp_path / "a.csv", net="cells")
    assert head == ["sample", "score"]
    assert len(given) == 10
    assert predict(shell, tmp_path / "b.csv", net="cells")[1:] == given


def write_csv(folder: Path, text: str) -> Path:
    (folder / "a.csv").write_text(text)
    return folder / "a.csv"


def write_array(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def write_picture(folder: Path, size: tuple[int, int]) -> Path:
    (folder / "p").mkdir()
    Image.new("L", size).save(folder / "p/a.png")
    return folder / "p"


def damage(path: Path) -> Path:
    (path / "a.png").write_bytes((path / "a.png").read_bytes()[:40])
    return path


ROW = ",".join(["0.5"] * 784)
NAN = np.full((2, 1, 28, 28), 0.5)
NAN[1, 0, 3, 3] = np.nan


@pytest.mark.parametrize(
    ("net", "make", "message"),
    [
        ("tiny", lambda f: f / "none", "there is no file or folder"),
        ("tiny", lambda f: f, "there are no pictures in"),
        ("tiny", lambda f: write_csv(f, "1,2,3\n"), "3 columns with numbers; the input `image`"),
        ("tiny", lambda f: write_csv(f, "a,b,c\n1,2,x\n"), "2 columns with numbers: `a` and `b`"),
        ("tiny", lambda f: write_csv(f, ""), "has no samples"),
        ("tiny", lambda f: write_csv(f, "a,b\n"), "has no samples"),
        ("tiny", lambda f: write_csv(f, f"{ROW}\n1,2\n"), "a.csv:2 has 2 columns, not 784"),
        ("tiny", lambda f: write_csv(f, f"{ROW}\nnan{ROW[3:]}\n"), "a.csv:2 has 'nan' in column 1"),
        ("tiny", lambda f: write_csv(f, f"{ROW}\n{ROW[:-3]}\n"), "a.csv:2 has '' in column 784"),
        ("tiny", lambda f: write_csv(f, f"{ROW}\n1e300{ROW[3:]}\n"), "sample 1 that is too large"),
        ("tiny", lambda f: write_array(f, image=np.full((2, 784), 1e39)), "too large for float32"),
        ("tiny", lambda f: write_array(f, image=NAN), "a number in sample 1 that is not finite"),
        ("tiny", lambda f: write_array(f, image=np.zeros((2, 3))), "samples of shape [3]"),
        ("tiny", lambda f: write_array(f, image=np.zeros((0, 784))), "has no samples"),
        ("tiny", lambda f: write_array(f, a=NAN, b=NAN), "no array for the input `image`"),
        ("tiny", lambda f: write_array(f, image=np.array(["a"])), "has no numbers, but <U1"),
        ("tiny", lambda f: write_array(f, image=np.array([{}])), "cannot read"),
        ("tiny", lambda f: write_picture(f, (20, 28)), "has 28 x 20 pixels; the input `image`"),
        ("tiny", lambda f: damage(write_picture(f, (28, 28))), "cannot read the picture"),
        ("pair", lambda f: write_csv(f, "1,2\n"), "the net has 2 inputs, `image` and `label`"),
        (
            "pair",
            lambda f: write_array(f, image=np.zeros((2, 784)), label=np.zeros(3, int)),
            "have 2 and 3 samples",
        ),
        (
            "pair",
            lambda f: write_array(f, image=np.zeros((2, 784)), label=np.array([0.5, 1.0])),
            "has fractions; the input `label` takes int64[N]",
        ),
        (
            "pair",
            lambda f: write_array(f, image=np.zeros((2, 784)), label=np.array([0, 1e300])),
            "a number in sample 0 that is too large for int64",
        ),
        (
            "pair",
            lambda f: write_array(f, image=np.zeros((2, 784)), label=np.array([0, 10])),
            "the net fails on the samples 0 to 1: index out of range",
        ),
    ],
)
def test_samples_that_do_not_fit_are_told(
    shell: Shell, tmp_path: Path, net: str, make: Any, message: str
) -> None:
    source = make(tmp_path)
    target = tmp_path / "got.csv"
    done = shell("predict", f"{net}.net", str(source), "-o", str(target), "--out", net)
    assert (done.code, done.out) == (WRONG, "")
    assert done.err.startswith("error: ")
    assert message in done.err
    assert not [path for path in tmp_path.iterdir() if "got.csv" in path.name]


def test_a_column_that_is_read_by_its_name_is_one(tmp_path: Path) -> None:
    path = write_csv(tmp_path, "a,b,b,note\n1,2,3,x\n")
    width = [Port("x", Tensor((symbol("N"), count))) for count in (1, 2)]
    (batch,) = read_samples(path, width[:1], 4, Form(("a",)))
    assert batch.inputs[0].tolist() == [[1.0]]
    with pytest.raises(RunError, match="has several columns `b`"):
        list(read_samples(path, width[1:], 4, Form(("a", "b"))))


def test_an_output_that_is_not_finite_is_told(shell: Shell, tmp_path: Path) -> None:
    state = torch.load(shell.folder / "tiny/best.pt", weights_only=True)
    state["fc.bias"][3] = float("nan")
    torch.save(state, tmp_path / "broken.pt")
    np.save(tmp_path / "a.npy", digits(2) / 255)
    options = ("-o", str(tmp_path / "got.csv"), "--weights", str(tmp_path / "broken.pt"))
    done = shell("predict", "tiny.net", str(tmp_path / "a.npy"), *options)
    assert done.code == WRONG
    assert "the output `logits` of sample 0 is not finite" in done.err
    assert not (tmp_path / "got.csv").exists()


def test_a_table_that_cannot_be_written_is_told(shell: Shell, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", digits(2) / 255)
    options = ("-o", str(tmp_path / "no/got.csv"), "--out", "tiny")
    done = shell("predict", "tiny.net", str(tmp_path / "a.npy"), *options)
    assert done.code == WRONG
    assert done.err.startswith(f"error: cannot write {tmp_path}/no/got.csv: no such file")


@pytest.mark.parametrize("target", [".", "", "tiny", ".."])
def test_a_folder_is_no_table(shell: Shell, tmp_path: Path, target: str) -> None:
    np.save(tmp_path / "a.npy", digits(2) / 255)
    done = shell("predict", "tiny.net", str(tmp_path / "a.npy"), "-o", target, "--out", "tiny")
    assert done.code == WRONG
    assert done.err.startswith(f"error: cannot write {target or '.'}: it is a folder")


# ---- what is loaded ----------------------------------------------------------------------------


def test_a_library_that_the_script_imports_and_is_not_there_is_told(
    shell: Shell, tmp_path: Path
) -> None:
    hidden = "import sys; sys.modules['tqdm'] = None; from netspec.cli import main; "
    code = f"{hidden}sys.exit(main(['train', 'tiny.net', '--dry-run']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=shell.folder,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == WRONG
    assert done.stderr.startswith("error: the training script imports `tqdm`, which is not inst")


@pytest.mark.slow
def test_what_ends_the_command_ends_the_script(shell: Shell, tmp_path: Path) -> None:
    out = tmp_path / "long"
    command = [sys.executable, "-m", "netspec.cli", "train", "tiny.net"]
    options = ["--epochs", "100000", "--batch-size", "8", "--max-batches", "1"]
    with subprocess.Popen(
        [*command, *options, "--out", str(out)], cwd=shell.folder, stdout=subprocess.DEVNULL
    ) as process:
        while not (out / "last.pt").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.terminate()
        assert process.wait(timeout=30) == 128 + signal.SIGTERM
    before = (out / "metrics.csv").read_bytes()
    time.sleep(1)
    assert (out / "metrics.csv").read_bytes() == before
