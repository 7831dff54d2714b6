"""Only one labctl at a time works on a lab. Other labs are not affected."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from labctl.errors import WrongState
from labctl.home import lab_home
from labctl.lock import command_at_work, locked
from tests.fakes.neighbour import another_labctl


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


def test_a_holder_file_that_cannot_be_removed_keeps_no_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on Windows, while the second labctl reads who holds the lab."""
    home = lab_home("class-a")

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "The process cannot access the file", str(path))

    with monkeypatch.context() as patch, locked(home):
        patch.setattr(Path, "unlink", refuse)
    with locked(home):
        pass


@pytest.mark.posix
def test_a_lab_that_is_removed_takes_its_lock_along_while_it_is_held() -> None:
    home = lab_home("class-a")
    with locked(home, removes=True):
        assert home.lock_file.exists()
    assert list(home.state.parent.iterdir()) == []
    # What could not be removed stays locked against others.
    with pytest.raises(OSError), locked(home, removes=True):
        raise OSError
    assert home.lock_file.exists()


def test_windows_removes_no_lock_file_that_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    home = lab_home("class-a")
    monkeypatch.setattr(sys, "platform", "win32")
    with locked(home, removes=True):
        pass
    assert home.lock_file.exists()


@pytest.mark.posix
def test_a_lock_whose_file_was_removed_meanwhile_is_taken_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another labctl opened the file before a `destroy` removed it, and locks it afterwards."""
    home = lab_home("class-a")
    acquire = FileLock.acquire
    removed: list[Path] = []

    def acquire_late(lock: FileLock) -> object:
        held = acquire(lock)
        if not removed:
            removed.append(home.lock_file)
            home.lock_file.unlink()
        return held

    monkeypatch.setattr(FileLock, "acquire", acquire_late)
    with locked(home), pytest.raises(WrongState), locked(home):
        pass
    assert removed


@pytest.mark.posix
def test_a_lock_that_is_refused_for_a_removed_file_is_taken_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = lab_home("class-a")
    acquire = FileLock.acquire
    refused: list[Path] = []

    def refuse_once(lock: FileLock) -> object:
        if refused:
            return acquire(lock)
        refused.append(home.lock_file)
        home.lock_file.unlink()
        raise Timeout(str(home.lock_file))

    monkeypatch.setattr(FileLock, "acquire", refuse_once)
    with locked(home):
        assert home.lock_file.exists()


@pytest.mark.posix
def test_nobody_else_on_the_machine_can_enter_the_labs() -> None:
    home = lab_home("class-a")
    with locked(home):
        assert stat.S_IMODE(home.state.parent.stat().st_mode) == 0o700


@pytest.mark.posix
def test_others_see_what_the_holder_does_until_it_ends_or_is_killed() -> None:
    if sys.platform != "linux":
        pytest.skip("for the board, which runs on Linux only")
    home = lab_home("class-a")
    assert command_at_work(home) == ""
    with locked(home):
        assert command_at_work(home) == ""
    with another_labctl("class-a", "--lang", "ja", "class", "reset", "7") as process:
        assert command_at_work(home) == "labctl class reset"
        with pytest.raises(WrongState) as held, locked(home):
            pass
        assert held.value.cause == f"pid {process.pid}: labctl class reset"
        process.kill()
        process.wait()
        assert command_at_work(home) == ""
    # What it left names another program that has its number by now.
    holder = home.lock_file.with_suffix(".holder")
    holder.write_text(json.dumps({"pid": os.getppid(), "command": "labctl reset"}))
    assert command_at_work(home) == ""
    with locked(home):
        pass
