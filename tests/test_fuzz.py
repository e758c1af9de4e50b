"""Whatever is done to a spec: no traceback, and what check accepts can be rendered and built."""

import ast
import builtins
import copy
import gc
import json
import keyword
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import netspec
from netspec.catalogue import ALIASES, FUNCTIONS, RANK_OPEN
from netspec.cli import main
from netspec.dim import value_of
from netspec.guard import verify
from netspec.parse import parse
from netspec.report import write_json, write_sarif, write_text
from netspec.source import Source
from netspec.spec import examine, sketch
from netspec.substitute import substitute

ROOT = Path(__file__).parent.parent
TEXTS = [
    re.sub(r'on "cuda:\d"', 'on "cpu"', path.read_text(encoding="utf-8"))  # no other is here
    for folder in ("specs", "tests/golden")
    for path in sorted((ROOT / folder).glob("*.net"))
]
PIECES = [
    *("(", ")", "[", "]", "{", "}", "->", ":", ",", "=", "-", "+", "*", "/", "//", "%", "**", "@"),
    *("net", "train", "layer", "let", "init", "with", "return", "device", "if", "else", "not"),
    *("Conv2d", "Linear", "ReLU", "Flatten", "cat", "x", "N", "H", "width", "classes", "label"),
    *("0", "-1", "1.5", "1e400", '"a"', "None", "True", "10 ** 9", "\n", " ", "#", "##", "\t", "é"),
    *(".", "_", "<", "==", "'", '"', "\\", "$", "\x00", "\u2028", "9" * 5000, "float32[N, 3]"),
]
NUMBERS = ("0", "1", "2", "3", "7", "-1", "0.5", "1e400", "2**62", "1e-9", "True", "None", "N")
LINES = (
    *("\n    -> Flatten", " -> Dropout(0.5)", "\n    y = x -> Linear(3)\n", "\n    let k = 3\n"),
    *("\n    layer k = Linear(4)\n", " -> k", "(x, x) -> cat(1)", " -> fc: Linear(7, bias=False)"),
    *(
        " with (weight=zeros)",
        '\n    device "cpu"\n',
        "\n    _ = x\n",
        " if 1 else 2",
        " + x",
        "(2)",
    ),
    *(
        " * 2",
        "-x",
        "x.reshape(N, -1)",
        " -> transpose(0, 1)",
        "\n    x = x -> ReLU\n",
        "k",
        " / 2",
    ),
)


def mutate(text: str, draw: random.Random) -> str:
    """A few random edits: pieces dropped in, stretches cut, doubled or swapped."""
    for _ in range(draw.randint(1, 4)):
        a, b = sorted(draw.randrange(len(text) + 1) for _ in range(2))
        b = min(b, a + draw.choice((1, 3, 10, 60)))
        match draw.randrange(5):
            case 0:
                text = text[:a] + draw.choice(PIECES) + text[a:]
            case 1:
                text = text[:a] + text[b:]
            case 2:
                text = text[:b] + text[a:b] + text[b:]
            case 3:
                text = text[:a] + draw.choice(PIECES) + text[b:]
            case 4:
                words = text.split(" ")
                i, j = draw.randrange(len(words)), draw.randrange(len(words))
                words[i], words[j] = words[j], words[i]
                text = " ".join(words)
    return text


def hold(text: str) -> bool:
    """Hold what holds for any text, and what for a spec that check accepts; whether it does."""
    graph, diagnostics = examine(Source(text, "fuzz.net"), None, {})
    write_text(diagnostics)
    write_json(diagnostics)
    write_sarif(diagnostics, "1")
    assert (graph is None) == any(found.severity == "error" for found in diagnostics)
    spans = [found.span for found in diagnostics if found.span]
    assert all(0 <= span.start <= span.end <= len(text) + 1 for span in spans)
    if graph is None:
        for part in sketch(Source(text, "fuzz.net"), None, {}):
            str(part)
        return False
    spec = netspec.loads(text)
    files = spec.render()
    verify(files["model.py"])
    for name, source in files.items():
        compile(source, name, "exec")
    for net in spec.nets:
        spec.build(net=net, device="meta")
        str(spec.summary(net=net))
        str(spec.explain_init(net=net))
    return True


def replace_words(text: str, draw: random.Random) -> str:
    """A few words and numbers in place of others: more of these pass the check."""
    words = list(re.finditer(r"\w+|[-+*/%]+|\n", text))
    for _ in range(draw.randint(1, 5)):
        word = draw.choice(words)
        match draw.randrange(4):
            case 0:
                new = draw.choice(words)[0]
            case 1:
                new = draw.choice([*ALIASES, *RANK_OPEN, *FUNCTIONS])
            case 2:
                new = draw.choice(NUMBERS)
            case 3:
                new = draw.choice(LINES)
        text = text.replace(word[0], new, 1) if draw.random() < 0.3 else text
        at = text.find(word[0], draw.randrange(len(text)))
        text = text if at < 0 else f"{text[:at]}{new}{text[at + len(word[0]) :]}"
    return text


@pytest.mark.parametrize("seed", range(20))
def test_no_edit_of_a_spec_ends_in_a_traceback(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(50):
        edit = draw.choice((mutate, replace_words))
        hold(edit(draw.choice(TEXTS), draw))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1_000_000,
        "net A()(x: [N]) {\n    let y = " + "-" * 20_000 + "1\n    return x\n}\n",
        "net A()(x: [N]) {\n    return x " + "+ x " * 5_000 + "\n}\n",
        "net A()(x: [N]) {\n    return " + "x.relu()" + ".relu()" * 5_000 + "\n}\n",
        "net A()(x: [N]) {\n    let y = " + "2 ** " * 5_000 + "2\n    return x\n}\n",
        "net A()(x: [N]) {\n    let y = " + "1 if 1 else " * 5_000 + "2\n    return x\n}\n",
        "net A()(x: [N]) {\n    let y = [" + "1, " * 30_000 + "]\n    return x\n}\n",
        "net A()(x: [N]) {\n    return x" + " -> ReLU" * 20_000 + "\n}\n",
        "net A()(x: [" + "N, " * 2_000 + "]) {\n    return x -> ReLU\n}\n",
        "# " + "a" * 1_000_000 + "\n",
        "net A()(x: [N]) {\n    return x -> " + "a" * 1_000_000 + "\n}\n",
        "\n" * 1_000_000,
        "}" * 10_000,
        "net A()(x: [N]) {\n" + "return x ->\n" * 10_000 + "}\n",
        "{" * 5_000,
        '"' * 100_000,
    ],
    ids=range(16),
)
def test_monstrous_input_gets_an_answer_of_readable_length(text: str) -> None:
    _, diagnostics = examine(Source(text, "monster.net"), None, {})
    shown = write_text(diagnostics)
    assert len(shown) < 20_000
    assert all(len(line) < 400 for line in shown.splitlines())


def test_the_depth_of_a_tree_does_not_follow_the_length_of_a_chain() -> None:
    stages = "".join(f"        -> Linear({8 + i % 2})\n" for i in range(2_000))
    source = Source(f"net A()(x: [N, 8]) {{\n    return x\n{stages}}}\n")
    parsed = parse(source)
    assert not parsed.found.in_order()
    spec = netspec.loads(source.text)
    assert len(spec.net().layers) == 2_000
    verify(spec.source)


HEAD = """net A(p: int = 3, f: float = 0.5, l: list = [4, 5], b: bool = True)(x: float32[N, 4, 7]) {
    let q = INTEGER
    y = TENSOR
    y = TENSOR
    return RESULT
}
"""
RULES = {
    "RESULT": ("TENSOR", "TENSOR, TENSOR", "TENSOR -> Flatten -> Linear(INTEGER)"),
    "INTEGER": (
        *("p", "2", "3", "4", "l[0]", "len(l)", "int(FRACTION)", "-INTEGER", "(INTEGER or 2)"),
        *("INTEGER + INTEGER", "INTEGER - INTEGER", "INTEGER * INTEGER", "INTEGER // 2"),
        *("INTEGER % p", "min(INTEGER, INTEGER)", "max(INTEGER, 1)", "abs(INTEGER)", "p ** 2"),
        "(INTEGER if FLAG else INTEGER)",
    ),
    "FRACTION": ("f", "0.5", "1e-3", "INTEGER / 3", "FRACTION * FRACTION", "max(FRACTION, 0.1)"),
    "FLAG": ("b", "True", "INTEGER < INTEGER", "not FLAG", "(FLAG or FLAG)", "FRACTION > 0.4"),
    "TENSOR": (
        *("x", "y", "-TENSOR", "(TENSOR)", "relu(TENSOR)", "softmax(TENSOR, dim=p - 2)"),
        *("TENSOR + TENSOR", "TENSOR * FRACTION", "INTEGER - TENSOR", "TENSOR ** 2", "TENSOR / 2"),
        *("TENSOR.transpose(1, 2).transpose(2, 1)", "(TENSOR -> LAYER)", "(TENSOR -> LAYER)"),
        *("(TENSOR -> LAYER)", "((TENSOR, TENSOR) -> cat(1) -> Conv1d(4, 1))"),
    ),
    "LAYER": (
        *("Conv1d(INTEGER, 1) -> Conv1d(4, 3, padding=1)", "BatchNorm", "PReLU", "Linear(7)"),
        *("Dropout(FRACTION)", "LeakyReLU(FRACTION)", "GroupNorm(2)", "MaxPool(3, 1, 1)"),
        *("reshape(N, INTEGER, -1) -> reshape(N, 4, 7)", "sum(dim=2, keepdim=True)", "a: GELU"),
    ),
}


def derive(draw: random.Random) -> str:
    """A net derived from the rules, most of whose parts fit together."""
    text = HEAD.replace("y = TENSOR", "y = x", 1)
    for step in range(200):
        found = re.search(r"\b(?:" + "|".join(RULES) + r")\b", text)
        if found is None:
            break
        choices = RULES[found[0]][: 3 if step > 30 else None]
        text = f"{text[: found.start()]}{draw.choice(choices)}{text[found.end() :]}"
    return text


@pytest.mark.filterwarnings("ignore")  # torch's own, of an output without elements, say
def test_a_net_that_check_accepts_gives_what_check_says() -> None:
    accepted = 0
    for seed in range(60):
        text = derive(random.Random(seed))
        if not hold(text):
            continue
        accepted += 1
        spec = netspec.loads(text)
        outputs = spec.build(device="cpu")(torch.rand(3, 4, 7))
        for port, output in zip(
            spec.net().outputs, outputs if isinstance(outputs, tuple) else [outputs], strict=True
        ):
            sizes = [value_of(substitute(dim, {"N": 3})) for dim in port.type.shape]
            assert list(output.shape) == sizes, text
            assert str(output.dtype) == f"torch.{port.type.dtype}", text
    assert accepted > 20


def command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """What a command line gives: its exit code and what it prints."""
    try:
        code = main(arguments)
    finally:
        gc.enable()
    return code, *capsys.readouterr()


@pytest.mark.parametrize("seed", range(3))
def test_no_edit_ends_in_a_traceback_of_the_command_line(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = random.Random(seed)
    path = tmp_path / "fuzz.net"
    for _ in range(20):
        edit = draw.choice((mutate, replace_words))
        data = edit(draw.choice(TEXTS), draw).encode("utf-8", "surrogatepass")
        if draw.random() < 0.2:
            at = draw.randrange(len(data))
            data = data[:at] + bytes([draw.randrange(256)]) + data[at:]
        path.write_bytes(data)
        code, out, err = command(["check", str(path)], capsys)
        assert code in (0, 1)
        assert out
        assert not err
        for format in ("json", "sarif"):
            again, out, _ = command(["check", str(path), "--format", format], capsys)
            assert again == code
            assert json.loads(out)
        for arguments in (["build", str(path), "--stdout"], ["summary", str(path)]):
            other, out, err = command(arguments, capsys)
            assert other == code or "several nets" in err or "has no net" in err
            assert "Traceback" not in err
            assert bool(out) == (other == 0) or arguments[0] == "summary"


@pytest.mark.parametrize("name", ["classes", "width", "rate", "deep", "mode", "sizes", "é", "net"])
@pytest.mark.parametrize(
    "value",
    [
        *("3", "0", "-1", "10**9", "1" * 5000, "1e400", "nan", "inf", "True", "None", "", "=", "é"),
        *("[]", "[1]", "[4, 6]", "(4, 6)", "[[1]]", "[None, 'a']", "{}", "b'a'", "1j", "..."),
        *("nearest", "'nearest'", "$(x)", "__import__('os')", "\x00", "\ud800", "[" * 10_000),
    ],
    ids=range(30),
)
def test_no_value_of_a_parameter_ends_in_a_traceback(
    name: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for spec in ("specs/lenet5.net", "tests/golden/kitchen_sink.net"):
        arguments = ["build", str(ROOT / spec), "--stdout", "--set", f"{name}={value}"]
        code, out, err = command(arguments, capsys)
        assert code in (0, 1)
        assert bool(out) == (code == 0)
        assert (code == 0) or "error" in err
        assert max(map(len, err.splitlines()), default=0) < 500
        if code == 0:
            model = out.partition("# ---- train.py ----")[0]
            verify(model)


# ---- words and names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        '""" + print(1) + """',
        '", print(1), "',
        "'''",
        '"',
        'ends with a quote"',
        "ends with a backslash\\",
        "\\N{x} \\x \\u12",
        "a" * 83 + "\\\\N{x}" + "b" * 80,
        "{{ 1 }} {% if %} {# %(prog)s 100%",
        "a zero\0, a bell\x07, half a pair \ud800, right to left \u202e, a return \r",
        "",
    ],
)
def test_documentation_never_becomes_code(words: str) -> None:
    plain = netspec.loads(_documented("words")).render()
    for name, source in netspec.loads(_documented(words)).render().items():
        assert _skeleton(source) == _skeleton(plain[name])
        assert all(c.isprintable() or c == "\n" for c in source)


def _documented(words: str) -> str:
    return (
        f"## {words}\n##\n## {words}\n"
        "net A()(image: [N, 1, 28, 28]) -> (logits: [N, 10]) {\n"
        "    return image -> Flatten -> Linear(10)\n}\n"
        f"## {words}\n"
        "train A {\n    data = MNIST5k\n    loss = cross_entropy(logits, label)\n"
        "    optimizer = SGD\n}\n"
    )


def _skeleton(source: str) -> str:
    """The code without its docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            del node.body[0]
    return ast.dump(tree)


WORDS = sorted(
    {
        *keyword.kwlist,
        *keyword.softkwlist,
        *(name for name in dir(builtins) if name.islower()),
        *dir(nn.Module),
        *nn.Module.__annotations__,
        *("self", "cls", "nn", "torch", "F", "Tensor", "Sequence", "Any", "module", "super"),
        *("x", "x2", "linear", "linear1", "relu", "output", "size", "weight", "bias", "N", "_"),
        *(
            "net",
            "train",
            "layer",
            "let",
            "init",
            "device",
            "with",
            "Linear",
            "ReLU",
            "ﬁt",
            "日本",
            "x𐄇",
            "ª",
        ),
    }
)
PLACES = {
    "a net": "net @()(x: [N, 4]) { return x -> Linear(3) }",
    "a parameter": "net A(@: int = 3)(x: [N, 4]) { return x -> Linear(@) -> ReLU }",
    "a list": "net A(@: list = [3])(x: [N, 4]) { return x -> Linear(@[0]) }",
    "an input": "net A()(@: [N, 4]) { return @ -> Linear(3) -> ReLU }",
    "a dimension": "net A()(x: [@, 4]) { return x -> reshape(@, 2, 2) -> Flatten -> Linear(3) }",
    "an output": "net A()(x: [N, 4]) -> (@: [N, 3]) { return x -> Linear(3) }",
    "a value": "net A()(x: [N, 4]) {\n @ = x -> Linear(3)\n y = @ -> ReLU\n return y + @\n}",
    "a let": "net A()(x: [N, 4]) {\n let @ = 3\n return x -> Linear(@) -> Linear(@)\n}",
    "a label": "net A()(x: [N, 4]) { return x -> @: Linear(3) -> ReLU }",
    "a layer": "net A()(x: [N, 4]) {\n layer @ = Linear(4)\n return x -> @ -> Tanh -> @\n}",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_name_is_refused_or_means_what_it_says(place: str) -> None:
    """No name that a spec gives gets in the way of one that the generated code uses."""
    torch.manual_seed(0)
    plain = netspec.loads(PLACES[place].replace("@", "plain")).build(device="cpu")
    x = torch.rand(2, 4)
    accepted = 0
    for word in WORDS:
        try:
            spec = netspec.loads(PLACES[place].replace("@", word))
        except netspec.SpecError:
            continue
        accepted += 1
        torch.manual_seed(0)
        model = spec.build(device="cpu")
        assert torch.equal(model(x), plain(x)), word
        assert copy.deepcopy(model).eval().state_dict().keys() == model.state_dict().keys()
        assert value_of(spec.summary().parameters) == sum(p.numel() for p in model.parameters())
    assert accepted > 5


@pytest.mark.parametrize("value", [object(), [{1: 2}], b"a", 1j, ..., {1}, np.float64(0.5)])
def test_a_value_from_outside_is_one_that_a_spec_could_write(value: object) -> None:
    for declared in ("k = None", "k: list = [1]", "k = 0.5"):
        text = f"net A({declared})(x: [N, 4]) {{\n    return x -> Linear(2)\n}}\n"
        with pytest.raises(netspec.SpecError, match="wrong-argument"):
            netspec.loads(text, k=value)
