"""What the shell offers when TAB is pressed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from labctl.cli import completion
from tests.unit.cli.program import completed, completing, labctl


@pytest.mark.parametrize(
    ("lab_file", "hosts"),
    [("", ["host1", "host2"]), ('dns = "parent"', ["host0", "host1", "host2"]), ("x = [", [])],
)
def test_completion_offers_the_labs_hosts_and_tells_no_error(
    tmp_path: Path, lab_file: str, hosts: list[str]
) -> None:
    (tmp_path / "labctl.toml").write_text(lab_file)
    ended = completed("labctl ssh h", cwd=tmp_path)
    assert (ended.out.split(), ended.err) == (hosts, "")


@pytest.mark.posix
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("labctl ss", ["ssh"]),
        ("labctl ssh h", []),
        ("labctl check --junit none/file p", []),
        ("labctl reset --to o", []),
        ("labctl render host1 --lab labctl.toml --name d", []),
    ],
)
def test_completion_in_a_folder_that_is_gone_tells_no_error(
    tmp_path: Path, words: str, offered: list[str]
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD"; exec "$0" -m labctl', sys.executable],
        cwd=folder,
        env={**os.environ, **completing(words)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, offered, "")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("undo s", ["s01", "s02"]),
        ("move s", ["s01", "s02"]),
        ("check --step po", ["postfix"]),
        ("reset --to p", ["packages", "postfix"]),
        ("drill start postfix-s", ["postfix-stopped"]),
    ],
)
def test_completion_in_a_class_is_that_of_its_seats(
    tmp_path: Path, words: str, offered: list[str]
) -> None:
    # The lab that is used without a class cannot be read.
    (tmp_path / "labctl.toml").write_text("x = [")
    labctl("class", "init", "mail", "--seats", "2", code=0)
    ended = completed(f"labctl class {words}", cwd=tmp_path)
    assert (ended.out.split(), ended.err) == (offered, "")


def test_the_hosts_of_a_class_are_those_of_its_lab_file(tmp_path: Path) -> None:
    file = tmp_path / "lab.toml"
    file.write_text('dns = "parent"\n')
    labctl("class", "init", "mail", "--seats", "2", "--lab", str(file), code=0)
    context: Any = SimpleNamespace(params={"class_name": None})
    assert completion.hosts(context, "h") == ["host0", "host1", "host2"]
