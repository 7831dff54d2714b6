"""The package mirror is missing, silent, slow, or has broken packages."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.home import lab_home
from tests.faults.mirror import broken, mirror, silent, slow
from tests.lab.program import LAB, Ended, labctl
from tests.lab.traces import changed_since, traces


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    labctl("destroy", "--yes")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = traces()
    yield
    labctl("destroy", "--yes")
    assert changed_since(before) == {}


def up(folder: Path, address: str, code: int) -> Ended:
    (folder / "labctl.toml").write_text(f'mirror = "{address}"\n')
    return labctl("up", "--until", "os", "--lab", str(folder / "labctl.toml"), code=code)


def refused(folder: Path, address: str) -> str:
    told = up(folder, address, code=1).err
    assert "the base image could not be built" in told
    assert "hint: is the package mirror reachable?" in told
    images = lab_home(LAB).cache / "images"
    assert not any(path.is_dir() for path in images.iterdir())
    # The log file in the hint exists.
    assert "mmdebstrap" in (images / "os.log").read_text() or "E:" in told
    return told


def test_unreachable(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        told = refused(tmp_path, f"http://127.0.0.1:{nobody.getsockname()[1]}")
    assert "Connection refused" in told


def test_silent(tmp_path: Path) -> None:
    with mirror(silent) as address:
        told = refused(tmp_path, address)
        assert f"Failed to fetch {address}" in told
        assert "Connection failed" in told


def test_a_broken_package(tmp_path: Path) -> None:
    with mirror(broken) as address:
        assert "Hash Sum mismatch" in refused(tmp_path, address)


def test_slow(tmp_path: Path) -> None:
    with mirror(slow) as address:
        up(tmp_path, address, code=0)
