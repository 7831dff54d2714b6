"""Which seats of a class count for what the machine needs, on labs in memory."""

from __future__ import annotations

import pytest

from labctl.classroom.capacity import ensure_room, examine_class
from labctl.classroom.roll import open_seat
from labctl.engine import bring_up
from labctl.machine import ThisMachine
from labctl.progress import silent
from labctl.providers import registry
from labctl.providers.checks import Check
from tests.fakes.classroom import InClass, MemoryClass, memory_class

counts_seen: list[tuple[int, int, int]] = []


class Counts(InClass):
    """The provider in memory, which notes for how many labs it is asked."""

    def checks_of_many(self, labs: int, to_start: int, to_make: int) -> tuple[Check, ...]:
        counts_seen.append((labs, to_start, to_make))
        return ()


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> MemoryClass:
    """Five seats: the first two run, the third is stopped, the others were never made."""
    made = memory_class(monkeypatch, seats=5)
    monkeypatch.setitem(registry._PROVIDERS, "fake", f"{__name__}:Counts")
    for number in (1, 2, 3):
        bring_up(open_seat(made.roll, made.roll.seat(number)), silent, "dns")
    open_seat(made.roll, made.roll.seat(3)).provider.halt()
    counts_seen.clear()
    return made


@pytest.mark.parametrize(
    ("words", "counted"),
    [
        ((), (5, 3, 2)),
        (("3",), (3, 1, 0)),
        (("3-4",), (4, 2, 1)),
        (("1-2",), (2, 0, 0)),
    ],
)
def test_only_the_chosen_seats_count_beside_those_that_run(
    room: MemoryClass, words: tuple[str, ...], counted: tuple[int, int, int]
) -> None:
    ensure_room(room.roll, room.roll.chosen(words))
    assert counts_seen == [counted]


def test_the_doctor_counts_all_seats(room: MemoryClass) -> None:
    examine_class(room.roll, ThisMachine())
    assert counts_seen == [(5, 3, 2)]


def test_a_seat_that_cannot_be_asked_needs_no_new_lab(room: MemoryClass) -> None:
    open_seat(room.roll, room.roll.seat(3)).home.state_file.write_text("{", encoding="utf-8")
    ensure_room(room.roll, room.roll.seats)
    assert counts_seen == [(5, 3, 2)]
