"""One Incus of the tests' own, and labs on it.

Nothing here has a route to a lab's addresses: labctl runs outside of the daemon's network
namespace and has only the client, as on a laptop.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.incus.daemon import Daemon, incus_daemon

LAB = "incus-tests"


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    # Short: the path of a Unix socket has at most 107 letters.
    with tempfile.TemporaryDirectory(prefix="li-") as folder, incus_daemon(Path(folder)) as found:
        yield found


@pytest.fixture(scope="session", autouse=True)
def _environment(daemon: Daemon) -> Iterator[None]:
    """The daemon is the client's own, and state stays apart; the image cache is this machine's."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in daemon.env.items():
            patch.setenv(name, value)
        patch.setenv("XDG_STATE_HOME", str(daemon.folder / "state"))
        patch.setenv("LC_ALL", "C.UTF-8")
        yield


@pytest.fixture(scope="session")
def lab_file(daemon: Daemon) -> Path:
    path = daemon.folder / "labctl.toml"
    path.write_text('provider = "incus"\n')
    return path
