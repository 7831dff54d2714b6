"""Real libvirt in namespaces of its own; see isolated.sh and `make test-libvirt`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.lab import DEFAULT_EDITION, load_edition
from labctl.run import run
from labctl.waiting import wait_until
from tests.vagrant.box import LIBVIRT, ensure_box


@pytest.fixture(scope="session", autouse=True)
def _libvirt() -> None:
    links = run(["ip", "-o", "link"]).stdout
    assert "eth" not in links, "these tests need namespaces of their own: make test-libvirt"
    asked = ["virsh", "-c", "qemu:///system", "version"]
    assert wait_until(30, lambda: run(asked, check=False).ok)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("libvirt")


@pytest.fixture(scope="session", autouse=True)
def _environment(place: Path) -> Iterator[None]:
    box = ensure_box(load_edition(DEFAULT_EDITION), LIBVIRT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAGRANT_HOME", str(box.home))
        patch.setenv("XDG_STATE_HOME", str(place / "state"))
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        patch.setenv("LC_ALL", "C.UTF-8")
        # Emulated machines boot slowly.
        patch.setenv("LABCTL_BOOT_TIMEOUT", "1800")
        yield
