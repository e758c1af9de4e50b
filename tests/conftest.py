"""Options and fixtures of all tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netspec.catalogue.registry import own_layers, remove
from tests.oracle.tally import TALLY, report

ROOT = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite golden files, drop orphans")
    parser.addoption(
        "--oracle-examples",
        type=int,
        default=20,
        metavar="N",
        help="how many calls to draw for each layer and function, to hold against torch",
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of pytest-xdist hands its tally on."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["oracle"] = dict(TALLY)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    TALLY.update(getattr(node, "workeroutput", {}).get("oracle", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TALLY:
        terminalreporter.write_line(report())


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """No layer that a test registers is known to the next one."""
    yield
    for layer in own_layers():
        remove(layer.__name__)


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update"))


@pytest.fixture
def specs() -> Path:
    return ROOT / "specs"
