"""Generated scripts are held against lists; text of a spec is never code in them."""

import ast
from pathlib import Path

import pytest

import netspec
from netspec.guard import Refused, verify_script
from netspec.lower_train import catalogue_imports

ROOT = Path(__file__).parent.parent
SPEC = """
## {doc}
net Tiny()(image: float32[N, 1, 28, 28]) -> (logits: [N, 10]) {{
    return image -> Flatten -> head: Linear(10) -> tail: Linear(10)
}}
## {doc}
train Tiny {{
    data = MNIST5k()
    from "{text}.pt" with (strict=False)
    loss = cross_entropy(logits, label)
    optimizer = SGD(lr=0.1)
    group "hea[d{text}]" with (lr=0.01)
}}
"""
DATA = ("import numpy as np", "from importlib.resources import as_file, files")
# What would be code, or break out of it, if a spec's text stood anywhere but in a literal.
NASTY = (
    r"\"",
    "'",
    r"\"\"\"",
    "'''",
    "{",
    "}",
    "{cfg.out}",
    "{__import__('os').system('touch hacked')}",
    "{{0}}",
    r"\n",
    r"\nimport os\nos.system('touch hacked')\n",
    r"\\",
    r"\"); print(1); (\"",
    r"f\"{1}\"",
    "{% raw %}",
    "{{ 7 * 7 }}",
    "{# comment #}",
    "%s %(a)s",
    r"\x85",
    "#",
    "é",
    "\u2028",
    "a" * 120,
    "word " * 40,
)


def script(doc: str, text: str) -> str:
    return netspec.loads(SPEC.format(doc=doc, text=text)).render()["train.py"]


class _Emptied(ast.NodeTransformer):
    """Takes the text out of strings, so that what is left is code."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        self.generic_visit(node)
        return None if isinstance(node.value, ast.Constant) else node


def code_of(source: str) -> str:
    return ast.dump(_Emptied().visit(ast.parse(source)))


@pytest.mark.parametrize("text", NASTY)
def test_text_of_a_spec_changes_no_code_of_its_script(text: str) -> None:
    found = script("doc", text)
    assert code_of(found) == code_of(script("doc", "plain"))
    assert "hea[d" in found
    assert verify_script(found, DATA, ["Tiny"]).body


@pytest.mark.parametrize("doc", [text for text in NASTY if "\\n" not in text])
def test_documentation_of_a_spec_changes_no_code_of_its_script(doc: str) -> None:
    assert code_of(script(doc, "plain")) == code_of(script("doc", "plain"))


def test_a_path_is_a_literal_with_the_very_text() -> None:
    source = script("doc", 'it\'s {cfg.out} \\"quoted\\"')
    texts = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    assert 'it\'s {cfg.out} "quoted".pt' in texts


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.net")), ids=lambda p: p.stem)
def test_scripts_of_the_specs_pass(path: Path) -> None:
    spec = netspec.load(path)
    files = spec.render()
    for training in spec.graph.trainings.values():
        source = files[spec.script_name(training.name)]
        nets = [item.net.name for item in training.nets]
        assert verify_script(source, catalogue_imports(training), nets).body


@pytest.mark.parametrize(
    "line",
    [
        "import subprocess",
        "from os import system",
        "from model import Other",
        "import numpy",
        "eval('1')",
        "exec('1')",
        "open('a', 'w')",
        "compile('1', '', 'eval')",
        "__import__('os')",
        "__builtins__",
        "import os\nos.system('x')",
        "import os\nos.environ.__class__",
        "import os\nx = os\nx.system('x')",
        "import sys\nsys.modules",
        "import torch\ntorch.hub.load('a', 'b')",
        "import torch\ntorch.ops.load_library('a')",
        "import torch\ntorch.load('a')",
        "import torch\ntorch.load('a', weights_only=False)",
        "import torch\nload = torch.load",
        "getattr(int, 'x')",
        "().__class__.__bases__",
        "async def f(): pass",
        'f = open\nf("x", "w")',
        'open(*["x", "w"])',
        'open("x", **{"mode": "w"})',
        'map(open, ["x"], ["w"])',
        'map(getattr, [1], ["__class__"])',
        'type("X", (object,), {})',
        "import os as o",
        "import os\nos.path.join('a')",
        "import os\nx = os.path\nx.os",
        "import torch as t\nt.hub.load('x')",
        "import math as m",
        "from torch import nn as o",
        "from torch import Tensor as int",
        "from pathlib import Path as P",
        "import torch.nn.functional as G",
        "import torch\nprint(torch)",
        "import torch.distributed as dist\nx = dist",
        "import torch\ntorch.os.system('x')",
        "import torch\ntorch.sys.modules['os'].system('x')",
        "import torch\ntorch.importlib.import_module('os')",
        "import torch\ntorch.builtins.eval('1')",
        "import torch\ntorch.utils.data.dataset.sys.modules",
        "import torch\nx = torch.utils.data\nx.dataset.sys",
        "import torch\ntorch.utils.cpp_extension.load_inline('a', 'b')",
        "import torch\ntorch._C",
        "import torch\ntorch.load('x', weights_only=True, weights_only=False)",
        "import torch\ntorch.load('x', weights_only=True, **{})",
        "import torch.distributed as dist\ndist.os.system('x')",
        "import torch.nn.functional as F\nF.torch.hub.load('x')",
        "from torch import nn\nnn.functional.torch.load('x')",
        "import tyro\ntyro.constructors",
        "import tyro\nx = tyro",
        "import os\nos.environ.pop('x')",
        "def __getattr__(name):\n    return 1",
        "class A:\n    def __del__(self):\n        pass",
        "print = 1",
        "import sys\nsys = 1",
        "global x",
        "del x",
        "while 1: pass",
    ],
)
def test_what_no_script_contains_is_refused(line: str) -> None:
    with pytest.raises(Refused):
        verify_script(line, [], ["Tiny"])


def test_arrays_with_code_in_them_are_refused() -> None:
    text = "import numpy as np\nnp.load('x', allow_pickle=True)"
    with pytest.raises(Refused):
        verify_script(text, ["import numpy as np"], [])


PULLED = """
net A()(x: float32[N, 4]) -> (y: [N, 2]) {{ return x -> Linear(2) }}
train A {{
    data = {data}
    loss = y -> mean
    optimizer = SGD(lr=0.1)
}}
"""


def test_a_script_with_data_of_hugging_face_passes() -> None:
    data = 'HuggingFace("a/b", x=float32[N, 4], label=int64[N])'
    spec = netspec.loads(PULLED.format(data=data))
    (training,) = spec.graph.trainings.values()
    assert verify_script(spec.render()["train.py"], catalogue_imports(training), ["A"]).body


@pytest.mark.parametrize(
    "data",
    ['Text("a.txt", 4)', 'CSV("a.csv", "y")', 'Npz("a.npz", x=float32[N, 4])', "Iris()"],
)
def test_scripts_with_other_data_pass(data: str) -> None:
    net = "net A()(features: float32[N, 4]) -> (y: [N, 2]) { return features -> Linear(2) }"
    if "Npz" in data:
        net = net.replace("features", "x")
    if "Text" in data:
        net = (
            "net A()(tokens: int64[N, 4]) -> (y: [N, 4, 2]) { return tokens -> Embedding(256, 2) }"
        )
    spec = netspec.loads(f"{net}\n{PULLED.split('}}', 1)[1].format(data=data)}")
    (training,) = spec.graph.trainings.values()
    assert verify_script(spec.render()["train.py"], catalogue_imports(training), ["A"]).body
