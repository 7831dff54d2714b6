"""Processes that grade seats, one at a time, for the collector.

Each keeps the connections to the seats open. It sends no mail and changes nothing on the hosts.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

from labctl.classroom.roll import open_seat, read_roll
from labctl.classroom.rows import Verdict
from labctl.classroom.verdicts import verdict
from labctl.errors import LabError
from labctl.grading import grade_hosts
from labctl.i18n import choose_language, in_every_language, language, remember_translations
from provision.step import Target

# Seconds after which a process that grades one seat is given up: the seat does not answer.
_PATIENCE = 90.0


class Worker(Protocol):
    """What grades one seat at a time."""

    def grade(self, number: int, is_over: Callable[[], bool]) -> Verdict | None:
        """Grade a seat; None if that took too long, or if `is_over`."""

    def end(self) -> None:
        """Give up whatever is under way."""


class GraderProcess:
    """A process that grades seats of a class."""

    def __init__(self, class_name: str) -> None:
        # A fork of a process with threads may deadlock.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=grade_seats, args=(theirs, class_name, language()), daemon=True
        )
        self._process.start()
        theirs.close()

    def grade(self, number: int, is_over: Callable[[], bool]) -> Verdict | None:
        deadline = time.monotonic() + _PATIENCE
        try:
            self._connection.send(number)
            while not self._connection.poll(0.2):
                if is_over() or time.monotonic() > deadline or not self._process.is_alive():
                    return None
            return Verdict.model_validate_json(self._connection.recv())
        except (EOFError, OSError):
            return None

    def end(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join()


@dataclass
class _Open:
    """A seat with its connections."""

    targets: Mapping[str, Target]
    kept: ExitStack


class Grader:
    """The seats of one class, as one process knows them."""

    def __init__(self, class_name: str) -> None:
        self._roll = read_roll(class_name)
        self._open: dict[int, _Open] = {}

    def grade(self, number: int) -> Verdict:
        """Grade a seat. If it cannot be graded, the verdict says why."""
        # Kept connections lead nowhere after a reset. New ones are tried once.
        for _attempt in range(2 if number in self._open else 1):
            try:
                grades = grade_hosts(self._targets(number), sends=False)
            except LabError as error:
                self.forget(number)
                problem = in_every_language(error.message)
            else:
                return verdict(number, grades)
        return Verdict(seat=number, problem=problem)

    def forget(self, number: int) -> None:
        """Close the connections to a seat."""
        if (found := self._open.pop(number, None)) is not None:
            with suppress(LabError, OSError):
                found.kept.close()

    def _targets(self, number: int) -> Mapping[str, Target]:
        if number not in self._open:
            session = open_seat(self._roll, self._roll.seat(number))
            session.ensure_up()
            with ExitStack() as opening:
                targets = opening.enter_context(session.targets())
                self._open[number] = _Open(targets, opening.pop_all())
        return self._open[number].targets


def grade_seats(connection: Connection, class_name: str, language: str) -> None:
    """Grade each seat whose number arrives, until the other end is closed. Runs as a process."""
    # Ctrl-C in the terminal is for the board, which closes the connection.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    choose_language(language)
    remember_translations()
    grader = Grader(class_name)
    with suppress(EOFError, OSError):
        while True:
            connection.send(grader.grade(connection.recv()).model_dump_json())
