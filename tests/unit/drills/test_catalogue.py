"""The drills as data: there are enough, each is complete, and each uses a tested breakage."""

from __future__ import annotations

from collections import Counter

import pytest

from labctl.drills.actions import names_of
from labctl.drills.breakages import BREAKAGES
from labctl.drills.catalogue import DRILLS, Drill, drills_of, find_drill, host_of
from labctl.drills.exercise import pick
from labctl.errors import WrongUsage
from labctl.lab import Lab, load_edition
from labctl.system import System
from provision.families import systems
from provision.step import Scene
from tests.books import LAB


def test_there_are_at_least_twelve_in_three_levels() -> None:
    assert len(DRILLS) >= 12
    assert set(Counter(drill.level for drill in DRILLS)) == {1, 2, 3}


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_a_drill_breaks_in_a_known_way_and_says_all_it_must(drill: Drill) -> None:
    assert drill.breakage in BREAKAGES
    assert drill.symptom and drill.explanation
    assert len(drill.hints) >= 2
    assert all("\n" not in hint for hint in drill.hints)


@pytest.mark.parametrize(
    ("edition", "foreign"), [("ubuntu-example", "example1.test"), ("ubuntu", "example1.jp")]
)
@pytest.mark.parametrize("system", systems(), ids=str)
def test_its_texts_and_its_repair_have_the_names_of_the_lab(
    system: System, edition: str, foreign: str
) -> None:
    lab = Lab(name="lab", edition=load_edition(edition))
    scene = Scene(lab, host_of(lab), (), system)
    for drill in DRILLS:
        texts = (text.format(**names_of(scene)) for text in (*drill.hints, drill.explanation))
        said = " ".join([drill.symptom_in(lab), *texts, drill.repair_on(scene)])
        assert foreign not in said and "{" not in said.replace("address {", ""), drill.name


def test_names_of_breakages_and_drills_are_unique() -> None:
    assert len({breakage.name for breakage in BREAKAGES}) == len(BREAKAGES)
    assert len({drill.name for drill in DRILLS}) == len(DRILLS)


def test_a_random_drill_is_of_the_level_asked_for() -> None:
    assert all(pick(None, 3, LAB).level == 3 for _ in range(20))


def test_an_unknown_drill_is_told_with_the_names_there_are() -> None:
    with pytest.raises(WrongUsage) as error:
        find_drill("nothing")
    assert "port-closed" in str(error.value.hint)


def test_an_edition_has_the_drills_of_its_own_sections() -> None:
    names = {drill.name for drill in drills_of(Lab(name="lab", edition=load_edition("ubuntu")))}
    assert {"postfix-stopped", "mx-without-dot", "two-mailboxes"} <= names
    assert names.isdisjoint({"port-closed", "auth-daemon-gone", "socket-outside"})
    assert drills_of(LAB) == DRILLS
