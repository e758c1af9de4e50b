"""What the summary of a net that fails shows: how far it goes, and where it fails."""

from pathlib import Path

import pytest

import netspec
from netspec.graph import Failure
from netspec.source import Source
from netspec.spec import examine, read_source, read_used, sketch

GALLERY = sorted((Path(__file__).parent / "errors").glob("*.net"))


def sketches(text: str, net: str | None = None) -> list[str]:
    found = sketch(Source(text, "a.net"), None, {}, net=net)
    with pytest.raises(netspec.SpecError):
        netspec.loads(text)
    return [str(item) for item in found]


def marks(text: str) -> list[str]:
    return [line for item in sketches(text) for line in item.splitlines() if line[0] == "✗"]


BLOCK = """\
block Down(width: int)(x: [N, C, H, W]) {
    y = x -> conv1: Conv2d(width, 3, stride=2, padding=1) -> ReLU
    return x + y
}

net A()(image: [N, 3, 32, 32]) {
    x = image -> stem: Conv2d(8, 3, padding=1) -> down: Down(16) -> Flatten
    y = image -> side: Linear(2)
    return x -> fc: Linear(10)
}
"""


def test_what_comes_before_and_beside_the_failure_is_shown() -> None:
    (text,) = sketches(BLOCK)
    assert f"\n{text}\n" == DOWN


DOWN = """
layer       type      output           parameters       MACs
------------------------------------------------------------
stem        Conv2d    [N, 8, 32, 32]          224  221,184 N
down        Down                                0          0
down.conv1    Conv2d  [N, 16, 16, 16]       1,168  294,912 N
down.relu     ReLU    [N, 16, 16, 16]           0          0
✗ down: error[shape-mismatch] at a.net:3:12
side        Linear    [N, 3, 32, 2]            66    6,144 N
------------------------------------------------------------
A fails: 1,458 parameters, 522,240 N MACs so far
"""


def test_a_layer_that_fails_is_named() -> None:
    assert marks("net A()(x: [N, 4]) { return x -> fc1: Linear(0) }") == [
        "✗ fc1: error[wrong-argument] at a.net:1:46"
    ]
    assert marks("net A()(x: [N, 4]) { return x -> fc1: Conv2d(3, 3) -> Linear(4) }") == [
        "✗ fc1: error[shape-mismatch] at a.net:1:39"
    ]
    assert marks("net A()(x: [N, 4]) {\nlayer fc = Linear(2)\nreturn fc(fc(x))\n}") == [
        "✗ fc: error[shape-mismatch] at a.net:3:8"
    ]


def test_a_failure_in_a_loop_is_marked_where_it_comes_up() -> None:
    text = """\
net A(widths: list = [8, 4, 0, 2])(x: [N, 4]) {
    for width in widths as fc {
        x = x -> Linear(width)
    }
    return x -> relu
}
"""
    assert marks(text) == ["✗ fc.2: error[wrong-argument] at a.net:3:25"]
    (only,) = sketches(text)
    assert [line.split()[0] for line in only.splitlines()[2:5]] == ["fc.0", "fc.1", "✗"]


def test_what_fails_beside_the_nets_leaves_them_whole() -> None:
    text = "net A()(x: [N, 4]) { return x -> Linear(2) }\n\ntrain A { epochs = 0 }\n"
    (only,) = sketches(text)
    assert only.endswith("\nA: 10 parameters, 8 N MACs")
    assert "✗" not in only


def test_the_nets_that_fail_are_shown_or_the_one_that_is_named() -> None:
    text = "".join(
        f"net {name}()(x: [N, 4]) {{ return x -> Linear({size}) }}\n"
        for name, size in (("A", 0), ("B", 2), ("C", 0))
    )
    assert [item.splitlines()[-1].split()[0] for item in sketches(text)] == ["A", "C"]
    assert [item.splitlines()[-1].split()[0] for item in sketches(text, "B")] == ["B:"]
    assert sketches(text, "D") == []


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_every_error_of_a_net_is_marked_in_it(path: Path) -> None:
    source, unreadable = read_source(path)
    _, diagnostics = examine(source, unreadable, {}, read_used)
    found = sketch(source, unreadable, {}, read_used)
    marked = {row.error.place for item in found for row in item.rows if isinstance(row, Failure)}
    assert marked <= {error.place for error in diagnostics if error.severity == "error"}
    for item in found:
        assert str(item).startswith("layer ")
    if len(found) == 1 and found[0].fails:
        first, end = source.text.index("net "), (source.text + "\ntrain ").index("\ntrain ")
        errors = [d for d in diagnostics if d.severity == "error" and d.span]
        in_net = [d for d in errors if first <= d.span.start < end]
        assert {d.place for d in in_net} <= marked
