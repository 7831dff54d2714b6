"""A layer is valid only in its original state: no file truncated, changed, removed or added."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labctl.providers.rootfs.seal import break_seal, built_on, is_sealed, seal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containers are Linux's")

NAMES = ["etc/a b", "etc/line\nend", "etc/日本", "etc/passwd"]


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A layer as the image build leaves it: sealed in its build folder, then renamed."""
    work = tmp_path / ".build-os-1"
    (work / "etc").mkdir(parents=True)
    for name in NAMES:
        (work / name).write_text("root:x:0:0\n")
    (work / "etc" / "link").symlink_to("passwd")
    seal(work, tmp_path / "os-1", ())
    work.replace(tmp_path / "os-1")
    return tmp_path / "os-1"


def test_a_layer_is_whole_as_it_was_built(layer: Path) -> None:
    assert is_sealed(layer)
    (layer / "etc" / "passwd").read_text()
    assert is_sealed(layer)


def lead_elsewhere(layer: Path) -> None:
    (layer / "etc" / "link").unlink()
    (layer / "etc" / "link").symlink_to("shadow")


def test_a_copy_is_whole_too(layer: Path) -> None:
    # A folder that had many files keeps its size; a copy of it is small.
    for number in range(2000):
        (layer / "etc" / f"{number:0100}").touch()
    for number in range(2000):
        (layer / "etc" / f"{number:0100}").unlink()
    seal(layer, layer, ())
    (layer.parent / "copy").mkdir()
    copies = [layer.parent / "copy" / path.name for path in (layer, Path(f"{layer}.seal"))]
    for path, copy in zip((layer, Path(f"{layer}.seal")), copies, strict=True):
        subprocess.run(["cp", "-a", path, copy], check=True)
    assert is_sealed(copies[0])


def spoil_time(layer: Path) -> None:
    os.utime(layer / "etc" / "passwd", ns=(1, 1))


SPOILERS: dict[str, Callable[[Path], object]] = {
    "cut": lambda layer: os.truncate(layer / "etc" / "passwd", 5),
    "written": lambda layer: (layer / "etc" / "passwd").write_text("ROOT:x:0:0\n"),
    "touched": spoil_time,
    "gone": lambda layer: (layer / "etc" / "line\nend").unlink(),
    "added": lambda layer: (layer / "etc" / "shadow").touch(),
    "opened to all": lambda layer: (layer / "etc" / "passwd").chmod(0o666),
    "led elsewhere": lead_elsewhere,
    "emptied": lambda layer: shutil.rmtree(layer / "etc"),
    "all gone": shutil.rmtree,
    "unsealed": break_seal,
    "half a seal": lambda layer: os.truncate(f"{layer}.seal", 20),
    "another seal": lambda layer: Path(f"{layer}.seal").write_text('{"version": 99}'),
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)
def test_an_altered_layer_is_found(layer: Path, spoil: Callable[[Path], object]) -> None:
    spoil(layer)
    assert not is_sealed(layer)


def test_the_layers_built_on_it_are_known(layer: Path) -> None:
    for name, below in (("dns-2", ("os-1",)), ("mail-3", ("os-1", "dns-2")), ("os-9", ())):
        (layer.parent / name).mkdir()
        seal(layer.parent / name, layer.parent / name, below)
    assert {path.name for path in built_on(layer)} == {"dns-2", "mail-3"}
    assert [path.name for path in built_on(layer.parent / "dns-2")] == ["mail-3"]
