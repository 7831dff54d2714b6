"""What the board answers to an action on a seat, on labs in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from labctl.classroom import protocol
from labctl.classroom.collector import Collector
from labctl.classroom.history import History
from labctl.classroom.protocol import Done
from labctl.classroom.roll import open_seat
from labctl.classroom.seat_actions import SeatActions
from labctl.classroom.terminals import Terminals
from labctl.drills.catalogue import find_drill
from labctl.engine import bring_up
from labctl.i18n import speaking
from labctl.progress import silent
from tests.fakes.classroom import MemoryClass, memory_class

pytest.importorskip("termios")

Act = Callable[[protocol.Reset | protocol.Undo | protocol.Drill], Done]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> MemoryClass:
    """One seat that is up, a whole lab."""
    made = memory_class(monkeypatch, seats=1, until=None)
    bring_up(open_seat(made.roll, made.roll.seat(1)), silent)
    return made


@pytest.fixture
def act(room: MemoryClass) -> Iterator[Act]:
    """Does an action that succeeds and returns the answer."""
    history = History(room.roll.folder / "history.sqlite")
    collector = Collector(room.roll, history)
    actions = SeatActions(room.roll, history, collector, Terminals(1))

    def done(request: protocol.Reset | protocol.Undo | protocol.Drill) -> Done:
        answer = asyncio.run(actions.act(request))
        assert isinstance(answer, Done), answer
        return answer

    yield done
    history.close()


def test_a_drill_tells_its_symptom_in_both_languages(room: MemoryClass, act: Act) -> None:
    room.world(1).hosts["host1"].says("systemctl", "stop", "postfix")
    said = act(protocol.Drill(token="", seat=1, name="postfix-stopped")).said
    drill, lab = find_drill("postfix-stopped"), open_seat(room.roll, room.roll.seat(1)).lab
    for lang in ("en", "ja"):
        with speaking(lang):
            assert drill.symptom_in(lab) in said[lang]
    assert said["en"].startswith("the drill postfix-stopped has begun")
    assert said["en"] != said["ja"]


def test_an_undo_is_told_in_the_words_of_the_command(act: Act) -> None:
    assert (
        act(protocol.Reset(token="", seat=1, to="dns"))
        .said["en"]
        .startswith("seat s01 is back at dns (")
    )
    first = act(protocol.Undo(token="", seat=1)).said["en"]
    assert first == "seat s01 is back in the state before its reset"
    second = act(protocol.Undo(token="", seat=1)).said["en"]
    assert second == "this reverted the last undo: s01"
    third = act(protocol.Undo(token="", seat=1)).said["en"]
    assert third == "this reverted the last undo: s01"
