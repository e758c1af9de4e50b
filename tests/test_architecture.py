"""What the architecture page promises: who imports whom, what is loaded, printed and shipped."""

import ast
import graphlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from lark import Lark
from torch import nn

from netspec import guard
from netspec.grammar import compile_grammar
from netspec.names import CODE_NAMES, MODULE_ATTRIBUTES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "netspec"
GRAMMAR = ROOT / "grammar" / "netspec.lark"
# The command line, and the docs' generator.
PROGRAMS = {"netspec.cli", "netspec.cli_run", "netspec.console", "netspec.reference"}
LENET = str(ROOT / "specs" / "lenet5.net")
TREES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
        path.read_text(encoding="utf-8")
    )
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imports(module: str, *, at_top: bool = False) -> set[str]:
    """What a module imports, inside functions too unless `at_top`; not what only types need."""
    found: set[str] = set()
    pending: list[ast.AST] = [*TREES[module].body]
    while pending:
        node = pending.pop()
        match node:
            case ast.If(test=ast.Name("TYPE_CHECKING")):
                pending += node.orelse
                continue
            case ast.FunctionDef() if at_top:
                continue
            case ast.Import(names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(source, names, level):
                assert level == 0, f"{module} imports relatively"
                inner = {f"{source}.{alias.name}" for alias in names} & set(TREES)
                found |= inner or {str(source)}
        pending += ast.iter_child_nodes(node)
    return found


def ours(module: str) -> set[str]:
    return {name for name in imports(module) if name.split(".")[0] == "netspec"}


# ---- who imports whom --------------------------------------------------------------------------


def test_imports_run_down_one_ladder() -> None:
    try:
        order = [*graphlib.TopologicalSorter({name: ours(name) for name in TREES}).static_order()]
    except graphlib.CycleError as error:
        pytest.fail(f"these import each other: {' -> '.join(error.args[1])}")
    assert order.index("netspec.source") < order.index("netspec.parse")
    assert order.index("netspec.parse") < order.index("netspec.check")
    assert order.index("netspec.check") < order.index("netspec.spec")
    assert order[-1] in PROGRAMS


def reachable(module: str) -> set[str]:
    seen: set[str] = set()
    pending = [module]
    while pending:
        for name in ours(pending.pop()) - seen:
            seen.add(name)
            pending.append(name)
    return seen


def test_an_earlier_phase_knows_nothing_of_a_later_one() -> None:
    phases = {
        "netspec.parse": ("check", "graph", "catalogue", "lower", "render", "spec", "cli"),
        "netspec.catalogue": ("syntax", "parse", "check", "graph", "lower", "render", "spec"),
        "netspec.check": ("lower", "program", "render", "instantiate", "spec", "report", "cli"),
        "netspec.lower": ("parse", "check", "render", "instantiate", "spec", "report", "cli"),
        "netspec.render": ("syntax", "graph", "check", "lower", "instantiate", "spec", "cli"),
    }
    for module, later in phases.items():
        assert not reachable(module) & {f"netspec.{name}" for name in later}, module


@pytest.mark.parametrize(
    ("library", "users"),
    [
        ("lark", {"netspec.grammar"}),
        ("jinja2", {"netspec.render"}),
        (
            "torch",
            {
                *("netspec.instantiate", "netspec.import_extern", "netspec.moving"),
                *("netspec.probe", "netspec.randomness", "netspec.checkpoint", "netspec.assess"),
                *("netspec.samples", "netspec.predict", "netspec.rehearse", "netspec.trainer"),
            },
        ),
        ("pydantic", set()),
        ("pydantic_core", {"netspec.catalogue.signature"}),
        ("argparse", {"netspec.cli"}),
        ("numpy", {"netspec.samples"}),
        ("PIL", {"netspec.samples"}),
        ("matplotlib", {"netspec.curves"}),
    ],
)
def test_few_modules_know_a_library(library: str, users: set[str]) -> None:
    found = {
        module for module in TREES if library in {name.split(".")[0] for name in imports(module)}
    }
    assert found == users


def test_third_party_libraries_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [line for lines in project["optional-dependencies"].values() for line in lines]
    declared = {re.split(r"[>=<\[]", line)[0] for line in [*project["dependencies"], *optional]}
    used = {name.split(".")[0] for module in TREES for name in imports(module)}
    used -= sys.stdlib_module_names | {"netspec"}
    assert {
        name.replace("_core", "").replace("_", "-").replace("PIL", "pillow") for name in used
    } <= declared


# ---- what is loaded ----------------------------------------------------------------------------

RUN = "from netspec.cli import main; main({arguments!r})"
LOADING = {
    "import": "import netspec",
    "check": RUN.format(arguments=["check", LENET]),
    "sarif": RUN.format(arguments=["check", LENET, "--format", "sarif"]),
    "build": RUN.format(arguments=["build", LENET, "--stdout"]),
    "summary": RUN.format(arguments=["summary", LENET]),
    "layers": RUN.format(arguments=["layers"]),
    "explain": RUN.format(arguments=["explain", "Conv2d"]),
    "explain init": RUN.format(arguments=["explain", "init", LENET]),
    "library": (
        f"import netspec; s = netspec.load({LENET!r}); s.render(); str(s.summary()); s.net()"
    ),
    "train": "import netspec.train, netspec.script",
    "layer": "from netspec import Layer, Misfit, PositiveInt",
}


def loaded_after(code: str) -> set[str]:
    """The top-level modules in `sys.modules` after running code in a fresh process."""
    report = "import sys; print('', *sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("name", LOADING)
def test_torch_is_loaded_only_to_make_modules(name: str) -> None:
    loaded = loaded_after(LOADING[name])
    assert "netspec" in loaded
    assert not loaded & {"torch", "numpy"}


def test_a_check_loads_little() -> None:
    subprocess.run([sys.executable, "-c", LOADING["check"]], capture_output=True, check=True)
    loaded = loaded_after(LOADING["check"])  # the grammar's tables are kept now
    assert not loaded & {"lark", "jinja2", "pydantic"}
    assert not {name for name in loaded if name.startswith("netspec.lower")}


def test_a_spec_without_a_training_loads_nothing_of_trainings() -> None:
    text = "net A()(x: [N, 4]) { return x -> Linear(2) }"
    loaded = loaded_after(f"import netspec; netspec.loads({text!r})")
    trainings = {"training", "check_train", "check_data", "check_step", "check_extern_data"}
    catalogue = {"optimizer", "scheduler", "dataset", "metric", "transform"}
    assert "netspec.check" in loaded
    assert not loaded & {f"netspec.{name}" for name in trainings}
    assert not loaded & {f"netspec.catalogue.{name}" for name in catalogue}


def test_importing_netspec_loads_nothing_of_it() -> None:
    loaded = {name for name in loaded_after("import netspec") if name.startswith("netspec")}
    assert loaded == {"netspec"}


# ---- a library, not a program ------------------------------------------------------------------


def calls(tree: ast.Module) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def attributes(tree: ast.Module) -> set[str]:
    return {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def names_outside_handlers(tree: ast.Module) -> set[str]:
    """The names of a module; `except SystemExit` takes an end, and makes none."""
    handled = {
        id(node.type)
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type
    }
    return {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in handled
    }


def test_only_the_command_line_prints_and_exits() -> None:
    speaking = {"print", "input", "exit", "quit", "sys.exit", "os._exit", "breakpoint"}
    for module, tree in TREES.items():
        if module in PROGRAMS:
            continue
        assert not calls(tree) & speaking, module
        found = {*attributes(tree), *names_outside_handlers(tree)}
        assert not found & {"sys.stdout", "sys.stderr", "sys.stdin", "sys.argv", "SystemExit"}, (
            module
        )


def test_only_the_edges_read_and_write_files() -> None:
    touching = {"open", "read_text", "read_bytes", "write_text", "mkdir", "unlink", "iterdir"}
    users = {
        module
        for module, tree in TREES.items()
        if {name.split(".")[-1] for name in calls(tree)} & touching
    }
    # `uses` reads the library of blocks, as `grammar` reads the grammar.
    readers = {"netspec.grammar", "netspec.spec", "netspec.uses"}
    runners = {"netspec.train", "netspec.samples", "netspec.predict", "netspec.curves"}
    assert users == PROGRAMS - {"netspec.cli_run"} | readers | runners


def test_generated_source_is_the_only_thing_that_is_run() -> None:
    running = {"exec", "eval", "__import__", "compile"}
    users = {module for module, tree in TREES.items() if calls(tree) & running}
    assert users == {"netspec.instantiate"}


def test_one_module_imports_what_a_spec_names() -> None:
    importing = {"import_module", "importlib.import_module", "spec_from_file_location"}
    users = {module for module, tree in TREES.items() if calls(tree) & importing}
    # netspec and the catalogue import their own modules, `--layers` what the command line names.
    own = {"netspec", "netspec.catalogue", "netspec.catalogue.shelf"}
    assert users == own | {"netspec.import_extern", "netspec.import_layers"}


def test_every_module_says_what_it_is() -> None:
    assert [module for module, tree in TREES.items() if not ast.get_docstring(tree)] == []


# ---- names -------------------------------------------------------------------------------------


def test_the_attributes_of_a_module_are_those_of_torch() -> None:
    class Built(nn.Module):
        pass

    own = {name for name in (*dir(Built), *vars(Built())) if not name.startswith("_")}
    assert own == MODULE_ATTRIBUTES


def test_names_that_generated_code_uses_are_not_free() -> None:
    free = guard._BUILTINS | {"torch", "nn", "F", "Tensor", "self"}
    assert free <= CODE_NAMES


# ---- the same bytes ----------------------------------------------------------------------------

EVERYTHING = f"""
import netspec
from pathlib import Path
from netspec.report import write_json
from netspec.spec import examine, read_source

root = Path({str(ROOT)!r})
for path in sorted([*root.glob("specs/*.net"), *root.glob("tests/**/*.net")]):
    graph, diagnostics = examine(*read_source(path), {{}})
    print(write_json(diagnostics))
    if graph is not None:
        spec = netspec.load(path)
        print(spec.render(), *(spec.summary(net=net) for net in spec.nets))
"""


def test_the_hash_seed_makes_no_difference() -> None:
    digests = set()
    for seed in ("0", "1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
        command = [sys.executable, "-c", EVERYTHING]
        done = subprocess.run(command, capture_output=True, env=environment, check=True)
        digests.add(hashlib.sha256(done.stdout).hexdigest())
    assert len(digests) == 1


# ---- the grammar -------------------------------------------------------------------------------


def test_the_grammar_is_lalr_without_conflicts() -> None:
    text = GRAMMAR.read_text(encoding="utf-8")
    Lark(text, parser="lalr", lexer="basic", start="file", strict=True)


def test_every_terminal_has_a_name() -> None:
    tables = compile_grammar(GRAMMAR.read_text(encoding="utf-8"))
    terminals = {terminal for actions in tables.states for terminal in actions}
    assert [terminal for terminal in terminals if terminal.startswith("__")] == []


def test_every_paragraph_of_rules_begins_with_a_comment() -> None:
    paragraphs = GRAMMAR.read_text(encoding="utf-8").split("\n\n")
    rules = [p for p in paragraphs if re.search(r"^[?_]*[a-z]\w*(\{\w+\})?:", p, re.MULTILINE)]
    assert len(rules) > 20
    assert [paragraph for paragraph in rules if not paragraph.startswith("// ")] == []


# ---- what is shipped ---------------------------------------------------------------------------


def test_an_installed_package_finds_its_grammar_and_templates(tmp_path: Path) -> None:
    """The layout of a wheel: `grammar/` inside the package, as pyproject.toml says."""
    site = tmp_path / "site"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, site / "netspec", ignore=ignored)
    shutil.copytree(ROOT / "grammar", site / "netspec" / "grammar", ignore=ignored)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "netspec.cli", "build", LENET, "--stdout"]
    for _ in range(2):  # without kept tables, then with them
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        assert "class LeNet5(nn.Module):" in done.stdout
    where = [sys.executable, "-c", "import netspec; print(netspec.__file__)"]
    done = subprocess.run(
        where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(site))
    assert (site / "netspec" / "grammar" / "__pycache__" / "netspec.tables.json").is_file()


def test_the_build_configuration_takes_grammar_and_templates_in() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    build = build["build"]
    wheel = build["targets"]["wheel"]
    assert wheel["sources"] == {"grammar": "netspec/grammar"}
    assert {"netspec", "grammar"} <= set(wheel.get("only-include", build.get("only-include")))
    needed = [GRAMMAR, *(PACKAGE / "templates").glob("*.jinja"), PACKAGE / "py.typed"]
    assert len(needed) >= 4
    for path in needed:
        parts = path.relative_to(ROOT).parts
        assert path.is_file()
        assert not any(fnmatch(part, pattern) for part in parts for pattern in build["exclude"])
    ignored = subprocess.run(
        ["git", "check-ignore", *map(str, needed)], cwd=ROOT, capture_output=True, check=False
    )
    assert ignored.stdout == b""  # hatchling leaves out what git ignores
    assert not list((ROOT / "grammar").glob("*.py"))
    assert not (PACKAGE / "grammar").exists()


def test_hatchling_puts_grammar_and_templates_into_wheel_and_sdist() -> None:
    pytest.importorskip("hatchling", reason="hatchling is not installed here")
    from hatchling.builders.sdist import SdistBuilder
    from hatchling.builders.wheel import WheelBuilder

    wheel = {f.distribution_path for f in WheelBuilder(str(ROOT)).recurse_included_files()}
    sdist = {f.distribution_path for f in SdistBuilder(str(ROOT)).recurse_included_files()}
    templates = {f"netspec/templates/{p.name}" for p in (PACKAGE / "templates").glob("*.jinja")}
    assert {"netspec/grammar/netspec.lark", *templates} <= wheel
    assert {"grammar/netspec.lark", *templates} <= sdist
