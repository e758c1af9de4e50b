"""The commands that train nets and use trained ones."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from netspec.console import complain, load_spec, print_diagnostics

if TYPE_CHECKING:
    import argparse

    from netspec.script import Script
    from netspec.spec import Spec

FINE, WRONG = 0, 1

Run = Callable[["Spec", "argparse.Namespace"], int]


def run_train(options: "argparse.Namespace") -> int:
    """`netspec train`."""
    return _run(_rehearse if options.dry_run else _train, options)


def run_eval(options: "argparse.Namespace") -> int:
    """`netspec eval`."""
    return _run(_eval, options)


def run_predict(options: "argparse.Namespace") -> int:
    """`netspec predict`."""
    return _run(_predict, options)


def _run(run: Run, options: "argparse.Namespace") -> int:
    """Run a command with its spec; what a user can do about is said in some lines."""
    from netspec.diagnostic import SpecError
    from netspec.run_error import RunError

    spec = load_spec(options)
    if spec is None:
        return WRONG
    try:
        return run(spec, options)
    except SpecError as error:
        print_diagnostics(error.diagnostics, sys.stderr)
    except RunError as error:
        complain(error.message, error.help)
    return WRONG


def _open(spec: "Spec", options: "argparse.Namespace") -> "Script":
    from netspec.script import choose_training, open_script
    from netspec.train import importing_here

    training = choose_training(spec, options.net)
    with importing_here():
        return open_script(spec, training, options.allow_extern)


def _train(spec: "Spec", options: "argparse.Namespace") -> int:
    from netspec.curves import draw_curves, require_matplotlib
    from netspec.train import train

    if options.plot:
        require_matplotlib()
    code = train(spec, options.rest, options.net, options.allow_extern, options.nproc)
    if options.plot and code == FINE:
        print(f"drew {draw_curves(Path(options.out))}")
    return code


def _rehearse(spec: "Spec", options: "argparse.Namespace") -> int:
    script = _open(spec, options)
    from netspec.rehearse import rehearse

    print(rehearse(script, script.parse(options.rest)))
    return FINE


def _eval(spec: "Spec", options: "argparse.Namespace") -> int:
    script = _open(spec, options)
    script.require_validation()
    config = script.parse(["--out", options.out, *options.rest])
    from netspec.assess import assess
    from netspec.checkpoint import checkpoint_path

    path = checkpoint_path(script.training, options.out, options.weights)
    figures = assess(script, config, path)
    if options.json:
        finite = {k: value if math.isfinite(value) else None for k, value in figures.items()}
        print(json.dumps({"weights": str(path), "figures": finite}))
    else:
        print(*(f"{name}={value:.4g}" for name, value in figures.items()))
    return FINE


def _predict(spec: "Spec", options: "argparse.Namespace") -> int:
    script = _open(spec, options)
    from netspec.checkpoint import checkpoint_path
    from netspec.predict import open_predictor, predict

    path = checkpoint_path(script.training, options.out, options.weights)
    predictor = open_predictor(script, path, options.part)
    count = predict(predictor, Path(options.input), Path(options.output), options.batch_size)
    print(f"wrote {options.output}: {count} sample{'' if count == 1 else 's'}")
    return FINE
