"""The lab's files are truncated, from another version, or unreadable while the hosts run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labctl.home import lab_home
from tests.lab.program import LAB, labctl
from tests.lab.traces import Traces, changed_since


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _another_version(path: Path) -> None:
    path.write_text('{"version": 99, "hosts": []}')


def _no_file(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("nspawn.json", _cut),
        ("nspawn.json", _another_version),
        ("nspawn.json", _no_file),
        ("state.json", _cut),
        ("state.json", _another_version),
        ("state.json", _no_file),
    ],
)
def test_every_command_says_what_to_do_and_destroy_does_it(
    up: str, nothing: Traces, name: str, spoil: Callable[[Path], None]
) -> None:
    path = lab_home(LAB).state / name
    spoil(path)
    for words in (["up"], ["reset", "--yes"], ["checkpoints"]):
        told = labctl(*words, code=4).err
        assert str(path) in told
        assert f"  labctl destroy --name {LAB}\n  labctl up --name {LAB}\n" in told
    labctl("destroy", "--yes")
    assert changed_since(nothing) == {}
