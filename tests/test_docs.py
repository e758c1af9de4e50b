"""The documents: samples are checked, commands run, pages of the reference current."""

import ast
import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

import netspec
from netspec import reference
from netspec.catalogue import families
from netspec.catalogue.layer import LAYERS
from netspec.catalogue.registry import own_layers
from netspec.catalogue.signature import Signature, write_value
from netspec.check_section import SETTINGS
from netspec.names import CODE_NAMES
from netspec.report import write_text
from netspec.setting_texts import with_settings
from netspec.settings import Settings
from netspec.source import Source
from netspec.spec import examine

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
IDS = [path.name for path in DOCUMENTS]
LANGUAGES = ("", "net", "text", "sh", "console", "pycon", "python")


class Block(NamedTuple):
    """A fenced block, with the line where it begins.

    `file` is what a comment before it names: where a sample is saved, or what code comes from.
    """

    document: Path
    line: int
    language: str
    text: str
    file: str
    follows: "Block | None"  # the block before it, where no words stand between them


FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
FILE_COMMENT = re.compile(r"<!-- (?:file|from): (\S+) -->")


def blocks(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    found: list[Block] = []
    end = 0
    for match in FENCE.finditer(text):
        between = text[end : match.start()]
        name = FILE_COMMENT.search(between)
        adjoining = found[-1] if found and not between.strip() else None
        line = text.count("\n", 0, match.start()) + 1
        code = re.sub(f"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        file = name[1] if name else ""
        found.append(Block(document, line, match["language"], code, file, adjoining))
        end = match.end()
    return found


ALL = [block for document in DOCUMENTS for block in blocks(document)]


def of(language: str) -> list[Block]:
    return [block for block in ALL if block.language == language]


def place(block: Block) -> str:
    return f"{block.document.name}:{block.line}"


def test_every_block_says_its_language() -> None:
    for block in ALL:
        assert block.language in LANGUAGES, place(block)
        is_reference = block.document.name in reference.pages()
        assert block.language or is_reference, place(block)


# ---- samples -----------------------------------------------------------------------------------


def beside(block: Block) -> Callable[[str, Source], Source | None]:
    """What finds the files that a sample uses: samples of its document that are saved."""

    def used(path: str, user: Source) -> Source | None:
        named = [other for other in blocks(block.document) if other.file == path]
        return Source(named[0].text, path) if named else None

    return used


def register(document: Path) -> None:
    """Register the layers that a document describes."""
    for block in blocks(document):
        if block.file.endswith(".py") and "(Layer)" in block.text and "/" not in block.file:
            module = {"__name__": block.file.removesuffix(".py")}
            exec(compile(block.text, place(block), "exec"), module)


def diagnose(block: Block, name: str) -> str:
    register(block.document)
    _, diagnostics = examine(Source(block.text, name), None, {}, beside(block))
    return write_text(diagnostics).removesuffix("\n")


def expected_of(block: Block) -> tuple[str, str]:
    """The name of a sample and the diagnostics that stand behind it."""
    for other in ALL:
        if other.follows == block and re.match(r"(error|warning|hint)\[", other.text):
            name = re.search(r"--> ([\w.]+)", other.text)
            assert name is not None
            return name[1], other.text
    return "sample.net", ""


@pytest.mark.parametrize("block", of("net"), ids=place)
def test_a_sample_gets_the_diagnostics_behind_it_or_none(block: Block) -> None:
    name, expected = expected_of(block)
    assert diagnose(block, name) == expected


EXTERN = re.compile(r'^extern .* from "([\w.]+)"$', re.MULTILINE)


def save_modules(document: Path, folder: Path) -> set[str]:
    """Save the Python files of a document; the names of their modules."""
    named = [block for block in blocks(document) if block.file.endswith(".py")]
    files = [block for block in named if "/" not in block.file]  # others are of this project
    for block in files:
        (folder / block.file).write_text(block.text, encoding="utf-8")
    return {block.file.removesuffix(".py") for block in files}


class Sizes(dict[str, int]):
    """A number for each size that only data decides: one that halves well."""

    def __missing__(self, name: str) -> int:
        return 2 if name == "N" else 32


def size_of(dim: object) -> int:
    return int(eval(str(dim), {"min": min, "max": max}, Sizes()))


@pytest.mark.slow
@pytest.mark.parametrize("block", [b for b in of("net") if not expected_of(b)[1]], ids=place)
def test_the_nets_of_a_sample_run_and_give_the_shapes_that_check_says(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    register(block.document)
    text = block.text.replace('on "cuda:1"', 'on "meta"')  # no test needs a second device
    graph, _ = examine(Source(text, "sample.net"), None, {}, beside(block))
    assert graph is not None
    saved = save_modules(block.document, tmp_path)
    needed = [*EXTERN.findall(block.text), *(layer.torch for layer in own_layers())]
    if not {module.split(".")[0] for module in needed} <= saved:
        return  # a module of somebody else's
    monkeypatch.syspath_prepend(tmp_path)
    for name in saved:
        monkeypatch.delitem(sys.modules, name, raising=False)
    spec = netspec.Spec(graph, (), {}, loader=beside(block), allow_extern=saved)
    for name, net in graph.nets.items():
        model = spec.build(net=name, device="meta").eval()
        inputs = [
            torch.zeros(
                [size_of(dim) for dim in port.type.shape],
                dtype=getattr(torch, port.type.dtype),
                device="meta",
            )
            for port in net.inputs
        ]
        given = model(*inputs)
        outputs = [given] if isinstance(given, torch.Tensor) else given
        shapes = [[size_of(dim) for dim in port.type.shape] for port in net.outputs]
        assert [list(output.shape) for output in outputs] == shapes


def origin(block: Block) -> Block | None:
    """The sample that generated code comes from; None for code of ours."""
    if block.file.endswith(".py"):
        return None
    if block.file:
        named = [b for b in blocks(block.document) if b.file == block.file and b.language == "net"]
        return [b for b in named if b.line < block.line][-1]
    return block.follows


@pytest.mark.parametrize("block", [b for b in of("python") if origin(b)], ids=place)
def test_generated_code_in_a_document_is_what_its_sample_gives(block: Block) -> None:
    register(block.document)
    sample = origin(block)
    assert sample is not None
    text = "".join(netspec.loads(sample.text).render().values())
    at = 0
    for part in re.split(r"^ *\.\.\.\n", block.text, flags=re.MULTILINE):
        assert part in text[at:], text
        at = text.index(part, at) + len(part)


def test_quoted_source_of_this_project_is_what_stands_there() -> None:
    quoted = [block for block in of("python") if "/" in block.file]
    assert quoted
    for block in quoted:
        assert block.text in (ROOT / block.file).read_text(encoding="utf-8"), place(block)


def test_a_text_block_is_the_output_of_a_sample() -> None:
    for block in of("text"):
        if block.document.name == "architecture.md":
            continue  # a drawing
        assert block.follows is not None, place(block)
        assert block.follows.language == "net", place(block)


def test_the_first_net_of_the_readme_is_the_spec_of_the_demo() -> None:
    first = next(block for block in of("net") if block.document.name == "README.md")
    assert first.text == (ROOT / "specs" / "lenet5.net").read_text(encoding="utf-8")


# ---- commands ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a reader's checkout holds: the specs."""
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_the_commands_of_a_document_do_what_it_says(
    document: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    for name in save_modules(document, folder):
        monkeypatch.delitem(sys.modules, name, raising=False)
    namespace: dict[str, object] = {}
    for block in blocks(document):
        if block.file and block.language == "net":
            Path(block.file).write_text(block.text, encoding="utf-8")
        match block.language:
            case "sh":
                for command in block.text.splitlines():
                    run(command)
            case "console":
                for command, output in sessions(block.text):
                    shown = run(command)
                    assert shown is None or shown == output, place(block)
            case "pycon":
                run_doctest(block, namespace)
            case "python" if origin(block) is None and not block.file:
                exec(compile(block.text, place(block), "exec"), namespace)


def sessions(text: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output.rstrip()


def run(line: str) -> str | None:
    """Run a command; its output, or None where what it prints is not for comparison."""
    words = shlex.split(line, comments=True)
    if not words or words[0] == "cd":
        return None
    if words[0] == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= set(targets), line
        return None
    if words[:2] == ["pip", "install"]:
        check_install(words[2:])
        return None
    programs = {"netspec": [sys.executable, "-m", "netspec.cli"], "python": [sys.executable]}
    assert words[0] in programs, line
    trains = "train" in words or any(word.endswith("train.py") for word in words)
    uses = words[1] in ("eval", "predict")  # what a training before it in the document has left
    short = ["--out", "short"] if trains or uses else []
    short += ["--epochs", "1", "--max-batches", "2"] if trains else []
    done = subprocess.run(
        [*programs[words[0]], *words[1:], *short],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
    )
    if trains or uses:
        assert done.returncode == 0, done.stdout
        return None
    assert done.returncode in (0, 1), done.stdout
    return done.stdout.rstrip()


def check_install(words: list[str]) -> None:
    """What is installed is this project, with extras that it has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"])
    for word in words:
        match = re.fullmatch(r"\.(?:\[([\w,]+)\])?", word)
        assert match or word == "-e", word
        assert match is None or set((match[1] or "").split(",")) <= {*extras, ""}, word


def run_doctest(block: Block, namespace: dict[str, object]) -> None:
    test = doctest.DocTestParser().get_doctest(
        block.text, namespace, place(block), str(block.document), block.line
    )
    test.globs = namespace
    output: list[str] = []
    doctest.DocTestRunner().run(test, out=output.append, clear_globs=False)
    assert not output, "".join(output)


# ---- links -------------------------------------------------------------------------------------


def anchors(document: Path) -> set[str]:
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_links_lead_somewhere(document: Path) -> None:
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        assert ":" not in path, f"{target}: the documents link to themselves only"
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


# ---- pages that follow from the code -----------------------------------------------------------


@pytest.mark.parametrize("file", reference.pages())
def test_a_page_of_the_reference_is_current(file: str, update: bool) -> None:
    text = reference.pages()[file]
    if update:
        (DOCS / file).write_text(text, encoding="utf-8")
    assert (DOCS / file).read_text(encoding="utf-8") == text


def registered() -> Iterator[tuple[str, type[Signature]]]:
    """What the registries of the catalogue hold, whatever they are called."""
    for family in families():
        for value in vars(family).values():
            if isinstance(value, Mapping):
                for name, entry in value.items():
                    if isinstance(entry, type) and issubclass(entry, Signature):
                        yield name, entry


def test_the_reference_has_all_that_the_catalogue_has() -> None:
    headings = re.findall(r"^### (.*)$", "".join(reference.pages().values()), re.MULTILINE)
    entries = {(name, entry) for name, entry in registered() if isinstance(name, str)}
    assert len(entries) > 400
    assert sorted(headings) == sorted(name for name, _ in entries)


def test_every_entry_of_the_catalogue_has_a_docstring() -> None:
    for name, entry in registered():
        assert entry.__doc__, name


TENSOR = r"\w+\[[^\]]*\]"


@pytest.mark.parametrize("name", LAYERS)
def test_the_examples_of_a_layer_are_what_check_says(name: str) -> None:
    for example in LAYERS[name].examples:
        types = re.findall(TENSOR, example.input)
        names = [f"x{i}" for i in range(len(types))]
        inputs = ", ".join(f"{x}: {type_}" for x, type_ in zip(names, types, strict=True))
        value = names[0] if len(names) == 1 else f"({', '.join(names)})"
        target = re.sub(TENSOR, "y", example.output)
        for number in range(target.count("y")):
            target = re.sub(r"y(?!\d)", f"y{number}", target, count=1)
        outputs = target.replace("(", "").replace(")", "")
        spec = netspec.loads(
            f"net A()({inputs}) {{\n{target} = {value} -> {example.call}\nreturn {outputs}\n}}"
        )
        found = [str(port.type) for port in spec.net().outputs]
        assert found == re.findall(TENSOR, example.output)


def codes_in_source() -> set[str]:
    """Every code that a diagnostic can have, read from the calls that make one."""
    codes: set[str] = set()
    for path in sorted((ROOT / "netspec").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                codes |= codes_of_call(node)
            if isinstance(node, ast.Return) and path.name == "names.py":
                match node.value:
                    case ast.Tuple([ast.Constant(str() as code), _]):
                        codes.add(code)
    return codes


def chosen(node: ast.expr) -> list[str]:
    """What a conditional expression can come to."""
    if isinstance(node, ast.IfExp):
        return [*chosen(node.body), *chosen(node.orelse)]
    assert isinstance(node, ast.Constant)
    return [str(node.value)]


def codes_of_call(node: ast.Call) -> set[str]:
    """The codes that a call reports, or hands to what reports them."""
    function = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    function = node.func.id if isinstance(node.func, ast.Name) else function
    constants = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]
    match function, node.args:
        case "report_duplicate", _:
            return {f"duplicate-{constants[0]}"}
        case (("_unknown" | "_call"), [_, _, ast.Constant(str() as kind)]):
            return {f"unknown-{kind.replace(' ', '-')}"}
        case "read_call", [_, _, ast.Constant(str() as kind), *_]:
            return {f"unknown-{kind.replace(' ', '-')}"}
        case (("_Problem" | "ArgumentError"), _):
            return {str(constants[0])}
        case "_misfit", [ast.Constant(str() as code), *_]:
            return {code}
        case "Misfit", _:
            named = {word.arg: word.value for word in node.keywords}
            code = named.get("code")
            return {str(code.value)} if isinstance(code, ast.Constant) else set()
        case "add", [ast.Constant(str() as code), _, _, *_]:
            return {code}
        case "add", [ast.IfExp() as choice, *_]:
            return set(chosen(choice))
        case "add", [ast.Name("code") | ast.Attribute(_, "code"), _, _, *_]:
            return set()  # made by one of the calls above
        case "add", [ast.JoinedStr() as written, _, _, *_]:
            assert ast.unparse(written)[2:].startswith(("duplicate-", "unknown-"))
            return set()
        case "add", [first, _, _, *_]:
            raise AssertionError(f"what codes can this have? {ast.unparse(first)}")
    return set()


def table(document: str, heading: str) -> dict[str, list[str]]:
    """The rows of the first table under a heading, by the code in their first cell."""
    text = (DOCS / document).read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", section, re.MULTILINE)
    return {name: rest.split(" | ") for name, rest in rows}


def test_every_error_code_has_its_line() -> None:
    rows = table("language.md", "Errors")
    assert sorted(rows) == sorted(codes_in_source())
    assert list(rows) == sorted(rows)


def test_the_codes_of_the_gallery_are_among_them() -> None:
    gallery = "".join(path.read_text() for path in (ROOT / "tests" / "errors").glob("*.txt"))
    seen = set(re.findall(r"^(error|warning|hint)\[([\w-]+)\]", gallery, re.MULTILINE))
    rows = table("language.md", "Errors")
    assert len(seen) > 40
    for severity, code in seen:
        assert rows[code][0] == severity, code


def test_every_setting_of_a_train_section_has_its_line() -> None:
    rows = table("language.md", "The train section")
    assert sorted(rows) == sorted(SETTINGS)
    for name, value in Settings()._asdict().items():
        unset = not value and not isinstance(value, bool)
        assert rows[name][0] in (f"`{write_value(value)}`", "none" if unset else ""), name


def test_the_table_of_settings_is_current(update: bool) -> None:
    page = DOCS / "language.md"
    text = with_settings(page.read_text(encoding="utf-8"))
    if update:
        page.write_text(text, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == text


def test_the_names_that_generated_code_needs_are_listed() -> None:
    text = (DOCS / "language.md").read_text(encoding="utf-8")
    section = text.split("\n## Names\n", 1)[1].split("\n## ", 1)[0]
    paragraph = next(part for part in section.split("\n\n") if part.startswith("These are in use"))
    assert set(re.findall(r"`(\w+)`", paragraph)) == CODE_NAMES


# ---- the architecture --------------------------------------------------------------------------


def require(file: str) -> Path:
    path = ROOT / file
    assert path.exists(), file
    return path


def test_every_invariant_names_a_test_that_there_is() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    paragraphs = [part for part in text.split("\n\n") if part.startswith("**Invariant:**")]
    assert len(paragraphs) >= 6
    for paragraph in paragraphs:
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", paragraph)
        assert named, paragraph
        for file, name in named:
            code = require(file).read_text(encoding="utf-8")
            assert not name or f"def {name}(" in code, f"{file}::{name}"


def test_every_file_that_the_architecture_names_exists() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    for file in re.findall(r"`((?:netspec|grammar|tests|specs)/[\w/.]*)`", text):
        require(file)
