"""Parametrizations in `with (…)`: the built module has what check says, whatever the rules."""

import copy
import pickle
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

import netspec
from netspec.diagnostic import SpecError
from tests.running import run, write

PATTERNS = ["*", "fc", "fc*", "inner.*", "*.fc", "*fc2", "mid.inner.fc", "mid.*", "layers.*.fc"]


class _Rules:
    """Rules at random; a constant, or `eps`, says which rule a value is from."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        self.count = 0

    def _treatment(self, kinds: list[str]) -> str:
        self.count += 1
        parameters = self.draw.choice([["weight"], ["bias"], ["weight", "bias"]])
        made = {
            "scheme": f"constant({self.count})",
            "norm": f"spectral_norm(eps={self.count}e-6)",
            "both": f"constant({self.count}) -> spectral_norm(eps={self.count}e-6)",
        }
        return ", ".join(f"{name}={made[self.draw.choice(kinds)]}" for name in parameters)

    def init(self, indent: str = "    ") -> str:
        lines = ""
        for _ in range(self.draw.choice([0, 0, 1, 1, 2])):
            pattern = self.draw.random() < 0.4
            classes = self.draw.choice(["Linear", "Conv1d", "Linear, Conv1d"])
            selector = f'"{self.draw.choice(PATTERNS)}"' if pattern else classes
            kinds = ["scheme"] if pattern and indent == "    " else ["scheme", "norm", "both"]
            lines += f"{indent}init {selector} with ({self._treatment(kinds)})\n"
        return lines

    def own(self) -> str:
        kinds = ["scheme", "norm", "both"]
        return f" with ({self._treatment(kinds)})" if self.draw.random() < 0.4 else ""


def _spec(seed: int) -> str:
    rules = _Rules(seed)
    return f"""{rules.init("")}
block Inner(width: int)(x: [N, C, L]) {{
{rules.init()}    return x -> conv: Conv1d(width, 1){rules.own()} -> fc: Linear(4){rules.own()}
}}
block Mid(width: int, depth: int = 2)(x: [N, C, L]) {{
{rules.init()}    for i in range(depth) as layers {{
        x = x -> fc: Linear(4){rules.own()} -> inner: Inner(width)
    }}
    for i in range(depth) as plain {{
        x = x -> Linear(4){rules.own()}
    }}
    return x -> inner: Inner(width) -> fc2: Linear(4){rules.own()}
}}
net Outer(width: int = 3)(x: float32[N, 3, 4]) {{
{rules.init()}    x = x -> mid: Mid(width) -> inner: Inner(width)
    return x -> fc: Linear(4){rules.own()} -> conv: Conv1d(2, 1)
}}
"""


@pytest.mark.parametrize("seed", range(80))
def test_generated_code_follows_the_cascade(seed: int) -> None:
    try:
        spec = netspec.loads(_spec(seed))
    except SpecError as error:
        assert {one.code for one in error.diagnostics if one.severity == "error"} == {
            "parametrized-twice"
        }
        return
    model = spec.build(device="cpu")
    _agree(spec, model)
    for layer in spec.net().layers.values():
        module = model.get_submodule(layer.name)
        for name in layer.parameters:
            _require_rules(module, name, layer, spec.source)
    assert model(torch.randn(2, 3, 4)).shape == (2, 2, 4)


def _require_rules(module: Any, name: str, layer: Any, source: str) -> None:
    """Whether a parameter has the constant, and the `eps`, of the rules that hold."""
    value, eps = module, None
    if name in layer.parametrizations:
        made = module.parametrizations[name]
        assert len(made) == 1, source
        value, eps = made.original, layer.parametrizations[name][0].parametrization.given["eps"]
        assert made[0].eps == eps, f"{layer.name}.{name}\n{source}"
    else:
        value = getattr(module, name)
    if name in layer.schemes:
        wanted = layer.schemes[name][0].initialiser.given["val"]
        assert torch.all(value == wanted), f"{layer.name}.{name}\n{source}"


def _agree(spec: netspec.Spec, model: nn.Module) -> None:
    """Names, shapes and counts of check, of the summary and of the module are the same."""
    net = spec.net()
    built = {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}
    assert built == net.parameter_shapes()
    for layer in net.layers.values():  # in torch's order
        inside = [name for name in built if name.startswith(f"{layer.name}.")]
        assert inside == [n for n in net.parameter_shapes() if n in inside], layer.name
    assert sum(p.numel() for p in model.parameters()) == spec.summary().parameters
    assert {row.name for row in spec.explain_init().rows if not row.tied} == set(built)
    still = {name for name, tensor in model.named_parameters() if not tensor.requires_grad}
    assert net.frozen == still


def test_a_layer_of_its_own_stands_inside_the_call() -> None:
    spec = netspec.loads("""
    net Critic(width: int = 8, steps: int = 2)(x: float32[N, 3, 16, 16]) -> [N, 1] {
        x = x -> conv: Conv2d(width, 3) with (weight=spectral_norm(n_power_iterations=steps))
        x = x -> repeat(2) Conv2d(width, 3) with (weight=weight_norm(dim=1))
        return x -> Flatten -> fc: Linear(1) with (weight=parametrizations.orthogonal)
    }""")
    assert (
        "self.conv = spectral_norm(nn.Conv2d(3, width, 3), n_power_iterations=steps)" in spec.source
    )
    assert "weight_norm(nn.Conv2d(width, width, 3), dim=1)" in spec.source
    assert "from torch.nn.utils.parametrizations import (" not in spec.source
    model = spec.build(device="cpu", steps=5)
    assert model.conv.parametrizations.weight[0].n_power_iterations == 5
    _agree(spec.with_parameters(steps=5), model)
    row = model.fc.weight[0]
    torch.testing.assert_close(row.norm(), torch.tensor(1.0))


def test_what_initialises_comes_before_what_parametrizes() -> None:
    spec = netspec.loads("""
    block Down(width: int)(x: [N, C, H, W]) {
        return x -> conv: Conv2d(width, 3) with (weight=weight_norm) -> ReLU
    }
    net A()(x: float32[N, 3, 16, 16]) {
        init Conv2d with (weight=constant(2.0))
        init "*.conv" with (bias=ones)
        return x -> Down(4) -> Down(4)
    }""")
    model = spec.build(device="cpu")
    _agree(spec, model)
    for name in ("down1", "down2"):
        conv = model.get_submodule(name).conv
        assert torch.all(conv.parametrizations.weight.original1 == 2)
        torch.testing.assert_close(conv.weight, torch.full_like(conv.weight, 2.0))
        assert torch.all(conv.bias == 1)


def test_a_scheme_and_a_parametrization_of_one_name_are_told_apart() -> None:
    text = "net A()(x: float32[N, 4]) { return x -> fc: Linear(4) with (weight=RULE) }"
    for rule, scheme, changed in [
        ("orthogonal", True, False),
        ("orthogonal(gain=2)", True, False),
        ("parametrizations.orthogonal", False, True),
        ('parametrizations.orthogonal(orthogonal_map="cayley")', False, True),
        ("orthogonal -> orthogonal", True, True),
        ("eye -> spectral_norm", True, True),
        ("parametrizations.weight_norm(0)", False, True),
    ]:
        spec = netspec.loads(text.replace("RULE", rule))
        layer = spec.net().layers["fc"]
        assert (bool(layer.schemes), bool(layer.parametrizations)) == (scheme, changed)
        _agree(spec, spec.build(device="cpu"))


def test_rules_reach_inside_layers_and_recurrent_weights() -> None:
    spec = netspec.loads("""
    net A()(x: float32[N, T, 8]) -> [N, T, 4] {
        init Linear with (weight=spectral_norm)
        init GRU with (weight_hh_l0=orthogonal -> orthogonal, weight_ih_l0=weight_norm)
        y, _ = x -> stack: TransformerEncoder(TransformerEncoderLayer(2, 8, batch_first=True), 2)
            -> GRU(4, batch_first=True)
        return y
    }""")
    model = spec.build(device="cpu")
    _agree(spec, model)
    assert list(dict(model.named_parameters())) == list(spec.net().parameter_shapes())
    assert model.stack.layers[1].self_attn.out_proj.parametrizations.weight[0].n_power_iterations
    x = torch.randn(2, 5, 8)
    model(x).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    model.eval()
    with torch.no_grad():
        assert model(x).shape == (2, 5, 4)


def test_freezing_holds_what_is_parametrized() -> None:
    spec = netspec.loads("""
    net A()(x: float32[N, 4]) {
        freeze "first"
        init Linear with (weight=ones -> weight_norm)
        return x -> first: Linear(4) -> Linear(2)
    }""")
    model = spec.build(device="cpu")
    _agree(spec, model)
    assert "first.parametrizations.weight.original0" in spec.net().frozen


CRITIC = """net A()(x: float32[N, 3, 8, 8]) {
    init Conv2d with (weight=normal(0.0, 0.02) -> spectral_norm)
    x = x -> Conv2d(4, 3) -> ReLU -> Conv2d(4, 3)
    return x -> Flatten -> Linear(2) with (weight=weight_norm)
}"""


def test_a_parametrized_model_copies_compiles_and_moves_its_weights() -> None:
    spec = netspec.loads(CRITIC)
    model, x = spec.build(device="cpu").eval(), torch.randn(2, 3, 8, 8)
    twin = copy.deepcopy(model)
    torch.testing.assert_close(twin(x), model(x))
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), model(x))
    other = spec.build(device="cpu").eval()
    moved = netspec.transfer(model, other)
    assert not moved.missing
    assert "conv1.parametrizations.weight.0._u" in moved.moved
    torch.testing.assert_close(other(x), model(x))


def test_a_parametrized_model_does_not_pickle_as_torch_says() -> None:
    model = netspec.loads(CRITIC).build(device="cpu")
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(model)
    state = pickle.loads(pickle.dumps(model.state_dict()))
    netspec.loads(CRITIC).build(device="cpu").load_state_dict(state)


def test_orthogonal_weights_need_a_device_with_values() -> None:
    text = "net A()(x: float32[N, 4]) { return x -> Linear(4) with (weight=eye -> orthogonal) }"
    spec = netspec.loads(text)
    for build in (
        lambda: spec.build(device="meta"),
        lambda: netspec.loads(f'device "meta"\n{text}'),
    ):
        with pytest.raises(SpecError) as caught:
            build()
        assert caught.value.diagnostics[0].code == "wrong-parametrization"
    assert netspec.loads(CRITIC).build(device="meta") is not None


READER = """net Reader()(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    _, STATE = image -> squeeze(1) -> rnn: RECURRENT(8, batch_first=True) with (weight_hh_l0=NORM)
    return state[-1] -> head: Linear(10)
}
"""
READING = """train Reader {
    data = Digits()
    batch_size = 32
    epochs = 2
    loss = cross_entropy(logits, label)
    optimizer = Adam(lr=5e-3)
    AVERAGE
}
"""
NORMS = ["weight_norm", "spectral_norm", "parametrizations.orthogonal"]


def _reader(kind: str, norm: str) -> str:
    state = "(state, _)" if kind == "LSTM" else "state"
    return READER.replace("RECURRENT", kind).replace("STATE", state).replace("NORM", norm)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("norm", NORMS)
def test_a_recurrent_net_is_copied_once_its_weights_have_no_graph(kind: str, norm: str) -> None:
    """As docs/language.md has it; scripts with an average do the same."""
    spec = netspec.loads(_reader(kind, norm))
    model, image = spec.build(device="cpu").eval(), torch.randn(2, 1, 8, 8)
    model(image)
    with pytest.raises(RuntimeError, match="support the deepcopy protocol"):
        copy.deepcopy(model)
    with torch.no_grad():
        model.to()
    average = AveragedModel(model)
    for count in range(2):
        average.update_parameters(model)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * (count + 1))
    again = spec.build(device="cpu").eval()
    again.load_state_dict(average.module.state_dict())
    torch.testing.assert_close(average(image), again(image))
    assert not torch.allclose(average(image), model(image))


@pytest.mark.parametrize("average", ["ema = 0.9", "swa = 1"])
@pytest.mark.parametrize("norm", NORMS)
def test_a_script_averages_a_parametrized_recurrent_net(
    average: str, norm: str, tmp_path: Path
) -> None:
    script = write(_reader("LSTM", norm) + READING.replace("AVERAGE", average), tmp_path)
    done = run(script)
    assert done.returncode == 0, done.stderr
    state = torch.load(tmp_path / "out" / "last.pt", weights_only=True)
    kept = state[average[:3]]
    assert any(name.startswith("module.rnn.parametrizations.weight_hh_l0") for name in kept)
    done = run(script, "--resume", "--epochs", "3")
    assert done.returncode == 0, done.stderr


def test_a_script_without_parametrized_recurrent_layers_does_not_refresh_them(
    tmp_path: Path,
) -> None:
    plain = _reader("LSTM", "orthogonal") + READING.replace("AVERAGE", "ema = 0.9")
    assert ".to()" not in write(plain, tmp_path).read_text()


SPARSE = """net Chars(width: int = 8)(tokens: int64[N, T]) -> (logits: [N, T, 256]) {
    return tokens -> table: Embedding(256, width, sparse=True) WITH -> head: Linear(256)
}
train Chars {
    data = Topics(context=16)
    batch_size = 8
    steps = 4
    loss = cross_entropy(logits -> flatten(0, 1), target -> flatten())
    optimizer = OPTIMIZER
    SETTING
}
"""


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")  # of Adagrad itself
@pytest.mark.parametrize(
    ("treatment", "optimizer", "setting"),
    [
        ("", "SGD(lr=0.1, momentum=0.9, nesterov=True)", "accumulate = 2"),
        ("", "Adagrad(lr=0.1, lr_decay=0.1)", "ema = 0.9"),
        ("with (weight=spectral_norm)", "AdamW(lr=0.1)", "clip_norm = 1.0"),
        ("with (weight=weight_norm(dim=-1))", "SGD(lr=0.1, weight_decay=0.1)", "clip_value = 0.1"),
    ],
)
def test_a_table_with_sparse_gradients_trains_where_check_says_so(
    treatment: str, optimizer: str, setting: str, tmp_path: Path
) -> None:
    text = SPARSE.replace("WITH", treatment).replace("OPTIMIZER", optimizer)
    done = run(write(text.replace("SETTING", setting), tmp_path))
    assert done.returncode == 0, done.stderr
    assert "nan" not in done.stdout
