"""What the board answers to an action on a seat, on labs in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from pydantic import BaseModel

from labctl.classroom import protocol
from labctl.classroom.collector import Collector
from labctl.classroom.history import History
from labctl.classroom.protocol import Done, Refused
from labctl.classroom.roll import open_seat
from labctl.classroom.seat_actions import SeatActions
from labctl.classroom.terminals import Terminals
from labctl.drills.catalogue import find_drill
from labctl.engine import bring_up
from labctl.i18n import speaking
from labctl.progress import silent
from labctl.providers.base import not_running
from tests.fakes.classroom import MemoryClass, memory_class

pytest.importorskip("termios")

Ask = Callable[[protocol.Reset | protocol.Undo | protocol.Drill], BaseModel]
Act = Callable[[protocol.Reset | protocol.Undo | protocol.Drill], Done]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> MemoryClass:
    """One seat that is up, a whole lab."""
    made = memory_class(monkeypatch, seats=1, until=None)
    bring_up(open_seat(made.roll, made.roll.seat(1)), silent)
    return made


class Watched(Terminals):
    """Terminals that only note which seats were closed."""

    def __init__(self) -> None:
        super().__init__(1)
        self.closed: list[tuple[int, str]] = []

    def close_seat(self, seat: int, why: str = "") -> None:
        self.closed.append((seat, why))


@pytest.fixture
def terminals() -> Watched:
    return Watched()


@pytest.fixture
def ask(room: MemoryClass, terminals: Watched) -> Iterator[Ask]:
    """Does an action and returns the answer."""
    history = History(room.roll.folder / "history.sqlite")
    actions = SeatActions(room.roll, history, Collector(room.roll, history), terminals)
    yield lambda request: asyncio.run(actions.act(request))
    history.close()


@pytest.fixture
def act(ask: Ask) -> Act:
    """Does an action that succeeds and returns the answer."""

    def done(request: protocol.Reset | protocol.Undo | protocol.Drill) -> Done:
        answer = ask(request)
        assert isinstance(answer, Done), answer
        return answer

    return done


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


def test_terminals_are_closed_only_if_the_hosts_are_stopped(ask: Ask, terminals: Watched) -> None:
    """What a student has not saved is not lost because there is nothing to undo."""
    for request in (
        protocol.Undo(token="", seat=1),
        protocol.Reset(token="", seat=1, to="no-such-checkpoint"),
    ):
        assert isinstance(ask(request), Refused)
    assert terminals.closed == []
    assert isinstance(ask(protocol.Reset(token="", seat=1, to="dns")), Done)
    assert set(terminals.closed) == {(1, "reset")}


def test_the_way_out_is_typed_for_the_seat(ask: Ask) -> None:
    told = ask(protocol.Undo(token="", seat=1))
    assert isinstance(told, Refused)
    assert told.said["en"] == "there is no reset to undo"
    assert told.hint["en"] == told.hint["ja"] == "labctl checkpoints --name mail-s01"


def test_a_seat_that_was_never_made_is_made_by_the_class(ask: Ask, room: MemoryClass) -> None:
    room.world(1).fail("restore", not_running("host1"))
    told = ask(protocol.Reset(token="", seat=1, to="dns"))
    assert isinstance(told, Refused)
    assert told.hint["en"] == "labctl class up"
