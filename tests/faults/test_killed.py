"""labctl is killed at any moment: the next command alone leads to a correct lab."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from labctl.home import lab_home
from tests.faults.kill import COMMANDS, Kill, killed
from tests.lab.program import LAB, labctl, on_host
from tests.lab.traces import Traces, changed_since, traces

WORK = "/root/work"


@pytest.fixture(scope="module")
def whole(seconds: dict[str, float]) -> Traces:
    """The machine with a lab that was never killed."""
    labctl("up")
    return traces()


def test_labctl_is_killed(
    kill: Kill, seconds: dict[str, float], nothing: Traces, whole: Traces
) -> None:
    after = kill.part * seconds[kill.command]
    while True:
        if kill.command == "up":
            labctl("destroy", "--yes")
            # Remove what the previous kill left behind.
            assert changed_since(nothing) == {}
        else:
            labctl("up")
            on_host("host1", f"echo {kill.number} >{WORK}")
        if killed(*COMMANDS[kill.command], after=after):
            break
        # labctl ended before the kill.
        after /= 2
    print(f"labctl {kill.command} killed after {after:.2f} s, then labctl {kill.back}")

    labctl(*COMMANDS[kill.back])

    if kill.back == "destroy":
        assert changed_since(nothing) == {}
        return
    again = labctl("up", "--json").json
    assert not again["changed"], again
    assert changed_since(whole) == {}
    if kill.number % 3 == 0:
        labctl("test-mail")
    if kill.command == "reset" and kill.back == "up":
        assert _work(kill), "a person's work was lost"


@pytest.mark.long
def test_up_is_killed_while_it_builds_the_image(
    nothing: Traces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    labctl("destroy", "--yes")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    dice = random.Random(pytestconfig.option.seed)
    for after in (dice.uniform(0, 5), dice.uniform(5, 40), dice.uniform(20, 80)):
        print(f"labctl up killed after {after:.2f} s of building, then labctl destroy")
        assert killed("up", after=after)
        labctl("destroy", "--yes")
        assert changed_since(nothing) == {}
    labctl("up")
    labctl("test-mail")
    labctl("destroy", "--yes")
    assert changed_since(nothing) == {}


def test_what_was_killed_leaves_nothing(whole: Traces, nothing: Traces) -> None:
    labctl("destroy", "--yes")
    assert changed_since(nothing) == {}


def test_systemd_nspawn_leaves_no_lock_where_it_is_killed() -> None:
    labctl("up")
    roots = [path.stat() for path in (lab_home(LAB).state / "hosts").iterdir() if path.is_dir()]
    locks = [Path(f"/run/systemd/nspawn/locks/inode-{at.st_dev}:{at.st_ino}") for at in roots]
    assert locks and all(lock.exists() for lock in locks)
    labctl("destroy", "--yes")
    assert not any(lock.exists() for lock in locks)


def _work(kill: Kill) -> bool:
    """Whether a user's work is still on the host or can be restored."""
    found = on_host("host1", f"cat {WORK}", code=None)
    if found.out != f"{kill.number}\n":
        labctl("reset", "--undo", "--yes")
        found = on_host("host1", f"cat {WORK}", code=None)
    return found.out == f"{kill.number}\n"
