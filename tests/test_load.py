"""Built modules: the same program as the rendered file, and good citizens of torch."""

import copy
import importlib.util
import inspect
import io
import pickle
import subprocess
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import netspec

SPECS = Path(__file__).parent.parent / "specs"
INPUTS: dict[str, tuple[torch.Size, ...]] = {
    "lenet5": (torch.Size((2, 1, 28, 28)),),
    "autoencoder": (torch.Size((2, 1, 28, 28)),),
    "two_inputs": (torch.Size((2, 3, 12, 10)), torch.Size((2, 12))),
    "conv1d": (torch.Size((2, 1, 16000)),),
}
CHANGES: dict[str, dict[str, Any]] = {
    "lenet5": {"classes": 26},
    "autoencoder": {"latent": 5},
    "two_inputs": {"figures": 12, "width": 7},
    "conv1d": {"classes": 3, "width": 4},
}


def inputs(name: str) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(shape, generator=generator) for shape in INPUTS[name]]


def import_rendered(name: str, folder: Path) -> ModuleType:
    """The rendered file, imported as a user would, without netspec."""
    path = folder / f"{name}_model.py"
    path.write_text(netspec.load(SPECS / f"{name}.net").render()["model.py"], encoding="utf-8")
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def gradients(model: nn.Module, name: str) -> tuple[torch.Tensor, list[torch.Tensor]]:
    torch.manual_seed(2)  # dropout
    output = model(*inputs(name))
    output.square().sum().backward()
    return output, [p.grad for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("changed", [False, True])
def test_a_built_module_is_the_rendered_one(name: str, changed: bool, tmp_path: Path) -> None:
    parameters = CHANGES[name] if changed else {}
    spec = netspec.load(SPECS / f"{name}.net")
    torch.manual_seed(0)
    built = spec.build(device="cpu", **parameters)
    torch.manual_seed(0)
    rendered = getattr(import_rendered(name, tmp_path), spec.nets[0])(**parameters)
    assert list(built.state_dict()) == list(rendered.state_dict())
    for key, tensor in built.state_dict().items():
        assert torch.equal(tensor, rendered.state_dict()[key]), key
    mine, theirs = gradients(built, name), gradients(rendered, name)
    assert torch.equal(mine[0], theirs[0])
    assert all(torch.equal(a, b) for a, b in zip(mine[1], theirs[1], strict=True))


@pytest.mark.parametrize("name", INPUTS)
def test_outputs_have_the_shapes_that_check_says(name: str) -> None:
    spec = netspec.load(SPECS / f"{name}.net")
    model = spec.build(device="cpu").eval()
    shape = spec.net().outputs[0].type.shape
    sizes = [2 if str(dim) == "N" else netspec_value(dim) for dim in shape]
    assert list(model(*inputs(name)).shape) == sizes


def netspec_value(dim: Any) -> Any:
    from netspec.dim import value_of

    return value_of(dim)


@pytest.mark.parametrize("name", INPUTS)
def test_the_summary_counts_what_torch_counts(name: str) -> None:
    spec = netspec.load(SPECS / f"{name}.net")
    real = sum(p.numel() for p in spec.build(device="meta").parameters())
    assert netspec_value(spec.summary().parameters) == real


def test_lenet5_has_the_published_number_of_parameters() -> None:
    model = netspec.load(SPECS / "lenet5.net").build(device="cpu")
    assert sum(p.numel() for p in model.parameters()) == 61_706


def test_lenet5_is_initialised_as_its_init_says() -> None:
    torch.manual_seed(0)
    model = netspec.load(SPECS / "lenet5.net").build(device="cpu")
    for name, tensor in model.named_parameters():
        bound = 1.0
        if name.endswith("weight"):
            bound = (6 / tensor[0].numel()) ** 0.5  # gain sqrt(2) times sqrt(3 / fan_in)
        assert tensor.abs().max() <= bound
        assert tensor.abs().max() > 0.6 * bound


def model_of(name: str = "lenet5") -> nn.Module:
    torch.manual_seed(0)
    return netspec.load(SPECS / f"{name}.net").build(device="cpu").eval()


def same(a: nn.Module, b: nn.Module, name: str = "lenet5") -> bool:
    return torch.equal(a(*inputs(name)), b(*inputs(name)))


@pytest.mark.parametrize("name", INPUTS)
def test_it_pickles_and_copies(name: str) -> None:
    model = model_of(name)
    assert same(pickle.loads(pickle.dumps(model)), model, name)
    assert same(copy.deepcopy(model), model, name)
    assert same(copy.copy(model), model, name)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl"])
def test_it_loads_from_a_saved_model_and_from_a_state_dict(suffix: str, tmp_path: Path) -> None:
    model, path = model_of(), tmp_path / f"model{suffix}"
    torch.save(model, path)
    assert same(torch.load(path, weights_only=False), model)
    torch.save(model.state_dict(), path)
    fresh = netspec.load(SPECS / "lenet5.net").build(device="cpu").eval()
    assert not same(fresh, model)
    fresh.load_state_dict(torch.load(path, weights_only=True))
    assert same(fresh, model)


def test_a_saved_model_loads_in_another_process(tmp_path: Path) -> None:
    torch.save(model_of(), tmp_path / "model.pt")
    code = (
        "import torch\n"
        f"model = torch.load({str(tmp_path / 'model.pt')!r}, weights_only=False)\n"
        "print(type(model).__name__, tuple(model(torch.zeros(1, 1, 28, 28)).shape))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "LeNet5 (1, 10)\n"


def test_its_source_is_there_to_read() -> None:
    model = model_of()
    assert "self.fc1 = nn.Linear(16 * 5 * 5, 120)" in inspect.getsource(type(model))
    assert "def forward" in inspect.getsource(type(model).forward)
    with pytest.raises(RuntimeError) as caught:
        model(torch.zeros(1, 3, 28, 28))
    shown = "".join(traceback.format_exception(caught.value))
    assert "x = self.max_pool(self.relu(self.conv1(image)))" in shown


@pytest.mark.parametrize("name", INPUTS)
def test_it_exports_and_traces(name: str) -> None:
    model = model_of(name)
    assert same(torch.fx.symbolic_trace(model), model, name)
    exported = torch.export.export(model, tuple(inputs(name)))
    assert torch.allclose(exported.module()(*inputs(name)), model(*inputs(name)), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.filterwarnings("ignore")
def test_it_compiles_in_one_graph(name: str) -> None:
    model = model_of(name)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(*inputs(name)), model(*inputs(name)), atol=1e-5)


def test_devices_are_taken_from_the_call_before_the_spec() -> None:
    spec = netspec.load(SPECS / "lenet5.net")
    assert next(spec.build(device="meta").parameters()).device.type == "meta"
    text = 'device "meta"\n\nnet A()(x: float32[N, 4]) {\n    return x -> Linear(2)\n}\n'
    assert next(netspec.loads(text).build().parameters()).device.type == "meta"
    assert next(netspec.loads(text).build(device="cpu").parameters()).device.type == "cpu"


def test_an_unknown_device_is_a_spec_error() -> None:
    spec = netspec.load(SPECS / "lenet5.net")
    with pytest.raises(netspec.SpecError, match="unknown device"):
        spec.build(device="gpu")


def test_building_checks_the_parameters_first() -> None:
    spec = netspec.load(SPECS / "lenet5.net")
    for bad in ({"classes": 0}, {"classes": "3"}, {"classes": True}, {"clases": 3}):
        with pytest.raises(netspec.SpecError) as caught:
            spec.build(**bad)
        assert caught.value.diagnostics
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), netspec.SpecError)


def test_as_a_library_it_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    spec = netspec.load(SPECS / "lenet5.net")
    spec.build(device="cpu")
    spec.render()
    str(spec.summary())
    with pytest.raises(netspec.SpecError):
        netspec.loads("net")
    assert capsys.readouterr() == ("", "")


def test_several_nets_are_told_apart_by_name() -> None:
    text = (
        "net A()(x: float32[N, 4]) {\n    return x -> Linear(2)\n}\n"
        "net B()(x: float32[N, 4]) {\n    return x -> Linear(3)\n}\n"
    )
    spec = netspec.loads(text)
    with pytest.raises(netspec.SpecError, match="several nets"):
        spec.build()
    with pytest.raises(netspec.SpecError, match="no net `C`"):
        netspec.loads(text, net="C")
    assert type(spec.build(net="B", device="cpu")).__name__ == "B"
    assert type(netspec.loads(text, net="A").build(device="cpu")).__name__ == "A"


def test_a_model_saved_as_a_buffer_moves_between_devices() -> None:
    buffer = io.BytesIO()
    torch.save(model_of(), buffer)
    buffer.seek(0)
    model = torch.load(buffer, weights_only=False, map_location="meta")
    assert next(model.parameters()).device.type == "meta"


RECEIVERS = """net R(k: int = 2)(x: float32[N, 4], y: float32[N, 4], z: float32[N, 4, 3]) {
    u = (x, y)
    a = sum(x + relu(y), dim=1)
    b = sum(-relu(y), dim=1)
    c = (x, y) -> cat(dim=1) -> sum(dim=1)
    d = sum(relu(x) if k > 1 else relu(y), dim=1)
    e = sum(dim=1, input=x * 2)
    f = (z -> max(dim=2)) -> sub
    g = u -> lerp(0.5)
    h = u -> Bilinear(2)
    i = ((z -> max(dim=2)) -> sub) + ((z -> min(dim=2)) -> mul)
    return a + b + c + d + e, f + g + i, h
}"""


def test_methods_are_called_on_the_whole_of_their_input() -> None:
    model = netspec.loads(RECEIVERS).build()
    x, y, z = torch.rand(5, 4), torch.rand(5, 4), torch.rand(5, 4, 3)
    one, two, three = model(x, y, z)
    relu = torch.relu
    sums = (x + relu(y)).sum(1) + (-relu(y)).sum(1) + torch.cat((x, y), 1).sum(1)
    torch.testing.assert_close(one, sums + relu(x).sum(1) + (x * 2).sum(1))
    (high, at), (low, where) = z.max(2), z.min(2)
    torch.testing.assert_close(two, high - at + torch.lerp(x, y, 0.5) + (high - at) + low * where)
    assert three.shape == (5, 2)


def test_a_value_given_to_a_parameter_without_default_becomes_its_default() -> None:
    spec = netspec.loads("net A(size: int)(x: [N, size]) { return x -> Linear(3) }", size=4)
    assert "size: int = 4" in spec.source
    assert spec.build()(torch.zeros(2, 4)).shape == (2, 3)


def test_the_turns_of_a_loop_read_bare_tensors_of_the_net() -> None:
    text = (
        "net A(depth: int = 2)(x: [N, 4]) {\n    parameter shift: [4] = ones\n"
        "    for i in range(depth) as h {\n        x = x -> ReLU -> fc: Linear(4) -> LayerNorm\n"
        "        x = x + shift\n    }\n    return x\n}\n"
    )
    model = netspec.loads(text).build(device="cpu")
    with torch.no_grad():
        model.get_parameter("shift").fill_(3.0)
    mean = model(torch.rand(2, 4)).mean(dim=1)
    assert torch.allclose(mean, torch.full((2,), 3.0), atol=1e-5)


def test_a_freeze_holds_for_layers_that_parameters_leave_out() -> None:
    spec = netspec.loads("""net A(norm: bool = True, depth: int = 2)(x: [N, 4]) {
        freeze bn, h
        if norm { x = x -> bn: BatchNorm1d }
        for i in range(depth) as h { x = x -> conv: Linear(4) -> ReLU }
        return x -> fc: Linear(3)
    }""")
    for norm in (True, False):
        model = spec.build(norm=norm)
        learnt = {name for name, p in model.named_parameters() if p.requires_grad}
        assert learnt == {"fc.weight", "fc.bias"}
