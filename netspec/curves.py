"""Draw the figures of a training, from `metrics.csv` to `curves.png`."""

import csv
from importlib.util import find_spec
from pathlib import Path

from netspec.run_error import RunError


def require_matplotlib() -> None:
    """Refuse to draw where matplotlib is not installed, before anything has been trained."""
    if find_spec("matplotlib") is None:
        raise RunError("to draw curves takes matplotlib", "`pip install 'netspec[plot]'`")


def draw_curves(out: Path) -> Path:
    """Draw the figures of each epoch: losses in one frame, each of the others in its own.

    Returns:
        The path of the picture, `curves.png` in `out`.

    Raises:
        RunError: where `metrics.csv` is not there, or matplotlib is not installed.
    """
    require_matplotlib()
    columns = _read(out / "metrics.csv")
    epochs = columns.pop("epoch")
    losses = [name for name in columns if name.endswith("loss")]
    frames = [[*losses], *([name] for name in columns if name not in losses)]
    frames = [names for names in frames if names]
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.2 * len(frames)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(frames), squeeze=False)
    for (frame,), names in zip(axes, frames, strict=True):
        for name in names:
            frame.plot(epochs, columns[name], marker="." if len(epochs) < 30 else "", label=name)
        frame.set_xlabel("epoch")
        frame.legend()
        frame.grid(alpha=0.3)
    target = out / "curves.png"
    figure.savefig(target, dpi=120)
    return target


def _read(path: Path) -> dict[str, list[float]]:
    """The columns of the table by name."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
            return {name: [float(row[place]) for row in rows] for place, name in enumerate(header)}
    except (OSError, ValueError, IndexError) as error:
        raise RunError(f"cannot draw {path}: {error}", "train first") from None
