"""Every shell script is POSIX sh, and every include of it exists. `make check` runs shellcheck."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from labctl.scripts import Script

ROOT = Path(__file__).parents[2]
# The scripts that labctl.scripts loads.
LOADED = sorted(
    path
    for package in ("labctl", "provision", "tests")
    for path in (ROOT / package).rglob("scripts/*.sh")
)


POWERSHELL = sorted((ROOT / "labctl").rglob("scripts/*.ps1"))


@pytest.mark.parametrize("path", POWERSHELL, ids=lambda path: path.name)
def test_a_script_of_powershell_can_become_one_line(path: Path) -> None:
    *lines, last = [line for line in path.read_text("utf-8").splitlines() if line[:1] != "#"]
    # A line that goes on is followed by one that is indented.
    for line, following in zip(lines, [*lines[1:], last], strict=True):
        assert line.endswith(";") or following.startswith(" ")
        assert " #" not in line + last


def test_there_are_scripts() -> None:
    assert LOADED and POWERSHELL


@pytest.mark.parametrize("path", LOADED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_loaded_script_has_all_its_includes(path: Path) -> None:
    if shutil.which("sh") is None:
        pytest.skip("there is no sh")
    package = ".".join(path.relative_to(ROOT).parts[:-2])
    text = Script(package, path.name).text
    assert "\n. ./" not in text
    done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
