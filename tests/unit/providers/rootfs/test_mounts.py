"""Mount points are found by the real names of their folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from labctl.providers.rootfs.mounts import _mount_points


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


def test_an_overlay_is_mounted_and_found_below_any_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a b,c:d\\e 山田"
    script = """
import sys
from pathlib import Path
from labctl.providers.rootfs.mounts import is_mounted, mount_overlay, standing_on, unmount_below
folder = Path(sys.argv[1])
(folder / "low").mkdir(parents=True)
(folder / "low" / "file").write_text("below")
mount_overlay(folder / "root", [folder / "low"], folder / "up", folder / "work")
assert is_mounted(folder / "root")
assert standing_on(folder / "low") == [str(folder / "root")]
assert standing_on(folder) == []
(folder / "root" / "file").write_text("above")
unmount_below(folder)
assert not is_mounted(folder / "root")
assert standing_on(folder / "low") == []
assert (folder / "up" / "file").read_text() == "above"
"""
    # Use a separate mount namespace, so that no mount remains. This does not need root.
    own = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    subprocess.run([*own, sys.executable, "-c", script, str(folder)], check=True)
    assert (folder / "low" / "file").read_text() == "below"
