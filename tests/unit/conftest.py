"""Settings for all unit tests: few examples, and none of the user's labs or lab files."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from labctl import i18n
from labctl.home import CACHE_VARIABLE, STATE_VARIABLE
from labctl.machine import ThisMachine

# Properties use few examples, so that the whole suite takes seconds.
settings.register_profile(
    "unit",
    max_examples=30,
    # How long an example takes on a busy machine says nothing.
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("unit")

# A number for each test of this process.
_HOMES = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if sys.platform == "win32":
        for item in items:
            if item.get_closest_marker("posix") is not None:
                item.add_marker(pytest.mark.skip(reason="needs Unix"))


@pytest.fixture(autouse=True)
def _nobodys_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not tmp_path: most tests write nothing, and a folder for each is slow to make and remove.
    home = tmp_path_factory.getbasetemp() / f"home{next(_HOMES)}"
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    if sys.platform == "win32":
        # The folders of a user come from the system there, not from the environment.
        monkeypatch.setenv(STATE_VARIABLE, str(home / "state"))
        monkeypatch.setenv(CACHE_VARIABLE, str(home / "cache"))
    for variable in ("LABCTL_NAME", "LABCTL_LANG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    # No test pulls the plug, and a busy disk takes seconds.
    monkeypatch.setattr(os, "fsync", lambda _file: None)
    # The language that one test chose must not affect the next.
    monkeypatch.setattr(i18n, "_chosen", None)
    monkeypatch.setattr(i18n, "_preferred", None)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Restore pytest's Ctrl-C handler, which `run` replaces."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def a_provider(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a VirtualBox that always fails, except for root on Linux, whom nspawn suits."""
    if sys.platform == "linux" and ThisMachine().is_root:
        return
    folder = tmp_path_factory.mktemp("virtualbox")
    if sys.platform == "win32":
        (folder / "VBoxManage.bat").write_text("@exit 1\n")
    else:
        (folder / "VBoxManage").write_text("#!/bin/sh\nexit 1\n")
        (folder / "VBoxManage").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
