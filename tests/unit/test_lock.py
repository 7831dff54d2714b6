"""Only one labctl at a time works on a lab. Other labs are not affected."""

from __future__ import annotations

import errno
import os
import stat
import sys

import pytest
from filelock import Timeout

from labctl.errors import WrongState
from labctl.home import lab_home
from labctl.lock import locked


def test_the_second_is_told_who_holds_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["labctl", "reset", "--yes", "--name", "class-a"])
    home = lab_home("class-a")
    with locked(home), pytest.raises(WrongState) as held, locked(home):
        pass
    assert held.value.cause == f"pid {os.getpid()}: labctl reset --yes"
    assert held.value.hint


def test_a_full_disk_does_not_keep_anybody_from_destroying_a_lab(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("labctl.lock.write_atomically", full)
    home = lab_home("class-a")
    with locked(home), pytest.raises(WrongState) as held, locked(home):
        pass
    assert held.value.cause == ""


def test_another_lab_is_free() -> None:
    with locked(lab_home("class-a")), locked(lab_home("class-b")):
        pass


def test_afterwards_it_is_free_again_whatever_happened() -> None:
    home = lab_home("class-a")
    # A timeout of another lock inside the block is not reported as this one.
    for error in (KeyboardInterrupt, Timeout("image")):
        with pytest.raises(type(error) if isinstance(error, Exception) else error), locked(home):
            raise error
    with locked(home):
        pass
    assert not home.lock_file.with_suffix(".holder").exists()


@pytest.mark.posix
def test_nobody_else_on_the_machine_can_enter_the_labs() -> None:
    home = lab_home("class-a")
    with locked(home):
        assert stat.S_IMODE(home.state.parent.stat().st_mode) == 0o700
