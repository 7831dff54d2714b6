"""What a class does with a lab, for one edition on one release of the hosts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labctl.drills.catalogue import find_drill
from tests.lab.program import Ended, labctl

_SCRIPTS = Path(__file__).parent / "scripts"


@dataclass(frozen=True)
class Story:
    """A lab of its own with one edition on hosts of one Debian release."""

    edition: str
    release: str
    folder: Path

    @property
    def name(self) -> str:
        return f"release-{self.release}-{self.edition}"

    def labctl(self, *args: str, code: int | None = 0) -> Ended:
        return labctl(*args, name=self.name, code=code)

    def up(self, until: str = "ready") -> Ended:
        return self.labctl("up", "--lab", str(self.folder / "labctl.toml"), "--until", until)

    def script(self, host: str, name: str, *words: str) -> Ended:
        """Run a script of tests/releases/scripts as root on a host."""
        text = (_SCRIPTS / name).read_text(encoding="utf-8")
        shell = ("sh", "-c", text, name, *words)
        return self.labctl("ssh", host, "--user", "root", "--", *shell)

    def has_only(self, code: str) -> None:
        """Fail with what `labctl check` found, unless it is just this one code."""
        failed = self.failed()
        assert {finding["code"] for finding in failed} == {code}, failed

    def is_right(self) -> None:
        """Fail with what `labctl check` found, if it found anything."""
        assert not (failed := self.failed()), failed

    def failed(self) -> list[dict[str, str]]:
        """The failed findings of `labctl check`."""
        return self.labctl("check", "--json", code=None).wrong


@contextmanager
def told(edition: str, release: str, folder: Path, until: str = "ready") -> Iterator[Story]:
    """The lab, brought up as far as a checkpoint, until the block ends."""
    lines = (f'edition = "{edition}"', 'provider = "nspawn"', f'release = "{release}"', "")
    (folder / "labctl.toml").write_text("\n".join(lines), encoding="utf-8")
    story = Story(edition, release, folder)
    story.labctl("destroy", "--yes")
    try:
        story.up(until)
        yield story
    finally:
        story.labctl("destroy", "--yes")


def lesson(story: Story) -> None:
    """Everything is right, mail passes, a reset brings the lab back, and `up` has nothing to do."""
    story.is_right()
    story.labctl("test-mail", "--all")
    story.labctl("reset", "--to", "ready", "--yes")
    assert "nothing to change" in story.up().out
    story.is_right()


def drilled(story: Story, drill: str) -> None:
    """The drill breaks the lab, `check` finds its one cause, and `solve` repairs it."""
    story.labctl("drill", "start", drill)
    story.has_only(find_drill(drill).breakage.code)
    story.labctl("drill", "solve")
    story.is_right()
