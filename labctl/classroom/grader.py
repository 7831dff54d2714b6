"""Processes that grade seats for the collector.

Each keeps the connections to the seats open. It sends no mail and changes nothing on the hosts.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Protocol

from labctl.classroom.cells import Sections, graded, said_of
from labctl.classroom.disks import Disks
from labctl.classroom.roll import open_seat, read_roll
from labctl.classroom.rows import Cell, Graded, Said
from labctl.classroom.status import disk_of
from labctl.drills.exercise import read_running
from labctl.errors import LabError
from labctl.grading import grade_hosts
from labctl.health import Verdict
from labctl.i18n import _, choose_language, in_every_language, language
from labctl.mailtest.probes import BEGINS, ENDS, TAG
from labctl.parallel import on_each
from labctl.session import Session
from provision.step import Target

# Seconds after which a process that grades one seat is given up: the seat does not answer.
_PATIENCE = 90.0
# Seconds that a line in the log of a host may take.
_SAY_SECONDS = 10.0
# In English, like all lines there.
_BEGINS_LINE = f"{BEGINS}: labctl connects to the servers until '{ENDS}'"

# Called with an early result, from any thread.
Early = Callable[[Graded], None]


class WorkerEnded(Exception):
    """The process ended while it graded the seat, perhaps because of another seat."""


class Worker(Protocol):
    """What grades seats. Any thread may ask; each seat is graded once at a time."""

    def grade(self, number: int, early: Early, is_over: Callable[[], bool]) -> Graded | None:
        """Grade a seat; None if that took too long, or if `is_over`.

        Raises:
            WorkerEnded: The process ended.
        """

    def end(self) -> None:
        """Give up whatever is under way."""


class GraderProcess:
    """A process that grades seats of a class, several at once: a grading mostly waits."""

    def __init__(self, class_name: str) -> None:
        # A fork of a process with threads may deadlock.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=grade_seats, args=(theirs, class_name, language()), daemon=True
        )
        self._process.start()
        theirs.close()
        self._sending = Lock()
        self._has_ended = False
        self._answers: dict[int, SimpleQueue[Graded | None]] = {}
        Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                found = Graded.model_validate_json(self._connection.recv())
                if (answers := self._answers.get(found.seat)) is not None:
                    answers.put(found)
        self._has_ended = True
        for answers in list(self._answers.values()):
            answers.put(None)

    def grade(self, number: int, early: Early, is_over: Callable[[], bool]) -> Graded | None:
        deadline = time.monotonic() + _PATIENCE
        answers = self._answers[number] = SimpleQueue()
        try:
            with self._sending:
                self._connection.send(number)
            while not is_over() and time.monotonic() < deadline:
                with suppress(Empty):
                    found = answers.get(timeout=0.2)
                    if found is None:
                        raise WorkerEnded
                    if not found.early:
                        return found
                    early(found)
                if self._has_ended:
                    raise WorkerEnded
            return None
        except OSError as error:
            raise WorkerEnded from error
        finally:
            del self._answers[number]

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()


@dataclass
class _Open:
    """A seat with its connections."""

    session: Session
    targets: Mapping[str, Target]
    kept: ExitStack
    sections: Sections


class Grader:
    """The seats of one class, as one process knows them. Each is graded once at a time."""

    def __init__(self, class_name: str, early: Early) -> None:
        self._roll = read_roll(class_name)
        self._early = early
        self._open: dict[int, _Open] = {}
        self._disks = Disks(self._disk)

    def grade(self, number: int) -> Graded:
        """Grade a seat. If it cannot be graded, the result says why."""
        return self._grade(number).model_copy(update={"disk": self._disks.of(number)})

    def _grade(self, number: int) -> Graded:
        # Kept connections lead nowhere after a reset. New ones are tried once.
        for _attempt in range(2 if number in self._open else 1):
            try:
                found = self._opened(number)
                found.sections.begin()
                with _marked(found.targets):
                    grades = grade_hosts(found.targets, sends=False, told=found.sections.add)
            except LabError as error:
                self.forget(number)
                problem = said_of(error.message)
            else:
                # Afterwards: a drill is recorded before it breaks anything.
                symptom = _symptom(found.session)
                return graded(number, grades).model_copy(update={"drill": symptom})
        return Graded(seat=number, problem=problem)

    def _disk(self, number: int) -> Said:
        """Say if the lab's files are larger than the lab file allows."""
        found = disk_of(open_seat(self._roll, self._roll.seat(number)))
        if found is None or found.verdict is not Verdict.WARNING:
            return {}
        return said_of(_("{what}; {why}", what=found.what, why=found.why))

    def forget(self, number: int) -> None:
        """Close the connections to a seat."""
        if (found := self._open.pop(number, None)) is not None:
            with suppress(LabError, OSError):
                found.kept.close()

    def _opened(self, number: int) -> _Open:
        if number not in self._open:
            session = open_seat(self._roll, self._roll.seat(number))
            session.ensure_up()

            def tell(cell: Cell) -> None:
                symptom = _symptom(session)
                self._early(Graded(seat=number, cells=(cell,), drill=symptom, early=True))

            with ExitStack() as opening:
                targets = opening.enter_context(session.targets())
                sections = Sections(len(targets), tell)
                self._open[number] = _Open(session, targets, opening.pop_all(), sections)
        return self._open[number]


def _symptom(session: Session) -> Said:
    """What a user reports, if a drill is active."""
    with suppress(LabError):
        if (active := read_running(session.home)) is not None:
            return in_every_language(active.drill.symptom_in(session.lab))
    return {}


@contextmanager
def _marked(targets: Mapping[str, Target]) -> Iterator[None]:
    """Say in the mail logs of the hosts that what follows is not the student's doing."""

    def say(target: Target, what: str) -> None:
        argv = ["logger", "--tag", TAG, "--priority", "mail.info", "--", what]
        target.remote.run(argv, check=False, timeout=_SAY_SECONDS)

    on_each(targets.values(), lambda target: say(target, _BEGINS_LINE))
    try:
        yield
    finally:
        on_each(targets.values(), lambda target: say(target, ENDS))


def _graded_or_told(grader: Grader, number: int) -> Graded:
    try:
        return grader.grade(number)
    except Exception as error:
        # Without an answer, the process would be killed with the other seats that it grades.
        grader.forget(number)
        text = _(
            "labctl has a defect that keeps it from grading this seat: {name}",
            name=type(error).__name__,
        )
        return Graded(seat=number, problem=in_every_language(text))


def grade_seats(connection: Connection, class_name: str, language: str) -> None:
    """Grade each seat whose number arrives, until the other end is closed. Runs as a process."""
    # Ctrl-C in the terminal is for the board, which closes the connection.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    choose_language(language)
    sending = Lock()

    def send(found: Graded) -> None:
        with sending, suppress(OSError):
            connection.send(found.model_dump_json())

    grader = Grader(class_name, send)
    with suppress(EOFError, OSError):
        while True:
            number = connection.recv()
            Thread(
                target=lambda seat=number: send(_graded_or_told(grader, seat)), daemon=True
            ).start()
    # Threads of seats that do not answer would keep the process.
    os._exit(0)
