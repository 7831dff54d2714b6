"""The mail logs of the lab's hosts: from a mark on, the newest lines, or as they come.

Postfix may write a file of its own ($maillog_file); everything else goes to the file of a syslog
daemon, or to the journal (facility mail). Lines of several hosts are merged by time. Each host's
clock is corrected by what it showed when the reading began.
"""

from __future__ import annotations

import heapq
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from labctl.errors import CommandFailed, LabError
from labctl.mailtest.postfixlog import Record, parse_lines
from labctl.parallel import on_each
from labctl.scripts import Script
from provision.step import Target

if TYPE_CHECKING:
    from labctl.remote import Remote

_PLACES = Script("labctl.mailtest", "log-places.sh")
_SINCE = Script("labctl.mailtest", "log-since.sh")
_NEWEST = Script("labctl.mailtest", "log-newest.sh")
_PLACE = "-- place: "
_CURSOR = "-- cursor: "
_JOURNAL = ["journalctl", "--quiet", "--output", "short-iso-precise", "SYSLOG_FACILITY=2"]


@dataclass(frozen=True)
class LogFile:
    """A place in a log file: how long it was, and which file it was."""

    path: str
    inode: str
    size: int


@dataclass(frozen=True)
class Journal:
    """A place in the journal. `cursor` is "" if the journal had no line of the mail system."""

    cursor: str


Place = LogFile | Journal


@dataclass(frozen=True)
class LogMark:
    """The ends of a host's mail logs at one moment.

    `now` was the host's clock, `ahead` is how much it was fast.
    """

    now: datetime
    ahead: timedelta
    places: tuple[Place, ...]


@dataclass(frozen=True)
class LogLine:
    """A line of a host's mail log. `time` is by the clock of labctl's machine.

    `probe` is set if it comes from a grading of the board, see labctl.mailtest.probes.
    """

    host: str
    time: datetime
    text: str
    probe: bool = False


def mark_log(target: Target) -> LogMark:
    """The ends of the host's mail logs as they are now."""
    before = datetime.now(UTC)
    clock, *places = target.remote.script(_PLACES, target.family.mail_log).stdout.splitlines()
    after = datetime.now(UTC)
    now = datetime.fromisoformat(clock)
    # The host looked at its clock somewhere in between, so a smaller difference means nothing.
    ahead = now - after if now > after else min(now - before, timedelta())
    return LogMark(now, ahead, tuple(_place(line) for line in places))


def records_since(target: Target, mark: LogMark) -> tuple[Record, ...]:
    """What was logged after the mark, in the order of each log, under the lab's host name."""
    lines = (line for place in mark.places for line in _since(target.remote, place))
    return tuple(
        replace(record, host=target.host.name)
        for line in lines
        for record in parse_lines(line, mark.now)
    )


def newest_lines(targets: Mapping[str, Target], count: int) -> tuple[LogLine, ...]:
    """The last `count` lines of each host's mail log, merged by time."""
    found = on_each(targets.values(), lambda target: _newest(target, count))
    return merge([_as_lines(log.records) for logs in found for log in logs])


def newest_records(targets: Mapping[str, Target], count: int) -> tuple[Record, ...]:
    """The last `count` lines of each host's mail log as records, host after host.

    They have the lab's host names, and times by the clock of labctl's machine.
    """
    found = on_each(targets.values(), lambda target: _newest(target, count))
    return tuple(record for logs in found for log in logs for record in log.records)


def merge(each: Sequence[Sequence[LogLine]]) -> tuple[LogLine, ...]:
    """Merge the lines of several logs by time. Lines of one log keep their order."""
    return tuple(heapq.merge(*each, key=lambda line: line.time))


def follow_lines(targets: Mapping[str, Target], count: int) -> Iterator[LogLine]:
    """The last `count` lines of each host merged, then every new one as it comes.

    Ends when no host answers any more.

    Raises:
        LabError: the error of the first host that stopped answering, at the end.
    """
    arrived: queue.Queue[LogLine | LabError | None] = queue.Queue()

    def pump(target: Target, log: _Log) -> None:
        try:
            stream = target.remote.stream(_following(log.place))
            for record in _records(target, log.mark, stream):
                arrived.put(_as_line(record))
            arrived.put(None)
        except LabError as error:
            arrived.put(error)

    hosts = list(targets.values())
    found = on_each(hosts, lambda target: _newest(target, count))
    yield from merge([_as_lines(log.records) for logs in found for log in logs])
    pumps = [(target, log) for target, logs in zip(hosts, found, strict=True) for log in logs]
    for each in pumps:
        threading.Thread(target=pump, args=each, daemon=True).start()
    failure: LabError | None = None
    open_streams = len(pumps)
    while open_streams:
        item = arrived.get()
        if isinstance(item, LogLine):
            yield item
            continue
        open_streams -= 1
        failure = failure or item
    if failure:
        raise failure


@dataclass(frozen=True)
class _Log:
    """The newest lines of one log, and the place behind them."""

    mark: LogMark
    place: Place
    records: tuple[Record, ...]


def _newest(target: Target, count: int) -> list[_Log]:
    """The last lines of each of the host's logs."""
    mark = mark_log(target)
    found = []
    for place in mark.places:
        lines, behind = _tail(target.remote, place, count)
        found.append(_Log(mark, behind, tuple(_records(target, mark, lines))))
    return found


def _tail(remote: Remote, place: Place, count: int) -> tuple[list[str], Place]:
    """The last lines of a log, and the place behind them."""
    if isinstance(place, LogFile):
        *lines, last = remote.script(_NEWEST, place.path, str(count)).stdout.splitlines()
        inode, size = last.removeprefix(_PLACE).split()
        return lines, LogFile(place.path, inode, int(size))
    lines = _journal(remote, "--show-cursor", "--lines", str(count))
    if lines and lines[-1].startswith(_CURSOR):
        return lines, Journal(lines.pop().removeprefix(_CURSOR))
    return lines, place


def _since(remote: Remote, place: Place) -> list[str]:
    if isinstance(place, LogFile):
        done = remote.script(_SINCE, place.path, place.inode, str(place.size))
        return done.stdout.splitlines()
    return _journal(remote, *_after(place))


def _journal(remote: Remote, *options: str) -> list[str]:
    """What journalctl prints about the mail system."""
    try:
        return remote.run([*_JOURNAL, *options]).stdout.splitlines()
    except CommandFailed as error:
        # It ends with 1 and prints nothing if there is no such line, as before the first mail.
        if error.returncode == 1 and not error.output:
            return []
        raise


def _following(place: Place) -> list[str]:
    if isinstance(place, LogFile):
        return ["tail", "--follow=name", "--retry", "--bytes", f"+{place.size + 1}", place.path]
    return [*_JOURNAL, "--follow", "--no-tail", *_after(place)]


def _after(place: Journal) -> list[str]:
    return [f"--after-cursor={place.cursor}"] if place.cursor else []


def _place(line: str) -> Place:
    """A line of log-places.sh as data."""
    kind, _blank, rest = line.partition(" ")
    if kind == "journal":
        return Journal(rest)
    inode, size, path = rest.split(" ", 2)
    return LogFile(path, inode, int(size))


def _records(target: Target, mark: LogMark, lines: Iterable[str]) -> Iterator[Record]:
    for line in lines:
        for record in parse_lines(line, mark.now):
            yield replace(record, host=target.host.name, time=record.time - mark.ahead)


def _as_line(record: Record) -> LogLine:
    return LogLine(record.host, record.time, str(record))


def _as_lines(records: Iterable[Record]) -> tuple[LogLine, ...]:
    return tuple(_as_line(record) for record in records)
