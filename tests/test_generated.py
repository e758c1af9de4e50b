"""The generated files: golden, clean under ruff and mypy, the same for every parameter value."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import netspec

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden"
SPECS = sorted((ROOT / "specs").glob("*.net")) + sorted(GOLDEN.glob("*.net"))
BIN = Path(sys.executable).parent


def files_of(spec: Path) -> dict[str, str]:
    """The generated files, by the name of their golden file."""
    return {f"{spec.stem}.{name}": text for name, text in netspec.load(spec).render().items()}


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_generated_files_are_as_they_were_reviewed(spec: Path, update: bool) -> None:
    for name, text in files_of(spec).items():
        if update:
            (GOLDEN / name).write_text(text, encoding="utf-8")
        assert text == (GOLDEN / name).read_text(encoding="utf-8")


def test_no_golden_file_is_an_orphan(update: bool) -> None:
    known = {name for spec in SPECS for name in files_of(spec)}
    for path in GOLDEN.glob("*.py"):
        if path.name not in known and update:
            path.unlink()
        assert path.name in known or not path.exists()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each spec, as `netspec build` writes it."""
    root = tmp_path_factory.mktemp("generated")
    for spec in SPECS:
        (root / spec.stem).mkdir()
        for name, text in netspec.load(spec).render().items():
            (root / spec.stem / name).write_text(text, encoding="utf-8")
    return root


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing_from_inside_or_outside(folders: Path) -> None:
    check = [str(BIN / "ruff"), "check", "--isolated", "--no-cache"]
    check += ["--extend-select", "I,UP,B,F,E"]
    run([*check, "."], folders)
    for spec in SPECS:
        run([*check, "."], folders / spec.stem)


def test_ruff_would_format_nothing(folders: Path) -> None:
    run([str(BIN / "ruff"), "format", "--isolated", "--no-cache", "--check", "."], folders)


@pytest.mark.slow
def test_mypy_strict_finds_nothing(folders: Path, tmp_path: Path) -> None:
    command = [str(BIN / "mypy"), "--strict", "--no-error-summary", f"--cache-dir={tmp_path}"]
    for spec in SPECS:
        run([*command, "."], folders / spec.stem)


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_the_same_spec_gives_the_same_bytes(spec: Path) -> None:
    assert files_of(spec) == files_of(spec)


def test_generated_files_know_nothing_of_netspec() -> None:
    for spec in SPECS:
        for text in files_of(spec).values():
            assert "netspec" not in text


def test_a_given_value_becomes_the_default_and_nothing_else(specs: Path) -> None:
    plain = netspec.load(specs / "lenet5.net").render()["model.py"]
    changed = netspec.load(specs / "lenet5.net", classes=26).render()["model.py"]
    pairs = zip(plain.splitlines(), changed.splitlines(), strict=True)
    assert [b.strip() for a, b in pairs if a != b] == [
        '"""Map image (N, 1, 28, 28) to logits (N, classes); 63,066 parameters by default."""',
        "def __init__(self, classes: int = 26) -> None:",
    ]


def test_lenet5_trains_in_at_most_182_lines(specs: Path) -> None:
    assert len(netspec.load(specs / "lenet5.net").render()["train.py"].splitlines()) <= 182


@pytest.mark.parametrize("statement", ["init {} with (weight=zeros)", "freeze {}"])
@pytest.mark.parametrize("edge", ["", "*", "?"])
def test_a_pattern_never_becomes_code(statement: str, edge: str) -> None:
    for hostile in ('x" or print("RAN") or "', "x' or print('RAN') or '", "x\\\\", "x{y}\\n"):
        quote = "'" if '"' in hostile else '"'
        text = statement.format(f"{quote}{edge}{hostile}{edge}{quote}")
        source = netspec.loads(
            "block B()(x: [N, C]) {\n    return x -> a: Linear(4)\n}\n"
            f"net P()(x: float32[N, 4]) {{\n    {text}\n    return x -> B\n}}\n"
        ).source
        called = {n.func.id for n in ast.walk(ast.parse(source)) if is_plain_call(n)}
        assert "print" not in called


def is_plain_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
