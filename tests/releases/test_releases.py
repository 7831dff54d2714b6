"""Both editions for Ubuntu on both Debian releases: the whole lesson, a reboot, and every drill."""

from __future__ import annotations

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
    wait_until(lambda: story.wrong() == set(), "the lab is not right after the reboot")


def test_every_drill(story: Story) -> None:
    for drill in story.drills():
        drilled(story, drill)
