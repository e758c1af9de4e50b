"""Groups of parameters in training scripts: which parameter is in which, and how that reads."""

import ast
from pathlib import Path
from typing import Any

import pytest
import torch

import netspec
from tests.running import run, write

SPEC = """
net Reader()(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    code = image -> Flatten -> body: (Linear(16) -> LayerNorm -> GELU -> Linear(16))
    return code -> head: Linear(10)
}
train Reader {
    data = Digits()
    loss = cross_entropy(logits, label)
    OPTIMIZER
    epochs = 1
}
"""


def spec(*lines: str, text: str = SPEC) -> str:
    return text.replace("OPTIMIZER", "\n    ".join(lines))


def made(text: str) -> list[str]:
    """The lines of a script between its loaders and its optimiser, without their breaks."""
    tree = ast.parse(netspec.loads(text).render()["train.py"])
    (train,) = (x for x in tree.body if isinstance(x, ast.FunctionDef) and x.name == "train")
    texts = [ast.unparse(statement) for statement in train.body]
    first = next(i for i, line in enumerate(texts) if " = make_loaders(" in line)
    last = next(i for i, line in enumerate(texts) if " = torch.optim." in line)
    return "\n".join(texts[first + 1 : last]).splitlines()


def counts(text: str, folder: Path) -> dict[str, Any]:
    """How many parameters each optimiser has in each of its groups, after a run."""
    done = run(write(text, folder))
    assert done.returncode == 0, done.stderr
    state = torch.load(folder / "out/last.pt", weights_only=True)
    return {
        name: [len(group["params"]) for group in part["param_groups"]]
        for name, part in state.items()
        if "param_groups" in part
    }


# ---- how it reads ------------------------------------------------------------------------------


def test_one_group_takes_no_lists() -> None:
    source = netspec.loads(spec("optimizer = AdamW(lr=0.1)")).render()["train.py"]
    assert "optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.lr)" in source


def test_matrices_and_vectors_are_two_lists() -> None:
    assert made(spec("optimizer = AdamW(lr=0.1)", 'decay = "matrices"'))[:2] == [
        "vectors = [p for p in model.parameters() if p.ndim < 2]",
        "matrices = [p for p in model.parameters() if p.ndim >= 2]",
    ]


@pytest.mark.parametrize(
    ("selector", "variable", "test"),
    [
        ("head", "head", 'name.startswith("head.")'),
        ('"head.*"', "group", 'name.startswith("head.")'),
        ('"body.0"', "group", 'name.startswith("body.0.")'),
        ('"*.bias"', "group", 'name.endswith(".bias")'),
        ('"head.bias"', "group", 'name == "head.bias"'),
        ('"body.[01].*"', "group", 'fnmatch(name, "body.[01].*")'),
        ('"*"', "group", 'fnmatch(name, "*")'),
        ('"*.if.*", head', "head", 'fnmatch(name, "*.if.*") or name.startswith("head.")'),
        (
            'head, "*.bias", body',
            "head_body",
            'name.startswith("head.") or name.endswith(".bias")',
        ),
    ],
)
def test_a_selector_is_the_plainest_test_that_some_name_passes(
    selector: str, variable: str, test: str
) -> None:
    lines = made(spec("optimizer = AdamW(lr=0.1)", f"group {selector} with (lr=0.2)"))
    assert lines[0].startswith(f"{variable}")
    assert f"if {test}" in "\n".join(lines).replace("'", '"')


def test_several_groups_are_made_in_one_loop() -> None:
    lines = made(
        spec(
            "optimizer = AdamW(lr=0.1)",
            'group LayerNorm, "*.bias" with (weight_decay=0.0)',
            "group head with (lr=0.1 * lr)",
        )
    )
    assert lines == [
        "norms = {p for m in model.modules() if isinstance(m, nn.LayerNorm) "
        "for p in m.parameters()}",
        "layer_norm, head, rest = ([], [], [])",
        "for name, p in model.named_parameters():",
        "    if p in norms or name.endswith('.bias'):",
        "        layer_norm.append(p)",
        "    elif name.startswith('head.'):",
        "        head.append(p)",
        "    else:",
        "        rest.append(p)",
        "groups: list[dict[str, Any]] = [{'params': rest}, "
        "{'params': layer_norm, 'weight_decay': 0.0}, {'params': head, 'lr': 0.1 * cfg.lr}]",
    ]


# ---- what is in them ---------------------------------------------------------------------------


def test_a_parameter_belongs_to_the_first_group_that_selects_it(tmp_path: Path) -> None:
    one, other = "group head with (optimizer=Adam(lr=0.01))", 'group "*.bias" with (lr=0.5 * lr)'
    sgd = "optimizer = SGD(lr=0.1)"
    assert counts(spec(sgd, one, other), tmp_path) == {"adam": [2], "sgd": [3, 3]}
    assert counts(spec(sgd, other, one), tmp_path) == {"adam": [1], "sgd": [3, 4]}


def test_groups_come_before_what_is_no_matrix(tmp_path: Path) -> None:
    lines = "optimizer = AdamW(lr=0.1)", 'decay = "matrices"', "group head with (lr=0.5 * lr)"
    assert counts(spec(*lines), tmp_path) == {"optimizer AdamW": [2, 2, 4]}


def test_a_class_selects_layers_that_are_parametrized(tmp_path: Path) -> None:
    text = SPEC.replace("Linear(10)", "Linear(10) with (weight=weight_norm())")
    lines = "optimizer = AdamW(lr=0.1)", "group Linear with (lr=0.5 * lr)"
    assert counts(spec(*lines, text=text), tmp_path) == {"optimizer AdamW": [2, 7]}
    lines = "optimizer = AdamW(lr=0.1)", 'group "head.*" with (lr=0.5 * lr)'
    assert counts(spec(*lines, text=text), tmp_path) == {"optimizer AdamW": [6, 3]}


TIED = """
net Tied()(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    tie up.weight = down.weight
    copy = image -> down: Conv2d(4, 3, bias=False) -> up: ConvTranspose2d(1, 3, bias=False)
    return copy -> Flatten -> Linear(10)
}
train Tied {
    data = Digits()
    loss = cross_entropy(logits, label)
    OPTIMIZER
    epochs = 1
}
"""


@pytest.mark.parametrize("title", ["Conv2d", "ConvTranspose2d", "ConvTranspose"])
def test_a_class_selects_what_is_tied_to_a_weight_of_it(title: str, tmp_path: Path) -> None:
    text = spec("optimizer = SGD(lr=0.1)", f"group {title} with (lr=0.0)", text=TIED)
    assert netspec.loads(text).diagnostics == ()
    assert counts(text, tmp_path) == {"optimizer SGD": [2, 1]}


# ---- optimisers of their own -------------------------------------------------------------------


def test_several_optimisers_are_called_by_their_kinds(tmp_path: Path) -> None:
    muon = "optimizer = Muon(lr=0.02)", "scheduler = ExponentialLR(0.9)"
    script = write(spec(*muon, 'group LayerNorm, "*.bias" with (optimizer=AdamW())'), tmp_path)
    source = script.read_text(encoding="utf-8")
    assert "muon = torch.optim.Muon(muon_params, lr=cfg.lr)" in source
    assert "adamw = torch.optim.AdamW(adamw_params, lr=cfg.adamw_lr)" in source
    assert run(script, "--adamw-lr", "0.5").returncode == 0
    state = torch.load(tmp_path / "out/last.pt", weights_only=True)
    assert [*state] == [
        *("rows", "model", "muon", "muon_scheduler ExponentialLR"),
        *("adamw", "adamw_scheduler ExponentialLR"),
    ]
    assert state["adamw"]["param_groups"][0]["initial_lr"] == 0.5
    assert run(script, "--epochs", "2", "--resume").returncode == 0


def test_optimisers_of_one_kind_are_numbered(tmp_path: Path) -> None:
    lines = "optimizer = SGD(lr=0.1)", "group head with (optimizer=SGD(lr=0.2))"
    assert counts(spec(*lines), tmp_path) == {"sgd": [6], "sgd2": [2]}


@pytest.mark.parametrize("names", ["p=Reader", "adam=Reader", "norms=Reader", "head=Reader"])
def test_a_net_may_be_called_as_one_of_the_lists(names: str, tmp_path: Path) -> None:
    own = names.partition("=")[0]
    lines = (
        "optimizer = SGD(lr=0.1)",
        "group LayerNorm with (optimizer=Adam(lr=0.1))",
        "group head with (lr=0.5 * lr)",
        'group "*.bias" with (momentum=0.9)',
    )
    text = SPEC.replace("train Reader", f"train X({names})").replace(
        "(logits, label)", f"({own}(image), label)"
    )
    found = counts(spec(*lines, text=text), tmp_path)
    assert sorted(found.values()) == [[2], [2, 2, 2]]
