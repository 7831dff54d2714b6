"""What happened in a class, in one SQLite file that only grows.

Each row of `changes` is a section of a seat whose state changed, each row of `notes` a note of
the instructor, each row of `deeds` something that was done to a seat. Names of students
are not in it. The logins of browsers are there too, so that they outlive a restart of the board,
with hashes of the codes; only these are ever deleted.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from labctl.classroom import protocol
from labctl.classroom.roll import Roll
from labctl.classroom.rows import CellState
from labctl.errors import WrongState
from labctl.hint import Hint
from labctl.i18n import _

_TABLES = """
create table if not exists changes (
  id integer primary key, at real not null, seat integer not null, step text not null,
  state text not null);
create table if not exists notes (
  id integer primary key, at real not null, seat integer not null, text text not null);
create table if not exists deeds (
  id integer primary key, at real not null, seat integer not null, verb text not null,
  what text not null, ok integer not null);
create table if not exists logins (
  token text primary key, owner integer not null, ends real not null);
create table if not exists codes (
  owner integer primary key, code text not null);
create index if not exists changes_of_seat on changes (seat, step, id);
create index if not exists ends_of_logins on logins (ends);
create index if not exists logins_of_owner on logins (owner, ends);
"""

# Logins that one code may have at once.
_MOST_LOGINS = 20


def history_file(roll: Roll) -> Path:
    return roll.folder / "history.sqlite"


@dataclass(frozen=True)
class Change:
    """A section of a seat that came into a state at a time (seconds of the epoch)."""

    at: float
    seat: int
    step: str
    state: CellState


class History:
    """The file of one class. Any thread may use it."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it, readable by its owner only.

        Raises:
            WrongState: It is damaged, or no database.
        """
        self._lock = Lock()
        self._path = path
        path.touch(mode=0o600)
        try:
            self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            # A killed board loses at most the last moment, never the file.
            self._file.execute("pragma journal_mode = wal")
            self._file.execute("pragma synchronous = normal")
            self._file.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: sqlite3.Error) -> WrongState:
        message = _("the history {path} cannot be used", path=self._path)
        cause, hint = _meaning(error)
        return WrongState(message, cause=cause, hint=Hint(hint))

    def close(self) -> None:
        with self._lock:
            self._file.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._file.execute("begin immediate")
                yield self._file
                self._file.execute("commit")
            except sqlite3.Error as error:
                if self._file.in_transaction:
                    self._file.execute("rollback")
                raise self._unreadable(error) from error

    def _read(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            try:
                return self._file.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise self._unreadable(error) from error

    # -- sections ---------------------------------------------------------------------------

    def add(self, changes: Sequence[Change]) -> None:
        """Append changes, all or none."""
        if not changes:
            return
        with self._writing() as file:
            file.executemany(
                "insert into changes (at, seat, step, state) values (?, ?, ?, ?)",
                [(each.at, each.seat, each.step, str(each.state)) for each in changes],
            )

    def changes(self) -> list[Change]:
        """All changes, oldest first."""
        rows = self._read("select at, seat, step, state from changes order by id")
        return [
            Change(float(str(at)), int(str(seat)), str(step), CellState(str(state)))
            for at, seat, step, state in rows
        ]

    def count(self) -> int:
        """How many changes there are."""
        ((found,),) = self._read("select coalesce(max(id), 0) from changes")
        return int(str(found))

    def newest(self) -> dict[tuple[int, str], Change]:
        """The last change of each section at each seat."""
        return {(each.seat, each.step): each for each in self.changes()}

    # -- notes and deeds --------------------------------------------------------------------

    def note(self, seat: int, text: str) -> None:
        with self._writing() as file:
            values = (time.time(), seat, text)
            file.execute("insert into notes (at, seat, text) values (?, ?, ?)", values)

    def notes(self) -> dict[int, str]:
        """The last note on each seat."""
        rows = self._read("select seat, text from notes order by id")
        return {int(str(seat)): str(text) for seat, text in rows}

    def did(self, seat: int, verb: str, what: str, *, ok: bool) -> None:
        """Append what was done to a seat."""
        with self._writing() as file:
            values = (time.time(), seat, verb, what, ok)
            file.execute(
                "insert into deeds (at, seat, verb, what, ok) values (?, ?, ?, ?, ?)", values
            )

    # -- logins -----------------------------------------------------------------------------

    def log_in(self, owner: int) -> str:
        """A new token for a browser; only its hash is kept. Ends the oldest login of too many."""
        token = secrets.token_urlsafe(32)
        with self._writing() as file:
            now = time.time()
            file.execute("delete from logins where ends < ?", (now,))
            values = (_hashed(token), owner, now + protocol.LOGIN_SECONDS)
            file.execute("insert into logins (token, owner, ends) values (?, ?, ?)", values)
            file.execute(
                "delete from logins where owner = ? and rowid in (select rowid from logins"
                " where owner = ? order by ends desc, rowid desc limit -1 offset ?)",
                (owner, owner, _MOST_LOGINS),
            )
        return token

    def keep_logins(self, codes: Mapping[int, str]) -> None:
        """End the logins of all whose code is not the one of the last time. Keeps only hashes."""
        new = {owner: _hashed(code) for owner, code in codes.items()}
        rows = self._read("select owner, code from codes")
        known = {int(str(owner)): str(code) for owner, code in rows}
        with self._writing() as file:
            for owner, code in new.items():
                if known.get(owner, code) != code:
                    file.execute("delete from logins where owner = ?", (owner,))
            file.execute("delete from codes")
            file.executemany("insert into codes (owner, code) values (?, ?)", new.items())

    def owner(self, token: str) -> int | None:
        """Whose token it is, or None if it is unknown or too old."""
        rows = self._read(
            "select owner from logins where token = ? and ends > ?", _hashed(token), time.time()
        )
        return int(str(rows[0][0])) if rows else None

    def log_out(self, token: str) -> None:
        with self._writing() as file:
            file.execute("delete from logins where token = ?", (_hashed(token),))


def _meaning(error: sqlite3.Error) -> tuple[str, str]:
    """What an error says of the file, and what to do about it."""
    # The low byte is the kind of error; the others say where SQLite noticed it.
    kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if kind == sqlite3.SQLITE_FULL:
        text = _("find out which, free some space, then run the same command again")
        return _("a disk of this machine is full"), text
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _("another program uses the file"), _("close it, then run the same command again")
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return _("labctl may not write the file"), _("ls -l shows who may")
    text = _("move the file away: the board begins a new one")
    return _("the file is damaged or not an SQLite database"), text


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
