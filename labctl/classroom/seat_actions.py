"""What is done to a seat from the board: reset, undo, drill and note.

Only one action runs on a seat at a time, and each is in the history with its end.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from pydantic import BaseModel

from labctl.classroom import actions, protocol
from labctl.classroom.collector import Collector
from labctl.classroom.hints import hint_of_class
from labctl.classroom.history import History
from labctl.classroom.protocol import Done, Refused, refusal
from labctl.classroom.roll import Roll, Seat
from labctl.classroom.terminals import Terminals
from labctl.classroom.work import of_machine
from labctl.commands import hint_for_lab
from labctl.errors import LabError
from labctl.i18n import LANGUAGES, _, in_every_language
from labctl.progress import Progress
from labctl.quote import typed_line
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
        loop = asyncio.get_running_loop()

        def begun(_host: str, _message: str) -> None:
            # Not before: if there is nothing to undo, what runs in the terminals goes on.
            loop.call_soon_threadsafe(self._terminals.close_seat, number, "reset")

        # It goes on if the browser does not wait for it.
        work = asyncio.create_task(asyncio.to_thread(self._perform, request, begun))
        try:
            said = await asyncio.shield(work)
        except (LabError, OSError) as error:
            self._remember(request, what, ok=False)
            known = error if isinstance(error, LabError) else of_machine(error)
            return failed_at(self._roll, self._roll.seat(number), known)
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

    def _perform(
        self, request: protocol.Reset | protocol.Undo | protocol.Drill, begun: Progress
    ) -> dict[str, str]:
        """Do it. `begun` is told of each step of a reset, before it stops the hosts."""
        seat = self._roll.seat(request.seat)
        if isinstance(request, protocol.Drill):
            drill = actions.start_drill(self._roll, seat, request.name)
            text = _(
                "the drill {name} has begun: {symptom}", name=drill.name, symptom=drill.symptom
            )
            return in_every_language(text)
        if isinstance(request, protocol.Reset):
            done = actions.reset(self._roll, seat, request.to, begun)
            return in_every_language(_back_at(seat, done))
        return in_every_language(_undone(seat, actions.undo(self._roll, seat, begun)))


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
    lines = ", ".join(typed_line(command) for command in error.hint.commands)
    said = _joined(error.message, error.cause)
    return refusal("failed", said, _joined(error.hint.text, lines))


def failed_at(roll: Roll, seat: Seat, error: LabError) -> Refused:
    """The same for the lab of a seat: the commands are typed for that one."""
    error.hint = hint_for_lab(hint_of_class(error.hint, roll, [seat]), seat.lab_name)
    return failed(error)


def _joined(*texts: str) -> dict[str, str]:
    """The texts that are not empty, one after the other, by language."""
    parts = [in_every_language(text) for text in texts if text]
    if not parts:
        return {}
    return {lang: ": ".join(part[lang] for part in parts) for lang in LANGUAGES}
