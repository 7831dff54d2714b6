"""The collector, on labs in memory: what it grades, when, and what it tells."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from threading import Event, Lock

import pytest

from labctl.classroom import actions, disks, grader
from labctl.classroom import collector as module
from labctl.classroom.collector import Collector
from labctl.classroom.grader import Early, Grader, WorkerEnded
from labctl.classroom.history import Change, History
from labctl.classroom.roll import open_seat
from labctl.classroom.rows import Cell, CellState, Graded, Row
from labctl.engine import bring_up
from labctl.health import warning
from labctl.mailtest.probes import BEGINS, ENDS
from labctl.progress import silent
from labctl.waiting import wait_until
from tests.fakes.board import InThread
from tests.fakes.classroom import InClass, MemoryClass, memory_class
from tests.fakes.lab import path_of
from tests.fakes.neighbour import another_labctl


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> MemoryClass:
    """Two seats that are up, whole labs; the third was never made."""
    made = memory_class(monkeypatch, until=None)
    for number in (1, 2):
        bring_up(open_seat(made.roll, made.roll.seat(number)), silent)
    return made


@pytest.fixture
def history(room: MemoryClass) -> Iterator[History]:
    opened = History(room.roll.folder / "history.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def collector(room: MemoryClass, history: History) -> Iterator[Collector]:
    made = Collector(room.roll, history, InThread)
    made.start()
    yield made
    made.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    assert wait_until(20, condition, every=0.01)


def states(row: Row) -> dict[str, CellState]:
    return {cell.step: cell.state for cell in row.cells}


def test_every_seat_is_graded_without_being_asked(collector: Collector) -> None:
    wait_for(lambda: all(row.looked for row in collector.rows()))
    one, two, three = collector.rows()
    assert one.is_done and two.is_done
    assert three.problem["en"] and set(states(three).values()) == {CellState.UNKNOWN}


def test_a_change_on_a_host_is_noticed(room: MemoryClass, collector: Collector) -> None:
    wait_for(lambda: all(row.looked for row in collector.rows()))
    heard: list[Row] = []
    end = collector.listen(heard.append)
    del room.world(2).hosts["host1"].files[path_of("postfix")]
    wait_for(lambda: states(collector.row(2))["postfix"] is CellState.WRONG)
    end()
    assert any(row.seat == 2 and row.at == "postfix" for row in heard)
    assert collector.row(1).is_done
    assert collector.row(2).at == "postfix"


def test_a_seat_that_takes_too_much_disk_is_told_until_it_does_not(
    room: MemoryClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks, "_MEASURE_SECONDS", 0.0)
    monkeypatch.setattr(disks, "_REST", 0.0)
    graded = Grader(room.roll.name, lambda _found: None)
    assert graded.grade(1).disk == {}
    room.world(1).disk = warning("disk-budget", "9 GiB", "8 GiB are allowed", "")
    assert graded.grade(1).disk["en"] == "9 GiB; 8 GiB are allowed"
    # A full disk may be why a seat cannot be graded.
    room.world(1).hosts["host1"].running = False
    found = graded.grade(1)
    assert found.problem and found.disk
    room.world(1).disk = None
    assert graded.grade(1).disk == {}


def test_a_seat_that_takes_long_to_look_at_is_looked_at_seldom(
    room: MemoryClass, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[float] = []

    def revision(_provider: InClass) -> str:
        looked.append(time.monotonic())
        began = time.thread_time()
        while time.thread_time() - began < 0.05:
            pass
        return ""

    monkeypatch.setattr(InClass, "revision", revision)
    collector = Collector(room.roll, history, InThread)
    while time.monotonic() - (looked or [time.monotonic()])[0] < 0.9:
        collector._look_at(1)
    assert len(looked) == 1
    deadline = time.monotonic() + 20
    while len(looked) < 2 and time.monotonic() < deadline:
        collector._look_at(1)
    assert len(looked) == 2


def test_a_grading_tells_the_symptom_of_an_active_drill(room: MemoryClass) -> None:
    told: list[Graded] = []
    grading = Grader(room.roll.name, told.append)
    assert grading.grade(2).drill == {}
    seat, host = room.roll.seat(2), room.world(2).hosts["host1"]
    host.says("systemctl", "stop", "postfix")
    symptom = actions.start_drill(room.roll, seat, "postfix-stopped").symptom
    del host.files[path_of("postfix")]
    assert grading.grade(2).drill["en"] == symptom
    assert told and all(found.drill["en"] == symptom for found in told)
    record = open_seat(room.roll, seat).home.drill_file
    record.write_text('{"name":"of-another-version"}', encoding="utf-8")
    assert grading.grade(2).drill == {}
    record.unlink()
    assert grading.grade(2).drill == {}


def test_what_is_known_outlives_a_restart(
    room: MemoryClass, history: History, collector: Collector
) -> None:
    wait_for(lambda: all(row.looked for row in collector.rows()))
    collector.stop()
    begun = {cell.step: cell.since for cell in collector.row(1).cells}
    count = len(history.changes())
    again = Collector(room.roll, history, InThread)
    assert set(states(again.row(1)).values()) == {CellState.UNKNOWN}
    again.start()
    wait_for(lambda: all(row.looked for row in again.rows()))
    again.stop()
    assert {cell.step: cell.since for cell in again.row(1).cells} == begun
    assert len(history.changes()) == count


def test_nobody_is_stuck_when_the_board_of_the_second_day_starts(
    room: MemoryClass, history: History
) -> None:
    yesterday = time.time() - 20 * 3600
    for seat in (1, 2):
        del room.world(seat).hosts["host1"].files[path_of("postfix")]
        history.add([Change(yesterday, seat, "postfix", CellState.WRONG)])
    started = time.time()
    made = Collector(room.roll, history, InThread)
    made.start()
    wait_for(lambda: all(row.looked for row in made.rows()))
    made.stop()
    for row in made.rows()[:2]:
        assert row.at == "postfix" and row.at_since >= started
        assert {cell.step: cell.since for cell in row.cells}["postfix"] == yesterday


def test_nobody_is_stuck_when_the_first_one_goes_on_after_a_break(
    room: MemoryClass, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seat in (1, 2):
        del room.world(seat).hosts["host1"].files[path_of("postfix")]
    made = Collector(room.roll, history, InThread)
    made.start()
    wait_for(lambda: all(row.looked for row in made.rows()))
    before = made.row(1).at_since
    monkeypatch.setattr(module, "BREAK_SECONDS", 0.0)
    del room.world(2).hosts["host1"].files[path_of("dns")]
    wait_for(lambda: states(made.row(2))["dns"] is CellState.WRONG and made.row(2).at == "dns")
    wait_for(lambda: made.row(1).at_since > before)
    made.stop()
    assert made.row(1).at == "postfix"


def test_a_seat_that_is_held_is_left_alone(collector: Collector, room: MemoryClass) -> None:
    wait_for(lambda: all(row.looked for row in collector.rows()))
    assert collector.hold(1, "reset")
    assert not collector.hold(1, "undo")
    assert collector.row(1).busy == "reset"
    looked = collector.row(1).looked
    del room.world(1).hosts["host1"].files[path_of("dns")]
    time.sleep(module._LOOK_SECONDS * 3)
    assert collector.row(1).looked == looked
    collector.release(1)
    wait_for(lambda: states(collector.row(1))["dns"] is CellState.WRONG)
    assert collector.row(1).busy == ""


@pytest.mark.parametrize(
    ("words", "busy"),
    [
        (("class", "reset", "1"), "reset"),
        (("class", "undo", "1"), "undo"),
        (("reset", "--undo", "--yes"), "undo"),
        (("class", "down"), "stop"),
        (("class", "up"), "other"),
        (("test-mail",), ""),
    ],
)
def test_a_seat_on_which_another_labctl_works_is_left_alone(
    collector: Collector, room: MemoryClass, words: tuple[str, ...], busy: str
) -> None:
    """Hosts that are just booting would be graded as wrong."""
    if sys.platform != "linux":
        pytest.skip("the board needs Linux")
    wait_for(lambda: all(row.looked for row in collector.rows()))
    with another_labctl(room.roll.seat(1).lab_name, *words):
        wait_for(lambda: collector.row(1).busy == busy)
        del room.world(1).hosts["host1"].files[path_of("dns")]
        if busy:
            looked = collector.row(1).looked
            collector.look_again(1)
            time.sleep(module._LOOK_SECONDS * 3)
            assert collector.row(1).looked == looked
    wait_for(lambda: states(collector.row(1))["dns"] is CellState.WRONG)
    assert collector.row(1).busy == ""


def test_a_labctl_that_is_killed_leaves_no_seat_busy(
    collector: Collector, room: MemoryClass
) -> None:
    if sys.platform != "linux":
        pytest.skip("the board needs Linux")
    with another_labctl(room.roll.seat(1).lab_name, "class", "reset", "1") as process:
        wait_for(lambda: collector.row(1).busy == "reset")
        # What the board does itself is shown, and the rest when it has ended.
        assert collector.hold(1, "drill")
        assert collector.row(1).busy == "drill"
        collector.release(1)
        assert collector.row(1).busy == "reset"
        process.kill()
        wait_for(lambda: collector.row(1).busy == "")


def test_a_seat_that_hangs_is_given_up_and_the_others_go_on(
    room: MemoryClass, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = Event()

    class Hangs(InThread):
        def grade(self, number: int, early: Early, is_over: Callable[[], bool]) -> Graded | None:
            if number == 1:
                stuck.set()
                return None
            return super().grade(number, early, is_over)

    made = Collector(room.roll, history, Hangs)
    made.start()
    wait_for(lambda: made.row(2).is_done and stuck.is_set() and bool(made.row(1).problem))
    made.stop()
    assert made.row(1).problem["en"] == "the seat does not answer"


def test_a_section_that_changed_is_shown_before_the_grading_ends(
    room: MemoryClass, history: History
) -> None:
    told: list[Graded] = []
    grader = Grader(room.roll.name, told.append)
    assert all(cell.state is CellState.RIGHT for cell in grader.grade(2).cells)
    assert told == []
    del room.world(2).hosts["host1"].files[path_of("postfix")]
    grader.grade(2)
    early = {cell.step: cell.state for found in told for cell in found.cells}
    assert early["postfix"] is CellState.WRONG
    assert all(found.early for found in told)
    told.clear()
    grader.grade(2)
    assert told == []


def test_an_early_section_is_shown_and_only_the_result_is_kept(
    room: MemoryClass, history: History
) -> None:
    changed, go_on = Event(), Event()

    class Slow(InThread):
        def grade(self, number: int, early: Early, is_over: Callable[[], bool]) -> Graded | None:
            if number == 2 and changed.is_set():
                wrong = Cell(step="postfix", state=CellState.WRONG)
                early(Graded(seat=2, cells=(wrong,), early=True))
                assert go_on.wait(20)
            return super().grade(number, early, is_over)

    made = Collector(room.roll, history, Slow)
    made.start()
    wait_for(lambda: all(row.looked for row in made.rows()))
    looked = made.row(2).looked
    # The history is written after the rows are shown.
    known = [
        each for row in made.rows() for each in row.cells if each.state is not CellState.UNKNOWN
    ]
    wait_for(lambda: len(history.changes()) == len(known))
    count = len(known)
    changed.set()
    made.look_again(2)
    wait_for(lambda: states(made.row(2))["postfix"] is CellState.WRONG)
    assert (made.row(2).at, made.row(2).looked) == ("postfix", looked)
    assert states(made.row(2))["dns"] is CellState.RIGHT
    assert len(history.changes()) == count
    go_on.set()
    wait_for(lambda: made.row(2).is_done)
    made.stop()
    assert len(history.changes()) == count


def test_a_grading_that_began_before_a_reset_is_not_shown_after_it(
    room: MemoryClass, history: History
) -> None:
    begun, go_on = Event(), Event()

    class Slow(InThread):
        def grade(self, number: int, early: Early, is_over: Callable[[], bool]) -> Graded | None:
            if number == 2 and not begun.is_set():
                begun.set()
                assert go_on.wait(20)
                early(Graded(seat=2, cells=(wrong,), early=True))
                return Graded(seat=2, cells=(wrong,))
            return super().grade(number, early, is_over)

    wrong = Cell(step="postfix", state=CellState.WRONG)
    made = Collector(room.roll, history, Slow)
    heard: list[Row] = []
    made.listen(heard.append)
    made.start()
    assert begun.wait(20)
    assert made.hold(2, "reset")
    made.release(2)
    go_on.set()
    wait_for(lambda: made.row(2).is_done)
    made.stop()
    assert not any(states(row)["postfix"] is CellState.WRONG for row in heard if row.seat == 2)
    assert not any(each.seat == 2 and each.state is CellState.WRONG for each in history.changes())


def test_a_seat_that_labctl_cannot_grade_says_so(
    room: MemoryClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_words: object, **_options: object) -> None:
        raise RecursionError

    monkeypatch.setattr(grader, "grade_hosts", defect)
    found = grader._graded_or_told(Grader(room.roll.name, lambda _found: None), 2)
    assert "defect" in found.problem["en"] and "RecursionError" in found.problem["en"]


def test_a_worker_that_ended_because_of_another_seat_is_replaced(
    room: MemoryClass, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "processors", lambda: 1)
    made_workers: list[InThread] = []

    class Ends(InThread):
        def __init__(self, class_name: str) -> None:
            super().__init__(class_name)
            made_workers.append(self)

        def grade(self, number: int, early: Early, is_over: Callable[[], bool]) -> Graded | None:
            if self is made_workers[0]:
                raise WorkerEnded
            return super().grade(number, early, is_over)

    made = Collector(room.roll, history, Ends)
    made.start()
    wait_for(lambda: made.row(1).is_done and made.row(2).is_done)
    made.stop()
    assert made.row(1).problem == {}


def test_seats_at_which_nobody_works_are_graded_one_after_the_other(
    room: MemoryClass, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TURN_SECONDS", 0.0)
    monkeypatch.setattr(module, "_SOONER_SECONDS", 0.0)
    lock, now, most = Lock(), [0], [0]

    class Counts(InThread):
        def grade(self, number: int, early: Early, is_over: Callable[[], bool]) -> Graded | None:
            if not all(row.looked for row in made.rows()):
                return super().grade(number, early, is_over)
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            found = super().grade(number, early, is_over)
            with lock:
                now[0] -= 1
            return found

    made = Collector(room.roll, history, Counts)
    made.start()
    wait_for(lambda: all(row.looked for row in made.rows()))
    looked = [row.looked for row in made.rows()]
    wait_for(lambda: all(row.looked > old for row, old in zip(made.rows(), looked, strict=True)))
    made.stop()
    assert most[0] == 1


def test_a_grading_says_in_the_logs_when_it_begins_and_ends(room: MemoryClass) -> None:
    Grader(room.roll.name, lambda _found: None).grade(1)
    for host in room.world(1).hosts.values():
        said = [line.rpartition(" -- ")[2] for line in host.commands() if "logger" in line]
        assert said[0].startswith(f"'{BEGINS}") and said[1] == f"'{ENDS}'"
