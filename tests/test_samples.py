"""Pictures that a training draws after each epoch: what they show, and what they leave alone."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import netspec
from netspec.cli import main
from tests.running import errors, open_script, run, same, write

# Digits of scikit-learn, 8 x 8 from 0 to 16, through a net with noise and statistics of batches.
CODER = """
net Coder()(image: float32[N, 1, 8, 8]) -> (copy: [N, 1, 8, 8], code: [N, 8]) {
    code = image -> Flatten -> Linear(8) -> BatchNorm1d -> Dropout(0.5)
    return code -> Linear(64) -> Sigmoid -> Unflatten(1, (1, 8, 8)), code
}

net Painter()(z: float32[N, 4]) -> (painted: [N, 1, 8, 8]) {
    return z -> Linear(64) -> Unflatten(1, (1, 8, 8))
}

net Same()(image: float32[N, 1, 8, 8]) -> (copy: [N, 1, 8, 8]) {
    parameter gain: [1] = ones
    return image * gain
}
"""


def coder(*lines: str, samples: str = "samples = copy", head: str = "Coder") -> str:
    """A spec that trains the coder, and draws `samples`."""
    own = ["data = Digits()", "loss = mse_loss(copy, image)", "optimizer = SGD(lr=0.1)"]
    return "\n    ".join((f"{CODER}\ntrain {head} {{", *own, samples, *lines)) + "\n}\n"


def painter(*lines: str) -> str:
    loss = "loss = mse_loss(P(randn(N, 4)), image)"
    own = ["data = Digits()", loss, "optimizer = SGD(lr=0.1)"]
    return "\n    ".join((f"{CODER}\ntrain Paint(P=Painter) {{", *own, *lines)) + "\n}\n"


def trained(text: str, folder: Path, *options: str) -> Path:
    """The folder that a short training leaves."""
    folder.mkdir(exist_ok=True)
    done = run(write(text, folder), *options)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def picture(out: Path) -> Any:
    with Image.open(out / "samples.png") as image:
        return np.asarray(image)


def load(path: Path) -> Any:
    return torch.load(path, weights_only=True)


# ---- the grid ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (5, 3, 2), (16, 4, 4), (17, 5, 4)]
)
def test_the_grid_is_as_near_to_square_as_it_can_be(
    count: int, columns: int, rows: int, tmp_path: Path
) -> None:
    text = painter(f"samples = P(randn({count}, 4))")
    out = trained(text, tmp_path, "--epochs", "1")
    assert picture(out).shape == (rows * 8, columns * 8)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_stand_in_rows_from_the_least_value_to_the_greatest(
    channels: int, tmp_path: Path
) -> None:
    pictures = torch.arange(-3.0, 2.0).view(5, 1, 1, 1).expand(5, channels, 2, 4).clone()
    pictures[0, -1] = -1.0
    pictures[1, 0, 0, 0] = -3.0
    open_script(write(painter("samples = P(randn(5, 4))"), tmp_path))["save_grid"](
        pictures, tmp_path / "samples.png"
    )
    shades = ((pictures + 3) / 4 * 255).round()
    found = torch.from_numpy(picture(tmp_path).copy()).view(4, 12, channels)
    for place, one in enumerate(shades):
        row, column = divmod(place, 3)
        cut = found[row * 2 : row * 2 + 2, column * 4 : column * 4 + 4]
        assert torch.equal(cut.permute(2, 0, 1).float(), one)
    assert not found[2:, 8:].any()  # what is left of the last row
    assert [path.name for path in tmp_path.glob("samples.*")] == ["samples.png"]


def test_pictures_of_one_value_are_black(tmp_path: Path) -> None:
    save = open_script(write(painter("samples = P(randn(5, 4))"), tmp_path))["save_grid"]
    save(torch.full((4, 1, 8, 8), 0.25), tmp_path / "samples.png")
    assert not picture(tmp_path).any()


# ---- what is drawn -----------------------------------------------------------------------------


def drawn(out: Path) -> Tensor:
    """The pictures of a square grid, 8 x 8 each, from 0 to 1."""
    grid = torch.from_numpy(picture(out).copy()) / 255
    side = grid.shape[0] // 8
    return grid.view(side, 8, side, 8).transpose(1, 2).reshape(-1, 1, 8, 8)


def test_fields_are_those_of_the_first_batch_that_validates(tmp_path: Path) -> None:
    text = coder("batch_size = 16", head="Same")
    out = trained(text, tmp_path, "--epochs", "1", "--lr", "0")
    module = open_script(tmp_path / "train.py")
    _, _, loader = module["make_loaders"](module["Config"](), 0, 1)
    image, _ = next(iter(loader))
    torch.testing.assert_close(drawn(out), image / image.max(), atol=1 / 255, rtol=0)


def test_fields_are_those_of_the_training_where_nothing_is_held_out(tmp_path: Path) -> None:
    text = coder("batch_size = 16", "validation = 0", "workers = 1", head="Same")
    out = trained(text, tmp_path, "--epochs", "1", "--lr", "0")
    image, _ = open_script(tmp_path / "train.py")["load_data"]()[:16]
    torch.testing.assert_close(drawn(out), image / image.max(), atol=1 / 255, rtol=0)


def test_fields_are_transformed_as_validation_has_them(tmp_path: Path) -> None:
    lines = ("batch_size = 16", "transforms = image -> RandomCrop(6) -> Pad(1)")
    out = trained(coder(*lines, head="Same"), tmp_path, "--epochs", "1", "--lr", "0")
    module = open_script(tmp_path / "train.py")
    _, _, loader = module["make_loaders"](module["Config"](), 0, 1)
    image = next(iter(loader))[0][:, :, 1:7, 1:7]  # the middle: what is random is for training
    shown = drawn(out)
    torch.testing.assert_close(shown[:, :, 1:7, 1:7], image / image.max(), atol=1 / 255, rtol=0)
    assert not shown[:, :, 0].any()


def test_values_may_stand_below_and_be_for_the_samples_alone(tmp_path: Path) -> None:
    text = coder("pair = cat((image, copy), -1)", samples="samples = pair[:4]")
    out = trained(text, tmp_path, "--epochs", "1")
    assert picture(out).shape == (16, 32)
    module = (tmp_path / "train.py").read_text(encoding="utf-8")
    loss, samples = module.split("def compute_loss")[1].split("def evaluate")[0], module
    assert "pair" not in loss
    assert "pair = torch.cat" in samples


def test_a_section_with_steps_draws_what_stands_beside_them(tmp_path: Path) -> None:
    step = "step P {\n loss = mse_loss(P(noise), image)\n optimizer = SGD(lr=0.1)\n }"
    head = f"{CODER}\ntrain X(P=Painter, S=Same) {{\n data = Digits()\n noise = randn(N, 4)\n"
    text = f"{head} {step}\n samples = S(P(noise))[:9]\n}}\n"
    assert picture(trained(text, tmp_path, "--epochs", "1")).shape == (24, 24)


def test_a_field_may_be_called_samples(tmp_path: Path) -> None:
    text = coder("fields = (samples, label)", samples="samples = copy[:1]", head="X(C=Coder)")
    text = text.replace(
        "loss = mse_loss(copy, image)", "copy, _ = C(samples)\n loss = copy -> mean"
    )
    assert picture(trained(text, tmp_path, "--epochs", "1")).shape == (8, 8)


def test_nets_draw_in_eval_mode(tmp_path: Path) -> None:
    out = trained(coder("batch_size = 16", samples="samples = copy"), tmp_path, "--epochs", "1")
    net = netspec.loads(coder()).build(net="Coder")
    net.load_state_dict(load(out / "last.pt")["model"])
    module = open_script(tmp_path / "train.py")
    _, _, loader = module["make_loaders"](module["Config"](batch_size=16), 0, 1)
    with torch.no_grad():
        copy, _ = net.eval()(next(iter(loader))[0])
    scaled = (copy - copy.min()) / (copy.max() - copy.min())
    torch.testing.assert_close(drawn(out), scaled, atol=1 / 255, rtol=0)


def test_an_average_of_the_weights_draws(tmp_path: Path) -> None:
    text = coder("batch_size = 16", "ema = 0.9").replace("lr=0.1", "lr=10.0")
    out = trained(text, tmp_path, "--epochs", "2")
    state = load(out / "last.pt")
    net = netspec.loads(text).build(net="Coder")
    module = open_script(tmp_path / "train.py")
    _, _, loader = module["make_loaders"](module["Config"](batch_size=16), 0, 1)
    average = {k.removeprefix("module."): v for k, v in state["ema"].items() if k != "n_averaged"}
    found = []
    for weights in (average, state["model"]):
        net.load_state_dict(weights)
        with torch.no_grad():
            copy, _ = net.eval()(next(iter(loader))[0])
        scaled = (copy - copy.min()) / (copy.max() - copy.min())
        found.append((drawn(out) - scaled).abs().max().item() <= 1 / 255)
    assert found == [True, False]


# ---- what does not change ----------------------------------------------------------------------


NOISY = "samples = copy + 0.1 * randn_like(copy)"


@pytest.mark.parametrize("more", [(), ("swa = 1",), ("ema = 0.9",), ("validation = 0",)])
def test_a_training_is_the_same_with_samples_and_without(
    more: tuple[str, ...], tmp_path: Path
) -> None:
    own = coder("epochs = 2", *more, samples=NOISY)
    plain = coder("epochs = 2", *more, samples="")
    ours, theirs = trained(own, tmp_path / "a"), trained(plain, tmp_path / "b")
    names = sorted(path.name for path in theirs.glob("*.pt"))
    assert "last.pt" in names
    assert all(same(load(ours / name), load(theirs / name)) for name in names)
    assert not (theirs / "samples.png").exists()


def test_noise_is_the_same_in_each_epoch_and_whatever_the_seed(tmp_path: Path) -> None:
    text = coder(
        "optimizer = SGD(lr=0.0)", samples="samples = copy + randn_like(copy)", head="Same"
    )
    text = text.replace("optimizer = SGD(lr=0.1)\n", "\n")
    first = picture(trained(text, tmp_path, "--epochs", "1"))
    second = picture(trained(text, tmp_path, "--epochs", "2", "--resume"))
    third = picture(trained(text, tmp_path, "--epochs", "1", "--seed", "7"))
    assert (first == second).all()
    assert (first == third).all()


def test_pictures_of_noise_alone_take_no_batch(tmp_path: Path) -> None:
    text = painter("noise = randn(9, 4)", "samples = P(noise)", 'precision = "bfloat16"')
    out = trained(text, tmp_path, "--epochs", "1")
    script = (tmp_path / "train.py").read_text(encoding="utf-8")
    assert "def draw_samples(P: nn.Module, device: torch.device) -> Tensor:" in script
    assert "compute_samples" not in script
    assert "shown" not in script
    module = open_script(tmp_path / "train.py")
    net = module["make_nets"](torch.device("cpu"))
    net.load_state_dict(load(out / "last.pt")["P"])
    module["save_grid"](module["draw_samples"](net, torch.device("cpu")), tmp_path / "samples.png")
    assert (picture(tmp_path) == picture(out)).all()


@pytest.mark.parametrize("samples", ["P(randn(N, 4))", "P(randn(9, 4)) + image[:1]"])
def test_pictures_of_a_batch_take_one(samples: str, tmp_path: Path) -> None:
    script = write(painter(f"samples = {samples}"), tmp_path).read_text(encoding="utf-8")
    assert 'save_grid(draw_samples(P, shown, device), out / "samples.png")' in script


def test_a_resumed_run_draws_the_same_bits(tmp_path: Path) -> None:
    text = coder(samples=NOISY)
    whole = trained(text, tmp_path / "a", "--epochs", "2")
    trained(text, tmp_path / "b", "--epochs", "1")
    (tmp_path / "b/out/samples.png").unlink()
    resumed = trained(text, tmp_path / "b", "--epochs", "2", "--resume")
    assert same(load(whole / "last.pt"), load(resumed / "last.pt"))
    assert (whole / "samples.png").read_bytes() == (resumed / "samples.png").read_bytes()


def test_a_trainer_draws_what_the_script_draws(tmp_path: Path) -> None:
    text = coder(samples=NOISY)
    script = trained(text, tmp_path, "--epochs", "1")
    netspec.Trainer(netspec.loads(text), out=tmp_path / "here", epochs=1, max_batches=2).fit()
    ours, theirs = tmp_path / "here/samples.png", script / "samples.png"
    assert ours.read_bytes() == theirs.read_bytes()


def test_a_rehearsal_draws_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "coder.net").write_text(coder(samples=NOISY), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["train", "coder.net", "--dry-run"]) == 0
    assert "nothing has been saved" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["coder.net"]


@pytest.mark.slow
def test_two_processes_draw_what_one_draws(tmp_path: Path) -> None:
    text = coder("batch_size = 16", samples=NOISY, head="Same").replace("lr=0.1", "lr=0.0")
    alone = trained(text, tmp_path, "--epochs", "1")
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "train.py"]
    options = ["--epochs", "1", "--max-batches", "2", "--out", "two"]
    done = subprocess.run(
        [sys.executable, *command, *options], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (picture(alone) == picture(tmp_path / "two")).all()


# ---- what is refused ---------------------------------------------------------------------------


def test_a_batch_that_is_too_small_ends_the_run_with_one_line(tmp_path: Path) -> None:
    script = write(coder("batch_size = 16", samples="samples = copy[16:]"), tmp_path)
    done = run(script, "--epochs", "1")
    assert done.returncode == 1
    assert done.stderr.endswith("no samples can be drawn with a batch of 16\n")
    assert run(script, "--epochs", "1", "--batch-size", "20").returncode == 0


@pytest.mark.parametrize(
    ("samples", "wanted"),
    [
        ("code", "found float32[N, 8]"),
        ("copy.long()", "found int64[N, 1, 8, 8]"),
        ("copy.expand(N, 2, 8, 8)", "found float32[N, 2, 8, 8]"),
    ],
)
def test_samples_are_pictures(samples: str, wanted: str) -> None:
    message = f"samples are pictures of floating point, [n, 1 or 3, H, W], {wanted}"
    assert errors(coder(samples=f"samples = {samples}")) == [f"wrong-samples: {message}"]


def test_samples_depend_on_a_net() -> None:
    wrong = "wrong-samples: the samples do not depend on `Coder`"
    assert errors(coder(samples="samples = image")) == [wrong]


@pytest.mark.parametrize("samples", ["copy -> Upsample(scale_factor=2)", "copy -> Conv2d(1, 3)"])
def test_samples_have_no_layers_of_their_own(samples: str) -> None:
    assert errors(coder(samples=f"samples = {samples}")) == [
        "not-supported: samples are made by nets and functions, and this is a layer"
    ]


def test_what_is_wrong_with_a_value_is_said_once() -> None:
    loss = "wrong = copy + code\n    loss = mse_loss(wrong, image)"
    text = coder(samples="samples = wrong").replace("loss = mse_loss(copy, image)", loss)
    found = "shape-mismatch: cannot add tensors of shape [N, 1, 8, 8] and [N, 8]"
    assert errors(text) == [found]
