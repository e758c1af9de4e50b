"""PyTorch is the oracle for optimisers: their arguments, what they refuse, what they work on."""

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from netspec.catalogue.layer import Misfit
from netspec.catalogue.optimizer import OPTIMIZERS
from netspec.catalogue.signature import MISSING, ArgumentErrors
from tests.oracle.draws import drawn
from tests.oracle.grid import arguments

Arguments = dict[str, Any]

# What torch has and a spec cannot say.
LEFT_OUT = {
    "differentiable": "lets gradients flow through a step; a step on trained weights then raises",
    "capturable": "for CUDA graphs, which the script records none of; raises on a CPU",
}

# What is refused though torch makes a first step with it.
STRICTER: dict[str, Callable[[Arguments], bool]] = {
    # torch divides by 1 + lambd * lr * step, which comes to 0 at some step or goes below it
    "ASGD": lambda a: a.get("lambd", 0) < 0,
    # torch raises at the second iteration of a step, and where the search begins: if it comes to it
    "LBFGS": lambda a: (
        a.get("history_size", 1) < 1
        or (a.get("line_search_fn") == "strong_wolfe" and _cannot_search(a))
    ),
}


def _cannot_search(given: Arguments) -> bool:
    most = given.get("max_eval")
    return given.get("lr") == 0 or (most is not None and most < 1)


def test_all_optimisers_of_torch_are_there() -> None:
    real = {
        name
        for name, cls in vars(torch.optim).items()
        if inspect.isclass(cls) and issubclass(cls, torch.optim.Optimizer)
    }
    assert set(OPTIMIZERS) == real - {"Optimizer"}
    assert len(OPTIMIZERS) == 15


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_optimiser_has_torchs_names_order_and_defaults(name: str) -> None:
    signature = inspect.signature(getattr(torch.optim, name).__init__)
    real = {k: p for k, p in signature.parameters.items() if k not in ("self", "params")}
    fields = OPTIMIZERS[name].fields()
    assert set(real) - set(fields) <= set(LEFT_OUT)
    assert {k: f.default for k, f in fields.items()} == {
        k: MISSING if real[k].default is inspect.Parameter.empty else real[k].default
        for k in real
        if k in fields
    }
    assert list(fields) == [k for k in real if k in fields]
    by_position = [k for k, p in real.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    first_left_out = next((i for i, k in enumerate(by_position) if k in LEFT_OUT), None)
    assert OPTIMIZERS[name].positional() == by_position[:first_left_out]


# ---- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_optimiser_refuses_what_torch_refuses(name: str) -> None:
    grid = list(arguments(OPTIMIZERS[name], 20))
    assert len(grid) >= 20
    for case in grid:
        _compare(name, case)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_it_does_so_for_any_mixture(name: str) -> None:
    @settings(derandomize=True, max_examples=40, deadline=None)
    @given(drawn(OPTIMIZERS[name]))
    def compare(case: Arguments) -> None:
        _compare(name, case)

    compare()


def _compare(name: str, case: Arguments) -> None:
    ours, real = _refusal(name, case), _real_refusal(name, case)
    stricter = name in STRICTER and STRICTER[name](case)
    if not (ours and stricter):
        assert bool(ours) == bool(real), f"{name}({case}): {ours or 'taken'}, torch: {real}"


def _refusal(name: str, case: Arguments) -> str:
    try:
        OPTIMIZERS[name](**case).check()
    except (Misfit, ArgumentErrors) as error:
        return str(error)
    return ""


def _real_refusal(name: str, case: Arguments) -> str:
    parts: Mapping[str, nn.Module] = {
        "SparseAdam": nn.Embedding(5, 3, sparse=True),
        "Muon": nn.Linear(3, 2, bias=False),
    }
    model = parts.get(name, nn.Linear(3, 2))
    inputs = torch.tensor([1, 3]) if name == "SparseAdam" else torch.ones(4, 3)
    return _try_steps(name, case, model, lambda: model(inputs).pow(2).mean())


def _try_steps(
    name: str, case: Arguments, model: nn.Module, loss: Callable[[], torch.Tensor]
) -> str:
    """What torch says against an optimiser and three steps of it."""
    try:
        optimizer = getattr(torch.optim, name)(model.parameters(), **case)

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            value = loss()
            value.backward()
            return value

        for _ in range(3):
            optimizer.step(closure)
    except Exception as error:  # whatever it is, the optimiser cannot be used
        return repr(error)
    return ""


@pytest.mark.parametrize("name", ["ASGD", "LBFGS"])
def test_what_is_refused_beyond_that_fails_later(name: str) -> None:
    later: dict[str, list[Arguments]] = {
        "ASGD": [{"lambd": -0.5, "lr": 1.0}],
        "LBFGS": [
            {"history_size": 0},
            {"history_size": -1},
            {"max_eval": 0, "line_search_fn": "strong_wolfe"},
            {"lr": 0, "line_search_fn": "strong_wolfe"},
        ],
    }
    for case in later[name]:
        assert _refusal(name, case)
        assert _real_refusal(name, case)


def test_a_pair_of_betas_must_be_fractions() -> None:
    assert torch.optim.NAdam([torch.zeros(1)], betas=(0, 0.9)) is not None
    with pytest.raises(Misfit) as raised:
        OPTIMIZERS["Adam"](betas=(0, 0.9)).check()
    assert raised.value.help == "write (0.0, 0.9)"


def test_a_line_search_computes_the_loss_and_takes_steps() -> None:
    lbfgs = OPTIMIZERS["LBFGS"]
    for wrong in ({"max_eval": 0}, {"lr": 0}):
        with pytest.raises(Misfit) as raised:
            lbfgs(line_search_fn="strong_wolfe", **wrong).check()
        assert raised.value.argument in wrong
        lbfgs(**wrong).check()
    lbfgs(max_iter=1, line_search_fn="strong_wolfe").check()


# ---- parameters --------------------------------------------------------------------------------


class Words(nn.Module):
    """Words of a sparse or a dense table, summed, and if wanted further layers."""

    def __init__(self, sparse: bool, *more: nn.Module) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 3, sparse=sparse)
        self.more = nn.Sequential(*more)

    def forward(self) -> torch.Tensor:
        result: torch.Tensor = self.more(self.table(torch.tensor([1, 3, 3])))
        return result.pow(2).mean()


MODELS: dict[str, Callable[[], nn.Module]] = {
    "sparse": lambda: Words(True),
    "dense": lambda: Words(False),
    "sparse and matrix": lambda: Words(True, nn.Linear(3, 2, bias=False)),
    "sparse and all": lambda: Words(True, nn.Linear(3, 2)),
    "dense and all": lambda: Words(False, nn.Linear(3, 2)),
    "dense and kernel": lambda: Words(False, nn.Unflatten(1, (1, 3)), nn.Conv1d(1, 1, 2)),
    "nothing": nn.Identity,
}


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_optimiser_refuses_the_parameters_that_torch_refuses(name: str) -> None:
    @settings(derandomize=True, max_examples=30, deadline=None)
    @given(drawn(OPTIMIZERS[name]), st.sampled_from(sorted(MODELS)))
    def compare(case: Arguments, kind: str) -> None:
        if not _refusal(name, case):
            _compare_parameters(name, case, kind)

    for kind in MODELS:
        _compare_parameters(name, {}, kind)
    compare()


def _compare_parameters(name: str, case: Arguments, kind: str) -> None:
    torch.manual_seed(0)
    model = MODELS[kind]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        real = _try_steps(name, case, model, model)
    shapes = {key: tuple(value.shape) for key, value in model.named_parameters()}
    sparse = ["table.weight"] if kind.startswith("sparse") else []
    try:
        OPTIMIZERS[name](**case).check_parameters(shapes, sparse)
        ours = ""
    except Misfit as misfit:
        ours = misfit.message
    assert bool(ours) == bool(real), f"{name}({case}) on {kind}: {ours or 'taken'}, torch: {real}"


def test_only_some_take_sparse_gradients() -> None:
    assert sorted(n for n, o in OPTIMIZERS.items() if o.sparse) == [
        *("Adagrad", "LBFGS", "SGD", "SparseAdam"),
    ]


def test_only_one_wants_a_closure_and_no_groups() -> None:
    wanting, refusing = [], []
    for name in OPTIMIZERS:
        groups = [{"params": [nn.Parameter(torch.zeros(2, 2))]} for _ in range(2)]
        try:
            optimizer = getattr(torch.optim, name)(groups)
        except ValueError:
            refusing.append(name)
            optimizer = getattr(torch.optim, name)(groups[:1])
        try:
            optimizer.step()
        except TypeError:
            wanting.append(name)
    assert wanting == refusing == [name for name, cls in OPTIMIZERS.items() if cls.closure]


def test_muon_names_the_first_parameter_that_is_no_matrix() -> None:
    shapes = {"fc1.weight": (4, 3), "fc1.bias": (4,), "fc2.weight": (2, 4)}
    with pytest.raises(Misfit) as raised:
        OPTIMIZERS["Muon"]().check_parameters(shapes, ())
    assert raised.value.message == "`Muon` takes matrices only, and `fc1.bias` is [4]"
    assert "AdamW" in raised.value.help


def test_sparse_adam_names_the_first_dense_parameter() -> None:
    shapes = {"table.weight": (9, 4), "fc.weight": (2, 4)}
    with pytest.raises(Misfit) as raised:
        OPTIMIZERS["SparseAdam"]().check_parameters(shapes, ("table.weight",))
    message = "`SparseAdam` takes sparse gradients only, and that of `fc.weight` is dense"
    assert raised.value.message == message


@pytest.mark.parametrize("argument", ["weight_decay", "fused"])
def test_an_argument_can_stand_against_sparse_gradients(argument: str) -> None:
    with pytest.raises(Misfit) as raised:
        OPTIMIZERS["SGD"](**{argument: True if argument == "fused" else 0.1}).check_parameters(
            {"table.weight": (9, 4)}, ("table.weight",)
        )
    assert raised.value.argument == argument
