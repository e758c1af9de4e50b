"""The cascade of initialisation: generated code does what check says, whatever the rules."""

from random import Random

import pytest
import torch

import netspec
from netspec.glob import may_meet

SELECTORS = ["Linear", "Conv1d", "Linear, Conv1d"]
PATTERNS = ["*", "fc", "fc*", "inner.*", "*.fc", "*fc2", "mid.inner.fc", "mid.*", "layers.*.fc"]


class _Rules:
    """Rules at random; the value of a constant says which rule it is from."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        self.count = 0

    def _scheme(self) -> str:
        self.count += 1
        parameters = self.draw.choice([["weight"], ["bias"], ["weight", "bias"]])
        return ", ".join(f"{name}=constant({self.count})" for name in parameters)

    def init(self, indent: str = "    ") -> str:
        """Up to two `init` statements."""
        lines = ""
        for _ in range(self.draw.choice([0, 0, 1, 1, 2])):
            quoted = f'"{self.draw.choice(PATTERNS)}"'
            selector = self.draw.choice([quoted, self.draw.choice(SELECTORS)])
            lines += f"{indent}init {selector} with ({self._scheme()})\n"
        return lines

    def own(self) -> str:
        return f" with ({self._scheme()})" if self.draw.random() < 0.4 else ""


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
    return x -> inner: Inner(width) -> fc2: Linear(4){rules.own()}
}}
net Outer(width: int = 3)(x: float32[N, 3, 4]) {{
{rules.init()}    x = x -> mid: Mid(width) -> inner: Inner(width)
    return x -> fc: Linear(4){rules.own()} -> conv: Conv1d(2, 1)
}}
"""


@pytest.mark.parametrize("seed", range(80))
def test_generated_code_follows_the_cascade(seed: int) -> None:
    spec = netspec.loads(_spec(seed))
    state = spec.build().state_dict()
    for layer in spec.graph.nets["Outer"].layers.values():
        for name in layer.parameters:
            value = state[f"{layer.name}.{name}"]
            scheme = next(iter(layer.schemes.get(name, ())), None)
            if scheme is None:
                assert not torch.all(value == value.flatten()[0].round()), (layer.name, name)
            else:
                expected = scheme.initialiser.given["val"]
                assert torch.all(value == expected), f"{layer.name}.{name}\n{spec.source}"


@pytest.mark.parametrize(
    ("first", "second", "meet"),
    [
        ("inner.*.weight", "*.a.weight", True),
        ("fc.weight", "*.fc.weight", False),
        ("fc*.weight", "*.fc.weight", True),
        ("fc*.weight", "*.conv.bias", False),
        ("a[12].w", "a?.w", True),
        ("a[12].w", "ab?.w", False),
        ("*", "?", True),
        ("", "*", True),
        ("a", "", False),
    ],
)
def test_patterns_meet_where_a_name_matches_both(first: str, second: str, meet: bool) -> None:
    assert may_meet(first, second) is meet
    assert may_meet(second, first) is meet


def test_a_rule_of_a_file_must_select_something_in_one_of_its_nets() -> None:
    nets = """init Conv1d with (weight=zeros)
net A()(x: float32[N, 3, 4]) { return x -> Conv1d(2, 1) }
net B()(x: float32[N, 3]) { return x -> Linear(2) }
"""
    assert not netspec.loads(nets).diagnostics
    (warning,) = netspec.loads(nets.replace("init Conv1d", 'init "fc*"')).diagnostics
    assert (warning.code, warning.severity) == ("unused-rule", "warning")


@pytest.mark.parametrize("pattern", ["*", "**"])
def test_a_pattern_for_every_name_needs_no_test_of_names(pattern: str) -> None:
    spec = netspec.loads(f"""
block Head(width: int)(x: [N, C]) {{
    return x -> Linear(width) -> LayerNorm
}}
net Every()(x: float32[N, 4]) {{
    init "{pattern}" with (weight=constant(2.0) -> spectral_norm, bias=constant(3.0))
    freeze "{pattern}"
    parameter scale: [4] = ones
    return x * scale -> Head(4) -> Head(2)
}}
""")
    assert "fnmatch" not in spec.source
    assert 'endswith("")' not in spec.source
    assert 'name.endswith(".weight")' in spec.source
    assert "        self.requires_grad_(False)\n" in spec.source
    model = spec.build(device="cpu")
    for name, parameter in model.named_parameters():
        wanted = 3.0 if name.endswith("bias") else 1.0 if name == "scale" else 2.0
        assert torch.all(parameter == wanted), name
        assert not parameter.requires_grad
    assert spec.net().frozen == set(dict(model.named_parameters()))
