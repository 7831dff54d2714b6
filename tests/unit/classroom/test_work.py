"""The same work at many seats: failures stay at their seat, and Ctrl-C begins no more."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from labctl.classroom.roll import Seat
from labctl.classroom.work import Nobody, SeatResult, on_seats
from labctl.errors import LabError
from labctl.progress import Progress

SEATS = [Seat("mail", number) for number in range(1, 6)]


def test_a_seat_that_fails_does_not_stop_the_others() -> None:
    def act(seat: Seat, _progress: Progress) -> int:
        if seat.number == 2:
            raise LabError("broken")
        if seat.number == 4:
            raise OSError(28, "No space left on device", "/x")
        return seat.number

    results = on_seats(SEATS, act, at_once=2)
    assert [result.value for result in results] == [1, None, 3, None, 5]
    assert [result.ok for result in results] == [True, False, True, False, True]
    assert str(results[1].error) == "broken"
    assert results[3].error is not None and "No space" in results[3].error.cause


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_no_more_seats_than_allowed_are_worked_on_at_once(at_once: int) -> None:
    lock, now, most = threading.Lock(), [0], [0]
    full = threading.Event()

    def act(_seat: Seat, _progress: Progress) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
            if now[0] == min(at_once, len(SEATS)):
                full.set()
        assert full.wait(10)
        with lock:
            now[0] -= 1

    assert all(result.ok for result in on_seats(SEATS, act, at_once=at_once))
    assert most[0] == min(at_once, len(SEATS))


class Heard(Nobody):
    def __init__(self) -> None:
        self.told: list[tuple[str, int, str]] = []

    def begun(self, seat: Seat) -> None:
        self.told.append(("begun", seat.number, ""))

    def at(self, seat: Seat, host: str, message: str) -> None:
        self.told.append(("at", seat.number, f"{host} {message}"))

    def ended(self, result: SeatResult[Any]) -> None:
        self.told.append(("ended", result.seat.number, ""))

    def stopping(self) -> None:
        self.told.append(("stopping", 0, ""))


def test_a_watcher_hears_what_happens_at_each_seat() -> None:
    heard = Heard()
    on_seats(SEATS[:1], lambda _seat, progress: progress("host1", "booting"), heard, at_once=1)
    assert heard.told == [("begun", 1, ""), ("at", 1, "host1 booting"), ("ended", 1, "")]


def test_an_interrupt_ends_the_seats_at_work_and_begins_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = threading.Event()
    done: list[int] = []

    def act(seat: Seat, _progress: Progress) -> None:
        begun.set()
        assert heard_stop.wait(10)
        done.append(seat.number)

    heard_stop = threading.Event()

    class Stops(Heard):
        def stopping(self) -> None:
            super().stopping()
            heard_stop.set()

    def interrupted(_todo: object, timeout: float) -> None:
        assert begun.wait(10)
        raise KeyboardInterrupt

    monkeypatch.setattr("labctl.parallel.wait", interrupted)
    heard = Stops()
    with pytest.raises(KeyboardInterrupt):
        on_seats(SEATS, act, heard, at_once=1)
    assert done == [1]
    assert ("stopping", 0, "") in heard.told


def test_a_fault_of_the_program_is_not_hidden() -> None:
    def act(_seat: Seat, _progress: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        on_seats(SEATS, act, at_once=2)
