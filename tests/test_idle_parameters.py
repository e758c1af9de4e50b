"""Parameters that a loss gives no gradient: torch's processes have to be told of them."""

from pathlib import Path

import pytest
import torch

from tests.running import open_script, write

TOLD = "find_unused_parameters=True"
LOSS = "loss = cross_entropy(logits, label)"
BLOCK = """
block Pair(k: int = 6)(x: [N, C]) {
    return x -> Linear(k), x -> Linear(k)
}
block Turn()(x: [N, C]) {
    if C != 16 {
        x = x -> Linear(16)
    }
    return x -> Linear(16) -> ReLU
}
"""


def two_heads(loss: str, body: str = "return h -> Linear(10), h -> Linear(3)") -> str:
    return f"""{BLOCK}
net P()(image: float32[N, 1, 8, 8]) -> (logits: [N, 10], extra: [N, 3]) {{
    h = image -> Flatten -> Linear(16) -> ReLU
    {body}
}}
train P {{
    data = Digits()
    {loss}
    optimizer = SGD(lr=0.1)
}}
"""


def one_head(body: str, loss: str = LOSS) -> str:
    return f"""{BLOCK}
net P(deep: bool = False)(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {{
    x = image -> Flatten
    {body}
}}
train P {{
    data = Digits()
    {loss}
    optimizer = SGD(lr=0.1)
}}
"""


def lacks_a_gradient(script: Path) -> bool:
    """Whether some parameter has no gradient behind a step of the script."""
    module = open_script(script)
    model = module["make_nets"](torch.device("cpu")).train()
    loss = module["compute_loss"](model, [torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 3])])
    (loss[0] if isinstance(loss, tuple) else loss).backward()
    return any(p.grad is None for p in model.parameters() if p.requires_grad)


IDLE = {
    "an output that nothing reads": two_heads(LOSS),
    "an output that only a metric reads": two_heads(
        f"{LOSS}\n    metrics = [mean_squared_error(extra, extra)]"
    ),
    "a detached output": two_heads(f"{LOSS} + extra.detach() -> mean"),
    "an output that only chooses": two_heads(
        f"a = extra -> argmax(1)\n    {LOSS} + 0 * mean(a.float())"
    ),
    "calls that read one output": two_heads(
        "a, _ = P(image)\n    b, _ = P(image)\n    loss = cross_entropy(a + b, label)"
    ),
    "a layer behind which nothing is": one_head("y = x -> Linear(3)\n    return x -> Linear(10)"),
    "a layer that is called in vain": one_head(
        "layer a = Linear(3)\n    y = a(x)\n    return x -> Linear(10)"
    ),
    "a parameter that is never read": one_head(
        "parameter p: [3] = zeros\n    return x -> Linear(10)"
    ),
    "an output of a block": one_head("a, b = x -> Pair\n    return a -> Linear(10)"),
    "a layer before detach": one_head("x = x -> Linear(8) -> detach\n    return x -> Linear(10)"),
    "a side that training never takes": one_head(
        "if training {\n    x = x -> Linear(8)\n} else {\n    x = x -> Linear(8)\n}\n"
        "return x -> Linear(10)"
    ),
    "the turns of a loop": one_head(
        "for i in range(2) as h {\n    y = x -> Linear(64)\n    x = x -> ReLU\n}\n"
        "return x -> Linear(10)"
    ),
}
BUSY = {
    "one output": one_head("return x -> Linear(10)"),
    "both outputs": two_heads(f"{LOSS} + extra -> mean"),
    "an output each": two_heads(
        "a, _ = P(image)\n    _, b = P(image)\n    loss = cross_entropy(a, label) + mean(b)"
    ),
    "an output without layers of its own": two_heads(LOSS, "return h -> Linear(10), h[:, :3]"),
    "a frozen head": two_heads(
        LOSS, "freeze side\n    return h -> Linear(10), h -> side: Linear(3)"
    ),
    "a layer that the parameters leave out": one_head(
        "if deep {\n    x = x -> Linear(8)\n}\nreturn x -> Linear(10)"
    ),
    "a block whose sizes decide": one_head("return x -> Turn -> Turn -> Linear(10)"),
    "both outputs of a block": one_head("a, b = x -> Pair\n    return a + b -> Linear(10)"),
    "a layer that is called twice": one_head(
        "layer a = Linear(64)\n    y = a(x)\n    return x -> a -> Linear(10)"
    ),
    "a layer of training alone": one_head(
        "if training {\n    x = x -> Linear(64)\n}\nreturn x -> Linear(10)"
    ),
    "the turns of a loop": one_head(
        "y = x\nfor i in range(2) as h {\n    x = y + x\n    y = x -> Linear(64)\n}\n"
        "return x + y -> Linear(10)"
    ),
    "values kept in a loop": one_head(
        "for i in range(2) as h {\n    kept[i] = x -> Linear(8)\n}\n"
        "return kept[0] + kept[1] -> Linear(10)"
    ),
    "a choice of values": one_head(
        "y = x -> Linear(8)\nz = x -> Linear(8)\nreturn where(y > 0, y, z) -> Linear(10)"
    ),
}


@pytest.mark.parametrize("text", IDLE.values(), ids=IDLE)
def test_processes_are_told_of_parameters_without_a_gradient(text: str, tmp_path: Path) -> None:
    script = write(text, tmp_path)
    assert lacks_a_gradient(script)
    assert TOLD in script.read_text()


@pytest.mark.parametrize("text", BUSY.values(), ids=BUSY)
def test_processes_are_told_nothing_where_all_have_a_gradient(text: str, tmp_path: Path) -> None:
    script = write(text, tmp_path)
    assert not lacks_a_gradient(script)
    wrapped = "    net = DistributedDataParallel(model) if world > 1 else model\n"
    assert wrapped in script.read_text()


def test_processes_are_told_of_layers_that_sizes_of_the_data_choose(tmp_path: Path) -> None:
    body = "if N > 4 {\n    x = x -> Linear(64)\n}\nreturn x -> Linear(10)"
    text = write(one_head(body), tmp_path).read_text()
    assert "if world > 1:  # the data decides which layers run\n" in text


def test_an_output_that_is_not_read_has_no_name(tmp_path: Path) -> None:
    text = write(two_heads(LOSS), tmp_path).read_text()
    assert "    logits, _ = model(image)\n" in text
    assert "if world > 1:  # not all parameters are part of the loss\n" in text
