"""A board on labs in memory: two seats that are up, and a third that was never made."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from labctl.classroom import helper
from labctl.classroom.roll import open_class, open_seat, write_roll
from labctl.engine import bring_up
from labctl.home import STATE_VARIABLE
from labctl.progress import silent
from labctl.waiting import wait_until
from tests.fakes.board import Browser, RunningBoard, running_board
from tests.fakes.classroom import MemoryClass, memory_class

STUDENTS = {1: "山田 花子", 2: "<b>Taro</b> & co"}


@dataclass(frozen=True)
class Place:
    """A board and the labs behind it."""

    board: RunningBoard
    room: MemoryClass


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """A new class with its board."""
    if sys.platform != "linux":
        pytest.skip("the board needs Linux")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE_VARIABLE, str(folder / "state"))
        # Every test logs in.
        patch.setattr(helper, "_MOST_LOGINS", 10_000)
        room = memory_class(patch, until=None)
        seats = (replace(seat, student=STUDENTS.get(seat.number, "")) for seat in room.roll.seats)
        write_roll(replace(room.roll, seats=tuple(seats)))
        for number in (1, 2):
            bring_up(open_seat(room.roll, room.roll.seat(number)), silent)
        with running_board(open_class(room.roll.name), folder) as board:
            wait_for(lambda: all(row.looked for row in board.collector.rows()))
            yield Place(board, room)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A board for tests that leave the labs as they are."""
    with place(tmp_path_factory.mktemp("board")) as made:
        yield made


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Place]:
    """A board for one test."""
    with place(tmp_path) as made:
        yield made


@pytest.fixture
def board(shared: Place) -> RunningBoard:
    return shared.board


@pytest.fixture
def room(shared: Place) -> MemoryClass:
    return shared.room


@pytest.fixture
def nobody(board: RunningBoard) -> Browser:
    return Browser(board)


@pytest.fixture
def student(board: RunningBoard) -> Browser:
    """Logged in at seat 1."""
    return logged_in(board, board.codes.of_seat(1))


@pytest.fixture
def teacher(board: RunningBoard) -> Browser:
    return logged_in(board, board.codes.instructor)


def logged_in(board: RunningBoard, code: str) -> Browser:
    browser = Browser(board)
    assert browser.log_in(code)[0] == 303
    return browser


def wait_for(condition: Callable[[], bool]) -> None:
    assert wait_until(20, condition, every=0.01)
