"""Two users on one machine: each has a state folder, and both need the book's addresses."""

from __future__ import annotations

from pathlib import Path

from tests.lab.program import labctl, started
from tests.lab.traces import Traces, changed_since


def test_the_second_is_told_that_a_lab_runs(up: str, tmp_path: Path) -> None:
    as_other = ("env", f"XDG_STATE_HOME={tmp_path}")
    for words in (["up"], ["up", "--until", "os"]):
        refused = labctl(*words, code=3, within=as_other).err
        assert "the address range 192.168.56.0/24 is in use" in refused
        assert "lab-" in refused
        assert "hint:" in refused
    labctl("destroy", "--yes", within=as_other)
    assert not labctl("up", "--json").json["changed"]
    labctl("test-mail")


def test_of_two_at_once_one_gets_the_addresses(tmp_path: Path, nothing: Traces) -> None:
    labctl("destroy", "--yes")
    as_other = ("env", f"XDG_STATE_HOME={tmp_path}")
    process = started("up", "--until", "dns")
    other = labctl("up", "--until", "dns", code=None, within=as_other)
    _out, err = process.communicate(timeout=300)
    assert sorted([process.returncode, other.code]) == [0, 3], (err, other.err)
    refused = err if process.returncode else other.err
    assert "the address range 192.168.56.0/24 is in use" in refused
    labctl("check", "dns", within=() if process.returncode == 0 else as_other)
    labctl("destroy", "--yes", within=as_other)
    labctl("destroy", "--yes")
    assert changed_since(nothing) == {}
