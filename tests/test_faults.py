"""What training meets: killed jobs, several processes, full disks, numbers that are none."""

import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import netspec
from tests.running import same

# Dropout, an average of weights, several batches a step: all that draws numbers or keeps some.
HARD = """
net Reader(hidden: int = 32)(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    return image -> Flatten -> Linear(hidden) -> BatchNorm1d -> ReLU -> Dropout(0.3) -> Linear(10)
}

train Reader {
    data = Digits()
    noisy = image + 0.1 * randn_like(image)
    scores = Reader(noisy)
    loss = cross_entropy(scores, label)
    optimizer = AdamW(lr=1e-2)
    scheduler = CosineAnnealingLR(T_max=steps)
    metrics = [accuracy(scores, label)]
    epochs = 12
    batch_size = 64
    accumulate = 3
    ema = 0.9
    clip_norm = 1.0
    workers = WORKERS
}
"""
KILLS = 20
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
# Sums over other numbers of threads differ in their last bits.
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(HARD.replace("WORKERS", "0"), tmp_path_factory.mktemp("hard"))


def write(text: str, folder: Path) -> Path:
    """The training script of a spec."""
    for name, source in netspec.loads(text).render().items():
        (folder / name).write_text(source, encoding="utf-8")
    return folder / "train.py"


def start(script: Path, out: Path, *options: str, **settings: Any) -> subprocess.Popen[str]:
    command = [sys.executable, str(script), "--out", str(out), *options]
    return subprocess.Popen(
        command,
        cwd=script.parent,
        env=ONE_THREAD,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def run(script: Path, out: Path, *options: str, **settings: Any) -> tuple[int, str, str]:
    process = start(script, out, *options, **settings)
    output, errors = process.communicate()
    return process.returncode, output, errors


def load(path: Path) -> Any:
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def unbroken(script: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing has broken."""
    out = tmp_path_factory.mktemp("unbroken")
    code, _, errors = run(script, out)
    assert code == 0, errors
    return out


# ---- killed jobs -------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_that_was_killed_again_and_again_ends_with_the_same_bits(
    script: Path, unbroken: Path, tmp_path: Path
) -> None:
    draw, kills = random.Random(0), 0
    for _ in range(200):
        more = ["--resume"] if (tmp_path / "last.pt").exists() else []
        process = start(script, tmp_path, *more)
        _wait_for_a_start(process, tmp_path)
        if kills < KILLS:
            time.sleep(draw.uniform(0.0, 0.25))
            process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        if (tmp_path / "last.pt").exists():
            load(tmp_path / "last.pt")  # is never half of one
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors
        kills += 1
    assert kills >= KILLS // 2  # a run may be through before it is killed
    for name in ("last.pt", "best.pt"):
        assert same(load(tmp_path / name), load(unbroken / name)), name
    assert (tmp_path / "metrics.csv").read_text() == (unbroken / "metrics.csv").read_text()


def _wait_for_a_start(process: "subprocess.Popen[str]", out: Path) -> None:
    """Wait until a script touches its table: torch has been imported, the data read."""
    begun, touched = time.time(), out / "metrics.csv"
    while process.poll() is None and time.time() < begun + 120:
        if touched.exists() and touched.stat().st_mtime >= begun:
            return
        time.sleep(0.01)


@pytest.mark.parametrize("where", ["before", "behind"])
def test_figures_are_whole_wherever_a_run_is_killed_in_its_last_epoch(
    where: str, script: Path, unbroken: Path, tmp_path: Path
) -> None:
    save, end = 'save(state, out / "last.pt")', "os._exit(9) if epoch == 11 else None"
    both = [end, save] if where == "before" else [save, end]
    for file in ("model.py", "train.py"):
        text = (script.parent / file).read_text(encoding="utf-8")
        (tmp_path / file).write_text(text.replace(save, f"\n{' ' * 12}".join(both)))
    assert run(tmp_path / "train.py", tmp_path / "out")[0] == 9
    assert run(script, tmp_path / "out", "--resume")[0] == 0
    assert same(load(tmp_path / "out/last.pt"), load(unbroken / "last.pt"))
    table = (unbroken / "metrics.csv").read_text()
    assert (tmp_path / "out/metrics.csv").read_text() == table


def test_workers_do_not_change_a_run(unbroken: Path, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    script = write(HARD.replace("WORKERS", "2"), tmp_path / "two")
    code, _, errors = run(script, tmp_path / "out")
    assert code == 0, errors
    assert same(load(tmp_path / "out/last.pt"), load(unbroken / "last.pt"))


# ---- several processes -------------------------------------------------------------------------


def torchrun(script: Path, out: Path, *options: str) -> tuple[int, str, str]:
    command = [*TORCHRUN, str(script), "--out", str(out), *options]
    done = subprocess.run(
        command, cwd=script.parent, env=ONE_THREAD, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


PLAIN = """
net Reader(hidden: int = 32)(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    return image -> Flatten -> Linear(hidden) -> ReLU -> Linear(10)
}

train Reader {
    data = Digits()
    loss = cross_entropy(logits, label)
    optimizer = SGD(lr=0.1, momentum=0.9)
    metrics = [accuracy(logits, label)]
    epochs = 3
    batch_size = 32
}
"""


@pytest.mark.slow
def test_two_processes_come_to_the_figures_of_one(tmp_path: Path) -> None:
    script = write(PLAIN, tmp_path)
    code, alone, errors = run(script, tmp_path / "one")
    assert code == 0, errors
    code, together, errors = torchrun(script, tmp_path / "two", "--batch-size", "16")
    assert code == 0, errors
    figures = re.compile(r"val_loss.*")  # that of training is a mean of other batches
    assert figures.findall(together) == figures.findall(alone)  # to the digits that are shown
    ours, theirs = load(tmp_path / "one/last.pt"), load(tmp_path / "two/last.pt")
    for name, weight in ours["model"].items():
        torch.testing.assert_close(theirs["model"][name], weight, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_two_processes_resume_to_the_same_bits(script: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert torchrun(script, whole)[0] == 0
    command = [*TORCHRUN, str(script), "--out", str(broken)]
    process = subprocess.Popen(
        command,
        cwd=script.parent,
        env=ONE_THREAD,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not (broken / "last.pt").exists():
        time.sleep(0.01)
    _kill_all(broken)
    process.wait()
    assert len(load(broken / "last.pt")["rows"]) < 12
    assert torchrun(script, broken, "--resume")[0] == 0
    assert same(load(whole / "last.pt"), load(broken / "last.pt"))


TWO_HEADS = """
net Two()(image: float32[N, 1, 8, 8]) -> (logits: [N, 10], extra: [N, 3]) {
    h = image -> Flatten -> Linear(16) -> BatchNorm1d -> ReLU -> Dropout(0.2)
    return h -> Linear(10), h -> Linear(3)
}

train Two {
    data = Digits()
    loss = cross_entropy(logits, label)
    optimizer = SGD(lr=0.1, momentum=0.9, weight_decay=0.1)
    batch_size = 64
}
"""
DISTILLED = """
net Large(width: int = 32)(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    return image -> Flatten -> Linear(width) -> BatchNorm1d -> ReLU -> Dropout(0.5) -> Linear(10)
}

net Small()(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    return image -> Flatten -> Linear(16) -> ReLU -> Dropout(0.1) -> Linear(10)
}

train Distilled(S=Small, T=Large) {
    data = Digits()
    from "teacher.pt" with (net=T)
    freeze T
    student = S(image)
    soft = softmax(T(image) / 2, 1)
    loss = kl_div(log_softmax(student / 2, 1), soft, reduction="batchmean")
    optimizer = AdamW(lr=1e-2)
    metrics = [accuracy(student, label)]
    batch_size = 64
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("text", [TWO_HEADS, DISTILLED], ids=["two heads", "distilled"])
def test_two_processes_train_a_part_of_what_there_is(text: str, tmp_path: Path) -> None:
    teacher = netspec.loads(DISTILLED).build(net="Large", device="cpu")
    torch.save(teacher.state_dict(), tmp_path / "teacher.pt")
    script = write(text, tmp_path)
    for name, epochs in (("whole", "3"), ("broken", "1")):
        code, _, errors = torchrun(script, tmp_path / name, "--epochs", epochs)
        assert code == 0, errors
    code, _, errors = torchrun(script, tmp_path / "broken", "--epochs", "3", "--resume")
    assert code == 0, errors
    assert same(load(tmp_path / "whole/last.pt"), load(tmp_path / "broken/last.pt"))


# Counts how often the gradients of all weights are sent to the other processes.
COUNTING = """
import sys
import train
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

class Counting(train.DistributedDataParallel):
    sent = 0

    def __init__(self, net):
        super().__init__(net)
        self.register_comm_hook(None, self.send)

    @staticmethod
    def send(group, bucket):
        Counting.sent += bucket.is_last()
        return allreduce_hook(group, bucket)

train.DistributedDataParallel = Counting
config = train.Config(out=sys.argv[2], epochs=2, max_batches=8)
assert all(row["loss"] > 0 for row in train.train(config))
sys.stdout.write(f"sent {Counting.sent}\\n")
"""


@pytest.mark.slow
def test_processes_average_gradients_once_a_window(script: Path, tmp_path: Path) -> None:
    counting = script.parent / "counting.py"
    counting.write_text(COUNTING)
    code, output, errors = torchrun(counting, tmp_path)
    assert code == 0, errors
    assert output.splitlines() == 2 * ["sent 6"]  # windows of 3, 3 and 2 batches, twice


def _kill_all(out: Path) -> None:
    """Kill all processes that write into a folder: torchrun, and those that it has started."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                command = (process / "cmdline").read_bytes()
            except OSError:  # it has ended
                continue
            if str(out).encode() in command:
                os.kill(int(process.name), signal.SIGKILL)


# ---- disks and folders -------------------------------------------------------------------------


def test_a_full_disk_leaves_the_last_good_checkpoint(script: Path, tmp_path: Path) -> None:
    assert run(script, tmp_path, "--epochs", "1")[0] == 0
    good = (tmp_path / "last.pt").read_bytes()
    room = len(good) // 2

    def shrink() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    code, _, errors = run(script, tmp_path, "--epochs", "2", "--resume", preexec_fn=shrink)
    assert code == 1
    assert errors.splitlines()[-1].startswith(f"cannot save {tmp_path}/")
    assert "Traceback" not in errors
    assert (tmp_path / "last.pt").read_bytes() == good
    assert run(script, tmp_path, "--epochs", "2", "--resume")[0] == 0


EXPORTED = """
net Deep()(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    return image -> Flatten -> Linear(256) -> ReLU -> Linear(10)
}
train Deep {
    data = Digits()
    loss = LOSS
    optimizer = SGD(lr=0.1)
    export = "safetensors"
}
"""
WEIGHTED = f"(logits, label) -> CrossEntropyLoss(weight=({'1, ' * 10}))"


@pytest.mark.parametrize("loss", ["cross_entropy(logits, label)", WEIGHTED])
def test_a_full_disk_ends_an_export_in_a_line(loss: str, tmp_path: Path) -> None:
    script = write(EXPORTED.replace("LOSS", loss), tmp_path)
    text = script.read_text(encoding="utf-8")
    saved = 'save(model.state_dict(), out / "best.pt")'
    assert text.count(saved) == 1
    script.write_text(text.replace(saved, "pass"))  # the export is the first to meet the limit

    def shrink() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))

    code, _, errors = run(script, tmp_path / "out", preexec_fn=shrink)
    assert code == 1
    assert "Traceback" not in errors
    assert "File too large" in errors.splitlines()[-1]
    assert not (tmp_path / "out/best.safetensors").exists()


def test_ctrl_c_says_how_to_go_on(script: Path, unbroken: Path, tmp_path: Path) -> None:
    process = start(script, tmp_path)
    _wait_for_a_start(process, tmp_path)
    while process.poll() is None and not (tmp_path / "last.pt").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    if process.returncode == 0:
        pytest.skip("the run was through before it was stopped")
    assert process.returncode == 130
    assert errors.splitlines()[-1] == f"stopped: --resume goes on from {tmp_path}"
    assert run(script, tmp_path, "--resume")[0] == 0
    assert same(load(tmp_path / "last.pt"), load(unbroken / "last.pt"))
