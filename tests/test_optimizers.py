"""Optimisers against the nets that they train."""

import ast
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import netspec
from netspec.catalogue.optimizer import OPTIMIZERS
from netspec.source import Source
from netspec.spec import examine

SPEC = """net Words(vocab: int = 9)(words: int64[N, T]) -> (logits: [N, T, vocab]) {{
    layer table = Embedding(vocab, 4, sparse=True)
    layer head = {head}
    {tie}
    return words -> table -> head
}}
"""
HEADS = [
    ("Linear(vocab)", ""),
    ("Linear(vocab, bias=False)", "tie head.weight = table.weight"),
    ("Linear(vocab)", "init Embedding with (weight=spectral_norm)"),
    ("Linear(vocab)", "init Embedding with (weight=weight_norm(dim=-1))"),
]


@pytest.mark.parametrize(("head", "tie"), HEADS, ids=["apart", "tied", "spectral", "weight"])
def test_the_gradients_that_are_sparse_are_known(head: str, tie: str) -> None:
    text = SPEC.format(head=head, tie=tie)
    graph, _ = examine(Source(text, "words.net"), None, {})
    assert graph is not None
    model = netspec.loads(text).build(device="cpu")
    model(torch.tensor([[1, 2, 2]])).logsumexp(2).mean().backward()
    real = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.is_sparse}
    assert graph.nets["Words"].sparse_parameters() == real
    assert real == (set() if tie else {"table.weight"})


SECTION = """net Digits()(image: float32[N, 1, 28, 28]) -> (logits: [N, 10]) {{
    return image -> Flatten -> Linear(10, bias=False)
}}

train Digits {{
    data = MNIST5k()
    loss = cross_entropy(logits, label)
    optimizer = {call}
}}
"""
CALLS = [
    *(f"{name}()" for name, cls in OPTIMIZERS.items() if not cls.closure and name != "SparseAdam"),
    "SGD(0.1, 0.9, nesterov=True, maximize=True)",
    "Adam(betas=(0.8, 0.99), foreach=True, decoupled_weight_decay=True)",
    "AdamW(1e-3, (0.9, 0.95), fused=True)",
    "RMSprop(centered=True, foreach=False)",
    "Adafactor(eps=(None, 0.01), d=2.0)",
    "Rprop(lr=0.01, etas=(0.5, 1.1))",
    'Muon(0.02, adjust_lr_fn="match_rms_adamw")',
]


@pytest.mark.parametrize("call", CALLS)
def test_the_training_script_makes_the_optimiser_that_is_written(call: str) -> None:
    script = netspec.loads(SECTION.format(call=call)).render()["train.py"]
    statement = next(
        node
        for node in ast.walk(ast.parse(script))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "optimizer"
    )
    model = nn.Linear(784, 10, bias=False)
    name, _, rest = call.partition("(")
    title = f"torch.optim.{name}(model.parameters(){', ' if rest != ')' else ''}{rest}"
    wanted = eval(title, {"torch": torch, "model": model})
    rate = float(wanted.defaults["lr"])
    scope = {"torch": torch, "model": model, "cfg": SimpleNamespace(lr=rate)}
    made = eval(ast.unparse(statement.value), scope)
    assert type(made) is type(wanted)
    assert made.defaults == {**wanted.defaults, "lr": rate}


@pytest.mark.parametrize("call", ["SGD(lr=1e400)", "SparseAdam(1e400)", "LBFGS(lr=1e400)"])
def test_a_rate_is_finite(call: str) -> None:
    _, found = examine(Source(SECTION.format(call=call), "digits.net"), None, {})
    (problem,) = found
    assert problem.code == "wrong-argument"
    assert "must be a" in problem.message
    assert problem.label == "not finite"
