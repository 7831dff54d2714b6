"""Two people's labctl on one machine, each with a state folder: both get a lab."""

from __future__ import annotations

from pathlib import Path

from tests.lab.program import labctl, started
from tests.lab.traces import Traces, changed_since


def test_two_at_once_both_come_up_and_one_has_the_route(tmp_path: Path, nothing: Traces) -> None:
    labctl("destroy", "--yes")
    as_other = ("env", f"XDG_STATE_HOME={tmp_path}")
    process = started("up", "--until", "dns")
    other = labctl("up", "--until", "dns", within=as_other)
    _out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    said = [text for text in (err, other.err) if "192.168.56.0/24 is in use" in text]
    assert len(said) == 1
    for within in ((), as_other):
        labctl("check", "dns", within=within)
    labctl("destroy", "--yes", within=as_other)
    labctl("check", "dns")
    labctl("destroy", "--yes")
    assert changed_since(nothing) == {}
