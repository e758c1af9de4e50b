"""Data sources: what their fields are, what scripts read, and what they say of broken data."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import netspec
from netspec.catalogue.dataset import DATASETS
from netspec.cli import main
from tests.running import errors, open_script, run, write

CLASSIFIER = """
net Flower()(x: float32[N, {width}]) -> (logits: [N, 3]) {{
    return x -> Linear(8) -> ReLU -> Linear(3)
}}
train Flower {{
    data = {data}
    loss = cross_entropy(logits, label)
    optimizer = SGD(lr=0.1)
    metrics = [accuracy(logits, label)]
    batch_size = 16
    {more}
}}
"""
REGRESSION = """
net Line()(x: float32[N, {width}]) -> (y: [N, {outputs}]) {{
    return x -> Linear({outputs})
}}
train Line {{
    data = {data}
    loss = mse_loss(y, target)
    optimizer = SGD(lr=0.001)
    {more}
}}
"""
PICTURES = """
net Looks()(image: float32[N, {channels}, {size}, {size}]) -> (logits: [N, {classes}]) {{
    return image -> Flatten -> Linear({classes})
}}
train Looks {{
    data = {data}
    loss = cross_entropy(logits, label)
    optimizer = SGD(lr=0.1)
    batch_size = 4
    {more}
}}
"""
LANGUAGE = """
net Guess()(tokens: int64[N, T]) -> (logits: [N, {vocabulary}, T]) {{
    return tokens -> Embedding({vocabulary}, 8) -> Linear({vocabulary}) -> transpose(1, 2)
}}
train Guess {{
    data = {data}
    loss = cross_entropy(logits, target)
    optimizer = SGD(lr=0.1)
    {more}
}}
"""


def classifier(data: str, width: int = 4, more: str = "") -> str:
    return CLASSIFIER.format(data=data, width=width, more=more)


def regression(data: str, width: int = 2, outputs: int = 1, more: str = "") -> str:
    return REGRESSION.format(data=data, width=width, outputs=outputs, more=more)


def pictures(data: str, more: str = "", size: int = 8, channels: int = 3, classes: int = 2) -> str:
    return PICTURES.format(data=data, more=more, size=size, channels=channels, classes=classes)


def language(data: str, vocabulary: int = 256, more: str = "") -> str:
    return LANGUAGE.format(data=data, vocabulary=vocabulary, more=more)


def first_error(script: Path) -> str:
    """The one line that a script ends with, which comes before any step."""
    done = run(script)
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert not (script.parent / "out").exists()
    return done.stderr.strip()


# ---- data that comes with packages ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "samples"),
    [
        (classifier("Iris()"), 150),
        (classifier("Wine()", width=13), 178),
        (classifier("BreastCancer()", width=30), 569),
        (regression("Diabetes()", width=10), 442),
        (pictures("Digits()", channels=1, classes=10), 1797),
        (pictures("MNIST5k()", channels=1, size=28, classes=10), 5000),
    ],
)
def test_data_of_packages_is_what_its_fields_say(text: str, samples: int, tmp_path: Path) -> None:
    script = write(text, tmp_path)
    data = open_script(script)["load_data"]()
    assert len(data) == samples
    call = text.partition("data = ")[2].partition("(")[0]
    assert DATASETS[call]().length() == samples
    assert all(tensor.isfinite().all() for tensor in data.tensors)
    done = run(script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("epoch=0 loss=")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (classifier("Iris()", more="validation = 0.006"), "0 of 150 samples"),
        (classifier("Synthetic(4, label=int64[N], classes=3)"), "0 of 4 samples"),
        (classifier("Synthetic(1, label=int64[N], classes=3)"), "0 of 1 sample"),
        (language("Topics(150_000)"), "0 of 2 samples"),
        (language("Topics(2000)", more="validation = 0.999"), "200 of 200 samples"),
    ],
)
def test_what_validates_is_some_of_the_samples_and_not_all(text: str, kept: str) -> None:
    (found,) = errors(text)
    assert found.startswith("wrong-data: `validation` is 0.")
    assert found.endswith(f", and keeps {kept}")


def test_the_share_that_is_proposed_keeps_a_sample(tmp_path: Path) -> None:
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(classifier("Iris()", more="validation = 0.006"))
    (found,) = caught.value.diagnostics
    assert found.help == "write `validation = 0.007` at least, or 0 for none"
    assert found.source.text[found.span.start : found.span.end] == "0.006"
    done = run(write(classifier("Iris()", more="validation = 0.007"), tmp_path))
    assert done.returncode == 0, done.stderr
    assert "nan" not in done.stdout


def test_labels_of_more_classes_than_the_net_has_are_refused() -> None:
    (found,) = errors(pictures("Digits()", channels=1, classes=9))
    assert found.startswith("shape-mismatch: ")


def test_data_of_another_shape_than_the_input_is_refused() -> None:
    assert errors(classifier("Wine()")) == [
        "shape-mismatch: the field `features` is float32[N, 13], the input `x` of `Flower` takes "
        "float32[N, 4]"
    ]


def test_a_name_that_is_no_source_is_corrected() -> None:
    assert errors(classifier("Iriss()")) == ["unknown-data-source: unknown data source `Iriss`"]


# ---- tables ------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], str]:
    """Writes a table, and gives its path."""

    def put(text: str, name: str = "table.csv") -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path.as_posix()

    return put


Table = Callable[..., str]
FLOWERS = "a,b,c,d,kind\n" + "".join(
    f"{i}.5,{i % 7},-{i},1e-{i % 3},{('rose', 'iris', 'aster')[i % 3]}\n" for i in range(30)
)


def test_a_table_has_features_and_sorted_labels(table: Table, tmp_path: Path) -> None:
    script = write(classifier(f'CSV("{table(FLOWERS)}", target="kind", classes=3)'), tmp_path)
    features, labels = open_script(script)["load_data"](table(FLOWERS)).tensors
    assert features.dtype == torch.float32
    assert features[1].tolist() == pytest.approx([1.5, 1, -1, 0.1])
    assert labels[:4].tolist() == [2, 1, 0, 2]
    assert run(script).returncode == 0


def test_named_classes_and_chosen_columns_decide_their_order(table: Table, tmp_path: Path) -> None:
    kinds = '["rose", "iris", "aster"]'
    data = f'CSV("{table(FLOWERS)}", target="kind", features=["d", "b"], classes={kinds})'
    script = write(classifier(data, width=2), tmp_path)
    features, labels = open_script(script)["load_data"](table(FLOWERS)).tensors
    assert features[1].tolist() == pytest.approx([0.1, 1])
    assert labels[:4].tolist() == [0, 1, 2, 0]


def test_a_table_has_several_targets(table: Table, tmp_path: Path) -> None:
    text = "a;b;c;d\n" + "1;2;3;4\n" * 20
    data = f'CSV("{table(text)}", target=["c", "d"], delimiter=";")'
    script = write(regression(data, outputs=2), tmp_path)
    features, targets = open_script(script)["load_data"](table(text)).tensors
    assert (features[0].tolist(), targets[0].tolist()) == ([1, 2], [3, 4])
    assert run(script).returncode == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "table.csv has no names in its first line"),
        ("a,b,c,d,kind\n", "table.csv has no rows below its first line"),
        ("a,b,c,d,sort\n1,2,3,4,0\n", "has no column 'kind', only a, b, c, d, sort"),
        ("a;b;c;d;kind\n1;2;3;4;0\n", "has no column 'kind', only a;b;c;d;kind"),
        ("a,b,c,kind\n1,2,3,0\n", "has 3 features, the net takes 4: a, b, c"),
        (
            "a,b,c,d,kind\n1,2,3,4,0\n\n1,2,x,4,0\n",
            "table.csv, line 4, column 'c': found 'x', wanted a number",
        ),
        ("a,b,c,d,kind\n1,2,3,nan,0\n", "line 2, column 'd': found 'nan', wanted a number"),
        ("a,b,c,d,kind\n1,2,3,,0\n", "line 2, column 'd': found '', wanted a number"),
        (
            "a,b,c,d,kind\n1,2,3,4,0\n1,-1e300,3,4,0\n",
            "line 3, column 'b': found '-1e300', wanted a number of float32",
        ),
        ("a,b,c,d,kind\n1,2,3,inf,0\n", "found 'inf', wanted a number of float32"),
        ("a,b,c,d,d,kind\n1,2,3,4,5,0\n", "has several columns 'd'"),
        ("a,b,c,d,kind,kind\n1,2,3,4,0,1\n", "has several columns 'kind'"),
        ("a,b,c,d,kind\n1,2,3,0\n", "table.csv, line 2: 4 cells, for 5 columns"),
        ("a,b,c,d,kind\n1,2,3,4,0,9\n", "table.csv, line 2: 6 cells, for 5 columns"),
        (
            "a,b,c,d,kind\n1,2,3,4,0\n1,2,3,4,3\n",
            "line 3, column 'kind': found '3' as label 3, wanted 0 to 2",
        ),
        (
            "a,b,c,d,kind\n" + "".join(f"1,2,3,4,k{i}\n" for i in range(4)),
            "line 5, column 'kind': found 'k3' as label 3, wanted 0 to 2",
        ),
        (
            "a,b,c,d,kind\n1,2,3,4,0\n",
            "1 samples are too few to train and validate on (world size 1)",
        ),
    ],
)
def test_a_broken_table_is_named_before_the_first_step(
    text: str, message: str, table: Table, tmp_path: Path
) -> None:
    script = write(classifier(f'CSV("{table(text)}", "kind", classes=3)'), tmp_path)
    assert message in first_error(script)


def test_the_largest_number_of_float32_is_one(table: Table, tmp_path: Path) -> None:
    path = table("a,b,y\n3.4028234663852886e38,1,0\n0,0,0\n")
    script = write(regression(f'CSV("{path}", target="y")'), tmp_path)
    features, _ = open_script(script)["load_data"](path).tensors
    assert features[0, 0] == torch.finfo(torch.float32).max


@pytest.mark.parametrize(
    ("given", "text", "message"),
    [
        ('target="y"', "a,b,z\n1,2,3\n", "has no column 'y', only a, b, z"),
        ('target=["a", "y", "z"]', "a,b\n1,2\n", "has no column 'y', only a, b"),
        ('target="y", features=["a", "b"]', "a,y\n1,2\n", "has no column 'b', only a, y"),
        ('target="y", features=["a", "b"]', "a,b\n1,2\n", "has no column 'y', only a, b"),
        ('target="y", features=["a", "b"]', "a,b,b,y\n1,2,3,4\n", "has several columns 'b'"),
        ('target="y"', "a,b,y\n1,2,3\n1,2,1e39\n", "column 'y': found '1e39', wanted a number of"),
    ],
)
def test_columns_that_are_wrong_are_named(
    given: str, text: str, message: str, table: Table, tmp_path: Path
) -> None:
    outputs = given.count('"') // 2 if given[7] == "[" else 1
    script = write(regression(f'CSV("{table(text)}", {given})', outputs=outputs), tmp_path)
    assert message in first_error(script)


def test_columns_that_nothing_reads_may_have_one_name(table: Table, tmp_path: Path) -> None:
    path = table("a,b,,,y\n" + "1,2,?,?,3\n" * 4)
    script = write(regression(f'CSV("{path}", target="y", features=["a", "b"])'), tmp_path)
    features, targets = open_script(script)["load_data"](path).tensors
    assert (features[0].tolist(), targets[0].tolist()) == ([1, 2], [3])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    script = write(classifier('CSV("no/such.csv", "kind", classes=3)'), tmp_path)
    assert "No such file or directory: 'no/such.csv'" in first_error(script)


def test_bytes_that_are_no_table_are_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.csv").write_bytes(bytes(range(128, 256)) * 2000)
    script = write(classifier(f'CSV("{tmp_path}/noise.csv", "kind", classes=3)'), tmp_path)
    assert "cannot read" in first_error(script)


def test_a_class_without_a_name_is_refused(table: Table, tmp_path: Path) -> None:
    data = f'CSV("{table(FLOWERS)}", "kind", classes=["rose", "iris", "tulip"])'
    message = first_error(write(classifier(data), tmp_path))
    assert "line 4, column 'kind': found 'aster', wanted one of rose, iris, tulip" in message


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ('CSV("a.csv")', "missing-argument"),
        ('CSV("a.csv", target=3)', "wrong-argument"),
        ('CSV("a.csv", target=["a", "b"], classes=3)', "wrong-data"),
        ('CSV("a.csv", target="a", features=["a", "b"], classes=3)', "wrong-data"),
        ('CSV("a.csv", target="a", classes=["x", "x", "y"])', "wrong-data"),
        ('CSV("a.csv", target="a", classes=3, delimiter=";;")', "wrong-data"),
        ('CSV("a.csv", target="a", classes=4)', "shape-mismatch"),
        ('CSV("a.csv", target="a", features=["b", "c"], classes=3)', "shape-mismatch"),
        ('CSV("a.csv", target="a", klasses=3)', "unknown-argument"),
    ],
)
def test_arguments_of_a_table_are_checked(data: str, code: str) -> None:
    found = errors(classifier(data))
    assert [error.partition(":")[0] for error in found] == [code]


# ---- other data for validation -------------------------------------------------------------------


def test_another_table_validates(table: Table, tmp_path: Path) -> None:
    kinds = '["rose", "iris", "aster"]'
    first, second = table(FLOWERS), table("a,b,c,d,kind\n1,2,3,4,iris\n", "val.csv")
    more = f'validation_data = CSV("{second}", "kind", classes={kinds})'
    script = write(classifier(f'CSV("{first}", "kind", classes={kinds})', more=more), tmp_path)
    done = run(script)
    assert done.returncode == 0, done.stderr
    assert " accuracy=0" in done.stdout or " accuracy=1" in done.stdout
    assert script.read_text().count("def load_data") == 1
    (tmp_path / "val.csv").write_text("a,b,c,d,kind\n")
    assert "val.csv has no rows" in run(script, "--out", str(tmp_path / "other")).stderr


def test_words_of_two_tables_need_names(table: Table, tmp_path: Path) -> None:
    path = table(FLOWERS)
    source = f'CSV("{path}", "kind", classes=3)'
    script = write(classifier(source, more=f"validation_data = {source}"), tmp_path)
    message = first_error(script)
    assert "line 2, column 'kind': found 'rose', wanted 0 to 2" in message


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("validation_data = Wine()", "wrong-data"),
        ("validation_data = Iris()\n    validation = 0.1", "conflicting-settings"),
        ("validation_data = Irises()", "unknown-data-source"),
    ],
)
def test_what_validates_has_the_same_fields(more: str, code: str) -> None:
    assert [e.partition(":")[0] for e in errors(classifier("Iris()", more=more))] == [code]


# ---- shares ------------------------------------------------------------------------------------


def test_each_process_has_something_to_validate_on(table: Table, tmp_path: Path) -> None:
    few, two = table("x,y,z\n" + "1,2,3\n" * 10), table("x,y,z\n1,2,3\n4,5,6\n", "two.csv")
    for more, message in (
        ("", r"10 samples are too few to train and validate on \(world size 3\)"),
        (
            f'validation_data = CSV("{two}", "z")',
            r"10 samples to train on, 2 to validate on \(world size 3\)",
        ),
        ("shard = True", r"10 samples are too few to train and validate on \(world size 3\)"),
    ):
        text = regression(f'CSV("{few}", "z")', more=more).replace("SGD(lr=0.001)", "AdamW")
        module = open_script(write(text, tmp_path))
        make, config = module["make_loaders"], module["Config"]()
        assert [len(make(config, rank, 2)[2]) for rank in range(2)] == [1, 1]
        with pytest.raises(SystemExit, match=message):
            make(config, 0, 3)


def test_a_metric_of_samples_that_vary_takes_two_and_one_a_process(
    table: Table, tmp_path: Path
) -> None:
    data = f'CSV("{table("x,y,z" + chr(10) + ("1,2,3" + chr(10)) * 5)}", "z")'
    text = regression(data, more="metrics = [r2_score(y, target)]\n    validation = 0.4")
    module = open_script(write(text, tmp_path))
    assert len(module["make_loaders"](module["Config"](), 1, 2)[2]) == 1
    with pytest.raises(SystemExit, match="5 samples are too few"):
        module["make_loaders"](module["Config"](), 1, 3)


def test_what_validates_is_drawn_as_torch_splits(table: Table, tmp_path: Path) -> None:
    data = f'CSV("{table(FLOWERS)}", target="kind", classes=3)'
    for source, count, ordered in ((data, 30, False), ("Iris()", 150, False), (LINES, 50, True)):
        (tmp_path / "lines.txt").write_text("0123456789" * 50 + "0")
        text = language(source.format(tmp_path)) if ordered else classifier(source)
        module = open_script(write(text, tmp_path))
        _, loader, val_loader = module["make_loaders"](module["Config"](), 0, 1)
        found = [[*loader.dataset.indices], [*val_loader.dataset.indices]]
        seed, kept = torch.Generator().manual_seed(0), round(count * 0.2)
        split = torch.utils.data.random_split(range(count), [count - kept, kept], seed)  # type: ignore[arg-type]
        whole = [*range(count)]
        halves = [whole[:-kept], whole[-kept:]]
        assert found == (halves if ordered else [[*half.indices] for half in split])


LINES = 'Text("{}/lines.txt", context=10)'


@pytest.mark.parametrize("data", ["Iris()", 'CSV("table.csv", "kind", classes=3)'])
def test_each_process_takes_as_many_batches_as_are_asked_for(
    data: str, table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table(FLOWERS)
    module = open_script(write(classifier(data), tmp_path))
    config = module["Config"](batch_size=3, max_batches=2)
    for world in (1, 2, 3):
        loaders = [module["make_loaders"](config, rank, world)[1] for rank in range(world)]
        assert [len(loader) for loader in loaders] == [2] * world
        assert {len(labels) for loader in loaders for _, labels in loader} == {3}


# ---- arrays ------------------------------------------------------------------------------------

ARRAYS = 'Npz("{path}", x=float32[N, 4], label=int64[N], classes=3)'


def arrays(folder: Path, **changed: object) -> str:
    parts = {"x": np.ones((20, 4)), "label": np.arange(20, dtype=np.uint8) % 3} | changed
    path = folder / "data.npz"
    np.savez(path, **{name: part for name, part in parts.items() if part is not None})  # type: ignore[arg-type]
    return ARRAYS.format(path=path.as_posix())


def test_arrays_are_converted_to_what_is_declared(tmp_path: Path) -> None:
    script = write(classifier(arrays(tmp_path)), tmp_path)
    x, label = open_script(script)["load_data"](str(tmp_path / "data.npz")).tensors
    assert (x.dtype, label.dtype) == (torch.float32, torch.int64)
    assert run(script).returncode == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": None}, "has no array 'x'"),
        ({"x": np.ones((20, 5))}, "x is float64[20, 5], not float32[N, *(4,)]"),
        ({"x": np.ones(20)}, "x is float64[20], not float32[N, *(4,)]"),
        ({"x": np.full((20, 4), np.nan)}, "x is not finite everywhere"),
        ({"x": np.ones((3, 4))}, "[3, 20] samples"),
        ({"x": np.ones((0, 4)), "label": np.ones(0, dtype=int)}, "[0, 0] samples"),
        ({"label": np.ones(20)}, "label is float64[20], not int64[N, *()]"),
        ({"label": np.full(20, 3)}, "label has 3, wanted 0 to 2"),
        ({"label": np.full(20, -1)}, "label has -1, wanted 0 to 2"),
        ({"label": np.array([None] * 20)}, "cannot read"),
    ],
)
def test_broken_arrays_are_named(changed: dict[str, object], message: str, tmp_path: Path) -> None:
    assert message in first_error(write(classifier(arrays(tmp_path, **changed)), tmp_path))


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_text("not an archive")
    data = ARRAYS.format(path=f"{tmp_path}/data.npz")
    assert "cannot read" in first_error(write(classifier(data), tmp_path))


@pytest.mark.parametrize(
    "data",
    [
        'Npz("a.npz")',
        'Npz("a.npz", x=float32[8, 4], label=int64[N], classes=3)',
        'Npz("a.npz", x=complex64[N, 4], label=int64[N], classes=3)',
        'Npz("a.npz", x=float32[N, 4], label=float32[N], classes=3)',
    ],
)
def test_declared_fields_are_checked(data: str) -> None:
    assert [error.partition(":")[0] for error in errors(classifier(data))] == ["wrong-data"]


# ---- integers that a net takes -----------------------------------------------------------------

CHOOSERS = """
net Choosers()(user: int64[N], words: int64[N, 5]) -> (logits: [N, 5, 3]) {
    table = user -> Embedding(20, 8) -> unsqueeze(1)
    return table + (words -> Embedding(7, 8)) -> Linear(3)
}
extern dataset mine() -> (user: int64[N], words: int64[N, 5], tag: int64[N, 5]) from "my_data"
train Choosers {
    data = DATA
    loss = LOSS
    optimizer = SGD(lr=0.1)
}
"""
OWN = """
import numpy as np

def mine():
    with np.load("PATH") as file:
        return [*zip(file["user"], file["words"], file["tag"])]
"""
FLAT = "cross_entropy(logits -> flatten(0, 1), tag -> flatten)"


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize(
    ("field", "number", "loss", "message"),
    [
        ("user", 19, FLAT, ""),
        ("user", 20, FLAT, "user has 20, wanted 0 to 19"),
        ("user", -1, FLAT, "user has -1, wanted 0 to 19"),
        ("words", 7, FLAT, "words has 7, wanted 0 to 6"),
        ("tag", 3, FLAT, "tag has 3, wanted 0 to 2"),
        ("tag", -100, FLAT, ""),
        ("words", -100, FLAT, "words has -100, wanted 0 to 6"),
        ("tag", -100, FLAT.replace("flatten)", "flatten, ignore_index=9)"), "tag has -100"),
        ("tag", 9, FLAT.replace("flatten)", "flatten, ignore_index=9)"), ""),
        ("tag", 3, "(logits -> transpose(1, 2), tag) -> CrossEntropyLoss", "tag has 3"),
        ("tag", 3, "nll_loss(log_softmax(logits, 2).flatten(0, 1), tag.flatten())", "tag has 3"),
        ("tag", 3, "mse_loss(logits -> mean(2), tag -> float)", ""),
    ],
)
def test_integers_beyond_what_a_net_takes_are_told_before_a_step(
    field: str,
    number: int,
    loss: str,
    message: str,
    in_memory: bool,
    packages: Path,
    tmp_path: Path,
) -> None:
    parts = {"user": np.zeros(20, int), "words": np.zeros((20, 5), int)}
    parts["tag"] = parts["words"].copy()
    parts[field].flat[0] = number
    path = tmp_path / "data.npz"
    np.savez(path, **parts)  # type: ignore[arg-type]
    (packages / "my_data.py").write_text(OWN.replace("PATH", path.as_posix()))
    fields = "user=int64[N], words=int64[N, 5], tag=int64[N, 5]"
    data = f'Npz("{path.as_posix()}", {fields})' if in_memory else "mine()"
    script = write(CHOOSERS.replace("DATA", data).replace("LOSS", loss), tmp_path)
    if message:
        where = " has" if in_memory else " of sample 0 has"
        assert message.replace(" has", where) in first_error(script)
    else:
        assert run(script).returncode == 0


# ---- text --------------------------------------------------------------------------------------


def test_a_text_becomes_windows_that_follow_each_other(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("abcdefghij" * 10 + "k")
    script = write(
        language(f'Text("{path}", context=10, level="char", vocabulary=11)', 11), tmp_path
    )
    tokens, target = open_script(script)["load_data"](str(path)).tensors
    assert tokens.shape == target.shape == (10, 10)
    assert tokens[0].tolist() == [*range(10)]
    assert target[0].tolist() == [*range(1, 10), 0]
    assert target[-1, -1] == 10
    assert run(script).returncode == 0


def test_bytes_of_a_text_are_tokens(tmp_path: Path) -> None:
    path = tmp_path / "bytes.bin"
    path.write_bytes(bytes(range(256)) + b"\0")
    script = write(language(f'Text("{path}", context=16)'), tmp_path)
    tokens, target = open_script(script)["load_data"](str(path)).tensors
    assert tokens.dtype == target.dtype == torch.int64
    assert tokens.flatten().tolist() == [*range(256)]
    assert target.flatten().tolist() == [*range(1, 256), 0]
    path.write_bytes(b"")
    assert "has 0 tokens, too few for a window" in first_error(script)


def test_the_text_that_comes_with_python_trains(tmp_path: Path) -> None:
    script = write(language("Topics(64)"), tmp_path)
    tokens, target = open_script(script)["load_data"]().tensors
    assert torch.equal(tokens.flatten()[1:], target.flatten()[:-1])
    done = run(script)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has 0 tokens, too few for a window"),
        (b"abcdefghij", "has 10 tokens, too few for a window"),
        (bytes(range(40, 60)), "has 20 characters, the vocabulary has 11"),
        (b"\xff\xfe" * 30, "is no text in UTF-8"),
    ],
)
def test_a_text_that_does_not_serve_is_refused(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    data = f'Text("{path}", context=10, level="char", vocabulary=11)'
    assert message in first_error(write(language(data, 11), tmp_path))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ('Text("a.txt", context=8, level="char")', "wrong-data"),
        ('Text("a.txt", context=8, vocabulary=300)', "wrong-data"),
        ('Text("a.txt", context=8, level="word")', "wrong-argument"),
        ('Text("a.txt")', "missing-argument"),
        ('Text("a.txt", 8, level="char", vocabulary=300)', "shape-mismatch"),
    ],
)
def test_arguments_of_a_text_are_checked(data: str, code: str) -> None:
    assert [error.partition(":")[0] for error in errors(language(data))] == [code]


# ---- pictures ----------------------------------------------------------------------------------


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Six cats and six dogs."""
    root = tmp_path / "pets"
    for kind, colour in (("cat", (255, 0, 0)), ("dog", (0, 0, 255))):
        (root / kind).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (10 + number, 12), colour).save(root / kind / f"{number}.png")
    return root


@pytest.mark.parametrize("workers", [0, 2])
def test_pictures_come_from_a_folder_for_each_class(
    workers: int, pets: Path, tmp_path: Path
) -> None:
    data = f'ImageFolder("{pets}", 8, classes=2)'
    (pets / "cat" / ".hidden").write_text("what file managers leave")
    script = write(pictures(data, more=f"workers = {workers}"), tmp_path)
    dataset = open_script(script)["load_data"](str(pets))
    image, label = dataset[11]
    assert (len(dataset), label) == (12, 1)
    assert image[:, 0, 0].tolist() == [0, 0, 1]
    done = run(script)
    assert done.returncode == 0, done.stderr


def test_grey_pictures_have_one_channel(pets: Path, tmp_path: Path) -> None:
    data = f'ImageFolder("{pets}", (8, 8), classes=["dog", "cat"], channels=1)'
    script = write(pictures(data, channels=1), tmp_path)
    image, label = open_script(script)["load_data"](str(pets))[0]
    assert (image.shape, label) == ((1, 8, 8), 0)


def test_broken_pictures_are_named(pets: Path, tmp_path: Path) -> None:
    script = write(pictures(f'ImageFolder("{pets}", 8, classes=2)'), tmp_path)
    (pets / "cat" / "3.png").write_text("no picture")
    assert f"cannot read {pets}/cat/3.png: " in first_error(script)


def test_each_process_looks_at_a_share_of_the_pictures(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = write(pictures(f'ImageFolder("{pets}", 8, classes=2)'), tmp_path)
    load = open_script(script)["load_data"]
    (pets / "cat" / "3.png").write_text("no picture")
    monkeypatch.setenv("WORLD_SIZE", "3")
    for rank in ("1", "2"):
        monkeypatch.setenv("RANK", rank)
        assert len(load(str(pets))) == 12
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(SystemExit, match=r"cannot read .*/cat/3\.png"):
        load(str(pets))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_ends_too_early_is_named_in_a_line(
    workers: int, pets: Path, tmp_path: Path
) -> None:
    data, more = f'ImageFolder("{pets}", 8, classes=2)', f"workers = {workers}"
    script = write(pictures(data, more=more), tmp_path)
    for number in range(6):  # nobody sees it before all of the picture is read
        file = pets / "cat" / f"{number}.jpg"
        Image.effect_noise((64, 64), 50).save(file)
        file.write_bytes(file.read_bytes()[:-500])
    done = run(script)
    assert done.returncode == 1
    assert done.stderr.startswith(f"cannot read {pets}/cat/")
    assert done.stderr.count("\n") == 1


def test_a_folder_of_other_classes_is_refused(pets: Path, tmp_path: Path) -> None:
    script = write(pictures(f'ImageFolder("{pets}", 8, classes=2)'), tmp_path)
    (pets / "emu").mkdir()
    assert "has 3 folders, not 2" in first_error(script)
    data = f'ImageFolder("{pets}", 8, classes=["cat", "emu"])'
    assert "has no pictures of 'emu'" in first_error(write(pictures(data), tmp_path))
    empty = f'ImageFolder("{pets}/cat", 8, classes=2)'
    assert "has 0 folders, not 2" in first_error(write(pictures(empty), tmp_path))


def test_folders_of_two_places_need_names() -> None:
    source = 'ImageFolder("pets", 8, classes=2)'
    (found,) = errors(pictures(source, more=f"validation_data = {source}"))
    assert found.startswith("wrong-data: folders of two places")


# ---- packages that are not here: small ones in their place -------------------------------------

VISION = """
import torch

class MNIST:
    def __init__(self, root, train=True, transform=None, download=False):
        if root == "gone":
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        self.size, self.transform = (40 if train else 20), transform

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return self.transform(index), index % 10

FashionMNIST = CIFAR10 = CIFAR100 = MNIST
"""
TRANSFORMS = """
import torch

class ToTensor:
    def __call__(self, index):
        return torch.full({shape}, index / 40)
"""
HUB = """
import numpy as np
import torch

class Rows:
    column_names = ["pixels", "label"]

    def __len__(self):
        return 20

    def with_format(self, kind):
        assert kind == "torch"
        return self

    def __getitem__(self, index):
        return {"pixels": torch.ones(4), "label": torch.tensor(index % 3)}

def load_dataset(path, config=None, split="train"):
    if path == "gone":
        raise FileNotFoundError("Dataset 'gone' doesn't exist on the Hub")
    return Rows()
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for packages, which are forgotten afterwards."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in [*sys.modules]:
        if name.partition(".")[0] in ("torchvision", "datasets", "my_data"):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("MNIST", (1, 28, 28), 10),
        ("FashionMNIST", (1, 28, 28), 10),
        ("CIFAR10", (3, 32, 32), 10),
        ("CIFAR100", (3, 32, 32), 100),
    ],
)
def test_collections_of_torchvision_are_read_by_it(
    name: str, shape: tuple[int, ...], classes: int, packages: Path, tmp_path: Path
) -> None:
    package = packages / "torchvision"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "datasets.py").write_text(VISION)
    (package / "transforms.py").write_text(TRANSFORMS.format(shape=shape))
    source = f'{name}("data")'
    more = f'validation_data = {name}("data", train=False)'
    size = {"size": shape[1], "channels": shape[0], "classes": classes}
    script = write(pictures(source, more=more, **size), tmp_path)
    load = open_script(script)["load_data"]
    assert (len(load("data", True)), len(load("data", False))) == (40, 20)
    assert load("data", True)[3][0].shape == shape
    assert run(script).returncode == 0
    gone = write(pictures(f'{name}("gone")', **size), tmp_path)
    assert "cannot read gone: Dataset not found." in run(gone, "--out", "x").stderr


def test_data_of_hugging_face_is_held_against_its_fields(packages: Path, tmp_path: Path) -> None:
    (packages / "datasets.py").write_text(HUB)
    fields = "pixels=float32[N, 4], label=int64[N]"
    script = write(classifier(f'HuggingFace("me/mine", {fields}, classes=3)'), tmp_path)
    assert run(script).returncode == 0
    for path, declared, message in (
        ("gone", fields, "cannot load gone: FileNotFoundError"),
        ("a", "pixel=float32[N, 4], label=int64[N]", "a has no column 'pixel'"),
        ("a", "pixels=float32[N, 5], label=int64[N]", "float32[4], not torch.float32[5]"),
    ):
        width = 5 if "5" in declared else 4
        text = classifier(f'HuggingFace("{path}", {declared}, classes=3)', width)
        assert message in run(write(text, tmp_path), "--out", "x").stderr


MINE = """
import torch

def faces(size, wrong="", count=12):
    def sample(i):
        image = torch.full((3, size, size), float("nan") if wrong == "nan" and i == 0 else 0.5)
        return image, i % 2
    return [sample(i) for i in range(count)]
"""
FACES = """
extern dataset faces(size: int, wrong: str = "", count: int = 12) -> (
    image: float32[N, 3, 8, 8], label: int64[N]
) from "my_data"
"""


def test_data_of_ones_own_is_read_by_a_function(packages: Path, tmp_path: Path) -> None:
    (packages / "my_data.py").write_text(MINE)
    script = write(FACES + pictures("faces(8)"), tmp_path)
    assert "from my_data import faces" in script.read_text()
    assert run(script).returncode == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("faces(7)", "image of sample 0 is torch.float32[3, 7, 7], not torch.float32[3, 8, 8]"),
        ('faces(8, "nan")', "image of sample 0 is not finite everywhere"),
        ("faces(8, count=0)", "0 samples are too few to train and validate on (world size 1)"),
    ],
)
def test_samples_that_are_not_as_declared_are_refused(
    call: str, message: str, packages: Path, tmp_path: Path
) -> None:
    (packages / "my_data.py").write_text(MINE)
    assert first_error(write(FACES + pictures(call), tmp_path)) == message


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("faces()", "missing-argument"),
        ('faces("8")', "wrong-argument"),
        ("faces(8, sizes=3)", "unknown-argument"),
        ("faces(8, size=8)", "duplicate-argument"),
        ('faces(8, "", 3, 4)', "surplus-argument"),
        ("face(8)", "unknown-data-source"),
    ],
)
def test_arguments_of_ones_own_data_are_checked(call: str, code: str) -> None:
    assert [e.partition(":")[0] for e in errors(FACES + pictures(call))] == [code]


@pytest.mark.parametrize(
    "declared",
    [
        'extern dataset faces() -> [N, 3] from "my_data"',
        'extern dataset faces() from "my_data"',
        'extern dataset faces() -> (image: [3, 8], label: int64[N]) from "my_data"',
        'extern dataset faces() -> (image: [N, 8], label: int64[N]) from "my data"',
        'extern dataset faces(a: number) -> (image: [N, 8], label: int64[N]) from "my_data"',
    ],
)
def test_declarations_of_data_are_checked(declared: str) -> None:
    assert len(errors(f"{declared}\n{pictures('faces()')}")) == 1


def test_data_of_ones_own_needs_permission(
    packages: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "my_data.py").write_text(MINE)
    (tmp_path / "faces.net").write_text(FACES + pictures("faces(8)"))
    monkeypatch.chdir(tmp_path)
    assert main(["train", "faces.net"]) == 1
    assert "error[extern-not-allowed]" in capfd.readouterr().err
    assert main(["train", "faces.net", "--allow-extern", "my_data"]) == 0
    assert capfd.readouterr().out.startswith("epoch=0 loss=")
    (tmp_path / "my_data.py").write_text("eyes = 2")
    del sys.modules["my_data"]
    assert main(["train", "faces.net", "--allow-extern", "my_data"]) == 1
    assert "has no function or class `faces`" in capfd.readouterr().err


# ---- random numbers ------------------------------------------------------------------------------


def test_random_numbers_fit_the_net(tmp_path: Path) -> None:
    script = write(pictures("Synthetic(64, label=int64[N], classes=2)"), tmp_path)
    image, label = open_script(script)["load_data"]().tensors
    assert image.shape == (64, 3, 8, 8)
    assert set(label.tolist()) == {0, 1}
    assert run(script).returncode == 0


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("Synthetic(64, label=int64[N])", "wrong-data"),
        ("Synthetic(64, label=int64[N], classes=3)", "shape-mismatch"),
        ("Synthetic(64, image=float32[N, 3, H, W], label=int64[N], classes=2)", "wrong-data"),
        ("Synthetic(label=int64[N], classes=2)", "missing-argument"),
    ],
)
def test_random_numbers_need_sizes_and_classes(data: str, code: str) -> None:
    assert [error.partition(":")[0] for error in errors(pictures(data))] == [code]


# ---- scripts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        classifier('CSV("a.csv", target="kind", classes=3)'),
        regression('CSV("a.csv", target="y", features=["a", "b"])'),
        classifier('Npz("a.npz", x=float32[N, 4], label=int64[N], classes=3)'),
        language('Text("a.txt", 8, level="char", vocabulary=256)'),
        pictures('ImageFolder("pets", 8, classes=2)', more="workers = 2"),
        pictures('MNIST("data")', channels=1, size=28, classes=10),
        classifier('HuggingFace("a/b", x=float32[N, 4], label=int64[N], classes=3)'),
        FACES + pictures("faces(8)"),
        pictures("Synthetic(64, label=int64[N], classes=2)"),
    ],
)
def test_scripts_pass_linter_formatter_and_type_checker(text: str, tmp_path: Path) -> None:
    write(text, tmp_path)
    for command in (
        ["ruff", "check", "--isolated", "--extend-select", "E,F,I,UP,B,SIM"],
        ["ruff", "format", "--isolated", "--check"],
        ["mypy", "--strict", "--ignore-missing-imports", "--cache-dir", "/tmp/mypy_scripts"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command, "train.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
