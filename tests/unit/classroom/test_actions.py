"""What an instructor does to one seat, on labs in memory."""

from __future__ import annotations

import pytest

from labctl.classroom import actions
from labctl.classroom.roll import open_seat
from labctl.drills.exercise import running
from labctl.engine import bring_up
from labctl.errors import WrongState, WrongUsage
from labctl.lock import locked
from labctl.progress import Progress, silent
from tests.fakes.classroom import MemoryClass, memory_class
from tests.fakes.lab import path_of


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> MemoryClass:
    """Two seats that are up, whole labs; the third was never made."""
    made = memory_class(monkeypatch, until=None)
    for number in (1, 2):
        bring_up(open_seat(made.roll, made.roll.seat(number)), silent)
    return made


def files(room: MemoryClass, seat: int) -> set[str]:
    return set(room.world(seat).hosts["host1"].files)


def test_reset_and_undo_change_one_seat_only(room: MemoryClass) -> None:
    roll, whole = room.roll, files(room, 1)
    done = actions.reset(roll, roll.seat(1), "dns")
    assert done.checkpoint == "dns"
    assert path_of("postfix") not in files(room, 1)
    assert files(room, 2) == whole
    assert actions.undo(roll, roll.seat(1)).checkpoint == done.kept_as
    assert files(room, 1) == whole
    with pytest.raises(WrongState):
        actions.undo(roll, roll.seat(2))


def test_a_seat_is_moved_if_the_provider_has_several_machines(
    room: MemoryClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll = room.roll
    with pytest.raises(WrongUsage, match="moved"):
        actions.move(roll, roll.seat(1), "m2")
    moved: list[str] = []

    def move(_self: object, to: str, _progress: Progress = silent) -> bool:
        moved.append(to)
        return True

    kind = type(actions.opened(roll, roll.seat(1)).provider)
    monkeypatch.setattr(kind, "move", move, raising=False)
    assert actions.move(roll, roll.seat(1), "m2")
    assert moved == ["m2"]


def test_the_net_is_closed_and_opened(room: MemoryClass) -> None:
    roll = room.roll
    actions.set_net(roll, roll.seat(1), is_open=False)
    assert (room.world(1).net_open, room.world(2).net_open) == (False, True)
    actions.set_net(roll, roll.seat(1), is_open=True)
    assert room.world(1).net_open


def test_a_drill_is_started_at_a_seat(room: MemoryClass) -> None:
    seat = room.roll.seat(2)
    room.world(2).hosts["host1"].says("systemctl", "stop", "postfix")
    started = actions.start_drill(room.roll, seat, "postfix-stopped")
    assert started.name == "postfix-stopped" and "user1" in started.symptom
    assert running(open_seat(room.roll, seat).home).name == "postfix-stopped"
    with pytest.raises(WrongUsage):
        actions.start_drill(room.roll, seat, "no-such-drill")


def test_a_drill_that_a_seat_has_already_stays_and_another_one_is_refused(
    room: MemoryClass,
) -> None:
    seat, host = room.roll.seat(2), room.world(2).hosts["host1"]
    host.says("systemctl", "stop", "postfix")
    actions.start_drill(room.roll, seat, "postfix-stopped")
    home = open_seat(room.roll, seat).home
    asked = home.drill_file.stat().st_mtime_ns
    actions.start_drill(room.roll, seat, "postfix-stopped")
    assert home.drill_file.stat().st_mtime_ns >= asked
    assert running(home).name == "postfix-stopped"
    with pytest.raises(WrongState, match="still active"):
        actions.start_drill(room.roll, seat, "port-closed")


def test_an_undo_of_a_reset_brings_back_the_fault_with_its_drill(room: MemoryClass) -> None:
    seat, host = room.roll.seat(2), room.world(2).hosts["host1"]
    host.says("systemctl", "stop", "postfix")
    actions.start_drill(room.roll, seat, "postfix-stopped")
    home = open_seat(room.roll, seat).home
    actions.reset(room.roll, seat)
    with pytest.raises(WrongState, match="no drill is active"):
        running(home)
    actions.undo(room.roll, seat)
    assert running(home).name == "postfix-stopped"


def test_a_seat_that_was_never_made_is_told_with_the_command_of_the_class(
    room: MemoryClass,
) -> None:
    seat = room.roll.seat(3)
    for act in (
        lambda: actions.reset(room.roll, seat),
        lambda: actions.undo(room.roll, seat),
        lambda: actions.set_net(room.roll, seat, is_open=False),
        lambda: actions.start_drill(room.roll, seat, "postfix-stopped"),
    ):
        with pytest.raises(WrongState) as caught:
            act()
        assert caught.value.hint.commands == (("labctl", "class", "up", "s03"),)
        assert "s03" in caught.value.message


def test_nothing_happens_while_another_labctl_works_on_the_seat(room: MemoryClass) -> None:
    seat = room.roll.seat(1)
    with locked(open_seat(room.roll, seat).home), pytest.raises(WrongState):
        actions.reset(room.roll, seat, "dns")
    assert path_of("postfix") in files(room, 1)
