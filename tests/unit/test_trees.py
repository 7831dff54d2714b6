"""Trees that root of a host shaped: deep ones, and links out of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from labctl.home import remove_folder
from labctl.trees import entries, has_link, remove_tree

pytestmark = pytest.mark.posix


def nest(folder: Path, levels: int) -> None:
    """Make folders below each other. Their path may be longer than any program can open."""
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        for _level in range(levels):
            Path("a").mkdir()
            os.chdir("a")
    finally:
        os.chdir(before)
        os.close(before)


@pytest.mark.parametrize("levels", [sys.getrecursionlimit() + 100, 5000])
def test_folders_nested_without_end_are_seen_and_removed(tmp_path: Path, levels: int) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    nest(folder, levels)
    assert len(list(entries(folder))) >= 1000
    remove_tree(folder)
    assert not folder.exists()


def test_a_lab_with_nested_folders_is_removed_like_any_other(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    nest(folder, 2000)
    remove_folder(folder)
    assert not folder.exists()


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "machine" / "secret").mkdir(parents=True)
    (tmp_path / "upper" / "etc").mkdir(parents=True)
    (tmp_path / "upper" / "var").symlink_to(tmp_path / "machine")
    (tmp_path / "upper" / "etc" / "link").symlink_to(tmp_path / "machine")
    found = [Path(path).name for path, _status in entries(tmp_path / "upper" / "etc")]
    assert found == ["link"]
    assert has_link(tmp_path / "upper", "var/secret") and not has_link(tmp_path / "upper", "etc")
