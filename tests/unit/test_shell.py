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


def test_there_are_scripts() -> None:
    assert LOADED


@pytest.mark.parametrize("path", LOADED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_loaded_script_has_all_its_includes(path: Path) -> None:
    if shutil.which("sh") is None:
        pytest.skip("there is no sh")
    package = ".".join(path.relative_to(ROOT).parts[:-2])
    text = Script(package, path.name).text
    assert "\n. ./" not in text
    done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
