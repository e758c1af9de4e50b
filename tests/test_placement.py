"""Parts of nets on devices of their own: what lives where, and what is moved.

There is one real device here. Torch's fake tensors know others, and refuse to mix them as real ones
do: generated source runs on them with "lazy" in place of "cuda".
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import netspec
from netspec.guard import verify
from netspec.summary import summarise

GOLDEN = Path(__file__).parent / "golden"

SPLIT = """
net Split(width: int = 16)(x: [N, 8]) -> [N, 4] {
    x = x -> fc1: Linear(width) -> ReLU
    on DEVICE {
        x = x -> fc2: Linear(width) -> ReLU
        return x -> fc3: Linear(4)
    }
}
"""

# Crossings of all kinds: skips, loops, branches, copies, bare tensors, blocks in blocks.
MAZE = """
block Mix(width: int)(x: [N, D]) -> [N, D] {
    h = x -> Linear(width)
    on "cuda:1" {
        layer back = Linear(D)
        y = h -> ReLU -> back
        return x + y + zeros(N, D)
    }
}

block Residual(body: block)(x: [N, D]) {
    on "cuda:2" { y = x -> body }
    return x + y
}

net Maze(depth: int = 2, wide: bool = True)(x: [N, 8], e: [N, 8]) {
    parameter here: [8] = ones
    on "cuda:1" {
        parameter there: [8] = ones
        a = x -> Linear(8)
        b = x + a + here
    }
    x = x + b + there
    for i in range(depth) as down {
        x = x -> Linear(8)
        on "cuda:1" { x = x -> LayerNorm }
        skip[i] = x
    }
    on "cuda:1" {
        for i in range(depth) as up {
            x = x + skip[i] -> Mix(16)
            on "cuda:2" { x = x + e + here -> Linear(8) }
        }
    }
    for i in range(depth) as flat {
        on "cuda:2" { x = x -> Linear(8) }
    }
    if wide {
        on "cuda:1" { x = x + (x -> Linear(8)) }
    } else {
        e = x + e
    }
    if training {
        on "cuda:2" { x = x + 0 * randn_like(x) + randn(N, 8) * 0 }
    }
    y, s = x -> Linear(16) -> chunk(2, dim=-1)
    on "cuda:2" { s = s -> body: (Linear(8) -> ReLU) -> repeat(depth) Linear(8) -> Residual(ReLU) }
    return y + s, e
}
"""

# Turns of loops with a forward of their own: kept values between devices, and no input at all.
TURNS = """
net Turns(depth: int = 2)(x: [N, 8]) {
    for i in range(depth) as a {
        on "cuda:1" { kept[i] = x -> Linear(8) -> LayerNorm }
    }
    for i in range(depth) as b {
        t = ones(2, 8) -> Linear(8) -> LayerNorm
        on "cuda:1" { t = t + (ones(2, 8) -> Linear(8)) }
        total[i] = t.sum()
    }
    for i in range(depth) as c {
        x = x + kept[i] + total[i] -> Linear(8)
    }
    return x
}
"""


def on(device: str, text: str = SPLIT) -> netspec.Spec:
    return netspec.loads(text.replace("DEVICE", f'"{device}"'))


def without_parts(text: str) -> str:
    """The same spec with the statements of its parts where the parts were."""
    kept: list[bool] = []
    out = ""
    for token in text.replace("{", "\0{\0").replace("}", "\0}\0").split("\0"):
        if token == "{":
            head, _, last = out.rpartition("\n")
            kept.append(not last.strip().startswith("on "))
            out = f"{out}{{" if kept[-1] else f"{head}\n"
        elif token == "}":
            out += "}" if kept.pop() else "\n"
        else:
            out += token
    return out


def run_fake(spec: netspec.Spec, *shapes: tuple[int, ...], **parameters: Any) -> Any:
    """The outputs of a net on fake devices; torch raises where tensors of two devices meet."""
    source = spec.source.replace('"cuda:', '"lazy:')
    names: dict[str, Any] = {"__name__": "fake"}
    exec(compile(verify(source), "fake", "exec"), names)
    with FakeTensorMode():
        model = names[spec.net().name](**parameters)
        outputs = model(*(torch.zeros(shape) for shape in shapes))
    return outputs


# ---- where things are --------------------------------------------------------------------------


def test_a_part_lives_on_its_device_and_its_input_is_moved_there() -> None:
    model = on("meta").build(device="cpu")
    places = {name: tensor.device.type for name, tensor in model.state_dict().items()}
    assert places == {
        f"{layer}.{name}": place
        for layer, place in (("fc1", "cpu"), ("fc2", "meta"), ("fc3", "meta"))
        for name in ("weight", "bias")
    }
    assert model(torch.rand(2, 8)).device.type == "meta"


def test_a_part_on_the_cpu_of_a_net_on_meta_has_numbers() -> None:
    text = (
        'net A()(x: [N, 8]) {\n    y = x -> a: Linear(8)\n    on "cpu" {\n        z = %s\n    }\n'
    )
    text = text % "ones(4, 8) -> b: Linear(8)" + "    return y.sum(dim=0) + z\n}\n"
    model = netspec.loads(text).build(device="meta")
    assert model.get_parameter("a.weight").is_meta
    assert not model.get_parameter("b.weight").is_meta
    assert model(torch.zeros(2, 8, device="meta")).shape == (4, 8)


def test_a_part_changes_no_number_and_no_name() -> None:
    x = torch.rand(3, 8)
    e = torch.rand(3, 8)
    results = []
    text = MAZE.replace("cuda:1", "cpu").replace("cuda:2", "cpu")
    assert "on " not in without_parts(text)
    for spec in (text, without_parts(text)):
        torch.manual_seed(0)
        model = netspec.loads(spec).build(device="cpu").eval()
        results.append((model.state_dict(), model(x, e)))
    (mine, outputs), (plain, expected) = results
    assert list(mine) == list(plain)
    assert all(torch.equal(mine[name], plain[name]) for name in plain)
    assert all(torch.equal(a, b) for a, b in zip(outputs, expected, strict=True))


def test_a_part_changes_no_shape_and_no_count() -> None:
    spec, plain = netspec.loads(MAZE), netspec.loads(without_parts(MAZE))
    assert str(summarise(spec.net())) == str(summarise(plain.net()))


def test_the_devices_of_blocks_in_other_files_are_checked(tmp_path: Path) -> None:
    (tmp_path / "blocks.net").write_text(
        'block B()(x: [N, C]) {\n    on "gpu" {\n        return x -> Linear(C)\n    }\n}\n'
    )
    (tmp_path / "net.net").write_text(
        'use B from "blocks.net"\nnet A()(x: [N, 8]) {\n    return x -> B\n}\n'
    )
    with pytest.raises(netspec.SpecError, match='unknown device "gpu"'):
        netspec.load(tmp_path / "net.net")


def test_rules_and_freezes_reach_into_parts() -> None:
    text = SPLIT.replace(
        "    x = x -> fc1", "    init Linear with (weight=ones)\n    freeze fc3\n    x = x -> fc1"
    )
    model = on("cpu", text).build(device="cpu")
    assert model.get_parameter("fc2.weight").eq(1).all()
    assert not model.get_parameter("fc3.weight").requires_grad
    assert model.get_parameter("fc2.weight").requires_grad


# ---- what is moved -----------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [{}, {"depth": 3, "wide": False}, {"depth": 1}])
def test_no_two_devices_meet(parameters: dict[str, Any]) -> None:
    y, e = run_fake(netspec.loads(MAZE), (3, 8), (3, 8), **parameters)
    assert (y.device.type, e.device.type) == ("cpu", "cpu")


def test_no_two_devices_meet_in_turns_of_loops() -> None:
    assert run_fake(netspec.loads(TURNS), (3, 8)).device.type == "cpu"


def test_no_two_devices_meet_in_the_golden_spec() -> None:
    logits = run_fake(netspec.load(GOLDEN / "parts.net"), (2, 1, 28, 28))
    assert str(logits.device) == "lazy:1"


def test_a_tensor_that_both_sides_need_is_copied_once() -> None:
    body = (
        'on "cuda:1" {\n        a = x -> fc: Linear(8)\n        b = x + a\n    }\n    return x + b'
    )
    source = netspec.loads(f"net A()(x: [N, 8]) {{\n    {body}\n}}\n").source
    assert source.endswith(
        "        device = x.device\n"
        "        x_there = x.to(self.fc.weight.device)\n"
        "        a = self.fc(x_there)\n"
        "        b = x_there + a\n"
        "        b = b.to(device)\n"
        "        output: Tensor = x + b\n"
        "        return output\n"
    )


def test_a_tensor_goes_from_part_to_part_without_a_detour() -> None:
    body = 'on "cuda:1" { x = x -> a: Linear(8) }\n    on "cuda:2" { return x -> b: Linear(8) }'
    source = netspec.loads(f"net A()(x: [N, 8]) {{\n    {body}\n}}\n").source
    assert source.count(".to(") == 2


def test_a_net_that_is_moved_by_hand_still_runs() -> None:
    model = on("meta").build(device="cpu").to("meta")
    assert model(torch.zeros(2, 8, device="meta")).shape == (2, 4)
    real = on("cpu").build(device="meta").to_empty(device="cpu")
    assert real(torch.zeros(2, 8)).shape == (2, 4)


def test_a_net_with_parts_compiles_and_exports() -> None:
    model, x = on("cpu").build(device="cpu").eval(), torch.rand(2, 8)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    assert torch.equal(compiled(x), model(x))
    assert torch.equal(torch.export.export(model, (x,)).module()(x), model(x))


def test_a_loop_without_turns_moves_nothing() -> None:
    text = (
        "net A(depth: int = 1)(x: [N, 8]) {\n"
        '    on "meta" {\n        for _ in range(depth) as h { x = x -> Linear(8) }\n    }\n'
        '    on "meta" { return x }\n}\n'
    )
    model: nn.Module = netspec.loads(text).build(device="cpu")
    assert model(torch.rand(2, 8)).is_meta
    assert not netspec.loads(text, depth=0).build(device="cpu")(torch.rand(2, 8)).is_meta
