"""What a train section says together: what is accepted builds and runs, the rest is refused."""

from pathlib import Path

import pytest
import torch

import netspec
from tests.running import errors, open_script, run, write

NETS = """
net Plain()(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    return image -> Flatten -> Linear(10)
}
net Deep()(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {
    return image -> Flatten -> Linear(8) -> ReLU -> Linear(10)
}
net Flat()(image: float32[N, 1, 8, 8]) -> (flat: [N, 64]) {
    return image -> Flatten
}
"""
LOSS = "loss = cross_entropy(logits, label)"
BY_CALL = "loss = cross_entropy(P(image), label)"
SGD = "optimizer = SGD(lr=0.1)"


def section(*lines: str, head: str = "Deep") -> str:
    """A spec with a train section over scikit-learn's digits."""
    return "\n    ".join((f"{NETS}\ntrain {head} {{", "data = Digits()", *lines)) + "\n}\n"


def step(name: str, value: str = "", *more: str) -> str:
    """A step that trains a net by a loss of `value`, by default its output for the image."""
    loss = f"loss = cross_entropy({value or f'{name}(image)'}, label)"
    return "\n        ".join((f"step {name} {{", *more, loss, SGD)) + "\n    }"


def two(
    *lines: str, p: str = step("P"), q: str = step("Q"), head: str = "X(P=Plain, Q=Deep)"
) -> str:
    """A spec whose section has two steps."""
    return section(*lines, p, q, head=head)


def runs(text: str, folder: Path) -> str:
    """What a script prints that is built from a spec."""
    done = run(write(text, folder), "--epochs", "1")
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- layers of losses --------------------------------------------------------------------------


def test_groups_of_layers_have_parameters_that_are_moved(tmp_path: Path) -> None:
    group = "proj: (Linear(10) -> ReLU -> repeat(2) Linear(10))"
    loss = f"loss = cross_entropy(P(image) -> {group}, label)"
    text = section(loss, SGD, 'group "proj.0" with (lr=0.2)', head="X(P=Deep)")
    training = netspec.loads(text).graph.trainings["X"]
    assert training.steps[0].moves == ("P", "proj")
    assert "loss=" in runs(text, tmp_path)


def test_a_group_finds_the_only_layer_that_is_trained(tmp_path: Path) -> None:
    lines = ["freeze P", "layer head = Linear(10)", "loss = cross_entropy(head(P(image)), label)"]
    text = section(*lines, SGD, "group head with (lr=0.0)", head="X(P=Plain)")
    script = write(text, tmp_path)
    before = open_script(script)["make_nets"]
    torch.manual_seed(0)
    _, head = before(torch.device("cpu"))
    assert run(script, "--epochs", "1").returncode == 0
    state = torch.load(tmp_path / "out/last.pt", weights_only=True)["head"]
    assert all(torch.equal(state[name], value) for name, value in head.state_dict().items())


@pytest.mark.parametrize(
    "shared",
    [
        ("layer head = Linear(10)", "z = head(image -> flatten(1))"),
        ("z = image -> flatten(1) -> Linear(10)",),
    ],
)
def test_two_steps_do_not_train_one_layer(shared: tuple[str, ...]) -> None:
    text = two(*shared, p=step("P", "P(image) + z"), q=step("Q", "Q(image) + z"))
    assert errors(text) == [
        "conflicting-settings: the steps `P` and `Q` would both train this layer"
    ]


def test_two_steps_may_share_what_has_no_weights(tmp_path: Path) -> None:
    shared = "z = image -> flatten(1) -> BatchNorm1d(affine=False) -> Dropout -> mean"
    text = two(shared, p=step("P", "P(image) + z"), q=step("Q", "Q(image) + z"))
    assert "q_loss=" in runs(text, tmp_path)


def test_steps_have_layers_of_their_own(tmp_path: Path) -> None:
    text = two(p=step("P", "P(image) -> Linear(10)"), q=step("Q", "Q(image) -> Linear(20)"))
    nets = open_script(write(text, tmp_path))["make_nets"](torch.device("cpu"))
    assert sorted(net.out_features for net in nets[2:]) == [10, 20]


def test_a_layer_that_is_never_applied_is_refused() -> None:
    assert errors(section("layer head = Linear(10)", LOSS, SGD)) == [
        "unused-layer: layer `head` is never applied"
    ]
    assert errors(two("layer head = Linear(10)")) == ["unused-layer: layer `head` is never applied"]


@pytest.mark.parametrize(
    "lines",
    [
        (
            "layer h = Linear(10) with (weight=zeros)",
            "loss = cross_entropy(h(P(image)), label)",
        ),
        ("loss = cross_entropy(P(image) -> Linear(10) with (weight=zeros), label)",),
    ],
)
def test_layers_of_a_section_are_not_initialised(lines: tuple[str, ...]) -> None:
    assert errors(section(*lines, SGD, head="X(P=Plain)")) == [
        "not-supported: a layer of a train section cannot have a `with`"
    ]


@pytest.mark.parametrize("again", ["h = P(image)", "layer h = Linear(20)"])
def test_a_layer_has_a_name_of_its_own(again: str) -> None:
    lines = ("layer h = Linear(10)", again, "loss = cross_entropy(h, label)")
    assert "duplicate-name: `h` is the name of a layer already" in errors(
        section(*lines, SGD, head="X(P=Plain)")
    )


@pytest.mark.parametrize("name", ["clear", "items", "keys", "pop", "update", "values"])
def test_layers_have_no_names_that_torch_cannot_hold(name: str) -> None:
    layer = f"layer {name} = Linear(10)"
    loss = f"loss = cross_entropy({name}(P(image)), label)"
    text = section(layer, loss, SGD, 'group "*.bias" with (lr=0.2)', head="X(P=Plain)")
    assert errors(text) == [
        f"reserved-name: `{name}` is an attribute of `nn.ModuleDict`, which holds what is trained"
    ]


# ---- nets that are frozen ----------------------------------------------------------------------


def test_a_frozen_net_keeps_its_weights(tmp_path: Path) -> None:
    loss = "loss = cross_entropy(Q(image) + P(image), label)"
    script = write(section("freeze P", loss, SGD, head="X(P=Plain, Q=Deep)"), tmp_path)
    torch.manual_seed(0)
    first, second = open_script(script)["make_nets"](torch.device("cpu"))
    assert run(script, "--epochs", "1").returncode == 0
    state = torch.load(tmp_path / "out/last.pt", weights_only=True)
    kept = [
        all(torch.equal(state[key][name], value) for name, value in net.state_dict().items())
        for key, net in (("P", first), ("Q", second))
    ]
    assert kept == [True, False]


def test_the_only_net_is_frozen_by_its_own_name(tmp_path: Path) -> None:
    loss = "loss = cross_entropy(logits -> head: Linear(10), label)"
    text = section("freeze Deep", loss, SGD)
    assert netspec.loads(text).graph.trainings["Deep"].steps[0].moves == ("head",)
    assert "loss=" in runs(text, tmp_path)


@pytest.mark.parametrize("head", ["Deep", "X(P=Deep, Q=Plain)"])
def test_something_is_left_to_train(head: str) -> None:
    frozen = "freeze Deep" if head == "Deep" else "freeze P, Q"
    loss = LOSS if head == "Deep" else "loss = cross_entropy(P(image) + Q(image), label)"
    assert errors(section(frozen, loss, SGD, head=head)) == [
        "wrong-argument: `SGD` has nothing to optimise"
    ]


@pytest.mark.parametrize("selector", ["nonsense", '"*.bias"', "Linear"])
def test_a_section_freezes_nets_only(selector: str) -> None:
    shown = selector if selector.startswith('"') else f"`{selector}`"
    assert errors(section(f"freeze {selector}", LOSS, SGD)) == [
        f"unknown-net: `freeze` keeps the weights of a whole net here, and {shown} is none of this "
        "section"
    ]


def test_a_step_does_not_train_what_is_frozen() -> None:
    assert errors(two("freeze P")) == ["conflicting-settings: `P` is frozen, and a step trains it"]


# ---- nets without parameters -------------------------------------------------------------------


def test_a_net_without_parameters_stands_before_one_that_is_trained(tmp_path: Path) -> None:
    loss = "loss = cross_entropy(Q(image), label) + 0 * mean(P(image))"
    assert "val_loss=" in runs(section(loss, SGD, head="X(P=Flat, Q=Deep)"), tmp_path)


def test_a_net_without_parameters_stands_before_a_layer_that_is_trained(tmp_path: Path) -> None:
    loss = "loss = cross_entropy(flat -> Linear(10), label)"
    assert "val_loss=" in runs(section(loss, SGD, head="Flat"), tmp_path)


def test_a_net_without_parameters_is_not_trained_alone() -> None:
    loss = "loss = cross_entropy(Q(image), label) + mean(P(image))"
    text = section("freeze Q", loss, SGD, head="X(P=Flat, Q=Deep)")
    assert errors(text) == ["wrong-argument: `SGD` has nothing to optimise"]


# ---- what is measured --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("early_stopping", "early_stopping = 1"),
        ("best", 'best = "val_loss"'),
        ("metrics", "metrics = [accuracy(logits, label)]"),
        ("export", 'export = "safetensors"'),
    ],
)
def test_what_needs_held_out_data_has_some(name: str, line: str) -> None:
    assert errors(section(LOSS, SGD, "validation = 0", line)) == [
        f"conflicting-settings: `{name}` needs data to validate on, and `validation` is 0"
    ]
    assert errors(section(LOSS, SGD, line)) == []
    other = "validation_data = Digits()"
    assert errors(section(LOSS, SGD, other, line)) == []


def test_several_steps_measure_where_they_are_told_to() -> None:
    lines = ("early_stopping = 1", "metrics = [accuracy(q, label)]")
    last = step("Q", "q", "q = Q(image)")
    why = "needs data to validate on, and with several steps there is none"
    assert errors(two(*lines, q=last)) == [
        f"conflicting-settings: `early_stopping` {why}",
        f"conflicting-settings: `metrics` {why}",
    ]
    assert errors(two("validation = 0.2", *lines, q=last)) == []


@pytest.mark.parametrize("validation", ["validation = 0.2", "validation_data = Digits()"])
def test_several_steps_say_which_figure_is_to_be_the_best(validation: str) -> None:
    (found,) = errors(two(validation))
    assert found == (
        "missing-setting: several steps validate, and nothing says which figure `best.pt` is "
        "chosen by"
    )
    assert errors(two(validation, 'best = "val_q_loss"')) == []
    assert errors(two()) == []


@pytest.mark.parametrize(
    ("lines", "accepted"),
    [
        (("metrics = [accuracy(logits, label)]",), True),
        (("metrics = [accuracy(logits, label)]", 'best = "val_loss"'), False),
        (("metrics = [mean_squared_error(logits, logits)]",), False),
        ((), False),
        (("validation = 0",), False),
    ],
)
def test_a_schedule_waits_for_a_figure_that_can_rise(
    lines: tuple[str, ...], accepted: bool
) -> None:
    text = section(LOSS, SGD, 'scheduler = ReduceLROnPlateau(mode="max")', *lines)
    message = (
        'conflicting-settings: `mode="max"` waits for a figure to rise, and there is none to follow'
    )
    assert errors(text) == [] if accepted else errors(text) == [message]
    assert errors(text.replace("max", "min")) == []


def test_a_metric_may_stand_above_what_it_is_made_of(tmp_path: Path) -> None:
    metrics = "metrics = [accuracy(guess, label)]"
    text = section(metrics, "guess = P(image)", BY_CALL, SGD, head="X(P=Plain)")
    assert "accuracy=" in runs(text, tmp_path)


# ---- names of steps and scripts ----------------------------------------------------------------


def test_steps_differ_by_more_than_capitals() -> None:
    text = two(q=step("p"), head="X(P=Plain, p=Deep)")
    assert errors(text) == ["duplicate-name: the steps `P` and `p` differ in capitals only"]


def test_a_net_has_one_step() -> None:
    text = two(q=step("P"), head="X(P=Plain)")
    assert errors(text) == ["duplicate-name: there are two steps `P`"]


def test_the_figure_of_a_step_is_not_what_is_measured_of_another() -> None:
    text = (
        two(head="X(P=Plain, val_p=Deep)").replace("step Q", "step val_p").replace("Q(", "val_p(")
    )
    assert errors(text) == [
        "duplicate-name: the steps `P` and `val_p` have a figure of the same name: `val_…` is what "
        "is measured of a step"
    ]


def test_two_scripts_do_not_have_one_name() -> None:
    text = section(BY_CALL, SGD, head="Run(P=Plain)")
    more = section(BY_CALL, SGD, head="run(P=Plain)").removeprefix(NETS)
    assert errors(text + more) == [
        "duplicate-train: the train sections `Run` and `run` differ in capitals only"
    ]
    other = netspec.loads(text + more.replace("train run", "train Other"))
    assert sorted(other.render()) == ["model.py", "train_other.py", "train_run.py"]


# ---- what stands where -------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["freeze Q", 'from "weights.pt"', "epochs = 2"])
def test_a_step_has_no_settings_of_the_section(line: str) -> None:
    word = line.split()[0]
    assert errors(two(p=step("P", "", line))) == [
        f"misplaced-setting: `{word}` cannot stand in a step"
    ]


def test_groups_stand_in_the_steps_where_there_are_some(tmp_path: Path) -> None:
    group = 'group "*.bias" with (lr=0.0)'
    assert errors(two(group)) == ["misplaced-setting: `group` cannot stand in a section with steps"]
    assert "q_loss=" in runs(two(q=step("Q", "", group)), tmp_path)


def test_a_misspelt_setting_of_a_step_is_named() -> None:
    assert errors(two(p=step("P", "", "batchsize = 32"))) == [
        "unknown-setting: unknown setting `batchsize`"
    ]


# ---- settings that exclude each other ----------------------------------------------------------


def test_several_steps_do_not_collect_gradients() -> None:
    assert errors(two("accumulate = 2")) == [
        "conflicting-settings: `accumulate` does not go with several steps"
    ]


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (
            "LBFGS()",
            "`LBFGS` works out the loss several times in a step, and does not go with "
            '`decay = "matrices"`',
        ),
        ("Rprop()", '`Rprop` has no weight decay, and does not go with `decay = "matrices"`'),
    ],
)
def test_weight_decay_of_matrices_wants_an_optimiser_that_has_some(
    optimizer: str, message: str
) -> None:
    text = section(LOSS, f"optimizer = {optimizer}", 'decay = "matrices"')
    assert errors(text) == [f"wrong-optimizer: {message}"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("epochs = 2", "swa = 3"), "`swa` averages from epoch 3 on, and `epochs` is 2"),
        (("swa = 2",), "`swa` averages from epoch 2 on, and `epochs` is 1"),
        (("steps = 20", "swa = 1"), "`swa` and `steps` exclude each other"),
    ],
)
def test_an_average_begins_while_it_trains(lines: tuple[str, ...], message: str) -> None:
    assert errors(section(LOSS, SGD, *lines)) == [f"conflicting-settings: {message}"]


def test_an_average_may_be_of_the_last_epoch_alone(tmp_path: Path) -> None:
    runs(section(LOSS, SGD, "epochs = 1", "swa = 1"), tmp_path)
    assert (tmp_path / "out/swa.pt").exists()


# ---- what a loss depends on --------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "Q(image)",
        "P(image).detach()",
        "detach(P(image))",
        "P(image) -> detach",
        "randn_like(P(image))",
        "one_hot(P(image) -> argmax(1), 10) -> float",
        "(P(image) > 0) -> float",
    ],
)
def test_the_loss_of_a_step_depends_on_what_the_step_trains(value: str) -> None:
    assert errors(two(p=step("P", value))) == ["wrong-loss: the loss does not depend on `P`"]


@pytest.mark.parametrize(
    "value",
    [
        "Q(image) + P(image)",
        "Q(image).detach() + P(image)",
        "Q(image) -> Linear(10)",
        "z -> relu",
    ],
)
def test_a_loss_that_depends_on_it_is_one_to_learn(value: str, tmp_path: Path) -> None:
    more = ("z = P(image) -> clone",) if value == "z -> relu" else ()
    assert "p_loss=" in runs(two(p=step("P", value, *more)), tmp_path)


def test_a_net_beside_frozen_ones_is_reached() -> None:
    head = "X(P=Plain, Q=Deep)"
    assert errors(section("freeze P", BY_CALL, SGD, head=head)) == [
        "wrong-loss: the loss does not depend on `Q`"
    ]


# ---- nets with a name of their own ---------------------------------------------------------------


def test_the_only_net_of_a_section_is_called_for_its_loss_whatever_its_name_is(
    tmp_path: Path,
) -> None:
    text = section(LOSS, SGD, "metrics = accuracy(logits, label)", head="X(net=Deep)")
    assert "accuracy=" in runs(text, tmp_path)
