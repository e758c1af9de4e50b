"""Metrics, as scripts work them out in batches, against torchmetrics on all data at once."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchmetrics import functional as tm

from tests.running import errors, open_script, run, write

SPEC = """
net Same()(x: {output}) -> (y: {output}) {{
    parameter gain: [1] = ones
    return x * gain
}}
train Same {{
    data = Npz("data.npz", x={output}, t={target})
    loss = mse_loss(y, x)
    optimizer = SGD(lr=0.1)
    metrics = {metrics}
}}
"""
CLASSES, LABELS = "float32[N, 4]", "int64[N]"
PICTURES, PIXELS = "float32[N, 4, 3, 3]", "int64[N, 3, 3]"


def drawn(kind: str, count: int, classes: int) -> Tensor:
    """Random numbers for a type of a field."""
    dtype, _, sizes = kind.partition("[")
    shape = (count, *map(int, sizes.strip("]").split(", ")[1:]))
    generator = torch.Generator().manual_seed(len(kind))
    if dtype == "int64":
        return torch.randint(classes, shape, generator=generator)
    return torch.randn(shape, generator=generator)


def measured(metrics: str, x: Tensor, t: Tensor, output: str, target: str, folder: Path) -> Any:
    """What a script's `evaluate` finds, for a net that yields `x`: batches of 7, the last of 2."""
    module = open_script(write(SPEC.format(metrics=metrics, output=output, target=target), folder))
    net = nn.Identity()
    net.register_parameter("unused", nn.Parameter(torch.zeros(1)))
    batches = list(zip(x.split(7), t.split(7), strict=True))
    return module["evaluate"](net, batches, torch.device("cpu"))


def right(x: Tensor, t: Tensor, k: int) -> Tensor:
    return tm.accuracy(x, t, "multiclass", num_classes=4, average="micro", top_k=k)


MULTI = {"task": "multiclass", "num_classes": 4}
MANY = {"task": "multilabel", "num_labels": 4}


@pytest.mark.parametrize(
    ("metric", "output", "target", "oracle"),
    [
        ("accuracy(y, t)", CLASSES, LABELS, lambda x, t: right(x, t, 1)),
        ("accuracy(y, t, top_k=2)", CLASSES, LABELS, lambda x, t: right(x, t, 2)),
        ("accuracy(y, t)", PICTURES, PIXELS, lambda x, t: right(x, t, 1)),
        ("accuracy(y, t, top_k=3)", PICTURES, PIXELS, lambda x, t: right(x, t, 3)),
        (
            "accuracy(y, t)",
            "float32[N, 1]",
            "int64[N, 1]",
            lambda x, t: tm.accuracy(x.sigmoid(), t, "binary"),
        ),
        (
            "accuracy(y, t)",
            "float32[N, 4]",
            "int64[N, 4]",
            lambda x, t: tm.accuracy(x.sigmoid(), t, **MANY),
        ),
        (
            "f1_score(y, t)",
            CLASSES,
            LABELS,
            lambda x, t: tm.f1_score(x, t, average="macro", **MULTI),
        ),
        (
            'f1_score(y, t, average="weighted")',
            PICTURES,
            PIXELS,
            lambda x, t: tm.f1_score(x, t, average="weighted", **MULTI),
        ),
        (
            "f1_score(y, t)",
            "float32[N, 1]",
            "int64[N, 1]",
            lambda x, t: tm.f1_score(x.sigmoid(), t, "binary"),
        ),
        (
            "f1_score(y, t)",
            "float32[N, 4]",
            "int64[N, 4]",
            lambda x, t: tm.f1_score(x.sigmoid(), t, average="macro", **MANY),
        ),
        (
            "precision(y, t)",
            CLASSES,
            LABELS,
            lambda x, t: tm.precision(x, t, average="macro", **MULTI),
        ),
        ("recall(y, t)", CLASSES, LABELS, lambda x, t: tm.recall(x, t, average="macro", **MULTI)),
        (
            "specificity(y, t)",
            CLASSES,
            LABELS,
            lambda x, t: tm.specificity(x, t, average="macro", **MULTI),
        ),
        ("jaccard_index(y, t)", PICTURES, PIXELS, lambda x, t: tm.jaccard_index(x, t, **MULTI)),
        ("cohen_kappa(y, t)", CLASSES, LABELS, lambda x, t: tm.cohen_kappa(x, t, **MULTI)),
        (
            "matthews_corrcoef(y, t)",
            CLASSES,
            LABELS,
            lambda x, t: tm.matthews_corrcoef(x, t, **MULTI),
        ),
        ("auroc(y, t)", CLASSES, LABELS, lambda x, t: tm.auroc(x.softmax(1), t, **MULTI)),
        (
            "auroc(y, t)",
            "float32[N, 1]",
            "int64[N, 1]",
            lambda x, t: tm.auroc(x.sigmoid(), t, "binary"),
        ),
        (
            "average_precision(y, t)",
            CLASSES,
            LABELS,
            lambda x, t: tm.average_precision(x.softmax(1), t, **MULTI),
        ),
        ("perplexity(y, t)", "float32[N, 5, 4]", "int64[N, 5]", tm.text.perplexity),
        ("mean_squared_error(y, t)", CLASSES, CLASSES, tm.mean_squared_error),
        (
            "mean_squared_error(y, t, squared=False)",
            CLASSES,
            CLASSES,
            lambda x, t: tm.mean_squared_error(x, t, squared=False),
        ),
        ("mean_absolute_error(y, t)", PICTURES, PICTURES, tm.mean_absolute_error),
        (
            "mean_absolute_percentage_error(y, t)",
            CLASSES,
            CLASSES,
            tm.mean_absolute_percentage_error,
        ),
        ("r2_score(y, t)", "float32[N, 1]", "float32[N, 1]", tm.r2_score),
        (
            "pearson_corrcoef(y, t)",
            "float32[N, 1]",
            "float32[N, 1]",
            lambda x, t: tm.pearson_corrcoef(x[:, 0], t[:, 0]),
        ),
        ("explained_variance(y, t)", "float32[N, 1]", "float32[N, 1]", tm.explained_variance),
    ],
)
def test_a_script_finds_what_torchmetrics_finds(
    metric: str, output: str, target: str, oracle: Any, tmp_path: Path
) -> None:
    binary = output == "float32[N, 1]" or output == target.replace("int64", "float32")
    x = drawn(output, 30, 0)
    t = drawn(target, 30, 2 if binary else 4)
    t = t if target != output else t + 0.3 * x
    found = measured(metric, x, t, output, target, tmp_path)
    name = metric.partition("(")[0]
    torch.testing.assert_close(
        torch.tensor(found[name]), oracle(x, t).float(), atol=1e-5, rtol=1e-4
    )


def test_logits_between_0_and_1_are_no_probabilities(tmp_path: Path) -> None:
    x, t = torch.full((30, 1), 0.25), torch.ones(30, 1, dtype=torch.int64)
    kinds = ("float32[N, 1]", "int64[N, 1]")
    assert measured("f1_score(y, t)", x, t, *kinds, tmp_path)["f1_score"] == 1
    metric = "f1_score(y, t, logits=False)"
    assert measured(metric, x, t, *kinds, tmp_path)["f1_score"] == 0


def test_labels_may_be_floating_point(tmp_path: Path) -> None:
    x, t = drawn("float32[N, 4]", 30, 0), drawn("int64[N, 4]", 30, 2)
    found = measured("recall(y, t)", x, t.float(), "float32[N, 4]", "float32[N, 4]", tmp_path)
    expected = tm.recall(x.sigmoid(), t, average="macro", **MANY)
    assert found["recall"] == pytest.approx(float(expected))


IRIS = """
net Flower()(x: float32[N, 4]) -> (logits: [N, 3]) {{
    return x -> Linear(3)
}}
train Flower {{
    data = Iris()
    loss = cross_entropy(logits, label)
    optimizer = SGD(lr=0.1)
    metrics = {metrics}
    epochs = 2
}}
"""


HALF = """
net Coder()(image: float32[N, 1, 8, 8]) -> (copy: [N, 64], logits: [N, 10]) {
    code = image -> Flatten -> Linear(16) -> ReLU
    return code -> Linear(64), code -> Linear(10)
}
train Coder {
    data = Digits()
    flat = 1000 * (image -> flatten(1))
    loss = cross_entropy(logits, label) + (logits - copy[:, :10]).square().mean()
    optimizer = SGD(lr=0.1)
    metrics = [mean_squared_error(copy, flat), accuracy(logits, label), auroc(logits, label)]
    precision = "bfloat16"
    samples = copy -> unflatten(1, (1, 8, 8))
}
"""


def test_figures_are_those_of_the_precision_of_the_training(tmp_path: Path) -> None:
    module = open_script(write(HALF, tmp_path))
    device, dtypes = torch.device("cpu"), []
    net = module["make_nets"](device)
    net.register_forward_hook(lambda *given: dtypes.append([x.dtype for x in given[2]]))
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(40) % 10
    found = module["evaluate"](
        net, [(images[:25], labels[:25]), (images[25:], labels[25:])], device
    )
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        copy, logits = net(images)
    assert dtypes == 3 * [[torch.bfloat16, torch.bfloat16]]
    error = (copy.double() - 1000 * images.double().flatten(1)).square().mean()
    assert found["mean_squared_error"] == pytest.approx(float(error), rel=1e-6)
    right = (logits.argmax(1) == labels).double().mean()
    assert found["accuracy"] == pytest.approx(float(right))
    apart = (logits - copy[:, :10]).double().square().mean()
    loss = nn.functional.cross_entropy(logits.double(), labels) + apart
    assert found["val_loss"] == pytest.approx(float(loss), rel=5e-3)
    module["draw_samples"](net, (images, labels), device)
    assert dtypes[-1] == [torch.bfloat16, torch.bfloat16]


@pytest.mark.parametrize(
    ("metric", "output", "target", "line"),
    [
        ("mean_squared_error", CLASSES, CLASSES, "F.mse_loss(y, t) * count"),
        ("mean_absolute_error", CLASSES, CLASSES, "F.l1_loss(y, t) * count"),
        ("mean_squared_error", CLASSES, "int64[N, 4]", "(y - t).float().square().mean() * count"),
        ("accuracy", CLASSES, LABELS, "(y.argmax(1) == t).sum()"),
        ("accuracy", PICTURES, PIXELS, "(y.argmax(1) == t).float().mean() * count"),
        ("accuracy", "float32[N, 1]", "int64[N, 1]", "((y > 0) == (t > 0.5)).sum()"),
    ],
)
def test_means_are_written_as_by_hand(
    metric: str, output: str, target: str, line: str, tmp_path: Path
) -> None:
    text = SPEC.format(metrics=f"{metric}(y, t)", output=output, target=target)
    assert f"        sums[1] += {line}\n" in write(text, tmp_path).read_text()


@pytest.mark.parametrize(
    ("metric", "call"),
    [
        ("f1_score", "update(y, t)"),
        ("recall", "update(y, t)"),
        ("auroc", "update(y.softmax(1), t)"),
    ],
)
def test_what_takes_the_largest_needs_no_probabilities(
    metric: str, call: str, tmp_path: Path
) -> None:
    text = SPEC.format(metrics=f"{metric}(y, t)", output=CLASSES, target=LABELS)
    assert f"        {metric}.{call}\n" in write(text, tmp_path).read_text()


@pytest.mark.parametrize(("metric", "choose"), [("f1_score", "max"), ("accuracy", "max")])
def test_the_best_state_follows_the_first_metric(metric: str, choose: str, tmp_path: Path) -> None:
    script = write(IRIS.format(metrics=f"[{metric}(logits, label)]"), tmp_path)
    assert f'if row is {choose}(rows, key=lambda row: row["{metric}"]):' in script.read_text()
    done = run(script)
    assert done.returncode == 0, done.stderr
    assert f" {metric}=" in done.stdout


def test_errors_are_better_the_smaller_they_are(tmp_path: Path) -> None:
    text = """
net Line()(x: float32[N, 10]) -> (y: [N, 1]) {
    return x -> Linear(1)
}
train Line {
    data = Diabetes()
    loss = mse_loss(y, target)
    optimizer = SGD(lr=0.1)
    metrics = [mean_absolute_error(y, target), r2_score(y, target)]
}
"""
    script = write(text, tmp_path)
    assert 'min(rows, key=lambda row: row["mean_absolute_error"])' in script.read_text()
    assert run(script).returncode == 0


@pytest.mark.parametrize(
    ("metrics", "code"),
    [
        ("acuracy(logits, label)", "unknown-metric"),
        ("accuracy", "unknown-metric"),
        ("accuracy(logits)", "missing-argument"),
        ("accuracy(label, logits)", "shape-mismatch"),
        ("accuracy(logits, label, top_k=4)", "shape-mismatch"),
        ("accuracy(logits, label, top_k=0)", "shape-mismatch"),
        ("accuracy(logits, label, k=2)", "unknown-argument"),
        ('f1_score(logits, label, average="mean")', "wrong-argument"),
        ('f1_score(logits, label, task="binary")', "shape-mismatch"),
        ("r2_score(logits, label)", "shape-mismatch"),
        ("r2_score(logits, logits)", "shape-mismatch"),
        ("perplexity(logits, label)", "shape-mismatch"),
        ("mean_squared_error(logits, features)", "shape-mismatch"),
        ("mean_squared_error(logits, nothing)", "unknown-name"),
    ],
)
def test_metrics_are_held_against_what_they_measure(metrics: str, code: str) -> None:
    found = errors(IRIS.format(metrics=f"[{metrics}]"))
    assert [error.partition(":")[0] for error in found] == [code]


@pytest.mark.parametrize("metric", ["r2_score", "pearson_corrcoef", "explained_variance"])
@pytest.mark.parametrize(
    "data",
    [
        "data = Diabetes()\n    validation = 0.004",
        "data = Diabetes()\n"
        "    validation_data = Synthetic(1, features=float32[N, 10], target=float32[N, 1])",
    ],
)
def test_how_numbers_vary_takes_two_samples(metric: str, data: str) -> None:
    text = f"""
net Line()(features: float32[N, 10]) -> (y: [N, 1]) {{
    return features -> Linear(1)
}}
train Line {{
    {data}
    loss = mse_loss(y, target)
    optimizer = SGD(lr=0.1)
    metrics = [mean_absolute_error(y, target), {metric}(y, target)]
}}
"""
    assert errors(text) == [f"wrong-data: `{metric}` takes 2 samples, and 1 validates"]
    assert errors(text.replace("0.004", "0.005").replace("Synthetic(1", "Synthetic(2")) == []


HEADS = """
net Heads()(x: float32[N, 4]) -> (left: [N, 3], right: [N, 3]) {{
    h = x -> Linear(8) -> Tanh
    return h -> Linear(3), h -> Linear(3)
}}
train Heads {{
    data = Synthetic(64, label=int64[N], other=int64[N], classes=3)
    loss = cross_entropy(left, label) + cross_entropy(right, other)
    optimizer = SGD(lr=0.1)
    metrics = [{metrics}]
}}
"""


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        (["accuracy(left, label)", "accuracy(right, other)"], ["accuracy_left", "accuracy_right"]),
        (["auroc(left, label)", "auroc(left, other)"], ["auroc_label", "auroc_other"]),
        (
            ["accuracy(left, label)", "accuracy(left, label, top_k=2)"],
            ["accuracy", "accuracy_top_k_2"],
        ),
        (
            ["accuracy(left, label)", "accuracy(right, other)", "accuracy(right, other, top_k=2)"],
            ["accuracy_left", "accuracy_right", "accuracy_right_top_k_2"],
        ),
        (
            [f'f1_score(left, label, average="{kind}")' for kind in ("micro", "macro")],
            ["f1_score_average_micro", "f1_score_average_macro"],
        ),
        (["accuracy(left, label)", "auroc(left, label)"], ["accuracy", "auroc"]),
    ],
)
def test_one_metric_of_several_values_has_several_names(
    metrics: list[str], names: list[str], tmp_path: Path
) -> None:
    """Each figure is that of a script which has this metric alone."""
    found = figures(metrics, tmp_path)
    assert list(found) == ["val_loss", *names]
    for metric, name in zip(metrics, names, strict=True):
        (_, alone) = figures([metric], tmp_path).values()
        assert found[name] == alone


def figures(metrics: list[str], folder: Path) -> dict[str, float]:
    """What an evaluation yields for metrics."""
    module = open_script(write(HEADS.format(metrics=", ".join(metrics)), folder))
    torch.manual_seed(0)
    net = module["make_nets"](torch.device("cpu"))
    data = module["load_data"]()
    found: dict[str, float] = module["evaluate"](net, [data[:7], data[7:]], torch.device("cpu"))
    return found


@pytest.mark.parametrize(
    ("metrics", "best", "codes"),
    [
        ("accuracy(left, label), accuracy(left, label)", "val_loss", ["duplicate-setting"]),
        ("accuracy(left, label), accuracy(right, label)", "accuracy", ["wrong-argument"]),
        ("accuracy(left, label), accuracy(right, label)", "accuracy_right", []),
    ],
)
def test_the_best_state_is_chosen_by_one_of_them(metrics: str, best: str, codes: list[str]) -> None:
    text = HEADS.format(metrics=metrics).replace("metrics =", f'best = "{best}"\n    metrics =')
    assert [error.partition(":")[0] for error in errors(text)] == codes


def test_no_net_is_called_as_a_figure_may_be() -> None:
    text = HEADS.format(metrics="accuracy(left, label)")
    text = text.replace("train Heads {", "train T(accuracy_left=Heads) {")
    assert errors(text)[0].endswith(
        "`accuracy_left` has a meaning of its own in the training script"
    )
