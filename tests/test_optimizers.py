"""Optimisers against the nets that they train."""

import pytest
import torch

import netspec
from netspec.source import Source
from netspec.spec import examine

SPEC = """net Words(vocab: int = 9)(words: int64[N, T]) -> (logits: [N, T, vocab]) {{
    layer table = Embedding(vocab, 4, sparse=True)
    layer head = {head}
    {tie}
    return words -> table -> head
}}
"""
HEADS = [("Linear(vocab)", ""), ("Linear(vocab, bias=False)", "tie head.weight = table.weight")]


@pytest.mark.parametrize(("head", "tie"), HEADS, ids=["apart", "tied"])
def test_the_gradients_that_are_sparse_are_known(head: str, tie: str) -> None:
    text = SPEC.format(head=head, tie=tie)
    graph, _ = examine(Source(text, "words.net"), None, {})
    assert graph is not None
    model = netspec.loads(text).build(device="cpu")
    model(torch.tensor([[1, 2, 2]])).logsumexp(2).mean().backward()
    real = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.is_sparse}
    assert graph.nets["Words"].sparse_parameters() == real
    assert real == (set() if tie else {"table.weight"})
