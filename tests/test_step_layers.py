"""Layers and nets of a train section that learn nothing: no part of the script's checkpoints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netspec
from netspec.cli import main
from netspec.trainer import Trainer
from tests.running import open_script, run, write

SPEC = """
net P()(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    return image -> Flatten -> Linear(10)
}
train P {
    data = Digits()
    LINES
    optimizer = SGD(lr=0.1)
    epochs = 1
}
"""
WEIGHTS = "[1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0]"
Loss = Callable[[Tensor, Tensor], Tensor]


def section(lines: str) -> str:
    return SPEC.replace("LINES", lines)


def loss_of(text: str, folder: Path) -> tuple[str, Tensor, Tensor, Tensor]:
    """The script of a section that keeps nothing, its loss, and the logits and labels it is of."""
    script = write(text, folder)
    module: dict[str, Any] = open_script(script)
    model = module["make_nets"](torch.device("cpu")).eval()
    image, label = torch.rand(4, 1, 8, 8), torch.tensor([3, 0, 9, 1])
    return script.read_text(), module["compute_loss"](model, [image, label]), model(image), label


CALLS: dict[str, tuple[str, Loss]] = {
    "loss = (logits, label) -> CrossEntropyLoss(label_smoothing=0.1)": (
        "return F.cross_entropy(logits, label, label_smoothing=0.1)",
        nn.CrossEntropyLoss(label_smoothing=0.1),
    ),
    "loss = CrossEntropyLoss(ignore_index=3)(logits, label)": (
        "return F.cross_entropy(logits, label, ignore_index=3)",
        nn.CrossEntropyLoss(ignore_index=3),
    ),
    "layer gap = CrossEntropyLoss(label_smoothing=0.2)\n    loss = gap(logits, label)": (
        "return F.cross_entropy(logits, label, label_smoothing=0.2)",
        nn.CrossEntropyLoss(label_smoothing=0.2),
    ),
    "loss = (logits, label) -> gap: CrossEntropyLoss": (
        "return F.cross_entropy(logits, label)",
        nn.CrossEntropyLoss(),
    ),
    'loss = HuberLoss("sum", 2.0)(logits, 0 * logits)': (
        'return F.huber_loss(logits, 0 * logits, reduction="sum", delta=2.0)',
        lambda logits, label: nn.HuberLoss("sum", 2.0)(logits, 0 * logits),
    ),
    "cross_entropy = logits\n    loss = (cross_entropy, label) -> CrossEntropyLoss": (
        "return nn.CrossEntropyLoss()(cross_entropy, label)",
        nn.CrossEntropyLoss(),
    ),
    "loss = logits -> Softmax(1) -> Flatten -> mean": (
        "return logits.softmax(dim=1).flatten(start_dim=1).mean()",
        lambda logits, label: logits.softmax(1).mean(),
    ),
    "loss = (logits, logits + 1) -> CosineSimilarity -> mean": (
        "return F.cosine_similarity(logits, logits + 1).mean()",
        lambda logits, label: F.cosine_similarity(logits, logits + 1).mean(),
    ),
    "loss = logits -> Dropout(0.3) -> mean": (
        "return F.dropout(logits, p=0.3, training=model.training).mean()",
        lambda logits, label: logits.mean(),
    ),
    "loss = logits -> squash: (Softplus -> Tanh) -> mean": (
        "return nn.Sequential(nn.Softplus(), nn.Tanh())(logits).mean()",
        lambda logits, label: F.softplus(logits).tanh().mean(),
    ),
    "loss = logits -> Unflatten(1, (2, 5)) -> mean": (
        "return nn.Unflatten(1, (2, 5))(logits).mean()",
        lambda logits, label: logits.mean(),
    ),
}


@pytest.mark.parametrize("lines", CALLS)
def test_a_layer_that_keeps_nothing_is_a_call(lines: str, tmp_path: Path) -> None:
    line, expected = CALLS[lines]
    script, loss, logits, label = loss_of(section(lines), tmp_path)
    assert f"    {line}\n" in script
    torch.testing.assert_close(loss, expected(logits, label))


def test_the_best_weights_are_those_of_the_net_alone(tmp_path: Path) -> None:
    text = section("loss = (logits, label) -> CrossEntropyLoss")
    assert run(write(text, tmp_path)).returncode == 0
    best = torch.load(tmp_path / "out/best.pt", weights_only=True)
    netspec.loads(text).build(device="cpu").load_state_dict(best)


WEIGHED = f"loss = (logits, label) -> CrossEntropyLoss({WEIGHTS})"


def test_the_weights_of_classes_are_no_part_of_a_checkpoint(tmp_path: Path) -> None:
    script = write(section(WEIGHED), tmp_path)
    assert "return criterion(logits, label)\n" in script.read_text()
    done = run(script)
    assert done.returncode == 0
    last = torch.load(tmp_path / "out/last.pt", weights_only=True)
    assert sorted(last) == ["model", "optimizer SGD", "rows"]
    best = torch.load(tmp_path / "out/best.pt", weights_only=True)
    assert sorted(best) == ["linear1.bias", "linear1.weight"]
    assert run(script, "--resume", "--epochs", "2").returncode == 0


def test_losses_that_keep_weights_have_names(tmp_path: Path) -> None:
    both = f"{WEIGHED.replace('loss', 'one')}\n    loss = one + BCELoss({WEIGHTS})(soft, soft)"
    script = write(section(f"soft = softmax(logits, 1)\n    {both}"), tmp_path)
    assert "one = criterion(logits, label)\n" in script.read_text()
    assert "return one + criterion2(soft, soft)\n" in script.read_text()
    assert run(script).returncode == 0


def test_a_layer_of_a_loss_that_learns_is_saved(tmp_path: Path) -> None:
    script = write(section("loss = cross_entropy(logits -> head: Linear(10), label)"), tmp_path)
    assert run(script).returncode == 0
    best = torch.load(tmp_path / "out/best.pt", weights_only=True)
    assert sorted(best) == ["head", "model"]


def test_weights_of_classes_count_where_a_checkpoint_is_assessed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.net").write_text(section(WEIGHED))
    trainer = Trainer(netspec.loads(section(WEIGHED)), out=str(tmp_path / "out"))
    (row,) = trainer.fit()
    assert trainer.model.training is False
    assert main(["eval", str(tmp_path / "p.net"), "--out", str(tmp_path / "out")]) == 0
    assert f"val_loss={row['val_loss']:.4g}" in capsys.readouterr().out


# ---- nets that are frozen as they begin --------------------------------------------------------

DISTILLED = """
net Net(width: int = 8)(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    return image -> Flatten -> Linear(width) -> norm: BatchNorm1d -> ReLU -> Linear(10)
}
train Distilled(S=Net(width=4), T=Net) {
    data = Digits()
    from "FILE" with (net=T)
    freeze T
    student = S(image)
    loss = mse_loss(student, T(image))
    optimizer = SGD(lr=0.1)
    metrics = [accuracy(student, label)]
    epochs = 1
}
"""


@pytest.fixture
def distilled(tmp_path: Path) -> Path:
    """The script beside the weights of its teacher, and its spec."""
    text = DISTILLED.replace("FILE", str(tmp_path / "teacher.pt"))
    teacher = netspec.loads(text).build(device="cpu")
    nn.init.constant_(teacher.get_buffer("norm.running_mean"), 0.5)
    torch.save(teacher.state_dict(), tmp_path / "teacher.pt")
    (tmp_path / "d.net").write_text(text)
    return write(text, tmp_path)


def test_the_only_net_that_is_trained_is_wrapped(distilled: Path) -> None:
    text = distilled.read_text()
    assert "    net = DistributedDataParallel(S) if world > 1 else S\n" in text
    assert "loss, *_ = compute_loss(net, T, batch)\n" in text
    assert "average_gradients" not in text
    assert "for buffer in S.buffers():\n" in text


def test_a_frozen_net_is_in_no_checkpoint(distilled: Path) -> None:
    folder = distilled.parent
    assert run(distilled).returncode == 0
    last = torch.load(folder / "out/last.pt", weights_only=True)
    assert sorted(last) == ["S", "optimizer SGD", "rows"]
    best = torch.load(folder / "out/best.pt", weights_only=True)
    netspec.load(folder / "d.net", width=4).build(device="cpu").load_state_dict(best)
    assert run(distilled, "--resume", "--epochs", "2").returncode == 0
    (folder / "teacher.pt").unlink()
    done = run(distilled, "--resume", "--epochs", "3")
    assert done.stderr.startswith(f"cannot begin with {folder}/teacher.pt: ")


def test_a_frozen_net_is_read_from_its_own_file(
    distilled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = distilled.parent
    trainer = Trainer(folder / "d.net", out=str(folder / "out"))
    (row,) = trainer.fit()
    kept = torch.load(folder / "teacher.pt", weights_only=True)
    assert all(torch.equal(kept[k], v) for k, v in trainer.models["T"].state_dict().items())
    place = ["--out", str(folder / "out")]
    assert main(["eval", str(folder / "d.net"), *place]) == 0
    assert f"val_loss={row['val_loss']:.4g}" in capsys.readouterr().out
    (folder / "teacher.pt").unlink()
    assert main(["eval", str(folder / "d.net"), *place]) == 1
    assert f"cannot read {folder}/teacher.pt: No such file" in capsys.readouterr().err
