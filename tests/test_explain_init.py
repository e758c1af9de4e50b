"""Which rule initialises a parameter: what is told, held against the module that is built."""

from pathlib import Path

import pytest

import netspec
from netspec.explain_init import Row

# Each rule fills with a number of its own, so that a parameter tells which one it was.
SPEC = """\
init Linear with (weight=constant(1), bias=constant(2))
init Conv with (weight=constant(3))

block Own(value: float)(x: [N, D]) {
    init Linear with (weight=constant(value))
    init "a" with (weight=constant(5))
    x = x -> a: Linear(D) with (bias=constant(6)) -> b: Linear(D)
    return x -> c: Linear(D) with (weight=constant(value / 2))
}

block Plain(start: float)(x: [N, D]) {
    parameter gain: [D] = constant(start)
    return x * gain -> a: Linear(D) -> LayerNorm with (bias=constant(start + 1))
}

net Rules(depth: int = 3)(x: [N, 8]) {
    init Linear, "inner.*" with (bias=constant(9))
    init "plain.a" with (weight=constant(10))
    parameter offset: [8] = constant(11)
    x = x + offset -> own: Own(4) -> plain: Plain(7)
    for i in range(depth) as h {
        x = x -> Own(12) -> fc: Linear(8) with (weight=constant(depth + 10))
    }
    x = x -> inner: (LayerNorm -> LayerNorm(elementwise_affine=False))
    tie last.weight = plain.a.weight
    return x[:, None] -> conv: Conv(2, 3) -> Flatten -> Linear(8, bias=False) -> last: Linear(8)
}
"""


def rows(spec: netspec.Spec) -> dict[str, Row]:
    return {row.name: row for row in spec.explain_init().rows}


def rules(row: Row) -> list[str]:
    """The scheme and the rule of each that names a parameter, the one that holds first."""
    all_rules = [row.rule, *row.overruled] if row.rule else []
    return [f"{rule.scheme} {rule.rule}" for rule in all_rules]


@pytest.mark.slow
def test_the_rule_that_is_told_is_the_one_that_filled_the_parameter() -> None:
    import torch

    spec = netspec.loads(SPEC)
    model = spec.build(device="cpu")
    found = dict(model.named_parameters(remove_duplicate=False))
    told = rows(spec)
    assert sorted(found) == sorted(told)
    defaults = []
    for name, tensor in found.items():
        row = told[name]
        assert tuple(tensor.shape) == row.shape
        if row.tied:
            assert tensor is found[row.tied]
        elif row.rule:
            value = float(row.rule.scheme.removeprefix("constant(").removesuffix(")"))
            assert torch.equal(tensor, torch.full_like(tensor, value)), name
        else:
            defaults.append(name)
    assert defaults == ["plain.layer_norm1.weight", "inner.0.weight", "conv.bias"]


def test_an_own_rule_beats_a_pattern_a_pattern_a_class_and_an_inner_one_an_outer_one() -> None:
    told = rows(netspec.loads(SPEC))
    assert rules(told["own.c.weight"]) == [
        "constant(2.0) with",
        "constant(4) init Linear",
        "constant(1) init Linear",
    ]
    assert rules(told["h.1.own1.a.weight"]) == [
        'constant(5) init "a"',
        "constant(12) init Linear",
        "constant(1) init Linear",
    ]
    assert rules(told["plain.a.weight"]) == [
        'constant(10) init "plain.a"',
        "constant(1) init Linear",
    ]
    assert rules(told["plain.gain"]) == ["constant(7) parameter gain"]
    assert told["last.weight"].tied == "plain.a.weight"


def test_a_later_rule_beats_an_earlier_one_and_a_statement_counts_once() -> None:
    spec = netspec.loads(
        "net A()(x: [N, 4]) {\n"
        "    init Linear with (weight=zeros)\n"
        '    init "f*", "fc" with (weight=normal(std=1 / 4), bias=zeros)\n'
        '    init "*" with (weight=ones)\n'
        "    return x -> fc: Linear(2)\n}\n"
    )
    told = rows(spec)
    assert rules(told["fc.weight"]) == [
        'ones init "*"',
        'normal(std=0.25) init "fc"',
        "zeros init Linear",
    ]
    assert rules(told["fc.bias"]) == ['zeros init "fc"']
    assert [rule.place for rule in told["fc.weight"].overruled] == ["<spec>:3:5", "<spec>:2:5"]


def test_rules_of_another_file_hold_for_its_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.net").write_text(
        "init Linear with (weight=ones)\n\nblock Other()(x: [N, D]) { return x -> fc: Linear(D) }\n"
    )
    Path("own.net").write_text(
        'use Other from "other.net"\n\ninit Linear with (weight=zeros)\n\n'
        "net A()(x: [N, 4]) { return x -> o: Other -> Linear(2) }\n"
    )
    told = rows(netspec.load("own.net"))
    rule = told["o.fc.weight"].rule
    assert rule is not None
    assert rule.place == "other.net:1:1"
    assert rules(told["o.fc.weight"]) == ["ones init Linear", "zeros init Linear"]
    assert rules(told["linear1.weight"]) == ["zeros init Linear"]


@pytest.mark.slow
def test_rules_of_another_file_are_in_what_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    Path("other.net").write_text(
        "init Linear with (weight=constant(1), bias=constant(2))\n\n"
        "block Other()(x: [N, D]) {\n"
        '    init "fc" with (bias=constant(3))\n'
        "    return x -> fc: Linear(D) -> last: Linear(D)\n}\n"
    )
    Path("own.net").write_text(
        'use Other from "other.net"\n\ninit Linear with (weight=constant(4))\n\n'
        "net A()(x: [N, 4]) { return x -> o: Other -> out: Linear(2) }\n"
    )
    model = netspec.load("own.net").build(device="cpu")
    for layer, weight, bias in ((model.o.fc, 1, 3), (model.o.last, 1, 2), (model.out, 4, None)):
        assert torch.equal(layer.weight, torch.full_like(layer.weight, weight))
        assert bias is None or torch.equal(layer.bias, torch.full_like(layer.bias, bias))


@pytest.mark.slow
def test_what_a_block_names_beats_a_pattern_of_its_net_in_what_is_built() -> None:
    spec = netspec.loads(
        "block Inner()(x: [N, D]) {\n"
        '    init "a" with (weight=constant(2))\n'
        "    return x -> a: Linear(D) with (bias=constant(3))\n}\n\n"
        "net A()(x: [N, 4]) {\n"
        '    init "i.*" with (weight=constant(4), bias=constant(5))\n'
        "    return x -> i: Inner\n}\n"
    )
    told = rows(spec)
    assert rules(told["i.a.weight"])[0] == 'constant(2) init "a"'
    assert rules(told["i.a.bias"])[0] == "constant(3) with"
    model = spec.build(device="cpu")
    assert (model.i.a.weight[0, 0].item(), model.i.a.bias[0].item()) == (2, 3)


def test_the_table_folds_what_repeats_and_shows_what_lost() -> None:
    spec = netspec.loads(
        "block B()(x: [N, D]) { return x -> fc: Linear(D) -> repeat(2) Linear(D) }\n\n"
        "net A(depth: int = 3)(x: [N, 4]) {\n"
        "    init Linear with (bias=zeros)\n"
        '    init "h.*" with (weight=normal(0.0, 0.5 / 2))\n'
        '    init "h.2.*" with (bias=ones)\n'
        "    parameter raw: [4]\n"
        "    return x + raw -> h: repeat(depth) B -> BatchNorm1d\n}\n",
        name="a.net",
    )
    assert f"\n{spec.explain_init()}\n" == TABLE


TABLE = """
parameter                 shape   scheme                         rule          place
----------------------------------------------------------------------------------------
h.0-2.fc.weight           [4, 4]  normal(0.0, 0.25)              init "h.*"    a.net:5:5
h.0-1.fc.bias             [4]     zeros                          init Linear   a.net:4:5
h.0-2.linears.0-1.weight  [4, 4]  normal(0.0, 0.25)              init "h.*"    a.net:5:5
h.0-1.linears.0-1.bias    [4]     zeros                          init Linear   a.net:4:5
h.2.fc.bias               [4]     ones                           init "h.2.*"  a.net:6:5
  beats                           zeros                          init Linear   a.net:4:5
h.2.linears.0-1.bias      [4]     ones                           init "h.2.*"  a.net:6:5
  beats                           zeros                          init Linear   a.net:4:5
batch_norm1.weight        [4]     PyTorch's default
batch_norm1.bias          [4]     PyTorch's default
raw                       [4]     none: left as it is in memory
"""


def test_a_text_with_control_characters_does_not_reach_the_terminal() -> None:
    spec = netspec.loads(
        'net A()(x: [N, 4]) {\n    init "[\x1bl]*" with (weight=ones)\n'
        "    return x -> Linear(2)\n}\n",
        name="a\x1b.net",
    )
    assert 'init "[\N{REPLACEMENT CHARACTER}l]*"' in str(spec.explain_init())
    assert "\x1b" not in str(spec.explain_init())
