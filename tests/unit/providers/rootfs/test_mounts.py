"""Mount points are found by the real names of their folders."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.providers.rootfs import mounts
from labctl.providers.rootfs.mounts import (
    _mount_points,
    is_mounted,
    mounted_below,
    unmount_below,
)
from labctl.run import Completed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containers are Linux's")


def as_the_kernel_writes(path: str) -> str:
    """fs/proc_namespace.c escapes space, tab, line end, backslash and #."""
    return "".join(f"\\{ord(char):03o}" if char in " \t\n\\#" else char for char in path)


# The kernel does not change other bytes, such as a carriage return or an ideographic space.
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0/")
    | st.sampled_from(" \t\n\\#\r\u3000\u2028"),
    min_size=1,
)


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_whatever_a_folder_is_called_its_mounts_are_found(names: list[str]) -> None:
    lines = [
        f"36 35 98:0 /mnt1 /{as_the_kernel_writes(name)} rw master:1 - ext3 /dev/root rw\n"
        for name in names
    ]
    assert _mount_points("".join(lines)) == [f"/{name}" for name in names]


def test_a_folder_with_a_japanese_name() -> None:
    line = "62 30 0:50 / /home/山田/my\\040lab/host1 rw - overlay labctl rw"
    assert _mount_points(line) == ["/home/山田/my lab/host1"]


def test_mounts_are_listed_with_the_deepest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order they can be unmounted."""
    points = ["/labs", "/labs/a", "/labs/a/host1/root", "/labs/a/host1", "/labs-other", "/"]
    lines = [f"36 35 98:0 / {point} rw - overlay labctl rw\n" for point in points]
    monkeypatch.setattr(Path, "read_bytes", lambda _path: "".join(lines).encode())
    assert mounted_below(Path("/labs/a")) == ["/labs/a/host1/root", "/labs/a/host1", "/labs/a"]
    assert mounted_below(Path("/labs/b")) == []
    assert is_mounted(Path("/labs/a/host1"))
    assert not is_mounted(Path("/labs/a/host2"))


class Umount:
    """A machine on which these mount points stay busy unless they are detached."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, busy: set[str]) -> None:
        self.points = ["/labs/a/root", "/labs/a"]
        self.detached: list[str] = []
        self._busy = busy
        monkeypatch.setattr(mounts, "mounted_below", lambda _folder: list(self.points))
        monkeypatch.setattr(mounts, "run", self.run)
        monkeypatch.setattr(mounts, "wait_until", lambda _seconds, ask, every: ask())

    def run(self, argv: Sequence[str], *, check: bool) -> Completed:
        assert not check
        *words, point = argv
        done = words == ["umount", "--lazy"] or point not in self._busy
        self.detached += [point] if "--lazy" in words else []
        if done:
            self.points.remove(point)
        return Completed(tuple(argv), 0 if done else 32, "", "target is busy")


@pytest.mark.parametrize("busy", [set(), {"/labs/a"}, {"/labs/a", "/labs/a/root"}])
def test_a_mount_that_stays_busy_is_detached(
    monkeypatch: pytest.MonkeyPatch, busy: set[str]
) -> None:
    machine = Umount(monkeypatch, busy)
    unmount_below(Path("/labs/a"))
    assert machine.points == []
    assert set(machine.detached) == busy


def test_an_overlay_is_mounted_and_found_below_any_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a b,c:d\\e 山田"
    script = """
import sys
from pathlib import Path
from labctl.providers.rootfs.mounts import is_mounted, mount_overlay, overlays_using, unmount_below
folder = Path(sys.argv[1])
(folder / "low").mkdir(parents=True)
(folder / "low" / "file").write_text("below")
more = [folder / (str(number) + "-" * 60) for number in range(8)]
for layer in more:
    layer.mkdir()
# More than the 255 bytes that util-linux 2.39 and newer could pass in one option.
mount_overlay(folder / "root", [*more, folder / "low"], folder / "up", folder / "work")
assert is_mounted(folder / "root")
assert overlays_using(folder / "low") == [str(folder / "root")]
assert overlays_using(folder) == []
(folder / "root" / "file").write_text("above")
unmount_below(folder)
assert not is_mounted(folder / "root")
assert overlays_using(folder / "low") == []
assert (folder / "up" / "file").read_text() == "above"
"""
    # Use a separate mount namespace, so that no mount remains. This does not need root.
    own = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    subprocess.run([*own, sys.executable, "-c", script, str(folder)], check=True)
    assert (folder / "low" / "file").read_text() == "below"
