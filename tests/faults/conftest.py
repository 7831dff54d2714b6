"""Fixtures for faults on the tests' own lab.

The command line sets the number of kills and the seed: `pytest tests/faults --kills 9 --seed 7`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from labctl.errors import LabError
from labctl.home import lab_names
from labctl.results import HostState
from labctl.status import look
from tests.faults.kill import Kill, durations, plan
from tests.lab.program import LAB, labctl
from tests.lab.traces import Traces, traces


def _running() -> list[str]:
    found = []
    for name in lab_names():
        try:
            status = look(name)
        except LabError:
            continue
        if any(host.state is not HostState.ABSENT for host in status.hosts) and status.ok:
            found.append(name)
    return found


@pytest.fixture(scope="session", autouse=True)
def _place() -> Iterator[None]:
    others = [name for name in _running() if name != LAB]
    for name in others:
        labctl("down", name=name)
    # Remove what a killed test run left behind.
    labctl("destroy", "--yes")
    yield
    labctl("destroy", "--yes")
    for name in others:
        labctl("up", name=name)


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
