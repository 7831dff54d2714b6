"""The mail logs of the lab's hosts: from a mark on, the newest lines, or as they come.

They are read from /var/log/mail.log where rsyslog runs, else from the journal (facility
mail). Lines of several hosts are merged by time, each host's clock set right by what it
showed when the reading began.
"""

from __future__ import annotations

import heapq
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from labctl.errors import LabError
from labctl.mailtest.postfixlog import Record, parse_line
from provision.step import Target

if TYPE_CHECKING:
    from labctl.remote import Remote

LOG_FILE = "/var/log/mail.log"

_MARK = f"""
date --iso-8601=ns
if [ -f {LOG_FILE} ] && systemctl is-active --quiet rsyslog; then
  echo file
  stat -c '%i %s' {LOG_FILE}
else
  echo journal
  journalctl --quiet --lines 0 --show-cursor SYSLOG_FACILITY=2 | sed -n 's/^-- cursor: //p'
fi
"""
# A rotated log goes on under its old inode: its rest first, then the new file.
_SINCE_FILE = f"""
set -- "${{1%% *}}" "${{1#* }}"
if [ "$(stat -c %i {LOG_FILE} 2>/dev/null)" = "$1" ]; then
  tail -c "+$(($2 + 1))" {LOG_FILE}
else
  old=$(find /var/log -maxdepth 1 -name 'mail.log*' ! -name '*.gz' -inum "$1")
  [ -z "$old" ] || tail -c "+$(($2 + 1))" "$old"
  [ ! -f {LOG_FILE} ] || cat {LOG_FILE}
fi
"""
_NEWEST_FILE = f"""
place=$(stat -c '%i %s' {LOG_FILE})
head -c "${{place#* }}" {LOG_FILE} | tail -n "$1"
echo "-- cursor: $place"
"""
_CURSOR = "-- cursor: "
_JOURNAL = ["journalctl", "--quiet", "--output", "short-iso-precise", "SYSLOG_FACILITY=2"]


@dataclass(frozen=True)
class LogMark:
    """A place in a host's mail log. `now` was the host's clock, `ahead` how much it was fast.

    `position` is inode and size of the log file, or the journal's cursor.
    """

    now: datetime
    ahead: timedelta
    source: str
    position: str


@dataclass(frozen=True)
class LogLine:
    """A line of a host's mail log; `time` by the labctl machine's clock, `text` without it."""

    host: str
    time: datetime
    text: str


def mark_log(remote: Remote) -> LogMark:
    """The end of the host's mail log as it is now."""
    before = datetime.now(UTC)
    lines = remote.script(_MARK).stdout.splitlines()
    after = datetime.now(UTC)
    now = datetime.fromisoformat(lines[0])
    # The host looked at its clock somewhere in between; a smaller difference is none.
    ahead = now - after if now > after else min(now - before, timedelta())
    return LogMark(now, ahead, lines[1], lines[2] if len(lines) > 2 else "")


def records_since(target: Target, mark: LogMark) -> tuple[Record, ...]:
    """What was logged after the mark, in the log's order, under the lab's name of the host."""
    if mark.source == "file":
        text = target.remote.script(_SINCE_FILE, mark.position).stdout
    else:
        after = [f"--after-cursor={mark.position}"] if mark.position else []
        text = target.remote.run([*_JOURNAL, *after]).stdout
    parsed = (parse_line(line, mark.now) for line in text.splitlines())
    return tuple(replace(record, host=target.host.name) for record in parsed if record)


def newest_lines(targets: Mapping[str, Target], count: int) -> tuple[LogLine, ...]:
    """The last `count` lines of each host's mail log, merged by time."""
    return merge([_as_lines(_newest(target, count)[1]) for target in targets.values()])


def newest_records(targets: Mapping[str, Target], count: int) -> tuple[Record, ...]:
    """The last `count` lines of each host's mail log as records, host after host.

    They bear the lab's names, and times by the labctl machine's clock.
    """
    return tuple(record for target in targets.values() for record in _newest(target, count)[1])


def merge(each: Sequence[Sequence[LogLine]]) -> tuple[LogLine, ...]:
    """The lines of several hosts by time; lines of one host keep their order."""
    return tuple(heapq.merge(*each, key=lambda line: line.time))


def follow_lines(targets: Mapping[str, Target], count: int) -> Iterator[LogLine]:
    """The last `count` lines of each host merged, then every new one as it comes.

    Ends when all hosts stopped answering, with the error of the first that did.
    """
    arrived: queue.Queue[LogLine | LabError | None] = queue.Queue()

    def pump(target: Target, mark: LogMark) -> None:
        try:
            stream = target.remote.stream(_following(mark))
            for record in _records(target, mark, stream):
                arrived.put(_as_line(record))
            arrived.put(None)
        except LabError as error:
            arrived.put(error)

    newest = {name: _newest(target, count) for name, target in targets.items()}
    yield from merge([_as_lines(records) for _mark, records in newest.values()])
    for name, target in targets.items():
        threading.Thread(target=pump, args=(target, newest[name][0]), daemon=True).start()
    failure: LabError | None = None
    open_streams = len(targets)
    while open_streams:
        item = arrived.get()
        if isinstance(item, LogLine):
            yield item
            continue
        open_streams -= 1
        failure = failure or item
    if failure:
        raise failure


def _newest(target: Target, count: int) -> tuple[LogMark, tuple[Record, ...]]:
    """The host's last lines, and the place right behind them."""
    mark = mark_log(target.remote)
    if mark.source == "file":
        done = target.remote.script(_NEWEST_FILE, str(count))
    else:
        done = target.remote.run([*_JOURNAL, "--show-cursor", "--lines", str(count)])
    lines = done.stdout.splitlines()
    if lines and lines[-1].startswith(_CURSOR):
        mark = replace(mark, position=lines.pop().removeprefix(_CURSOR))
    return mark, tuple(_records(target, mark, lines))


def _following(mark: LogMark) -> list[str]:
    if mark.source == "file":
        start = int(mark.position.split()[1]) + 1
        return ["tail", "--follow=name", "--retry", "--bytes", f"+{start}", LOG_FILE]
    after = [f"--after-cursor={mark.position}"] if mark.position else []
    return [*_JOURNAL, "--follow", "--no-tail", *after]


def _records(target: Target, mark: LogMark, lines: Iterable[str]) -> Iterator[Record]:
    for line in lines:
        if record := parse_line(line, mark.now):
            yield replace(record, host=target.host.name, time=record.time - mark.ahead)


def _as_line(record: Record) -> LogLine:
    return LogLine(record.host, record.time, str(record))


def _as_lines(records: Iterable[Record]) -> tuple[LogLine, ...]:
    return tuple(_as_line(record) for record in records)
