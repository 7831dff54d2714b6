"""Both editions for Ubuntu on both Debian releases: the whole lesson, a reboot, and every drill."""

from __future__ import annotations

from tests.lab.program import wait_until
from tests.releases.story import Story, drilled, lesson


def test_the_lesson(story: Story) -> None:
    lesson(story)


def test_a_reboot_typed_inside_a_host_brings_it_back(story: Story) -> None:
    def boots() -> set[str]:
        ended = story.labctl("ssh", "host1", "--", "journalctl", "--list-boots", code=None)
        return (
            {line.split()[0] for line in ended.out.splitlines() if line}
            if not ended.code
            else set()
        )

    before = boots()
    assert not story.labctl("ssh", "host1", "--", "sudo", "reboot", code=None).out
    wait_until(lambda: len(boots()) > len(before), "host1 did not boot again")
    wait_until(lambda: story.wrong() == set(), "the lab is not right after the reboot")


def test_every_drill(story: Story) -> None:
    for drill in story.drills():
        drilled(story, drill)
