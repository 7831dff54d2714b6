"""What is done to a seat from the board: reset, undo, drill and note.

Only one action runs on a seat at a time, and each is in the history with its end.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from pydantic import BaseModel

from labctl.classroom import actions, protocol
from labctl.classroom.collector import Collector
from labctl.classroom.history import History
from labctl.classroom.protocol import Done, Refused, refusal
from labctl.classroom.roll import Roll, Seat
from labctl.classroom.terminals import Terminals
from labctl.classroom.work import of_machine
from labctl.errors import LabError
from labctl.i18n import _, in_every_language
from labctl.reset import ResetResult


class SeatActions:
    """The actions on the seats of one class."""

    def __init__(
        self, roll: Roll, history: History, collector: Collector, terminals: Terminals
    ) -> None:
        self._roll = roll
        self._history = history
        self._collector = collector
        self._terminals = terminals

    async def note(self, request: protocol.Note) -> BaseModel:
        """Save the instructor's note on a seat. Returns the answer."""
        try:
            await asyncio.to_thread(self._history.note, request.seat, request.text)
        except LabError as error:
            return failed(error)
        self._collector.note(request.seat, request.text)
        return Done(said=in_every_language(_("the note is saved")))

    async def act(self, request: protocol.Reset | protocol.Undo | protocol.Drill) -> BaseModel:
        """Do one action. Returns the answer, which refuses if another action runs on the seat."""
        number = request.seat
        if not self._collector.hold(number, request.verb):
            said = in_every_language(_("this seat is busy with another action"))
            return refusal("busy", said)
        what = str(getattr(request, "to", None) or getattr(request, "name", ""))
        if not isinstance(request, protocol.Drill):
            self._terminals.close_seat(number, "reset")
        # It goes on if the browser does not wait for it.
        work = asyncio.create_task(asyncio.to_thread(self._perform, request))
        try:
            said = await asyncio.shield(work)
        except (LabError, OSError) as error:
            self._remember(request, what, ok=False)
            return failed(error if isinstance(error, LabError) else of_machine(error))
        finally:
            work.add_done_callback(lambda _work: self._collector.release(number))
        self._remember(request, what, ok=True)
        return Done(said=said)

    def _remember(
        self, request: protocol.Reset | protocol.Undo | protocol.Drill, what: str, *, ok: bool
    ) -> None:
        # On a full disk the history misses what was done, but it was done.
        with suppress(LabError):
            self._history.did(request.seat, request.verb, what, ok=ok)

    def _perform(self, request: protocol.Reset | protocol.Undo | protocol.Drill) -> dict[str, str]:
        seat = self._roll.seat(request.seat)
        if isinstance(request, protocol.Drill):
            drill = actions.start_drill(self._roll, seat, request.name)
            text = _(
                "the drill {name} has begun: {symptom}", name=drill.name, symptom=drill.symptom
            )
            return in_every_language(text)
        if isinstance(request, protocol.Reset):
            return in_every_language(_back_at(seat, actions.reset(self._roll, seat, request.to)))
        return in_every_language(_undone(seat, actions.undo(self._roll, seat)))


def _back_at(seat: Seat, done: ResetResult) -> str:
    return _(
        "seat {seat} is back at {name} ({seconds:.1f} s)",
        seat=seat.label,
        name=done.checkpoint,
        seconds=done.seconds,
    )


def _undone(seat: Seat, done: ResetResult) -> str:
    """What the undo did, in the words of `labctl class undo`."""
    if done.takes_back_undo:
        return _("this reverted the last undo: {seats}", seats=seat.label)
    return _("seat {seat} is back in the state before its reset", seat=seat.label)


def failed(error: LabError) -> Refused:
    """The answer for a request that failed, with its cause and the way out."""
    cause = f": {error.cause}" if error.cause else ""
    said = {lang: text + cause for lang, text in in_every_language(error.message).items()}
    hint = in_every_language(error.hint.text) if error.hint.text else {}
    return refusal("failed", said, hint)
