"""The other release and the other edition in short; `make test-releases` runs all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.releases.story import drilled, lesson, told


@pytest.mark.parametrize(
    ("release", "edition", "drills"),
    [
        ("trixie", "ubuntu-example", ("auth-daemon-gone", "two-mailboxes")),
        ("bookworm", "ubuntu", ("mx-without-dot", "two-mailboxes")),
    ],
)
def test_a_lesson_and_two_drills(
    release: str, edition: str, drills: tuple[str, str], tmp_path: Path
) -> None:
    with told(edition, release, tmp_path) as story:
        lesson(story)
        for drill in drills:
            drilled(story, drill)
