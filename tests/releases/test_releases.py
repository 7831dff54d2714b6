"""Both editions for Ubuntu on both Debian releases: the whole lesson, a reboot, and every drill."""

from __future__ import annotations

import pytest

from labctl.drills.catalogue import DRILLS, drills_of, find_drill
from labctl.lab import Lab, load_edition
from tests.lab.program import wait_until
from tests.releases.story import Story, drilled, lesson


def test_the_lesson(story: Story) -> None:
    lesson(story)


def test_a_reboot_typed_inside_a_host_brings_it_back(story: Story) -> None:
    def boots() -> set[str]:
        """The boots that the journal knows: the one that runs, and others if it is kept on disk."""
        words = ("journalctl", "--list-boots", "--no-pager", "--quiet")
        ended = story.labctl("ssh", "host1", "--", *words, code=None)
        lines = [line.split() for line in ended.out.splitlines()] if not ended.code else []
        return {line[1] for line in lines if line and line[0] != "IDX"}

    before = boots()
    assert before
    assert not story.labctl("ssh", "host1", "--", "sudo", "reboot", code=None).out
    wait_until(lambda: bool(boots() - before), "host1 did not boot again")
    wait_until(lambda: not story.failed(), "the lab is not right after the reboot")


@pytest.mark.parametrize("drill", [drill.name for drill in DRILLS])
def test_every_drill(story: Story, drill: str) -> None:
    lab = Lab(name=story.name, edition=load_edition(story.edition))
    if find_drill(drill) not in drills_of(lab):
        pytest.skip("not a drill of this edition")
    drilled(story, drill)
