"""Every drill on the real lab: started, seen by `check`, mended by hand, and recognised."""

from __future__ import annotations

import json

import pytest

from labctl.drills.catalogue import DRILLS, Drill
from tests.lab.program import labctl, on_host

# Mended by the account's owner: the password is the lab's secret, so no line can show it.
_BY_UP = "password-changed"


def wrong_codes() -> set[str]:
    """The findings of `labctl check` that are not as they should be."""
    document = json.loads(labctl("check", "--json", code=1).out)
    return {
        finding["code"]
        for report in document["data"]["reports"]
        for finding in report["findings"]
        if not finding["ok"]
    }


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_a_drill_is_diagnosed_and_its_repair_recognised(ready_once: str, drill: Drill) -> None:
    assert labctl("drill", "start", drill.name).out.count("labctl drill hint") == 1
    try:
        assert drill.breakage.code in wrong_codes()
        assert labctl("drill", "check", code=1).out.startswith("not yet")
        assert labctl("drill", "hint").out.startswith(f"1/{len(drill.hints)}")
        if drill.name == _BY_UP:
            labctl("drill", "solve")
            labctl("check")
        else:
            on_host(drill.breakage.host, drill.repair)
            assert labctl("drill", "check").out.startswith("mended")
    finally:
        if labctl("check", code=None).code != 0:
            labctl("reset", "--to", "ready", "--yes")


def test_solve_mends_and_explains(ready_once: str) -> None:
    labctl("drill", "start", "--random", "--level", "2")
    assert "labctl drill solve" in labctl("drill", "start", "port-closed", code=4).err
    assert labctl("drill", "solve").out
    labctl("check")
    assert "no drill is on" in labctl("drill", "hint", code=4).err


def test_a_reset_ends_a_drill(ready_once: str) -> None:
    labctl("drill", "start", "postfix-stopped")
    labctl("reset", "--to", "ready", "--yes")
    assert "no drill is on" in labctl("drill", "check", code=4).err
    labctl("check")
