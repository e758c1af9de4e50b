"""Layers of a user's own: registered from Python, and then a layer like any other."""

import copy
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import torch

import netspec
from netspec import reference
from netspec.catalogue import ALIASES, LAYERS, RANK_OPEN
from netspec.explain import explain, layers
from netspec.layers import (
    INFERRED,
    KEYWORD,
    Example,
    InferredInt,
    Layer,
    Misfit,
    PositiveInt,
    Shape,
    Tensor,
)

ROOT = Path(__file__).parent.parent
MODULES = '''
import torch
from torch import Tensor, nn


class Scale(nn.Module):
    def __init__(self, features: int, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((features,), gain))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Other(Scale):
    pass


class Gate(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.fc = nn.Linear(features, features)
        self.weight = nn.Parameter(torch.ones(features))
        self.register_buffer("seen", torch.zeros(features))

    def forward(self, x: Tensor, by: Tensor | None = None) -> Tensor:
        return x * self.fc(x if by is None else by).sigmoid() * self.weight


class Tight(nn.Linear):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, bias=False)


class Blur(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2


class Failing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        raise KeyError("no weights")


class Picky(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if x.sum().item() > 0 else x


class Model(Blur):
    """Has the name of the net that uses it."""


value = 3
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with modules of a user's, from which Python imports."""
    (tmp_path / "parts.py").write_text(MODULES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) is None or name in ("parts", "described"):
            sys.modules.pop(name)


def scale(path: str = "parts.Scale", shape: int = 1) -> type[Layer]:
    """Register `Scale`, which multiplies the last dimension by weights."""

    class Scale(Layer):
        """Each feature times a weight: `[*, features]`, shape unchanged."""

        torch = path
        examples = (Example("Scale", "float32[N, 8]", "float32[N, 8]"),)

        features: InferredInt
        gain: float = 1.0

        def infer(self, x: Tensor) -> dict[str, Any]:
            if not x.shape:
                raise Misfit("`Scale` needs at least one dimension, found []", help="add one")
            return {"features": x.shape[-1]}

        def parameters(self) -> dict[str, Shape]:
            return {"weight": (self.features * shape,)}

    return Scale


def gate() -> None:
    class Gate(Layer):
        """`[*, features]`, shape unchanged, by itself or by another tensor."""

        torch = "parts.Gate"
        takes = ("x",)
        may_take = ("by",)

        features: InferredInt

        def infer(self, x: Tensor, by: Tensor | None) -> dict[str, Any]:
            return {"features": x.shape[-1]}

        def output(self, x: Tensor, by: Tensor | None) -> Tensor:
            return x

        def parameters(self) -> dict[str, Shape]:
            n = self.features
            return {"fc.weight": (n, n), "fc.bias": (n,), "weight": (n,)}

        def buffers(self) -> dict[str, Shape]:
            return {"seen": (self.features,)}


def tight() -> None:
    class Tight(Layer):
        """`[*, in_features]` to `[*, out_features]`, without a bias."""

        torch = "parts.Tight"

        in_features: InferredInt
        out_features: PositiveInt

        def infer(self, x: Tensor) -> dict[str, Any]:
            return {"in_features": x.shape[-1]}

        def output(self, x: Tensor) -> Tensor:
            return Tensor((*x.shape[:-1], self.out_features), x.dtype)

        def parameters(self) -> dict[str, Shape]:
            return {"weight": (self.out_features, self.in_features)}


def net(body: str, shape: str = "[N, 8]") -> str:
    width = "width: int = 4" if "width" in body else ""
    return f"net Model({width})(x: {shape}) {{\n    {body}\n}}\n"


def error_of(text: str, *, build: bool = False) -> netspec.Diagnostic:
    """The only thing that is wrong with a spec."""
    made = netspec.loads(text, name="own.net").build if build else None
    with pytest.raises(netspec.SpecError) as caught:
        made(device="cpu") if made else netspec.loads(text, name="own.net")
    (found,) = caught.value.diagnostics
    assert found.help
    return found


# ---- a layer like any other ----------------------------------------------------------------------


EVERYWHERE = """
init Linear, Tight, Gate with (weight=zeros)

block Twice(body: block)(x: [N, F]) {
    return x -> body -> Scale with (weight=ones)
}

net Everywhere(widths: list = [8, 6], gain: float = 0.5)(x: float32[N, 4]) -> [N, 3] {
    init Scale with (weight=constant(2.0))
    init "gate*" with (weight=constant(3.0))
    layer shared = Scale(gain=gain)
    x = x -> shared -> Linear(4) -> shared
    for width in widths as h {
        x = x -> Tight(width) -> ReLU
        x = (x, x) -> mix: Gate
    }
    x = x -> Twice(Linear(5) -> Scale(0.25)) -> body: (Scale -> Linear(4)) -> repeat(2) Gate
    freeze Tight
    return x -> gate1: Gate -> Tight(3)
}
"""


@pytest.mark.parametrize("parameters", [{}, {"widths": [2, 3, 4]}, {"gain": 2.0}])
def test_a_registered_layer_stands_wherever_a_layer_does(parameters: dict[str, Any]) -> None:
    scale(), gate(), tight()
    spec = netspec.loads(EVERYWHERE, **parameters)
    torch.manual_seed(0)
    built = spec.build(device="cpu")
    assert built(torch.rand(2, 4)).shape == (2, 3)
    space: dict[str, Any] = {}
    exec(spec.source, space)
    torch.manual_seed(0)
    rendered = space["Everywhere"](**parameters)
    assert list(rendered.state_dict()) == list(built.state_dict())
    for key, tensor in built.state_dict().items():
        assert torch.equal(tensor, rendered.state_dict()[key]), key


def test_the_parameters_are_those_of_the_module() -> None:
    scale(), gate(), tight()
    spec = netspec.loads(EVERYWHERE)
    built = spec.build(device="cpu")
    said = {name: list(shape) for name, shape in spec.net().parameter_shapes().items()}
    assert said == {name: list(p.shape) for name, p in built.named_parameters()}
    assert spec.summary().parameters == sum(p.numel() for p in built.parameters())
    frozen = {name for name, p in built.named_parameters() if not p.requires_grad}
    assert frozen == spec.net().frozen
    assert frozen == {"h.0.tight1.weight", "h.1.tight1.weight", "tight1.weight"}


def test_rules_hold_as_explain_says_and_reach_nothing_inside() -> None:
    scale(), gate(), tight()
    spec = netspec.loads(EVERYWHERE)
    built = spec.build(device="cpu")
    values = {"zeros": 0.0, "constant(2.0)": 2.0, "constant(3.0)": 3.0, "ones": 1.0}
    for row in spec.explain_init().rows:
        tensor = built.get_parameter(row.name)
        if row.rule is not None:
            assert (tensor == values[row.rule.scheme]).all(), row.name
        elif "fc" in row.name:
            assert tensor.std() > 0, row.name
    assert "the default of its class" in str(spec.explain_init())


def test_generated_code_imports_the_class_and_keeps_rules_out_of_it() -> None:
    tight()
    gate()
    text = net("init Linear with (weight=zeros)\n    return x -> Tight(width) -> Gate -> Linear(2)")
    source = netspec.loads(text).source
    assert "\nfrom parts import Gate, Tight\nfrom torch import Tensor, nn\n" in source
    assert "        self.tight1 = Tight(8, width)\n" in source
    assert "            if module in imported or isinstance(module, Tight):\n" in source
    assert "            if isinstance(part, Gate)\n" in source


def test_freeze_by_class_takes_what_is_inside() -> None:
    gate()
    text = net(
        "freeze Gate, MultiheadAttention\n"
        "    y, _ = (x, x, x) -> attn: MultiheadAttention(2)\n"
        "    return y -> Gate -> Linear(2)"
    )
    spec = netspec.loads(text)
    built = spec.build(device="cpu")
    frozen = {name for name, p in built.named_parameters() if not p.requires_grad}
    assert frozen == spec.net().frozen
    assert {"attn.out_proj.weight", "gate1.fc.weight", "gate1.weight"} <= frozen


def test_to_register_a_layer_allows_no_extern() -> None:
    scale()
    extern = 'extern Other(features: int)(x: [N, C]) -> [N, C] from "parts"\n'
    spec = netspec.loads(extern + net("return x -> Scale -> Other(8)"))
    assert "\nfrom parts import Other, Scale\n" in spec.source
    with pytest.raises(netspec.SpecError, match="importing `parts` has not been allowed"):
        spec.build(device="cpu")
    assert spec.build(device="cpu", allow_extern=["parts"])(torch.ones(2, 8)).sum() == 16


def test_a_built_module_copies_and_pickles() -> None:
    gate()
    model = netspec.loads(net("return x -> mix: Gate")).build(device="cpu")
    x = torch.rand(2, 8)
    assert torch.equal(copy.deepcopy(model)(x), model(x))
    data = pickle.dumps(model)
    assert torch.equal(pickle.loads(data)(x), model(x))
    code = "import sys, pickle; pickle.load(sys.stdin.buffer)"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}."}
    run = {"input": data, "env": environment, "capture_output": True, "check": False}
    done: Any = subprocess.run([sys.executable, "-c", f"import parts; {code}"], **run)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    done = subprocess.run([sys.executable, "-c", code], **run)  # type: ignore[call-overload]
    assert b"loading a model imports nothing" in done.stderr


def test_a_class_with_the_name_of_the_net_gets_another_one() -> None:
    class Half(Layer):
        """Half of each number."""

        torch = "parts.Model"

    spec = netspec.loads(net("return x -> halved: Half"))
    assert "from parts import Model as Model2\n" in spec.source
    assert spec.build(device="cpu")(torch.ones(1, 8)).tolist() == [[0.5] * 8]


def test_aliases_and_the_name_without_a_rank_mean_it() -> None:
    for ndim in (1, 2):
        name = f"Blur{ndim}d"
        body = {"torch": "parts.Blur", "ndim": ndim, "__doc__": "Half of it.", "__module__": "m"}
        type(name, (Layer,), body, aliases=(f"Soft{ndim}d",))  # type: ignore[call-overload]
    for shape, title in (("[N, 3, 8]", "Blur1d"), ("[N, 3, 8, 8]", "Blur2d")):
        for written in ("Blur", "Soft", title):
            spec = netspec.loads(net(f"return x -> {written}", shape))
            assert [row.type for row in spec.summary().rows] == [title]
    found = error_of(net("return x -> Blur", "[N, 8]"))
    assert found.message == "`Blur` takes an input of 3 or 4 dimensions, found [N, 8]"


def test_it_is_shared_only_where_its_author_says_so() -> None:
    scale()
    keeping = {"torch": "parts.Blur", "__doc__": "Halve.", "__module__": "m"}
    type("Keeping", (Layer,), keeping)
    type("Free", (Layer,), {**keeping, "stateless": True})
    rows = netspec.loads(net("return x -> Keeping -> Keeping -> Free -> Free")).summary().rows
    assert [row.name for row in rows] == ["keeping1", "keeping2", "free", "free"]


# ---- what cannot be registered -------------------------------------------------------------------


REFUSED = [
    ({"name": "Linear"}, "`Linear` is a layer of torch.nn already"),
    ({"name": "Conv"}, "`Conv` is a layer of torch.nn already, for any rank"),
    ({"name": "Deconv2d"}, "`Deconv2d` is a layer of torch.nn already"),
    ({"name": "LazyLinear"}, "`LazyLinear` is a class of torch.nn"),
    ({"name": "Scale"}, "`Scale` is a layer that `test_extending` registers already"),
    ({"name": "Linear2d", "ndim": 2}, "for ndim=2 it would also be `Linear`, which is a layer of"),
    ({"name": "Mine", "aliases": ("ReLU",)}, "`ReLU` is a layer of torch.nn already"),
    ({"name": "mine"}, "`mine` must begin with a capital letter"),
    ({"name": "Tensor"}, "`Tensor` has a meaning of its own in the generated code"),
    ({"torch": None}, 'it must say which nn.Module it stands for: torch = "my_layers.Mine"'),
    ({"torch": "Mine"}, "it must say which nn.Module it stands for"),
    ({"torch": "__main__.Mine"}, '"__main__" is no module that Python could import'),
    ({"torch": "my layers.Mine"}, '"my layers" is no module that Python could import'),
    ({"torch": "model.Mine"}, "`model` is in use where the generated code is run"),
    ({"takes": "x"}, "`takes` must be a tuple of names, found 'x'"),
    ({"takes": ()}, "`takes` is empty"),
    ({"takes": ("for",)}, "`for` is a keyword of Python, so no input can be called so (takes)"),
    ({"takes": ("a b",)}, "`a b` is no name in Python"),
    ({"takes": ("a", "a")}, "two inputs are called `a`"),
    ({"takes": ("a",), "may_take": ("a",)}, "two inputs are called `a`"),
    ({"pairs": {"hx"}}, "`pairs` names no input: hx"),
    ({"pairs": "input"}, "`pairs` must be a set of names, found 'input'"),
    ({"aliases": "ab"}, "`aliases` must be a tuple of names, found 'ab'"),
    ({"dtypes": "float32"}, "`dtypes` must be a set of names, found 'float32'"),
    ({"dtypes": {"float33"}}, "'float33' is no dtype (dtypes); did you mean `float32`?"),
    ({"dtypes": set()}, "`dtypes` is empty"),
    ({"optional": "weight"}, "`optional` must be a set of names, found 'weight'"),
    ({"stateless": "no"}, "`stateless` must be True or False, found 'no'"),
    ({"examples": ("Mine",)}, "`examples` must be a tuple of examples, each a call, its input"),
    ({"examples": Example("Mine", "[N]", "[N]")}, "`examples` must be a tuple of examples"),
    ({"ndim": True}, "`ndim` must be a positive number or None, found True"),
    ({"fields": {"for": int}}, "`for` is a keyword of Python, and cannot be an argument"),
    ({"fields": {"width": INFERRED}}, "the annotation of `width` is a mark alone"),
    ({"fields": {"width": Annotated[KEYWORD, int]}}, "`width: Annotated[int, KEYWORD]`"),
    ({"ndim": "2"}, "`ndim` must be a positive number or None, found '2'"),
    ({"fields": {"sizes": list[int]}}, "`sizes` cannot be checked"),
    ({"fields": {"output": int}}, "`output` is an attribute of every layer"),
    ({"fields": {"width": "Missing"}}, "an annotation cannot be read: name 'Missing' is not"),
    (
        {"fields": {"width": PositiveInt}, "width": 0},
        "`width` of `Mine` must be a positive integer",
    ),
    ({"fields": {"width": InferredInt}}, "`infer` must say how the input decides width"),
    ({"stateless": True, "parameters": lambda self: {}}, "so it cannot be stateless"),
]


@pytest.mark.parametrize(("given", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_a_description_that_cannot_be_is_refused_where_it_is_defined(
    given: dict[str, Any], why: str
) -> None:
    scale()
    known = {**ALIASES}, {name: {**ranks} for name, ranks in RANK_OPEN.items()}, [*LAYERS]
    body = {"torch": "parts.Blur", "__module__": "elsewhere", **given}
    name, aliases = body.pop("name", "Mine"), body.pop("aliases", ())
    body["__annotations__"] = body.pop("fields", {})
    if body["torch"] is None:
        del body["torch"]
    with pytest.raises(TypeError, match=re.escape(why)):
        type(name, (Layer,), body, aliases=aliases)  # type: ignore[call-overload]
    assert known == (ALIASES, RANK_OPEN, [*LAYERS])


def test_an_argument_may_be_by_keyword_only() -> None:
    body = {"torch": "parts.Blur", "__annotations__": {"width": Annotated[int, KEYWORD]}}
    type("Mine", (Layer,), {**body, "__module__": "elsewhere", "width": 2})
    assert "Blur(width=3)" in netspec.loads(net("return x -> Mine(width=3)")).source
    assert error_of(net("return x -> Mine(3)")).code == "surplus-argument"


def test_the_same_class_may_be_defined_again() -> None:
    first, second = scale(), scale("parts.Other")
    assert LAYERS["Scale"] is second is not first
    assert "from parts import Other\n" in netspec.loads(net("return x -> Scale")).source


def test_a_base_with_an_underscore_is_not_registered() -> None:
    class _Base(Layer):
        def output(self, x: Tensor) -> Tensor:
            return x

    class Derived(_Base):
        """What its base is."""

        torch = "parts.Blur"

    assert "_Base" not in LAYERS
    assert netspec.loads(net("return x -> Derived")).build(device="cpu")


def test_a_definition_of_a_spec_cannot_have_its_name() -> None:
    scale()
    found = error_of("block Scale()(x) { return x -> ReLU }\n" + net("return x -> ReLU"))
    assert found.code == "duplicate-name"
    assert found.message == "`Scale` is a layer that `test_extending` registers"


# ---- what its rules raise, and what the class is -------------------------------------------------


def broken(**rules: Any) -> None:
    body = {"__annotations__": {"features": InferredInt}, "torch": "parts.Blur", **rules}
    body.setdefault("infer", lambda self, x: {"features": x.shape[-1]})
    type("Broken", (Layer,), {"__doc__": "It fails.", "__module__": __name__, **body})


FAILING: list[tuple[dict[str, Any], str]] = [
    ({"infer": lambda self, x: {"features": x.shape[7]}}, "IndexError: tuple index out of range"),
    ({"infer": lambda self, x: {"width": 3}}, "`infer` must give a size for each of ['features']"),
    ({"infer": lambda self, x: {"features": 0.5}}, "`infer` must give a size for `features`"),
    ({"output": lambda self, x: x.nothing}, "AttributeError: 'Tensor' object has no attribute"),
    ({"output": lambda self, x: None}, "`output` must give a Tensor, or a tuple of them"),
    ({"output": lambda self: 3}, "TypeError: "),
    ({"parameters": lambda self: {"w": 3}}, "`parameters` must give a tuple for `w`, found 3"),
    ({"buffers": lambda self: [3]}, "`buffers` must give shapes by name, found [3]"),
    ({"macs": lambda self, x, y: 1 / 0}, "ZeroDivisionError: division by zero"),
    ({"macs": lambda self, x, y: "many"}, "`macs` must give a number, found 'many'"),
]


@pytest.mark.parametrize(("rules", "why"), FAILING, ids=[why for _, why in FAILING])
def test_what_its_rules_raise_is_an_error_of_the_spec(rules: dict[str, Any], why: str) -> None:
    broken(**rules)
    found = error_of(net("return x -> Broken"))
    assert found.code == "layer-fails"
    assert found.message.startswith("the description of `Broken` raises ")
    assert why in found.message
    assert found.place == "own.net:2:17"


def test_the_line_that_raised_is_named() -> None:
    broken(output=lambda self, x: x.nothing)
    label = error_of(net("return x -> Broken")).label
    assert re.fullmatch(r"raised by `<lambda>`, line \d+ of test_extending.py", label)


def test_rules_that_fail_on_a_formula_fail_the_check() -> None:
    """Of `width`, the rules see a number in a check, and a name where code is written."""
    import math

    tight()
    body = {"torch": "parts.Blur", "output": lambda self, x: Tensor((math.isqrt(x.shape[-1]),))}
    type("Root", (Layer,), {"__doc__": "It fails.", "__module__": __name__, **body})
    found = error_of(net("return x -> Tight(width) -> Root"))
    assert found.code == "layer-fails"


def test_its_own_misfit_is_reported_like_torchs() -> None:
    scale()
    found = error_of(net("return x -> Scale", "[]"))
    assert (found.code, found.help) == ("shape-mismatch", "add one")


DIFFERING = [
    ("nowhere.Scale", "layer-not-found", "there is no module `nowhere` for the layer `Scale`"),
    ("parts.Scala", "layer-not-found", "the module `parts` has no class `Scala` for the layer"),
    ("parts.value", "layer-differs", "`value` of `parts` for the layer `Scale` is no `nn.Module`"),
    ("parts.Tight", "layer-differs", "`Tight` cannot be made: TypeError: "),
    ("parts.Failing", "layer-differs", "`Failing` cannot be made: "),
    ("parts.Gate", "layer-differs", "`Gate` cannot be made: "),
]


@pytest.mark.parametrize(("path", "code", "message"), DIFFERING)
def test_a_class_that_is_not_what_its_layer_says_is_refused(
    path: str, code: str, message: str
) -> None:
    scale(path)
    found = error_of(net("return x -> Scale(gain=2.0)"), build=True)
    assert (found.code, found.place) == (code, "own.net:2:17")
    assert found.message.startswith(message)


def described(name: str, rules: dict[str, Any], **fields: Any) -> None:
    body = {"__annotations__": fields, "torch": "parts.Scale", "__doc__": "Mine.", **rules}
    type(name, (Layer,), {"__module__": __name__, **body})


def _features(self: Layer, x: Tensor) -> dict[str, Any]:
    return {"features": x.shape[-1]}


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({}, "`parts.Scale` has a parameter `weight` of shape [8], its layer has none"),
        (
            {"parameters": lambda self: {"weight": (self.features, 2)}},
            "`parts.Scale` has a parameter `weight` of shape [8], its layer says [8, 2]",
        ),
        (
            {"parameters": lambda self: {"weight": (8,), "bias": (8,)}},
            "`parts.Scale` has no parameter `bias`, its layer says [8]",
        ),
        (
            {"parameters": lambda self: {"weight": (8,)}, "buffers": lambda self: {"seen": (8,)}},
            "`parts.Scale` has no buffer `seen`, its layer says [8]",
        ),
        (
            {
                "parameters": lambda self: {"weight": (8,)},
                "output": lambda self, x: Tensor((x.shape[0], 4)),
            },
            "`parts.Scale` gives [2, 8], its layer says [2, 4]",
        ),
    ],
)
def test_parameters_and_shapes_are_held_against_the_module(
    rules: dict[str, Any], message: str
) -> None:
    described("Mine", {"infer": _features, **rules}, features=InferredInt)
    found = error_of(net("return x -> mine: Mine"), build=True)
    assert (found.code, found.message) == ("layer-differs", message)
    assert found.notes[0].startswith("`mine` is Mine(features=8)")


def test_defaults_and_order_are_held_against_the_class() -> None:
    rules = {"infer": _features, "gain": 2.0}
    described("Mine", rules, features=InferredInt, gain=float)
    found = error_of(net("return x -> Mine"), build=True)
    assert found.message == "the default of `gain` is 2.0 for the layer `Mine`, 1.0 in `parts`"
    described("Turned", {**rules, "gain": 1.0}, gain=float, features=InferredInt)
    found = error_of(net("return x -> Turned(3.0)"), build=True)
    assert found.message == "`Scale` takes its arguments in another order: features, gain"


def test_a_module_that_looks_at_its_numbers_is_not_tried() -> None:
    described("Mine", {"torch": "parts.Picky"})
    model = netspec.loads(net("return x -> Mine")).build(device="cpu")
    assert model(torch.ones(1, 8)).sum() == 16


def test_a_rule_for_a_class_that_another_derives_from_is_refused() -> None:
    scale()
    rules = {"infer": _features, "parameters": lambda self: {"weight": (self.features,)}}
    described(
        "Mine", {**rules, "torch": "parts.Other", "gain": 1.0}, features=InferredInt, gain=float
    )
    text = net("init Scale with (weight=zeros)\n    return x -> Scale -> Mine")
    found = error_of(text, build=True)
    assert found.message == (
        "`Other` derives from `Scale`: a rule for the layer `Scale` would reach it, too"
    )


# ---- one place -----------------------------------------------------------------------------------


def test_a_registered_layer_is_found_wherever_layers_are() -> None:
    scale()
    spec = netspec.loads(net("return x -> Scale"))
    assert [(row.name, row.type, row.parameters) for row in spec.summary().rows] == [
        ("scale1", "Scale", 8)
    ]
    assert error_of(net("return x -> Scael")).help == "did you mean `Scale`?"
    assert error_of("init Scael with (weight=ones)\n" + net("return x -> Scale")).help == (
        "did you mean `Scale`?"
    )
    assert layers("scale")[0] == (
        "Scale",
        "layer",
        "Each feature times a weight: `[*, features]`, shape unchanged.",
    )
    assert explain("Scale").startswith("Scale(gain=1.0)\nlayer: parts.Scale\n")
    page = reference.pages()["layers.md"]
    assert "## Test extending\n\nLayers of a user's own" in page
    assert "### Scale\n" in page


PIXEL = re.compile(r"^class PixelShuffle\(.*?(?=^class )", re.MULTILINE | re.DOTALL)


WRITE_INDEX = """
from netspec.catalogue import index
from netspec.catalogue.write_index import write_index

text = write_index()
open(index.__file__, "w").write(text)
"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the project."""
    target = tmp_path / "copy"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("netspec", "grammar", "tests", "docs"):
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def run_in(folder: Path, *command: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.slow
def test_a_layer_of_the_catalogue_is_one_class_in_one_place(copied: Path) -> None:
    family = copied / "netspec" / "catalogue" / "shaping.py"
    whole = family.read_text(encoding="utf-8")
    family.write_text(PIXEL.sub("", whole, count=1), encoding="utf-8")
    assert family.read_text(encoding="utf-8") != whole
    (copied / "a.net").write_text(net("return x -> PixelShuffle(2)", "[N, 8, 4, 4]"))
    (copied / "b.net").write_text(net("return x -> PixelShufle(2)", "[N, 8, 4, 4]"))
    cli = ("-m", "netspec.cli")
    update = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_catalogue.py", "--update")
    assert run_in(copied, "-c", WRITE_INDEX) == (0, "")
    code, text = run_in(copied, *cli, "check", "a.net")
    assert (code, "unknown layer `PixelShuffle`" in text) == (1, True), text
    assert "PixelShuffle " not in run_in(copied, *cli, "layers", "pixelshuffle")[1]

    family.write_text(whole, encoding="utf-8")
    assert run_in(copied, *update, "-k", "index")[0] == 0
    assert run_in(copied, *cli, "check", "a.net") == (0, "a.net: no errors (Model)\n")
    assert "did you mean `PixelShuffle`?" in run_in(copied, *cli, "check", "b.net")[1]
    assert "PixelShuffle " in run_in(copied, *cli, "layers", "pixelshuffle")[1]
    assert run_in(copied, *cli, "explain", "PixelShuffle")[1].startswith("PixelShuffle(")
    run_in(copied, "-m", "netspec.reference", "docs")
    assert "### PixelShuffle\n" in (copied / "docs" / "layers.md").read_text(encoding="utf-8")
    oracle = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/oracle/test_layers.py")
    code, text = run_in(copied, *oracle, "-k", "PixelShuffle")
    assert code == 0, text
    assert re.search(r"\b[4-9] passed", text), text
