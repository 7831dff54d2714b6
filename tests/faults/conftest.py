"""Fixtures for faults on the tests' own lab.

The command line sets the number of kills and the seed: `pytest tests/faults --kills 9 --seed 7`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.faults.kill import Kill, durations, plan
from tests.lab.conftest import _place
from tests.lab.program import LAB, labctl
from tests.lab.traces import Traces, traces

__all__ = ["_place"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=63, help="how often labctl is killed")
    parser.addoption("--seed", type=int, help="repeats the kills of another run")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed is None:
        config.option.seed = secrets.randbelow(10_000)


def pytest_report_header(config: pytest.Config) -> str:
    return f"to repeat this run's kills: --kills {config.option.kills} --seed {config.option.seed}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kill" in metafunc.fixturenames:
        kills = plan(metafunc.config.option.kills, metafunc.config.option.seed)
        metafunc.parametrize("kill", kills, ids=Kill.__str__)


@pytest.fixture
def up() -> str:
    """The name of a complete, running lab."""
    labctl("up")
    return LAB


@pytest.fixture(scope="session")
def nothing() -> Traces:
    """The machine without a lab."""
    labctl("destroy", "--yes")
    return traces()


@pytest.fixture(scope="session")
def seconds(nothing: Traces) -> Iterator[dict[str, float]]:
    """The duration in seconds of each command on this machine without a kill."""
    yield durations()
