"""Measure ResNet-50, GPT-2 and U-Net against plain torch; `--compile` does so compiled, too.

Then what it takes to check and render large nets, with the peak memory of a process that does it.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import netspec
from tests import twins
from tests.bench.table import Row, alternate, show, timed

SPECS = Path(__file__).parents[2] / "specs"
FIXED = 0.060  # seconds that the start of a build may take, whatever the net
LOOP = """net Deep(depth: int = 10_000)(x: float32[N, 64]) -> [N, 64] {
    for i in range(depth) as layers { x = x -> Linear(64) }
    return x
}
"""


class Pair(NamedTuple):
    """A spec, a class written by hand with the same initialisation, and an input for both."""

    file: str
    written: Callable[[], nn.Module]
    input: Tensor


def main() -> int:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows: list[Row] = []
    for pair in pairs():
        rows += building(pair)
        rows += running(pair, "", lambda model: model)
        if "--compile" in sys.argv:
            rows += running(pair, " compiled", compiled)
    missed = show(rows)
    print()
    for name in ("resnet50", "gpt2", "deep"):
        print(checked_and_rendered(name))
    return 1 if missed else 0


def pairs() -> list[Pair]:
    return [
        Pair("resnet50", resnet50, torch.rand(2, 3, 224, 224)),
        Pair("gpt2", gpt2, torch.randint(50257, (1, 128))),
        Pair("unet", lambda: twins.UNet(3, [64, 128, 256, 512], 2), torch.rand(1, 3, 96, 96)),
    ]


def resnet50() -> nn.Module:
    model = twins.ResNet([3, 4, 6, 3], 1000, bottleneck=True)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model


class GPT2(twins.GPT2):
    """The twin, with torch's own attention in place of one that is spelled out."""

    def attend(self, layer: nn.ModuleDict, x: Tensor) -> Tensor:
        batch, length, dim = x.shape
        heads = layer["qkv"](x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(*heads, is_causal=True)
        return layer["out"](y.transpose(1, 2).reshape(batch, length, dim))


def gpt2() -> nn.Module:
    """With a head that shares the embedding's weight, initialised as the paper's code does."""
    model = GPT2(50257, 1024, 768, 12, 12)
    head = nn.Linear(768, 50257, bias=False)
    for module in [*model.modules(), head]:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
    for name, parameter in model.named_parameters():
        if name.endswith(("out.weight", "narrow.weight")):
            nn.init.normal_(parameter, std=0.02 / 24**0.5)
    head.weight = model.words.weight
    return model


def building(pair: Pair) -> list[Row]:
    """The time from a file to a module, and what of it does not depend on the size of the net."""

    def load() -> object:
        return netspec.load(SPECS / f"{pair.file}.net").source

    spec = netspec.load(SPECS / f"{pair.file}.net")
    built, written, start = alternate(
        timed(lambda: spec.build(device="cpu")), timed(pair.written), timed(load), turns=21
    )
    return [
        Row(f"build {pair.file}", built, "written by hand", written, 1.1),
        Row(f"read, check, render {pair.file}", start, "fixed start", FIXED, 1.0),
    ]


def running(pair: Pair, how: str, prepare: Callable[[nn.Module], Any]) -> list[Row]:
    models = [netspec.load(SPECS / f"{pair.file}.net").build(device="cpu"), pair.written()]
    ours, theirs = alternate(
        *(timed(both_ways(prepare(model), pair.input)) for model in models), turns=9
    )
    return [Row(f"{pair.file}{how}, forward and backward", ours, "written by hand", theirs, 1.1)]


def both_ways(model: Any, input: Tensor) -> Callable[[], object]:
    def run() -> object:
        model.zero_grad()
        return model(input).float().square().mean().backward()

    return run


def compiled(model: nn.Module) -> Any:
    """One graph, without breaks, or an error."""
    return torch.compile(model, fullgraph=True)


def checked_and_rendered(name: str) -> str:
    """The time and the peak memory of a process of its own, imports apart."""
    code = f"""
import re, time
from netspec.spec import load, loads
import netspec.lower, netspec.render
text = {LOOP!r} if {name!r} == "deep" else open({str(SPECS / name)!r} + ".net").read()
loads("net A()(x: [N, 2]) {{ return x -> Linear(2) }}").source
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
before, start = peak(), time.perf_counter()
source = loads(text).source
seconds = time.perf_counter() - start
print(f"{name}: check and render {{seconds * 1e3:.0f}} ms, peak {{peak() / 1024:.0f}} MiB "
      f"({{before / 1024:.0f}} before), {{source.count(chr(10))}} lines")
"""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.rstrip()


if __name__ == "__main__":
    sys.exit(main())
