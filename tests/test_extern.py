"""What is written in Python: checked by its signature, imported where that is allowed, and held."""

import copy
import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import netspec
from netspec.cli import main
from netspec.guard import Refused, verify

BIN = Path(sys.executable).parent
LAYERS = '''
"""Layers of an author's own."""

import torch
from torch import Tensor, nn


class Spectral(nn.Module):
    def __init__(self, dim: int, gain: float = 1.0) -> None:
        super().__init__()
        self.proj = nn.Linear(dim, dim)
        self.dim = dim
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=1, keepdim=True).repeat(1, self.dim, 1, 1)
        output: Tensor = self.proj(mean.transpose(1, 3)).transpose(1, 3) * self.gain
        return output


class Pair(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return a + b, a.argmax(dim=1)


class Picky(nn.Module):
    """Looks at its numbers, so that it cannot be tried without them."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if x.sum().item() > 0 else x


class Sampled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn(x.shape)


class Listed(nn.Module):
    def __init__(self, widths: tuple[int, ...] = (1, 2), *, deep: bool = False) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x


class Tall(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(2, 3)


class Wide(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


class Rounded(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.long()


class Named(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"x": x}


class Failing(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        raise KeyError(f"no {dim}")

    def forward(self, x: Tensor) -> Tensor:
        return x


class Plain:
    pass


def function(x: Tensor) -> Tensor:
    return x
'''
SPECTRAL = (
    "extern Spectral(dim: int, gain: float = 1.0)(x: [N, C, H, W]) -> [N, dim, H, W] "
    'from "my_layers.spectral"\n'
)
ONE = SPECTRAL + (
    "net One(dim: int = 4)(x: float32[N, 3, H, W]) -> [N, dim, H, W] {\n"
    "    return x -> spectral: Spectral(dim)\n"
    "}\n"
)
ALLOWED = {"allow_extern": ["my_layers"]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with `my_layers`, from which Python imports, and which is the current one."""
    package = tmp_path / "my_layers"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "spectral.py").write_text(LAYERS)
    (package / "broken.py").write_text("raise OSError('no file of weights')\n")
    (package / "needy.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    forget()  # the samples of the documents have a module of that name, too
    yield tmp_path
    forget()


def forget() -> None:
    """Let Python import `my_layers` anew, and netspec run generated source anew."""
    for name in [*sys.modules]:
        if name.split(".")[0] == "my_layers" or name.startswith("netspec_generated_"):
            del sys.modules[name]
    importlib.invalidate_caches()


def is_imported() -> bool:
    return any(name.split(".")[0] == "my_layers" for name in sys.modules)


def using(declaration: str, use: str, shape: str = "[N, 3, 8, 8]") -> str:
    """A spec with one extern of `my_layers.spectral`, and a net that uses it."""
    return (
        f'extern {declaration} from "my_layers.spectral"\n'
        f"net Using()(x: float32{shape}) {{\n    return x -> {use}\n}}\n"
    )


def refused(text: str, **options: Any) -> netspec.Diagnostic:
    """The only thing that is wrong when a spec, which passes its check, is built."""
    spec = netspec.loads(text, name="own.net")
    with pytest.raises(netspec.SpecError) as caught:
        spec.build(device="cpu", **(options or ALLOWED))
    (found,) = caught.value.diagnostics
    assert found.help
    return found


def code_of(text: str) -> str:
    """The generated source, without its imports and classes' heads."""
    return netspec.loads(text).source


# ---- what is generated -------------------------------------------------------------------------


def test_a_declared_class_is_imported_and_made_by_name() -> None:
    source = code_of(ONE)
    assert "\n\nfrom my_layers.spectral import Spectral\nfrom torch import Tensor, nn\n" in source
    assert "        self.spectral = Spectral(dim)\n" in source
    assert not is_imported()


@pytest.mark.parametrize(
    ("use", "made"),
    [
        ("Spectral(4)", "Spectral(4)"),
        ("Spectral(dim=4)", "Spectral(dim=4)"),
        ("Spectral(4, 0.5)", "Spectral(4, 0.5)"),
        ("Spectral(gain=0.5, dim=4)", "Spectral(dim=4, gain=0.5)"),
        ("Spectral(4, gain=2)", "Spectral(4, gain=2)"),
    ],
)
def test_it_is_handed_what_the_author_gave_in_the_order_of_its_signature(
    use: str, made: str
) -> None:
    text = SPECTRAL + f"net One()(x: float32[N, 3, H, W]) {{\n    return x -> {use}\n}}\n"
    assert f"        self.spectral1 = {made}\n" in code_of(text)
    model = netspec.loads(text).build(device="cpu", **ALLOWED)
    assert model(torch.rand(2, 3, 5, 6)).shape == (2, 4, 5, 6)


EVERYWHERE = (
    SPECTRAL
    + """
extern Pair()(
    a: [N, C], b: [N, C],
) -> (sum: [N, C], top: int64[N]) from "my_layers.spectral"

block Residual(body: block)(x) {
    return x + (x -> body)
}

block Halved(width: int)(x: [N, C, H, W]) -> [N, width, H // 2, W // 2] {
    return x -> Spectral(2 * width) -> Conv2d(width, 2, stride=2)
}

net Everywhere(width: int = 4, widths: list = [4, 6], wide: bool = True)(
    image: float32[N, 3, H, W],
) -> (logits: [N, 10], top: int64[N]) {
    layer shared = Spectral(width)
    x = image -> shared -> shared
    for w in widths {
        x = x -> Spectral(w)
    }
    for w in widths as deep {
        x = x -> spectral: Spectral(w) -> Conv2d(w + 1, 1)
    }
    if wide {
        x = x -> widened: Spectral(3 * width)
    }
    x = x -> repeat(2) Spectral(width) -> body: (Spectral(8) -> Conv2d(4, 1) -> ReLU)
    x = x -> Residual(Spectral(4)) -> Residual(Spectral(6) -> Conv2d(4, 1)) -> Halved(5)
    y = x -> AdaptiveAvgPool2d(1) -> Flatten -> Linear(10)
    return (y, y) -> Pair
}
"""
)


@pytest.mark.parametrize(
    "parameters", [{}, {"width": 6}, {"widths": [2, 3, 5]}, {"wide": False, "width": 3}]
)
def test_it_stands_wherever_a_block_does_for_all_parameters(parameters: dict[str, Any]) -> None:
    spec = netspec.loads(EVERYWHERE, **ALLOWED)
    torch.manual_seed(0)
    built = spec.build(device="cpu", **parameters)
    logits, top = built(torch.rand(2, 3, 8, 6))
    assert logits.shape == (2, 10)
    assert top.tolist() == logits.div(2).argmax(dim=1).tolist()
    space: dict[str, Any] = {}
    exec(spec.source, space)
    torch.manual_seed(0)
    rendered = space["Everywhere"](**parameters)
    assert list(rendered.state_dict()) == list(built.state_dict())
    for key, tensor in built.state_dict().items():
        assert torch.equal(tensor, rendered.state_dict()[key]), key


def test_generated_files_are_clean_where_the_module_is_found(folder: Path) -> None:
    out = folder / "out"
    out.mkdir()
    text = EVERYWHERE.replace(
        "    layer shared",
        '    init Linear with (weight=zeros)\n    init "*.proj" with (weight=ones)\n'
        '    freeze Conv2d, Spectral, "*.body"\n    layer shared',
    )
    (out / "model.py").write_text(code_of(text))
    for command in (
        ["ruff", "check", "--isolated", "--no-cache", "--extend-select", "I,UP,B,F,E", "."],
        ["ruff", "format", "--isolated", "--no-cache", "--check", "."],
        ["mypy", "--strict", f"--cache-dir={folder / 'cache'}", "model.py"],
    ):
        environment = {**os.environ, "MYPYPATH": str(folder)}
        run = [str(BIN / command[0]), *command[1:]]
        done = subprocess.run(run, cwd=out, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_imports_are_sorted_and_merged_as_ruff_would(folder: Path) -> None:
    name = "a" * 75
    text = "".join(
        f'extern {title}()(x: [N]) -> [N] from "{module}"\n'
        for title, module in (
            ("Zeta", "layers10.a"),
            ("MAX", "layers10.a"),
            ("alpha", "layers10.a"),
            ("Beta", "layers9.a"),
            ("Long", name),
            ("Fraction", "fractions"),
            ("Dropped", "torch"),
            ("Vision", "torchvision.models"),
            ("Unused", "nowhere"),
        )
    )
    chain = "x -> Zeta -> MAX -> alpha -> Beta -> Long -> Fraction -> Dropped -> Vision"
    source = code_of(f"{text}net Net()(x: float32[4]) {{\n    return {chain}\n}}\n")
    assert source.split("\n\n")[1:3] == [
        "from fractions import Fraction",
        f"from {name} import (\n    Long,\n)\n"
        "from layers9.a import Beta\nfrom layers10.a import MAX, Zeta, alpha\n"
        "from torch import Dropped, Tensor, nn\nfrom torchvision.models import Vision",
    ]
    (folder / "model.py").write_text(source)
    for command in (["check", "--extend-select", "I,F"], ["format", "--check"]):
        run = [str(BIN / "ruff"), *command, "--isolated", "--no-cache", "model.py"]
        done = subprocess.run(run, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_two_files_may_have_classes_of_one_name(folder: Path) -> None:
    (folder / "other.py").write_text(LAYERS.replace("self.gain = gain", "self.gain = 3 * gain"))
    (folder / "blocks.net").write_text(
        SPECTRAL.replace("my_layers.spectral", "other")
        + "block Tripled()(x: [N, C, H, W]) {\n    return x -> Spectral(3)\n}\n"
    )
    (folder / "main.net").write_text(
        'use Tripled from "blocks.net"\n' + ONE.replace("x -> spectral", "x -> Tripled -> spectral")
    )
    spec = netspec.load(folder / "main.net", allow_extern=["my_layers", "other"])
    assert "from other import Spectral as Spectral2\n" in spec.source
    model = spec.build(device="cpu")
    assert (model.spectral.gain, model.tripled1.spectral1.gain) == (1.0, 3.0)
    assert model(torch.rand(2, 3, 5, 5)).shape == (2, 4, 5, 5)


def test_a_file_lends_its_externs(folder: Path) -> None:
    (folder / "blocks.net").write_text(SPECTRAL)
    (folder / "main.net").write_text(ONE.replace(SPECTRAL, 'use Spectral from "blocks.net"\n'))
    spec = netspec.load(folder / "main.net")
    assert "from my_layers.spectral import Spectral\n" in spec.source
    with pytest.raises(netspec.SpecError) as caught:
        spec.build()
    assert caught.value.diagnostics[0].place == f"{folder / 'blocks.net'}:1:86"


# ---- what is known of it -----------------------------------------------------------------------


def test_check_summary_and_build_never_import(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "my_layers" / "spectral.py").write_text("raise RuntimeError('imported')\n")
    path = folder / "one.net"
    path.write_text(ONE)
    for command in (["check"], ["summary"], ["build", "--stdout"]):
        assert main([command[0], str(path), *command[1:]]) == 0
    assert "imported" not in "".join(capsys.readouterr())
    assert not is_imported()


def test_the_summary_says_that_it_does_not_know_the_parameters() -> None:
    text = ONE.replace("Spectral(dim)", "Spectral(dim) -> twice -> twice -> Conv2d(4, 1)")
    text = text.replace("{\n", "{\n    layer twice = Spectral(8)\n")
    lines = [line.split() for line in str(netspec.loads(text).summary()).splitlines()]
    assert [line[-2:] for line in lines[2:6]] == [
        ["?", "?"],
        ["?", "?"],
        ["shared", "?"],
        ["*", "W"],
    ]
    assert " ".join(lines[-1]) == "One: at least 36 parameters, at least 32 * H * N * W MACs"
    assert "at least 36 parameters by default." in netspec.loads(text).source


def test_rules_do_not_reach_inside() -> None:
    text = SPECTRAL + (
        "init Linear with (weight=zeros)\n"
        "block Ruled(body: block)(x) {\n"
        "    init Linear with (weight=ones)\n    return x -> body -> out: Linear(8)\n}\n"
        "net Rules()(x: float32[N, 3, 8, 8]) {\n"
        '    init "*.proj" with (bias=ones)\n    freeze Linear, "*.proj", last\n'
        "    return x -> Ruled(Spectral(4)) -> proj: (proj: Linear(8)) -> last: Spectral(4)\n}\n"
    )
    model = netspec.loads(text).build(device="cpu", **ALLOWED)
    inner, last = model.ruled1.body.proj, model.last.proj
    assert inner.weight.requires_grad
    assert not last.weight.requires_grad
    assert not model.proj.proj.weight.requires_grad
    for linear in (inner, last):
        assert 0 < linear.weight.abs().max() <= 0.5
        assert linear.bias.abs().max() <= 0.5
    assert model.ruled1.out.weight.eq(1).all()
    assert model.proj.proj.weight.eq(0).all()
    assert model.proj.proj.bias.eq(1).all()


# ---- what may be imported ----------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [["my_layers"], ["other", "my_layers.spectral"]])
def test_a_name_allows_a_module_and_its_submodules(allowed: list[str]) -> None:
    assert isinstance(netspec.loads(ONE).build(allow_extern=allowed), nn.Module)
    loaded = netspec.loads(ONE, allow_extern=allowed)
    assert isinstance(loaded.build(dim=8), nn.Module)


@pytest.mark.parametrize(
    "allowed", [[], ["my"], ["my_layers.spec"], ["my_layers.spectral.x"], [""]]
)
def test_nothing_else_is_imported(allowed: list[str]) -> None:
    found = refused(ONE, allow_extern=allowed)
    assert (found.code, found.place) == ("extern-not-allowed", "own.net:1:86")
    assert "--allow-extern my_layers.spectral" in found.help
    assert "allow_extern=['my_layers.spectral']" in found.help
    assert not is_imported()


def test_what_has_been_allowed_once_is_not_allowed_for_ever() -> None:
    netspec.loads(ONE).build(**ALLOWED)
    assert refused(ONE, allow_extern=[]).code == "extern-not-allowed"
    spec = netspec.loads(ONE, **ALLOWED)
    with pytest.raises(netspec.SpecError):
        spec.build(allow_extern=[])


def test_one_string_is_no_list_of_names() -> None:
    with pytest.raises(TypeError, match=r"\['my_layers'\]"):
        netspec.loads(ONE).build(allow_extern="my_layers")


def test_the_guard_lets_declared_classes_through_and_no_others() -> None:
    source = "from my_layers.spectral import Spectral\n"
    verify(source, [("my_layers.spectral", "Spectral")])
    for externs in ([], [("my_layers.spectral", "Other")], [("my_layers", "Spectral")]):
        with pytest.raises(Refused):
            verify(source, externs)


# ---- what is imported is held against the spec -------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        ("my_layers.spectral", "my_layers.none", "extern-not-found", "no module `my_layers.none`"),
        ("my_layers.spectral", "none.at.all", "extern-not-found", "no module `none.at.all`"),
        ("my_layers.spectral", "my_layers.broken", "wrong-extern", "raises OSError: no file of"),
        ("my_layers.spectral", "my_layers.needy", "wrong-extern", "'no_such_library'"),
        ("Spectral", "Spectrals", "extern-not-found", "has no class `Spectrals`"),
        ("Spectral", "Plain", "wrong-extern", "`Plain` of `my_layers.spectral` is no `nn.Module`"),
        ("Spectral", "function", "wrong-extern", "is no `nn.Module`"),
        ("gain: float = 1.0", "gain: float = 2.0", "wrong-extern", "the default of `gain` is 2.0"),
        ("dim: int,", "dim: int = 4,", "wrong-extern", "the default of `dim` is 4 here, there is"),
        ("dim: int, gain: float = 1.0", "gain: float, dim: int", "wrong-extern", "order: dim"),
        ("gain: float", "gains: float", "wrong-extern", "unexpected keyword argument 'gains'"),
    ],
)
def test_a_class_that_is_not_what_the_spec_says_is_refused(
    old: str, new: str, code: str, message: str
) -> None:
    text = ONE.replace("Spectral(dim)", "Spectral(dim, gain=1.0)")
    if new.startswith("gain: float, dim"):
        text = text.replace("Spectral(dim, gain=1.0)", "Spectral(1.0, 4)")
    if new.startswith("gains"):
        text = text.replace("gain=1.0)\n", "gains=1.0)\n")
    text = text.replace("Spectral(", f"{new}(") if old == "Spectral" else text.replace(old, new)
    found = refused(text, allow_extern=["my_layers", "none"])
    assert found.code == code
    assert message in found.message


def test_an_order_that_no_position_relies_on_is_fine() -> None:
    text = ONE.replace("dim: int, gain: float = 1.0", "gain: float = 1.0, dim: int = 4")
    text = text.replace("dim: int = 4)(x: [N, C", "dim: int)(x: [N, C").replace(
        "Spectral(dim)", "Spectral(dim=dim)"
    )
    model = netspec.loads(text).build(device="cpu", **ALLOWED)
    assert model(torch.rand(2, 3, 5, 5)).shape == (2, 4, 5, 5)


def test_lists_are_tuples_in_python_and_keywords_are_fine() -> None:
    text = using(
        "Listed(widths: list = [1, 2], deep: bool = False)(x: [N, C]) -> [N, C]", "Listed", "[N, 4]"
    )
    assert isinstance(netspec.loads(text).build(**ALLOWED), nn.Module)
    text = text.replace("[1, 2]", "[1, 3]")
    assert "the default of `widths`" in refused(text).message


@pytest.mark.parametrize("use", ["Failing(4)", "repeat(2) Failing(4)", "(Failing(4) -> ReLU)"])
def test_what_a_constructor_raises_is_told_at_its_declaration(use: str) -> None:
    text = using("Failing(dim: int)(x: [N, C, H, W]) -> [N, C, H, W]", f"parts: {use}")
    found = refused(text)
    assert (found.code, found.place) == ("wrong-extern", "own.net:1:8")
    assert found.message == "`Failing` cannot be made: KeyError: 'no 4'"
    assert found.label == "raised by Failing(4)"
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(text).build(**ALLOWED)
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("Tall()(x: [N, C, H, W]) -> [N, C, H, W]", "[2, 3, 64, 128], but gives [2, 3, 128, 64]"),
        ("Wide()(x: [N, C, H, W]) -> [N, C, H, W]", "gives ([2, 3, 64, 128], [2, 3, 64, 128])"),
        ("Tall()(x: [N, C, H, W]) -> (a: [N], b: [N])", "to give ([2], [2]), but gives [2, 3, 128"),
        ("Rounded()(x: [N, C, H, W]) -> [N, C, H, W]", "but gives int64[2, 3, 64, 128]"),
        ("Named()(x: [N, C, H, W]) -> [N, C, H, W]", "but gives a dict"),
    ],
)
def test_an_output_that_is_not_as_declared_is_refused(declaration: str, message: str) -> None:
    title = declaration.partition("(")[0]
    found = refused(using(declaration, f"own: {title}", "[N, 3, H, W]"))
    assert (found.code, found.place[:10]) == ("wrong-extern", "own.net:1:")
    assert message in found.message
    assert found.notes == (f"`own` is {title}(), tried with x: float32[2, 3, 64, 128]",)


def test_what_cannot_be_tried_without_numbers_is_built_all_the_same() -> None:
    text = using("Picky()(x: [N, C]) -> [N, C]", "Picky -> Linear(2)", "[N, 4]")
    model = netspec.loads(text).build(device="cpu", **ALLOWED)
    assert model(torch.rand(2, 4)).shape == (2, 2)


def test_trying_it_draws_no_numbers_and_leaves_no_trace() -> None:
    text = using("Sampled()(x: [N, C]) -> [N, C]", "Sampled -> BatchNorm1d", "[N, 4]")
    torch.manual_seed(0)
    first = torch.rand(3)
    torch.manual_seed(0)
    model = netspec.loads(text).build(device="cpu", **ALLOWED)
    assert torch.equal(torch.rand(3), first)
    assert not any(tensor.is_meta for tensor in model.state_dict().values())


def test_a_module_that_has_changed_is_taken_as_it_is_now(folder: Path) -> None:
    before = netspec.loads(ONE).build(device="cpu", **ALLOWED)
    (folder / "my_layers" / "spectral.py").write_text(LAYERS.replace("= gain", "= 7 * gain"))
    for name in [name for name in sys.modules if name.split(".")[0] == "my_layers"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    after = netspec.loads(ONE).build(device="cpu", **ALLOWED)
    assert (before.spectral.gain, after.spectral.gain) == (1.0, 7.0)


# ---- a good citizen ----------------------------------------------------------------------------


def test_a_model_copies_compiles_exports_and_traces() -> None:
    model = netspec.loads(ONE).build(device="cpu", **ALLOWED).eval()
    x = torch.rand(2, 3, 5, 6)
    expected = model(x)
    assert torch.equal(copy.deepcopy(model)(x), expected)
    assert torch.equal(torch.compile(model, fullgraph=True, backend="eager")(x), expected)
    assert torch.equal(torch.export.export(model, (x,)).module()(x), expected)
    assert torch.equal(torch.fx.symbolic_trace(model)(x), expected)


def test_unpickling_imports_nothing_that_has_not_been_imported(folder: Path) -> None:
    model = netspec.loads(ONE).build(device="cpu", **ALLOWED)
    data = pickle.dumps(model)
    x = torch.rand(2, 3, 5, 6)
    assert torch.equal(pickle.loads(data)(x), model(x))
    forget()
    with pytest.raises(netspec.SpecError) as caught:
        pickle.loads(data)
    (found,) = caught.value.diagnostics
    assert found.code == "extern-not-allowed"
    assert found.help == "`import my_layers.spectral` before the model is loaded"
    assert not is_imported()
    importlib.import_module("my_layers.spectral")
    assert torch.equal(pickle.loads(data)(x), model(x))


# ---- training ----------------------------------------------------------------------------------

TRAINED = SPECTRAL + (
    "net Digits()(image: float32[N, 1, 28, 28]) -> (logits: [N, 10]) {\n"
    "    return image -> Spectral(4) -> AdaptiveAvgPool2d(1) -> Flatten -> Linear(10)\n}\n"
    "train Digits {\n    data = MNIST5k()\n    loss = cross_entropy(logits, label)\n"
    "    optimizer = SGD(lr=0.1)\n}\n"
)


def test_training_wants_the_import_allowed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "digits.net").write_text(TRAINED)
    assert main(["train", "digits.net", "--allow-extern", "my"]) == 1
    assert "error[extern-not-allowed]" in capsys.readouterr().err
    assert not is_imported()


def test_training_says_what_is_wrong_before_it_starts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "digits.net").write_text(
        TRAINED.replace("-> [N, dim, H, W]", "-> [N, dim, W, 2 * H]")
    )
    assert main(["train", "digits.net", "--allow-extern", "my_layers"]) == 1
    assert "error[wrong-extern]: `Spectral` is declared to give" in capsys.readouterr().err


@pytest.mark.slow
def test_training_finds_the_module_from_the_current_folder(folder: Path) -> None:
    pytest.importorskip("mlxtend")
    pytest.importorskip("tqdm")
    (folder / "digits.net").write_text(TRAINED)
    allowed = ["--allow-extern", "other", "--allow-extern", "my_layers"]
    command = [sys.executable, "-m", "netspec.cli", "train", "digits.net", *allowed]
    root = str(Path(netspec.__file__).parent.parent)
    done = subprocess.run(
        [*command, "--max-batches", "2"],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "out" / "last.pt").exists()
