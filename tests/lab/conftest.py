"""The lab of the lab tests: real hosts, created once and reset before each module.

Each test process has a lab and a machine of its own (see tests.lab.machine), so that several
run side by side: `pytest tests/lab -n 2 --dist loadfile`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from labctl.session import open_session
from provision.step import Target
from tests.lab.machine import allow_a_class, own_machine
from tests.lab.program import LAB, labctl


def pytest_configure(config: pytest.Config) -> None:
    # Once for all processes of pytest-xdist, because the limit is the machine's.
    if not hasattr(config, "workerinput"):
        config.add_cleanup(allow_a_class())


@pytest.fixture(scope="session", autouse=True)
def _place() -> Iterator[None]:
    # Remove what a killed test run left behind.
    labctl("destroy", "--yes")
    # The image needs the machine's own network if it is not there yet.
    labctl("up", "--until", "packages")
    labctl("destroy", "--yes")
    with own_machine():
        yield
        labctl("destroy", "--yes")


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
