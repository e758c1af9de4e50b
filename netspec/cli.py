"""The command line: a shell around the library, and the only part that prints and exits."""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from netspec import __version__
from netspec.cli_run import run_eval, run_predict, run_train
from netspec.console import complain, load_spec, print_diagnostics

if TYPE_CHECKING:
    from netspec.diagnostic import Diagnostic

FINE, WRONG, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 if all went well, 1 if the spec has errors, 2 for a wrong command line.
    """
    gc.disable()  # a run is short, and makes many objects that live to its end
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:2] == ["explain", "init"]:
        given[:2] = ["explain init"]  # to argparse, a command is one word
    options, rest = _parser().parse_known_args(given)
    if rest and options.command not in (run_train, run_eval):
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    if options.command is run_train:
        _check_train(options)
    try:
        code = _run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except OSError as error:
        if error.filename is not None:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        complain(f"cannot write: {str(error.strerror).lower()}", "check where the output goes")
        return WRONG
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    """The exit code of a command, with the layers that it may name and the limits that it keeps."""
    if not options.layers:
        return _limited(options)
    from netspec.import_layers import NoLayers, import_layers

    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        import_layers(options.layers)
        return _limited(options)
    except NoLayers as error:
        complain(error.message, error.help)
        return USAGE
    finally:
        sys.path.remove(folder)


def _limited(options: argparse.Namespace) -> int:
    code: int
    if getattr(options, "limit", None):
        from netspec.bounds import limits

        with limits(**dict(options.limit)):
            code = options.command(options)
    else:
        code = options.command(options)
    return code


def _nowhere() -> TextIO:
    """What stands for a stream that the caller has closed."""
    return open(os.devnull, "w", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="netspec",
        description="Neural networks as specs: checked, built, and written out as PyTorch code.",
        epilog="`netspec COMMAND --help` tells more about a command.",
    )
    parser.add_argument("--version", action="version", version=f"netspec {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_check(commands)
    _add_build(commands)
    _add_summary(commands)
    _add_train(commands)
    _add_eval(commands)
    _add_predict(commands)
    _add_layers(commands)
    _add_explain(commands)
    return parser


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], help: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=help, allow_abbrev=False
    )
    parser.set_defaults(command=run)
    parser.add_argument("spec", metavar="SPEC", help="a .net file")
    _add_layers_option(parser)
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=_setting,
        help="give a parameter of the net a value, in place of its default",
    )
    parser.add_argument(
        "--limit",
        metavar="NAME=NUMBER",
        action="append",
        default=[],
        type=_limit,
        help="how far a spec may expand: layers, steps, blocks, bits or items",
    )
    return parser


def _add_layers_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--layers",
        metavar="MODULE",
        action="append",
        default=[],
        help="import this Python module first, for the layers that it registers; may be given "
        "several times",
    )


def _add_check(commands: Any) -> None:
    parser = _command(commands, "check", _check, "Find the errors of a spec, without building it.")
    parser.add_argument(
        "--format", choices=("text", "json", "sarif"), default="text", help="how to report them"
    )
    parser.add_argument(
        "--warn",
        action="append",
        default=[],
        choices=("unlabelled",),
        help="warn of what is fine by default: layers with weights that have no label",
    )


def _add_build(commands: Any) -> None:
    parser = _command(commands, "build", _build, "Write model.py and train.py for a spec.")
    parser.add_argument(
        "-o", "--out", metavar="DIR", help="where to write (default: a folder named after the spec)"
    )
    parser.add_argument("--stdout", action="store_true", help="print the files, write nothing")
    parser.add_argument("--force", action="store_true", help="overwrite files that differ")


def _add_summary(commands: Any) -> None:
    parser = _command(commands, "summary", _summary, "Show layers, shapes, parameters and MACs.")
    parser.add_argument("--net", metavar="NAME", help="which net, where there are several")


def _add_train(commands: Any) -> None:
    parser = _run_command(
        commands,
        "train",
        run_train,
        "Write the training script of a spec to a temporary folder and run it. Further options "
        "go to the script: --out, --epochs, --resume, --max-batches …",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="try all of it on one batch, show shapes, sizes and memory, and save nothing",
    )
    parser.add_argument(
        "--plot", action="store_true", help="draw the figures into curves.png, at the end"
    )
    parser.add_argument(
        "--nproc",
        metavar="N",
        type=_positive,
        default=1,
        help="train in N processes of this machine, under torchrun (default: 1)",
    )


def _check_train(options: argparse.Namespace) -> None:
    """Note where the script will save; refuse options of which one leaves the other no sense."""
    if options.dry_run and (options.plot or options.nproc > 1):
        other = "--plot" if options.plot else "--nproc"
        _parser().error(f"argument --dry-run: not allowed with argument {other}")
    saving = argparse.ArgumentParser(add_help=False)
    saving.add_argument("--out", default="out")
    options.out = saving.parse_known_args(options.rest)[0].out


def _add_eval(commands: Any) -> None:
    parser = _run_command(
        commands,
        "eval",
        run_eval,
        "Work out the figures of a trained net on the validation data, as its training script "
        "does. Further options go to the script: --batch-size …",
    )
    _add_weights(parser)
    parser.add_argument("--json", action="store_true", help="print them as JSON")


def _add_predict(commands: Any) -> None:
    parser = _run_command(
        commands,
        "predict",
        run_predict,
        "Write a table with the outputs of a trained net, a line for each sample.",
    )
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="the samples: a .csv, .npy or .npz file, or a folder of images",
    )
    parser.add_argument(
        "-o", "--output", metavar="CSV", required=True, help="the file for the table"
    )
    _add_weights(parser)
    parser.add_argument(
        "--part", metavar="NAME", help="which net of the training, where it has several"
    )
    parser.add_argument(
        "--batch-size",
        metavar="N",
        type=_positive,
        default=64,
        help="how many samples at a time (default: 64)",
    )


def _run_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], help: str
) -> argparse.ArgumentParser:
    """A command that runs the generated script."""
    parser = _command(commands, name, run, help)
    parser.add_argument(
        "--allow-extern",
        metavar="MODULE",
        action="append",
        default=[],
        help="import this module, written in Python, or its submodules; may be given several times",
    )
    parser.add_argument(
        "--net", metavar="NAME", help="which train section, where there are several"
    )
    return parser


def _add_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", metavar="DIR", default="out", help="where the training has saved (default: out)"
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="best.pt or last.pt of that folder, or a path (default: best.pt; last.pt where no "
        "data is kept for validation)",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < len(text) <= 9 or int(text) == 0:
        raise argparse.ArgumentTypeError(f"`{text}` is not a positive integer")
    return int(text)


def _add_layers(commands: Any) -> None:
    help = "List the layers and functions that a spec can name."
    parser = commands.add_parser("layers", help=help, description=help, allow_abbrev=False)
    parser.set_defaults(command=_layers)
    parser.add_argument(
        "pattern", metavar="PATTERN", nargs="?", default="", help='a part of the name, or "conv*"'
    )
    _add_layers_option(parser)


def _add_explain(commands: Any) -> None:
    help = "Tell what a name stands for: a layer, a function, a loss, an optimiser, a setting."
    named = commands.add_parser(
        "explain",
        help=help,
        description=help,
        epilog="`netspec explain init SPEC` tells how the parameters of a net are initialised.",
        allow_abbrev=False,
    )
    named.set_defaults(command=_explain)
    named.add_argument(
        "name", metavar="NAME", help="as in Conv2d, cat, kaiming_normal, SGD, early_stopping"
    )
    _add_layers_option(named)
    parser = _command(
        commands,
        "explain init",
        _explain_init,
        "Show how each parameter is initialised: by which scheme, and by which rule.",
    )
    parser.add_argument("--net", metavar="NAME", help="which net, where there are several")


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"`{text}` is not NAME=VALUE, as in classes=26")
    return name, _read_value(value)


def _limit(text: str) -> tuple[str, int]:
    from netspec.bounds import Limits

    name, _, number = text.partition("=")
    if name not in Limits._fields or not number.isdecimal() or not 0 < len(number) <= 18:
        known = ", ".join(Limits._fields)
        raise argparse.ArgumentTypeError(
            f"`{text}` is not NAME=NUMBER, as in steps=2000000; limits are {known}"
        )
    if int(number) == 0:
        raise argparse.ArgumentTypeError(f"the limit `{name}` must be at least 1")
    return name, int(number)


def _read_value(text: str) -> Any:
    """A number, truth value, None or list as Python writes it; anything else is a string."""
    from ast import literal_eval

    try:
        value = literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    plain = isinstance(value, int | float | str | list | tuple) or value is None
    return value if plain else text


# ---- commands ----------------------------------------------------------------------------------


def _check(options: argparse.Namespace) -> int:
    from netspec.spec import examine, read_source, read_used

    values = dict(options.set)
    graph, diagnostics = examine(*read_source(options.spec), values, read_used, options.warn)
    if options.format == "text":
        print_diagnostics(diagnostics, sys.stdout)
        if graph is not None:
            nets = ", ".join(graph.nets) or "no nets"
            print(f"{options.spec}: no errors{_counts(diagnostics)} ({nets})")
    else:
        from netspec.report import write_json, write_sarif

        as_sarif = options.format == "sarif"
        text = write_sarif(diagnostics, __version__) if as_sarif else write_json(diagnostics)
        sys.stdout.write(text)
    return WRONG if graph is None else FINE


def _build(options: argparse.Namespace) -> int:
    spec = load_spec(options)
    if spec is None:
        return WRONG
    files = spec.render()
    if options.stdout:
        _print_files(files)
        return FINE
    folder = Path(options.out) if options.out else Path(Path(options.spec).stem)
    return _write_files(files, folder, options.force)


def _print_files(files: dict[str, str]) -> None:
    for name, text in files.items():
        if len(files) > 1:
            print(f"# ---- {name} ----")
        sys.stdout.write(text)


def _write_files(files: dict[str, str], folder: Path, force: bool) -> int:
    """Write what is new or, with `force`, differs; nothing at all if something is in the way."""
    try:
        known = {n: (folder / n).read_bytes() for n in files if (folder / n).exists()}
        same = [name for name, data in known.items() if data == files[name].encode()]
        differing = [name for name in known if name not in same]
        if differing and not force:
            shown = " and ".join(str(folder / name) for name in differing)
            verb = "exists and differs" if len(differing) == 1 else "exist and differ"
            complain(
                f"{shown} {verb} from what would be written",
                "--force overwrites, -o DIR writes elsewhere, --stdout prints",
            )
            return WRONG
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            if name not in same:
                draft = folder / f".{name}.{os.getpid()}"
                draft.write_bytes(text.encode())
                os.replace(draft, folder / name)
            print(f"{'unchanged' if name in same else 'wrote'} {folder / name}")
    except OSError as error:
        reason = str(error.strerror).lower()
        complain(f"cannot write to {folder}: {reason}", "choose another with -o DIR")
        return WRONG
    return FINE


def _summary(options: argparse.Namespace) -> int:
    from netspec.diagnostic import SpecError

    spec = load_spec(options)
    if spec is None:
        return _sketch(options)
    try:
        print(spec.summary(net=options.net))
    except SpecError as error:
        print_diagnostics(error.diagnostics, sys.stderr)
        return WRONG
    return FINE


def _sketch(options: argparse.Namespace) -> int:
    """Print how far the nets of a spec with errors go."""
    from netspec.spec import read_source, read_used, sketch

    values = dict(options.set)
    sketches = sketch(*read_source(options.spec), values, read_used, options.net)
    if sketches:
        print("\n\n".join(map(str, sketches)))
    return WRONG


def _layers(options: argparse.Namespace) -> int:
    from netspec.explain import advice, layers, write_lines

    lines = layers(options.pattern)
    if not lines:
        name = options.pattern
        complain(f"no layer or function has a name like `{name}`", advice(name))
        return WRONG
    print(write_lines(lines))
    return FINE


def _explain(options: argparse.Namespace) -> int:
    from netspec.explain import advice, explain

    text = explain(options.name)
    if not text:
        complain(f"netspec knows nothing called `{options.name}`", advice(options.name))
        return WRONG
    print(text)
    return FINE


def _explain_init(options: argparse.Namespace) -> int:
    from netspec.diagnostic import SpecError

    spec = load_spec(options)
    if spec is None:
        return WRONG
    try:
        print(spec.explain_init(net=options.net))
    except SpecError as error:
        print_diagnostics(error.diagnostics, sys.stderr)
        return WRONG
    return FINE


def _counts(diagnostics: "Sequence[Diagnostic]") -> str:
    """What there is beside errors: `, 1 warning, 2 hints`."""
    severities = [found.severity for found in diagnostics]
    counts = ((kind, severities.count(kind)) for kind in ("warning", "hint"))
    return "".join(f", {n} {kind}{'s' if n > 1 else ''}" for kind, n in counts if n)


if __name__ == "__main__":
    sys.exit(main())
