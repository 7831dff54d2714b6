"""The lab of the lab tests: real hosts, created once and reset before each module.

A lab of this user on the same addresses is stopped during the tests and started afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from labctl.errors import LabError
from labctl.home import lab_names
from labctl.results import HostState
from labctl.session import open_session
from labctl.status import look
from provision.step import Target
from tests.lab.program import LAB, labctl


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


@pytest.fixture
def ready() -> str:
    """The name of the complete lab, in the state after `labctl up`, before each test."""
    if labctl("reset", "--to", "ready", "--yes", code=None).code != 0:
        labctl("up")
    return LAB


@pytest.fixture(scope="module")
def ready_once() -> str:
    """The same once per module, for tests that leave the lab unchanged."""
    labctl("up")
    labctl("reset", "--to", "ready", "--yes")
    return LAB


@pytest.fixture(scope="module")
def targets(ready_once: str) -> Iterator[Mapping[str, Target]]:
    """The two mail servers of the complete lab by name, with open connections."""
    session = open_session(ready_once)
    with session.targets([host.name for host in session.lab.mail_hosts]) as found:
        yield found
