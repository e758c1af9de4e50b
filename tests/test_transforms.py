"""Transforms: what scripts do to batches, in training and in validation, and what is refused."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.running import errors, open_script, run, write

SPEC = """
net Looks()(image: {kind}) -> (logits: [N, 2]) {{
    return image -> Flatten -> Linear(2)
}}
train Looks {{
    data = Synthetic(40, image={field}, label=int64[N], classes=2)
    transforms = {transforms}
    loss = cross_entropy(logits, label)
    optimizer = SGD(lr=0.1)
    {more}
}}
"""


def spec(
    transforms: str,
    field: str = "float32[N, 3, 8, 8]",
    kind: str = "float32[N, 3, 8, 8]",
    more: str = "",
) -> str:
    return SPEC.format(transforms=transforms, field=field, kind=kind, more=more)


def apply(text: str, folder: Path, training: bool | None = None) -> tuple[Any, Any]:
    """A batch of pictures, and what the script's `transform` makes of it."""
    module = open_script(write(text, folder))
    batch = [tensor[:16] for tensor in module["load_data"]().tensors]
    mode = {} if training is None else {"training": training}
    return batch[0], module["transform"](batch, **mode)[0]


# ---- what is always done -------------------------------------------------------------------------


def test_channels_are_normalised_by_numbers_of_their_own(tmp_path: Path) -> None:
    text = spec("image -> Normalize(mean=[0.1, 0.2, 0.3], std=(1, 2, 4))")
    before, after = apply(text, tmp_path)
    mean = torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)
    torch.testing.assert_close(after, (before - mean) / torch.tensor([1.0, 2, 4]).view(3, 1, 1))


def test_one_number_normalises_all(tmp_path: Path) -> None:
    before, after = apply(spec("image -> Normalize(0.5, [0.25])"), tmp_path)
    torch.testing.assert_close(after, (before - 0.5) / 0.25)


def test_bytes_are_scaled_to_one(tmp_path: Path) -> None:
    text = spec("image -> ToDtype(float32, scale=True)", field="uint8[N, 3, 8, 8]")
    before, after = apply(text, tmp_path)
    torch.testing.assert_close(after, before / 255)


def test_pictures_are_resized_padded_and_cut(tmp_path: Path) -> None:
    chain = "image -> Resize((12, 6)) -> Pad((2, 1)) -> CenterCrop((8, 8))"
    before, after = apply(spec(chain), tmp_path)
    resized = torch.nn.functional.interpolate(before, (12, 6), mode="bilinear", antialias=True)
    padded = torch.nn.functional.pad(resized, (2, 2, 1, 1))
    torch.testing.assert_close(after, padded[:, :, 3:11, 1:9])


def test_the_shorter_side_decides_the_size(tmp_path: Path) -> None:
    text = spec("image -> Resize(4)", "float32[N, 3, 8, 16]", "float32[N, 3, 4, 8]")
    assert apply(text, tmp_path)[1].shape == (16, 3, 4, 8)


def test_functions_of_torch_transform_too(tmp_path: Path) -> None:
    before, after = apply(spec("image -> clamp(0, 1) -> mul(2) -> to(float32)"), tmp_path)
    torch.testing.assert_close(after, before.clamp(0, 1) * 2)


def test_several_fields_have_chains_of_their_own(tmp_path: Path) -> None:
    text = spec("[image -> Normalize(1, 2), label -> one_hot(2) -> to(float32)]")
    module = open_script(write(text, tmp_path))
    image, label = module["load_data"]().tensors
    changed, hot = module["transform"]([image, label])
    torch.testing.assert_close(changed, (image - 1) / 2)
    assert torch.equal(hot.argmax(1), label)
    assert hot.dtype == torch.float32
    assert run(tmp_path / "train.py").returncode == 0


# ---- what only training does ---------------------------------------------------------------------


def test_some_pictures_are_flipped(tmp_path: Path) -> None:
    text = spec("image -> RandomHorizontalFlip -> RandomVerticalFlip(0.25)")
    before, after = apply(text, tmp_path, training=True)
    kinds = [before, before.flip(-1), before.flip(-2), before.flip(-1, -2)]
    found = {i for n in range(16) for i, x in enumerate(kinds) if torch.equal(x[n], after[n])}
    assert {0, 1} <= found
    assert torch.equal(apply(text, tmp_path, training=False)[1], before)


def test_each_picture_is_cut_at_a_place_of_its_own(tmp_path: Path) -> None:
    text = spec("image -> RandomCrop(8, padding=2)")
    before, after = apply(text, tmp_path, training=True)
    padded = torch.nn.functional.pad(before, (2, 2, 2, 2))
    places = set()
    for number in range(16):
        fits = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.equal(padded[number, :, y : y + 8, x : x + 8], after[number])
        ]
        assert len(fits) == 1
        places |= {*fits}
    assert len(places) > 5
    assert torch.equal(apply(text, tmp_path, training=False)[1], before)


def test_validation_takes_the_middle_of_what_training_cuts(tmp_path: Path) -> None:
    text = spec("image -> RandomCrop(4)", kind="float32[N, 3, 4, 4]")
    before, after = apply(text, tmp_path, training=False)
    assert torch.equal(after, before[:, :, 2:6, 2:6])
    assert after.is_contiguous()  # nets may `view` it


def test_the_middle_is_cut_of_one_side_alone(tmp_path: Path) -> None:
    for size, field, middle in (
        ("(8, 3)", "float32[N, 3, 8, 3]", (slice(None), slice(2, 5))),
        ("(7, 8)", "float32[N, 3, 7, 8]", (slice(7), slice(None))),
    ):
        before, after = apply(spec(f"image -> CenterCrop({size})", kind=field), tmp_path)
        assert torch.equal(after, before[(..., *middle)])
    text = spec("image -> CenterCrop((10, 4))", kind="float32[N, 3, 10, 4]")
    before, after = apply(text, tmp_path)
    assert torch.equal(after[:, :, 1:9], before[..., 2:6])
    assert not after[:, :, [0, 9]].any()


def test_noise_has_its_deviation(tmp_path: Path) -> None:
    text = spec("image -> GaussianNoise(mean=1.0, sigma=0.5, clip=False)")
    before, after = apply(text, tmp_path, training=True)
    assert float((after - before).mean()) == pytest.approx(1, abs=0.05)
    assert float((after - before).std()) == pytest.approx(0.5, abs=0.05)
    _, clipped = apply(spec("image -> GaussianNoise"), tmp_path, training=True)
    assert 0 <= float(clipped.min()) <= float(clipped.max()) <= 1


def test_what_is_random_follows_from_seed_and_epoch(tmp_path: Path) -> None:
    chain = "image -> RandomHorizontalFlip -> GaussianNoise -> RandomCrop(8, padding=1)"
    script = write(spec(chain, more="epochs = 3"), tmp_path)
    whole = run(script)
    assert whole.returncode == 0, whole.stderr
    first = run(script, "--epochs", "2", "--out", str(tmp_path / "two"))
    rest = run(script, "--out", str(tmp_path / "two"), "--resume")
    assert first.stdout + rest.stdout == whole.stdout
    assert run(script, "--out", str(tmp_path / "other"), "--seed", "1").stdout != whole.stdout


# ---- what torchvision does -----------------------------------------------------------------------

VISION = """
import torch

class Change:
    def __init__(self, *positional, **keyword):
        assert not positional
        self.given = keyword
        self.calls = 0

    def __call__(self, x):
        assert x.ndim == 3
        self.calls += 1
        size = self.given.get("size")
        return torch.full(x.shape if size is None else (x.shape[0], *size), float(self.calls))

ColorJitter = GaussianBlur = RandomAffine = RandomErasing = RandomGrayscale = Change
RandomPerspective = RandomResizedCrop = RandomRotation = TrivialAugmentWide = Change
"""


@pytest.fixture
def vision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A small package in the place of torchvision, which numbers the samples that it gets."""
    package = tmp_path / "packages" / "torchvision" / "transforms"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "v2.py").write_text(VISION)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    yield
    for name in [*sys.modules]:
        if name.partition(".")[0] == "torchvision":
            del sys.modules[name]


@pytest.mark.usefixtures("vision")
@pytest.mark.parametrize(
    "call",
    [
        "ColorJitter(brightness=0.2, hue=(-0.1, 0.1))",
        "GaussianBlur(3)",
        "RandomAffine(10, translate=(0.1, 0.1))",
        "RandomErasing(p=1)",
        "RandomGrayscale",
        "RandomPerspective",
        "RandomResizedCrop((8, 8))",
        "RandomRotation(15)",
        "TrivialAugmentWide",
    ],
)
def test_torchvision_changes_each_picture_by_itself(call: str, tmp_path: Path) -> None:
    text = spec(f"image -> {call}")
    _, after = apply(text, tmp_path, training=True)
    assert after[:, 0, 0, 0].tolist() == [*range(1, 17)]
    before, after = apply(text, tmp_path, training=False)
    torch.testing.assert_close(after, before)


@pytest.mark.usefixtures("vision")
def test_what_torchvision_does_is_made_once_for_all_batches(tmp_path: Path) -> None:
    chain = "image -> ColorJitter(0.1) -> ColorJitter(0.2) -> RandomGrayscale -> ColorJitter(0.1)"
    text = spec(chain).replace("Looks", "RANDOM_GRAYSCALE")  # the name of a net that is imported
    module = open_script(write(text, tmp_path))
    batch = module["load_data"]()[:4]
    module["transform"](batch, training=True)
    image, _ = module["transform"](batch, training=True)
    assert image[:, 0, 0, 0].tolist() == [13, 14, 15, 16]  # twice in a batch of four
    made = [module[f"COLOR_JITTER{number}"] for number in ("", "2")]
    assert [change.given for change in made] == [{"brightness": 0.1}, {"brightness": 0.2}]
    assert [change.calls for change in (*made, module["RANDOM_GRAYSCALE2"])] == [16, 8, 8]
    assert run(tmp_path / "train.py").returncode == 0


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transforms", "code"),
    [
        ("image -> Normalise(0.5, 0.5)", "unknown-transform"),
        ("picture -> Normalize(0.5, 0.5)", "unknown-name"),
        ("Normalize(0.5, 0.5)", "wrong-transform"),
        ("image -> Normalize(0.5)", "missing-argument"),
        ("image -> Normalize(0.5, 0)", "wrong-argument"),
        ("image -> Normalize([0.5, 0.5], 1)", "wrong-transform"),
        ("label -> Normalize(0.5, 0.5)", "wrong-transform"),
        ("label -> RandomHorizontalFlip", "wrong-transform"),
        ("image -> RandomHorizontalFlip(2)", "wrong-argument"),
        ("image -> RandomCrop(9)", "wrong-transform"),
        ("image -> RandomCrop(4)", "shape-mismatch"),
        ("image -> ToDtype(float32, scale=True)", "wrong-transform"),
        ("image -> ToDtype(complex64)", "wrong-transform"),
        ("image -> GaussianBlur(4)", "wrong-transform"),
        ("image -> ColorJitter(hue=0.6)", "wrong-transform"),
        ("image -> mean", "wrong-transform"),
        ("image -> rand_like", "unknown-transform"),
        ("image -> first: Normalize(0.5, 0.5)", "unknown-transform"),
        ("image -> Pad(-1)", "wrong-argument"),
        ("image -> Pad(1, fill=1e400)", "wrong-argument"),
        ("image -> Normalize(1e400, 1.0)", "wrong-argument"),
        ("image -> Normalize(0.5, (1, 1, 1e400))", "wrong-argument"),
        ("image -> GaussianNoise(mean=-1e400)", "wrong-argument"),
        ("image -> GaussianNoise(sigma=1e400)", "wrong-argument"),
        ("image -> ColorJitter(hue=(-0.6, 0.1))", "wrong-transform"),
    ],
)
def test_transforms_are_checked(transforms: str, code: str) -> None:
    assert [error.partition(":")[0] for error in errors(spec(transforms))] == [code]


@pytest.mark.parametrize(
    "call",
    [
        "ColorJitter(brightness=(2.0, 1.0))",
        "ColorJitter(hue=(0.1, -0.1))",
        "GaussianBlur(3, sigma=(2.0, 0.1))",
        "RandomAffine((10, -10))",
        "RandomAffine(5, scale=(1.2, 0.8))",
        "RandomErasing(scale=(0.3, 0.1))",
        "RandomErasing(ratio=(3.0, 0.3))",
        "RandomResizedCrop(8, scale=(1.0, 0.1))",
        "RandomRotation((10, -10))",
    ],
)
def test_a_range_begins_with_its_smaller_number(call: str) -> None:
    (error,) = errors(spec(f"image -> {call}"))
    assert error.startswith("wrong-argument")
    assert "an ascending pair of" in error


def test_features_of_an_open_number_take_one_number_or_the_nets() -> None:
    text = """
net Line({sizes})(x: float32[N, {width}]) -> (y: [N, {width}]) {{
    return x -> ReLU
}}
train Line {{
    data = CSV("a.csv", target="y")
    transforms = features -> Normalize({numbers}, 1)
    loss = mse_loss(y -> mean(dim=1, keepdim=True), target)
    optimizer = SGD(lr=0.1)
}}
"""
    assert "wrong-transform" not in str(errors(text.format(sizes="", width=3, numbers="[1, 2, 3]")))
    assert "wrong-transform" in str(errors(text.format(sizes="", width=3, numbers="[1, 2]")))
    assert "wrong-transform" in str(errors(text.format(sizes="", width="D", numbers="[1, 2]")))


def test_a_script_with_transforms_passes_linter_formatter_and_type_checker(tmp_path: Path) -> None:
    chain = (
        "image -> RandomHorizontalFlip -> RandomCrop(8, padding=4, fill=0.5) -> ColorJitter(0.2)"
    )
    more = "swa = 1\n    epochs = 2"
    write(spec(f"{chain} -> Normalize([0.1, 0.2, 0.3], 0.5)", more=more), tmp_path)
    for command in (
        ["ruff", "check", "--isolated", "--extend-select", "E,F,I,UP,B,SIM"],
        ["ruff", "format", "--isolated", "--check"],
        ["mypy", "--strict", "--ignore-missing-imports", "--cache-dir", "/tmp/mypy_scripts"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command, "train.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
