"""The command line: what it prints, where it writes, and its exit codes."""

import gc
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import netspec
from netspec.cli import main

ROOT = Path(__file__).parent.parent
LENET = str(ROOT / "specs" / "lenet5.net")
GOOD = "net A(width: int = 3)(x: float32[N, 4]) {\n    return x -> Linear(width)\n}\n"
BAD = "net A()(x: float32[N, 4]) {\n    return x -> Linaer(3)\n}\n"
WARNED = "net A()(x: float32[N, 4]) {\n    y = x -> ReLU\n    return x -> Linear(3)\n}\n"
HINTED = (
    "net A()(x: float32[N, 4]) {\n"
    "    x = x -> Linear(3) -> BatchNorm1d\n    return x -> Linear(2) -> BatchNorm1d\n}\n"
)
TWO = GOOD + GOOD.replace("net A", "net B")
FINE, WRONG, USAGE = 0, 1, 2


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Shell:
    """Runs commands in a folder of their own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys

    def __call__(self, *arguments: str) -> Done:
        try:
            code = main(arguments)
        except SystemExit as stop:  # argparse's way out
            assert isinstance(stop.code, int)
            code = stop.code
        finally:
            gc.enable()
        return Done(code, *self.capsys.readouterr())

    def write(self, text: str | bytes, name: str = "a.net") -> str:
        data = text if isinstance(text, bytes) else text.encode()
        (self.folder / name).write_bytes(data)
        return name


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


def in_a_process(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "netspec.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


# ---- usage -------------------------------------------------------------------------------------


def test_help_names_every_command(shell: Shell) -> None:
    done = shell("--help")
    assert done.code == FINE
    for command in ("check", "build", "summary", "train", "explain init"):
        assert re.search(rf"^    {command}\s", done.out, re.MULTILINE)
        own = shell(*command.split(), "--help")
        assert own.code == FINE
        assert "SPEC" in own.out
    assert "SPEC" not in shell("layers", "--help").out
    assert "netspec explain init SPEC" in shell("explain", "--help").out


def test_the_version_is_that_of_the_package(shell: Shell) -> None:
    assert shell("--version") == Done(FINE, f"netspec {netspec.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["chekc", "a.net"],
        ["check"],
        ["check", "a.net", "b.net"],
        ["check", "a.net", "--frobnicate"],
        ["check", "a.net", "--format", "xml"],
        ["check", "a.net", "--force"],
        ["check", "a.net", "--set", "width"],
        ["check", "a.net", "--set", "=3"],
        ["check", "a.net", "--set", "a b=3"],
        ["build", "a.net", "--std"],
        ["build", "a.net", "-o"],
        ["summary", "a.net", "--epochs", "3"],
        ["explain"],
        ["explain", "init"],
        ["explain", "Conv2d", "a.net"],
        ["explain", "Conv2d", "--net", "A"],
        ["layers", "conv", "pool"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_told_from_a_wrong_spec(arguments: list[str], shell: Shell) -> None:
    shell.write(GOOD)
    done = shell(*arguments)
    assert done.code == USAGE
    assert done.out == ""
    assert done.err.startswith("usage: netspec")
    assert not (shell.folder / "a").exists()


# ---- check -------------------------------------------------------------------------------------


def test_check_says_that_all_is_well(shell: Shell) -> None:
    assert shell("check", shell.write(TWO)) == Done(FINE, "a.net: no errors (A, B)\n", "")


def test_check_prints_errors_and_counts_them(shell: Shell) -> None:
    done = shell("check", shell.write(BAD))
    assert (done.code, done.err) == (WRONG, "")
    assert done.out.startswith("error[unknown-layer]: unknown layer `Linaer`\n  --> a.net:2:17\n")
    assert done.out.endswith("\n1 error\n")
    assert "\n2 errors\n" in shell("check", shell.write(BAD + "net")).out


def test_a_warning_does_not_fail_a_check(shell: Shell) -> None:
    done = shell("check", shell.write(WARNED))
    assert done.code == FINE
    assert done.out.startswith("warning[unused]: value `y` is never used\n")
    assert done.out.endswith("\n\na.net: no errors, 1 warning (A)\n")


def test_a_check_with_hints_only_is_fine(shell: Shell) -> None:
    done = shell("check", shell.write(HINTED))
    assert done.code == FINE
    assert done.out.startswith("hint[idle-bias]: the bias of `Linear` has no effect before")
    assert done.out.endswith("\n\na.net: no errors, 2 hints (A)\n")
    assert shell("check", "a.net", "--format", "json").code == FINE
    done = shell("check", "a.net", "--format", "sarif")
    assert done.code == FINE
    (run,) = json.loads(done.out)["runs"]
    assert [result["level"] for result in run["results"]] == ["note", "note"]


def test_layers_without_a_label_are_warned_of_on_demand(shell: Shell) -> None:
    path = shell.write(GOOD)
    done = shell("check", path, "--warn", "unlabelled")
    assert done.code == FINE
    assert done.out.startswith(
        "warning[unlabelled]: `Linear` has no label, and is called `linear1`"
    )
    assert done.out.endswith("\n\na.net: no errors, 1 warning (A)\n")
    assert shell("check", path, "--warn", "everything").code == USAGE


def test_check_holds_the_spec_against_other_values_of_its_parameters(shell: Shell) -> None:
    path = shell.write(GOOD)
    assert shell("check", path, "--set", "width=8").code == FINE
    done = shell("check", path, "--set", "width=0")
    assert done.code == WRONG
    assert "must be a positive integer, found 0" in done.out
    done = shell("check", path, "--set", "widht=3")
    assert done.code == WRONG
    assert "did you mean `width`?" in done.out


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *(("3", "int"), ("0.5", "float"), ("True", "bool"), ("abc", "str"), ("'3'", "str")),
        *(("[1, 2]", "list"), ("(1, 2)", "list"), ("a=b", "str"), ("", "str"), ("$(ls)", "str")),
    ],
)
def test_set_reads_values_as_python_writes_them(text: str, kind: str, shell: Shell) -> None:
    default = {"int": "1", "float": "1.0", "bool": "False", "str": '"x"', "list": "[]"}
    for wanted in default:
        path = shell.write(
            f"net A(p: {wanted} = {default[wanted]})(x: float32[N, 4]) {{\n"
            "    let q = p\n    return x -> Linear(len([q]))\n}\n"
        )
        fits = kind == wanted or (wanted == "float" and kind == "int")
        assert shell("check", path, "--set", f"p={text}").code == (FINE if fits else WRONG), wanted


def test_the_last_value_of_a_parameter_counts(shell: Shell) -> None:
    done = shell("summary", shell.write(GOOD), "--set", "width=8", "--set", "width=2")
    assert "A: 10 parameters" in done.out


def test_json_has_codes_and_places(shell: Shell) -> None:
    done = shell("check", shell.write(BAD), "--format", "json")
    assert (done.code, done.err) == (WRONG, "")
    (found,) = json.loads(done.out)["diagnostics"]
    assert found["code"] == "unknown-layer"
    assert found["severity"] == "error"
    assert found["file"] == "a.net"
    assert found["span"]["start"] == {"line": 2, "column": 17, "offset": 44}
    assert found["span"]["end"] == {"line": 2, "column": 23, "offset": 50}
    assert json.loads(shell("check", shell.write(GOOD), "--format", "json").out) == {
        "diagnostics": []
    }


@pytest.mark.parametrize("text", [GOOD, WARNED, BAD, BAD + "net", "", b"\xff"], ids=range(6))
def test_sarif_has_the_shape_that_code_scanning_reads(text: str | bytes, shell: Shell) -> None:
    done = shell("check", shell.write(text), "--format", "sarif")
    log = json.loads(done.out)
    assert set(log) == {"$schema", "version", "runs"}
    assert log["$schema"].endswith("sarif-2.1.0.json")
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert set(run) == {"tool", "columnKind", "results"}
    assert run["columnKind"] == "unicodeCodePoints"
    driver = run["tool"]["driver"]
    assert driver["name"] == "netspec"
    assert driver["version"] == netspec.__version__
    rules = [rule["id"] for rule in driver["rules"]]
    assert len(set(rules)) == len(rules)
    assert any(r["level"] == "error" for r in run["results"]) == (done.code == WRONG)
    for result in run["results"]:
        assert result["ruleId"] in rules
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "a.net"}
        assert set(place) <= {"artifactLocation", "region"}
        for value in place.get("region", {}).values():
            assert value >= 1


def test_a_name_that_is_no_uri_is_escaped_in_sarif(shell: Shell) -> None:
    done = shell("check", shell.write(BAD, "my net #1.net"), "--format", "sarif")
    (result,) = json.loads(done.out)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "my%20net%20%231.net"


# ---- what cannot be read -----------------------------------------------------------------------


@pytest.mark.parametrize("command", ["check", "build", "summary", "train"])
def test_what_cannot_be_read_is_an_error_of_the_spec(command: str, shell: Shell) -> None:
    (shell.folder / "folder.net").mkdir()
    shell.write("net Ä".encode("latin-1"), "latin1.net")
    shell.write(b"\x89PNG\r\n\x1a\n\x00\x00", "image.net")
    shell.write(b"net A\x00", "zero.net")
    expected = {
        "missing.net": "there is no such file",
        "folder.net": "it is a directory",
        "latin1.net": "the byte 0xc4 is not UTF-8 (line 1, column 5)",
        "image.net": "the byte 0x89 is not UTF-8 (line 1, column 1)",
        "zero.net": "it holds a zero byte (line 1, column 6)",
        "latin1.net/a.net": "not a directory",
        "x" * 5000: "file name too long",
        "a\0b": "no file has such a name",
    }
    for path, words in expected.items():
        done = shell(command, path)
        assert done.code == WRONG
        shown = done.out if command == "check" else done.err
        assert words in shown
        assert shown.startswith(("error[cannot-read]", "error[not-text]"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_an_error_of_the_spec(shell: Shell) -> None:
    path = shell.write(GOOD)
    Path(path).chmod(0)
    assert "reading it is not permitted" in shell("check", path).out


@pytest.mark.parametrize("text", [GOOD, BAD])
def test_marks_and_line_ends_make_no_difference(text: str, shell: Shell) -> None:
    plain = shell("check", shell.write(text))
    changed = [
        b"\xef\xbb\xbf" + text.encode(),
        text.replace("\n", "\r\n").encode(),
        text.rstrip("\n").encode(),
    ]
    for data in changed:
        assert shell("check", shell.write(data)) == plain


def test_a_name_that_is_no_text_can_be_reported(shell: Shell) -> None:
    path = os.fsdecode(b"\xff.net")
    (shell.folder / path).write_text(BAD)
    assert "--> \N{REPLACEMENT CHARACTER}.net:2:17" in shell("check", path).out
    assert json.loads(shell("check", path, "--format", "json").out)
    sarif = json.loads(shell("check", path, "--format", "sarif").out)
    (result,) = sarif["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "%FF.net"
    assert shell("build", path).code == WRONG


# ---- build -------------------------------------------------------------------------------------


def test_build_writes_a_folder_named_after_the_spec(shell: Shell) -> None:
    done = shell("build", LENET)
    assert done == Done(FINE, "wrote lenet5/model.py\nwrote lenet5/train.py\n", "")
    for name, text in netspec.load(LENET).render().items():
        assert (shell.folder / "lenet5" / name).read_text("utf-8") == text
    assert sorted(p.name for p in (shell.folder / "lenet5").iterdir()) == ["model.py", "train.py"]


def test_build_writes_where_it_is_told(shell: Shell) -> None:
    done = shell("build", LENET, "-o", "new/deep")
    assert done.code == FINE
    assert (shell.folder / "new/deep/model.py").is_file()


def test_building_again_changes_nothing(shell: Shell) -> None:
    path = shell.write(GOOD)
    shell("build", path)
    before = (shell.folder / "a/model.py").stat().st_mtime_ns
    assert shell("build", path) == Done(FINE, "unchanged a/model.py\n", "")
    assert (shell.folder / "a/model.py").stat().st_mtime_ns == before


def test_build_keeps_what_the_user_has_changed(shell: Shell) -> None:
    shell("build", LENET)
    model = shell.folder / "lenet5/model.py"
    train = shell.folder / "lenet5/train.py"
    model.write_text("mine\n")
    train.unlink()
    done = shell("build", LENET)
    assert (done.code, done.out) == (WRONG, "")
    assert done.err == (
        "error: lenet5/model.py exists and differs from what would be written\n"
        " = help: --force overwrites, -o DIR writes elsewhere, --stdout prints\n"
    )
    assert model.read_text() == "mine\n"
    assert not train.exists()
    done = shell("build", LENET, "--force")
    assert done == Done(FINE, "wrote lenet5/model.py\nwrote lenet5/train.py\n", "")
    assert model.read_text("utf-8") == netspec.load(LENET).source


def test_a_folder_that_cannot_be_written_is_no_traceback(shell: Shell) -> None:
    path = shell.write(GOOD)
    shell.write("a file", "file")
    (shell.folder / "taken/model.py").mkdir(parents=True)
    shell.write(b"\xff", "binary.py")
    (shell.folder / "binary").mkdir()
    (shell.folder / "binary.py").rename(shell.folder / "binary/model.py")
    for folder in ("file", "file/below", "taken", "binary", "x" * 5000):
        done = shell("build", path, "-o", folder)
        assert (done.code, done.out) == (WRONG, ""), folder
        assert done.err.startswith("error: "), folder
    assert shell("build", path, "-o", "binary", "--force").code == FINE
    assert (shell.folder / "binary/model.py").read_text("utf-8") == netspec.loads(GOOD).source


def test_a_spec_without_a_suffix_does_not_collide_with_its_folder(shell: Shell) -> None:
    done = shell("build", shell.write(GOOD, "plain"))
    assert done.code == WRONG
    assert "choose another with -o DIR" in done.err
    assert (shell.folder / "plain").read_text() == GOOD


def test_stdout_prints_and_writes_nothing(shell: Shell) -> None:
    done = shell("build", shell.write(GOOD), "--stdout")
    assert done == Done(FINE, netspec.loads(GOOD, name="a.net").source, "")
    done = shell("build", LENET, "--stdout")
    files = netspec.load(LENET).render()
    assert done.out == (
        f"# ---- model.py ----\n{files['model.py']}# ---- train.py ----\n{files['train.py']}"
    )
    assert [path.name for path in shell.folder.iterdir()] == ["a.net"]


def test_build_puts_warnings_beside_the_output(shell: Shell) -> None:
    done = shell("build", shell.write(WARNED), "--stdout")
    assert done.code == FINE
    assert done.err.startswith("warning[unused]")
    compile(done.out, "model.py", "exec")


@pytest.mark.parametrize("command", ["build", "train", "explain init"])
def test_nothing_is_made_of_a_spec_with_errors(command: str, shell: Shell) -> None:
    done = shell(*command.split(), shell.write(BAD))
    assert (done.code, done.out) == (WRONG, "")
    assert done.err.startswith("error[unknown-layer]")
    assert [path.name for path in shell.folder.iterdir()] == ["a.net"]


# ---- summary and train -------------------------------------------------------------------------


def test_summary_shows_layers_and_totals(shell: Shell) -> None:
    done = shell("summary", shell.write(GOOD))
    assert (done.code, done.err) == (FINE, "")
    assert done.out.splitlines()[-1].startswith("A: 15 parameters")
    assert shell("summary", "a.net", "--set", "width=1").out.splitlines()[-1].startswith("A: 5 ")


def test_summary_shows_how_far_a_net_goes_and_where_it_fails(shell: Shell) -> None:
    path = shell.write(BAD.replace("Linaer(3)", "Linear(3) -> Linaer(3)") + GOOD.replace("A", "B"))
    done = shell("summary", path)
    assert done.code == WRONG
    assert done.err == shell("check", path).out
    assert done.out == (
        "layer    type    output  parameters  MACs\n"
        "-----------------------------------------\n"
        "linear1  Linear  [N, 3]          15  12 N\n"
        "✗ error[unknown-layer] at a.net:2:30\n"
        "-----------------------------------------\n"
        "A fails: 15 parameters, 12 N MACs so far\n"
    )
    done = shell("summary", path, "--net", "B", "--set", "width=1")
    assert done.code == WRONG
    assert done.out.endswith("\nB: 5 parameters, 4 N MACs\n")
    assert [path.name for path in shell.folder.iterdir()] == ["a.net"]


def test_several_nets_want_a_name(shell: Shell) -> None:
    path = shell.write(TWO)
    done = shell("summary", path)
    assert (done.code, done.out) == (WRONG, "")
    assert "the spec has several nets: A, B" in done.err
    assert "B: 15 parameters" in shell("summary", path, "--net", "B").out
    done = shell("summary", path, "--net", "C")
    assert done.code == WRONG
    assert "the spec has no net `C`" in done.err


def test_explain_init_shows_the_rule_of_each_parameter(shell: Shell) -> None:
    path = shell.write(TWO.replace("net B", "init Linear with (bias=zeros)\nnet B"))
    assert "the spec has several nets: A, B" in shell("explain", "init", path).err
    done = shell("explain", "init", "--net", "B", "--set", "width=9", path)
    assert done == Done(
        FINE,
        "parameter       shape   scheme             rule         place\n"
        "-----------------------------------------------------------------\n"
        "linear1.weight  [9, 4]  PyTorch's default\n"
        "linear1.bias    [9]     zeros              init Linear  a.net:4:1\n",
        "",
    )


def test_layers_lists_what_matches(shell: Shell) -> None:
    done = shell("layers", "softm*d")
    assert (done.code, done.err) == (FINE, "")
    assert re.fullmatch(r"Softmax2d  layer  .+\n", done.out)
    assert len(shell("layers").out.splitlines()) >= 400
    assert shell("layers", "Convv2d") == Done(
        WRONG,
        "",
        "error: no layer or function has a name like `Convv2d`\n = help: did you mean `Conv2d`?\n",
    )


def test_explain_tells_what_a_name_stands_for(shell: Shell) -> None:
    done = shell("explain", "Conv2d")
    assert (done.code, done.err) == (FINE, "")
    assert done.out.startswith("Conv2d(out_channels, kernel_size, stride=1")
    assert shell("explain", "conv2D") == Done(
        WRONG,
        "",
        "error: netspec knows nothing called `conv2D`\n = help: did you mean `Conv2d`?\n",
    )
    assert "\x1b" not in shell("explain", "\x1b[2J").err


def test_train_wants_a_train_section(shell: Shell) -> None:
    done = shell("train", shell.write(GOOD))
    assert (done.code, done.out) == (WRONG, "")
    assert "the spec has no `train` section" in done.err


@pytest.mark.slow
def test_train_hands_further_options_to_the_script(tmp_path: Path) -> None:
    options = ["--epochs", "1", "--max-batches", "2", "--out", "run"]
    done = in_a_process("train", LENET, *options, cwd=tmp_path)
    assert done.returncode == FINE, done.stderr
    assert "epoch=0" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
    assert in_a_process("train", LENET, "--frobnicate", cwd=tmp_path).returncode == USAGE


# ---- terminals and pipes -----------------------------------------------------------------------


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    path.write_text(TWO * 1000)
    for arguments in (["check", str(path)], ["build", LENET, "--stdout"], ["--help"]):
        reader, writer = os.pipe()
        os.close(reader)
        command = [sys.executable, "-m", "netspec.cli", *arguments]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
        os.close(writer)
        assert done.returncode == FINE, arguments
        assert done.stderr == b""


def shown_on_a_terminal(arguments: list[str], **environment: str) -> str:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "netspec.cli", *arguments]
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    subprocess.run(command, stdout=slave, stderr=slave, env=kept | environment, check=False)
    os.close(slave)
    text = os.read(master, 100_000).decode()
    os.close(master)
    return text


def test_colours_are_for_terminals_that_want_them(tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    path.write_text(BAD)
    assert "\x1b[1;31merror[unknown-layer]\x1b[0m" in shown_on_a_terminal(["check", str(path)])
    assert "\x1b[1;31merror" in shown_on_a_terminal(["build", str(path)])
    assert "\x1b" not in shown_on_a_terminal(["check", str(path)], NO_COLOR="1")
    assert "\x1b[" in shown_on_a_terminal(["check", str(path)], NO_COLOR="")
    assert "\x1b" not in in_a_process("check", str(path)).stdout


def test_a_narrow_encoding_replaces_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    path.write_text(BAD.replace("Linaer", "Lineär"), encoding="utf-8")
    done = in_a_process("check", str(path), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == WRONG
    assert done.stderr == ""
    assert "unknown layer `Line?r`" in done.stdout


def test_a_full_disk_is_no_traceback() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "netspec.cli", "build", LENET, "--stdout"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == WRONG
    assert done.stderr.startswith("error: cannot write: no space left on device\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_change_no_exit_code(closed: str, tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    path.write_text(BAD, encoding="utf-8")
    for spec, code in ((LENET, FINE), (str(path), WRONG)):
        line = f'"$0" -m netspec.cli check "$1" {closed}'
        command = ["sh", "-c", line, sys.executable, spec]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert done.stderr == ""
