"""Every drill on the real lab: `check` finds it, and recognises its repair by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from labctl.drills.actions import placeholders
from labctl.drills.catalogue import DRILLS, Drill, find_drill, host_of
from provision.step import Target
from tests.books import LAB
from tests.lab.program import labctl, on_host


def set_password(account: str) -> str:
    """Repair the drill without a printed command, because the password is a secret."""
    accounts = labctl("credentials", "--json").json["accounts"]
    (password,) = [each["password"] for each in accounts if each["user"] == account]
    return f"echo '{account}:{password}' | chpasswd"


def wrong() -> list[dict[str, str]]:
    """The failed findings of `labctl check`."""
    return labctl("check", "--json", code=None).wrong


def told(found: list[dict[str, str]]) -> str:
    """The findings as text, because pytest shortens a value."""
    return json.dumps(found, indent=1, ensure_ascii=False)


# One in three. The others are on demand, because test_steps makes each of these mistakes too.
SOME = [
    pytest.param(drill, marks=() if number % 3 == 0 else (pytest.mark.long,))
    for number, drill in enumerate(DRILLS)
]


@pytest.mark.parametrize("drill", SOME, ids=[drill.name for drill in DRILLS])
def test_a_drill_is_diagnosed_and_its_repair_recognised(
    targets: Mapping[str, Target], drill: Drill
) -> None:
    # A drill starts only on a correct lab, so each one proves that the last one left no fault.
    assert labctl("drill", "start", drill.name).out.count("labctl drill hint") == 1
    try:
        found = wrong()
        assert {each["code"] for each in found} == {drill.breakage.code}, told(found)
        on_host("host1", drill.repair_on(targets["host1"].scene) or set_password("user1"))
        # A person takes longer than host2 remembers the zone: five seconds.
        on_host("host2", "rndc flush")
        again = labctl("drill", "check", code=None)
        assert again.out.startswith("repaired"), told(wrong())
    except BaseException:
        labctl("reset", "--to", "ready", "--yes")
        raise


def test_hints_come_one_by_one_and_the_last_one_stays(ready_once: str) -> None:
    drill = find_drill("port-closed")
    labctl("drill", "start", drill.name)
    assert labctl("drill", "check", code=1).out.startswith("not yet")
    hints = [labctl("drill", "hint").out.strip() for _ in range(len(drill.hints) + 1)]
    assert [hint.partition("  ")[0] for hint in hints] == ["1/3", "2/3", "3/3", "3/3"]
    names = placeholders(LAB, host_of(LAB))
    assert hints[0].endswith(drill.hints[0].format(**names)) and hints[-1] == hints[-2]
    solved = labctl("drill", "solve").out
    assert drill.explanation.format(**names) in solved and "ufw allow 25/tcp" in solved
    labctl("check")


def test_solve_mends_and_explains(ready_once: str) -> None:
    labctl("drill", "start", "--random", "--level", "2")
    assert "labctl drill solve" in labctl("drill", "start", "port-closed", code=4).err
    assert labctl("drill", "solve").out
    labctl("check")
    assert "no drill is active" in labctl("drill", "hint", code=4).err


def test_a_reset_ends_a_drill(ready_once: str) -> None:
    labctl("drill", "start", "postfix-stopped")
    labctl("reset", "--to", "ready", "--yes")
    assert "no drill is active" in labctl("drill", "check", code=4).err
    labctl("check")
