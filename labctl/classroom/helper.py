"""The root helper: answers the web process on a Unix socket, and decides what it may do.

It is the only part of the board that has rights on this machine. Each request carries the token
of a browser; a seat's token reaches that seat only, the instructor's all of them.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from collections import Counter, defaultdict, deque
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ValidationError

from labctl.classroom import actions, protocol
from labctl.classroom.codes import INSTRUCTOR, codes_stamp, load_codes
from labctl.classroom.collector import Collector
from labctl.classroom.curve import curve
from labctl.classroom.elsewhere import RESETS, STOPS, verb_elsewhere
from labctl.classroom.history import History
from labctl.classroom.protocol import (
    INPUT,
    REQUEST,
    SIZE,
    Curve,
    Done,
    Welcome,
    answer_line,
    frame_header,
    refusal,
    say,
    size_from,
)
from labctl.classroom.roll import Roll, lab_of
from labctl.classroom.rows import Row
from labctl.classroom.seat_actions import SeatActions, failed, failed_at
from labctl.classroom.terminal import Place, View
from labctl.classroom.terminals import Terminals
from labctl.classroom.watching import say_rows, watch
from labctl.drills.catalogue import drills_of
from labctl.errors import LabError, WrongState
from labctl.home import lab_home
from labctl.i18n import _, in_every_language
from labctl.providers.base import not_running
from labctl.results import HostState

# Wrong codes in a minute from all browsers together; the web process limits each address. At this
# rate one of 31 codes is guessed in 20 million years. Browsers that are logged in are not affected.
_MOST_WRONG = 3000
# Right codes of one owner in a minute. Each writes to the disk.
_MOST_LOGINS = 30
# Terminals at once: each host of each seat twice, for the student and for the instructor.
_TERMINALS_PER_HOST = 2
# Pages with live rows, and browsers at terminals, that one code may have open at once.
_MOST_PAGES = 40
_MOST_PAGES_INSTRUCTOR = 400

# Seconds after which a page notices that its login is over.
_LOGIN_SECONDS = 5.0

_INSTRUCTORS = (protocol.Reset, protocol.Undo, protocol.Drill, protocol.Note, protocol.Progress)


class Helper:
    """The helper of one class."""

    def __init__(self, roll: Roll, history: History, collector: Collector) -> None:
        self._roll = roll
        self._history = history
        self._collector = collector
        # Before the codes are read: a change in between is noticed.
        self._stamp = codes_stamp(roll)
        self._codes = load_codes(roll)
        # Whoever has a code that is no longer valid must log in again.
        history.keep_logins(self._codes.by_owner())
        self._lab = lab_of(roll)
        hosts = len(self._lab.hosts) * len(roll.seats)
        self._terminals = Terminals(hosts * _TERMINALS_PER_HOST, why=self._why_ended)
        self._actions = SeatActions(roll, history, collector, self._terminals)
        self._wrong: deque[float] = deque()
        self._right: defaultdict[int, deque[float]] = defaultdict(deque)
        self._pages: Counter[int] = Counter()
        # The last curve, and of how many changes it is: a history of months takes a while.
        self._drawn: tuple[int, Curve | None] = (0, None)

    async def serve(self, path: Path, user: int, group: int) -> None:
        """Listen on a socket at `path` that only root and `user` may use, for ever.

        Nobody else may enter the folder of `path` yet. `group` may enter it from now on.
        """
        server = await asyncio.start_unix_server(
            lambda reader, writer: self._connected(reader, writer, user),
            path,
            limit=protocol.LONGEST_LINE,
        )
        path.chmod(0o600)
        os.chown(path, user, group, follow_symlinks=False)
        # The user can change nothing in the folder.
        path.parent.chmod(0o710)
        os.chown(path.parent, -1, group)
        watching = asyncio.create_task(self._terminals.watch())
        loop = asyncio.get_running_loop()

        def leave_stopping_hosts(row: Row) -> None:
            # A host that shuts down waits ten seconds for each login that does not end before.
            if row.busy == STOPS:
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._terminals.close_seat, row.seat, "stopped")

        end = self._collector.listen(leave_stopping_hosts)
        try:
            async with server:
                await server.serve_forever()
        finally:
            end()
            watching.cancel()
            self._terminals.close_all()

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: int
    ) -> None:
        try:
            if _peer(writer) in (0, user):
                await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            # The other end is gone, or spoke what no web process of labctl speaks.
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = REQUEST.validate_json(await reader.readline())
        except ValidationError:
            await say(writer, refusal("request", in_every_language(_("wrong request"))))
            return
        try:
            await self._answer_to(request, reader, writer)
        except LabError as error:
            # The history cannot be used, as on a full disk.
            await say(writer, failed(error))

    async def _answer_to(
        self,
        request: protocol.Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        if isinstance(request, protocol.Login):
            await say(writer, await self._log_in(request))
            return
        owner = self._owner(request.token)
        if owner is None or not self._exists(owner):
            await say(writer, refusal("login", in_every_language(_("log in first"))))
        elif not self._may(owner, request):
            said = in_every_language(_("that is for the instructor only"))
            await say(writer, refusal("rights", said))
        elif isinstance(request, protocol.Watch | protocol.OpenTerminal):
            await self._live(owner, request, reader, writer)
        elif isinstance(request, protocol.Look):
            await say_rows(owner, request.projector, self._collector, writer)
        else:
            await say(writer, await self._done(owner, request))

    async def _live(
        self,
        owner: int,
        request: protocol.Watch | protocol.OpenTerminal,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """What lasts until the page is closed."""
        most = _MOST_PAGES_INSTRUCTOR if owner == INSTRUCTOR else _MOST_PAGES
        if self._pages[owner] >= most:
            said = in_every_language(_("too many pages are open; close some"))
            return await say(writer, refusal("busy", said))
        self._pages[owner] += 1
        try:
            if isinstance(request, protocol.Watch):
                work = watch(owner, request.projector, self._collector, reader, writer)
            else:
                work = self._terminal(owner, request, reader, writer)
            await self._while_logged_in(request.token, work)
        finally:
            self._pages[owner] -= 1

    async def _while_logged_in(self, token: str, work: Coroutine[object, object, None]) -> None:
        """Do the work until it ends, or the login ends: in another page, or by a new code."""
        doing = asyncio.create_task(work)
        try:
            while not doing.done() and self._owner(token) is not None:
                await asyncio.wait({doing}, timeout=_LOGIN_SECONDS)
        finally:
            doing.cancel()
            with suppress(asyncio.CancelledError):
                await doing

    def _exists(self, owner: int) -> bool:
        return owner == INSTRUCTOR or owner <= len(self._roll.seats)

    def _may(self, owner: int, request: protocol.Request) -> bool:
        """Whether the owner of the token may ask that. The seat must exist, too."""
        seat = getattr(request, "seat", None)
        if seat is not None and seat > len(self._roll.seats):
            return False
        if owner == INSTRUCTOR:
            return True
        if isinstance(request, _INSTRUCTORS) or getattr(request, "projector", False):
            return False
        return seat is None or seat == owner

    # -- logins -----------------------------------------------------------------------------

    def _owner(self, token: str) -> int | None:
        self._renew_codes()
        return self._history.owner(token)

    def _renew_codes(self) -> None:
        """Read the codes again if the file was replaced, and end the logins with old ones."""
        stamp = codes_stamp(self._roll)
        if stamp in (None, self._stamp):
            return
        try:
            codes = load_codes(self._roll)
        except LabError:
            # The file is damaged. The cards still have the codes that it had.
            return
        self._history.keep_logins(codes.by_owner())
        self._codes, self._stamp = codes, stamp

    async def _log_in(self, request: protocol.Login) -> BaseModel:
        self._renew_codes()
        now = time.monotonic()
        if _in_last_minute(self._wrong, now) >= _MOST_WRONG:
            said = in_every_language(_("Too many wrong codes. Wait a minute."))
            return refusal("busy", said)
        owner = self._codes.owner(request.code)
        if owner is None or not self._exists(owner):
            self._wrong.append(now)
            return refusal("login", in_every_language(_("This code is wrong.")))
        if _in_last_minute(self._right[owner], now) >= _MOST_LOGINS:
            said = in_every_language(_("This code was used too often. Wait a minute."))
            return refusal("busy", said)
        self._right[owner].append(now)
        return await self._welcome(owner, self._history.log_in(owner))

    async def _welcome(self, owner: int, token: str) -> Welcome:
        found = Welcome(
            token=token,
            seat=owner,
            class_name=self._roll.name,
            hosts=tuple(host.name for host in self._lab.hosts),
            sections=self._collector.sections,
        )
        if owner != INSTRUCTOR:
            return found
        drills = tuple(drill.name for drill in drills_of(self._lab))
        saved = await asyncio.to_thread(self._checkpoints)
        return found.model_copy(update={"drills": drills, "checkpoints": saved})

    def _checkpoints(self) -> tuple[str, ...]:
        """What the first seat that has checkpoints can be reset to."""
        for seat in self._roll.seats:
            with suppress(LabError):
                saved = actions.opened(self._roll, seat).provider.checkpoints()
                if names := tuple(info.name for info in saved if info.origin == "up"):
                    return names
        return ()

    # -- what is done to a seat -------------------------------------------------------------

    async def _done(self, owner: int, request: protocol.Request) -> BaseModel:
        answer: BaseModel = Done()
        match request:
            case protocol.Who():
                answer = await self._welcome(owner, request.token)
            case protocol.Logout():
                self._history.log_out(request.token)
            case protocol.Progress():
                answer = await asyncio.to_thread(self._curve)
            case protocol.Check():
                self._collector.look_again(request.seat)
                answer = Done(said=in_every_language(_("the seat is being checked")))
            case protocol.Note():
                answer = await self._actions.note(request)
            case protocol.Reset() | protocol.Undo() | protocol.Drill():
                answer = await self._actions.act(request)
            case _:
                raise ValueError("no such verb")
        return answer

    def _curve(self) -> Curve:
        count = self._history.count()
        known, found = self._drawn
        if found is None or known != count:
            sections, seats = len(self._collector.sections), len(self._roll.seats)
            found = curve(self._history.changes(), sections, seats)
            self._drawn = (count, found)
        return found

    # -- terminals --------------------------------------------------------------------------

    async def _terminal(
        self,
        owner: int,
        request: protocol.OpenTerminal,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        viewer = View(
            Place(owner, request.seat, request.host),
            writer,
            (request.columns, request.rows),
            lambda: self._login(request),
        )
        try:
            terminal = await self._terminals.at(viewer)
            if self._is_being_reset(request.seat):
                # The reset began while this login did, and ends its host.
                self._terminals.close_seat(request.seat, "reset")
                raise _being_reset(self._roll.seat(request.seat).label)
        except LabError as error:
            seat = self._roll.seat(request.seat)
            return await say(writer, failed_at(self._roll, seat, error))
        writer.write(answer_line(Done()))
        terminal.show_to(viewer)
        try:
            while True:
                kind, length = frame_header(await reader.readexactly(protocol.HEADER_SIZE))
                content = await reader.readexactly(length)
                if kind == INPUT:
                    viewer.type(content)
                elif kind == SIZE:
                    viewer.resize(*size_from(content))
                # What waits already is taken without a pause, and other requests wait, too.
                await asyncio.sleep(0)
        finally:
            viewer.leave()

    def _is_being_reset(self, seat: int) -> bool:
        return self._collector.row(seat).busy in RESETS or self._verb_elsewhere(seat) in RESETS

    def _verb_elsewhere(self, seat: int) -> str:
        """What another labctl does to the seat now. The row may not have it yet."""
        return verb_elsewhere(lab_home(self._roll.seat(seat).lab_name))

    def _why_ended(self, place: Place, was_killed: bool) -> str:
        """Why a login ended by itself; "" if the person logged out.

        After a signal the host may be about to stop: it kills its programs before it ends.
        """
        if self._is_being_reset(place.seat):
            return "reset"
        if was_killed or self._verb_elsewhere(place.seat):
            return "stopped"
        with suppress(LabError):
            session = actions.opened(self._roll, self._roll.seat(place.seat))
            if session.provider.status().get(place.host) is HostState.RUNNING:
                return ""
        return "stopped"

    def _login(self, request: protocol.OpenTerminal) -> tuple[str, ...]:
        if self._is_being_reset(request.seat):
            raise _being_reset(self._roll.seat(request.seat).label)
        if self._verb_elsewhere(request.seat) == STOPS:
            raise not_running(request.host)
        session = actions.opened(self._roll, self._roll.seat(request.seat))
        host = session.lab.host(request.host).name
        return session.provider.login(host, session.lab.edition.admin)


def _being_reset(seat: str) -> WrongState:
    return WrongState(_("seat {seat} is being reset; try again in a moment", seat=seat))


def _in_last_minute(times: deque[float], now: float) -> int:
    """How many of the times are not older than a minute. The others are removed."""
    while times and times[0] < now - 60:
        times.popleft()
    return len(times)


def _peer(writer: asyncio.StreamWriter) -> int:
    """The user id of the process at the other end (unix(7), SO_PEERCRED)."""
    connection: socket.socket = writer.get_extra_info("socket")
    size = struct.calcsize("3i")
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", told)[1])
