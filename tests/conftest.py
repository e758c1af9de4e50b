"""Options and fixtures of all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from netspec.catalogue.registry import own_layers, remove

ROOT = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite golden files, drop orphans")


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
