"""Tell the log lines of the board's gradings from those of the person who works on the host.

The board writes a line when a grading begins and when it ends (labctl.classroom.grader). What a
grading asks a server between them comes from an address that no host of the lab has. Or it comes
from the host itself, and then the session ends without QUIT and has handed over no message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from labctl.mailtest.logs import LogLine

# The program that logger(1) names, and what it says.
TAG = "labctl"
BEGINS, ENDS = "grading begins", "grading ends"
# Seconds after which a grading is over, though its end is not in the log.
_LONGEST = 120.0

_MARK = re.compile(rf"{TAG}(?:\[\d+\])?: (?P<what>{BEGINS}|{ENDS})\b")
_SMTPD = re.compile(r"(?:postfix/)?smtpd\[(?P<pid>\d+)\]: (?P<text>.*)")
_CLIENT = re.compile(r"connect from \S*\[(?P<address>[^\]]+)\]")
_DOVECOT = re.compile(
    r"dovecot: (?:(?:imap|pop3)-login: .*\brip=(?P<address>[^,\s]+)|(?:imap|pop3)\().*"
    r"<(?P<session>[^<>\s]+)>"
)
_NOTHING_DELETED = re.compile(r"(?:postfix/)?postsuper\[\d+\]: Deleted: 0 messages")


def told_apart(lines: Iterable[LogLine], addresses: frozenset[str]) -> Iterator[LogLine]:
    """The lines, with `probe` set in those of gradings.

    The lines of a session are held back until it ends, or until the grading does.

    Args:
        lines: Of any number of hosts, each in the order of its log.
        addresses: Those of the lab's hosts.
    """
    hosts: dict[str, _Host] = {}
    for line in lines:
        if line.host not in hosts:
            hosts[line.host] = _Host(addresses | {"127.0.0.1", "::1"})
        yield from hosts[line.host].sorted_out(line)
    for host in hosts.values():
        yield from host.rest()


@dataclass
class _Host:
    """The log of one host. `sessions` are those of smtpd that are not known yet, by process."""

    near: frozenset[str]
    until: float = 0.0
    sessions: dict[str, list[LogLine]] = field(default_factory=dict)
    far: set[str] = field(default_factory=set)

    def sorted_out(self, line: LogLine) -> Iterator[LogLine]:
        mark = _MARK.match(line.text)
        if mark is not None:
            begins = mark["what"] == BEGINS
            self.until = line.time.timestamp() + _LONGEST if begins else 0.0
        if line.time.timestamp() > self.until:
            self.until = 0.0
            yield from self.rest()
        if mark is not None:
            yield _probe(line)
        elif (smtpd := _SMTPD.match(line.text)) is not None:
            yield from self._smtpd(line, smtpd["pid"], smtpd["text"])
        else:
            yield _probe(line) if self.until and self._is_known(line.text) else line

    def rest(self) -> list[LogLine]:
        """What was held back: its sessions have not ended, so they are somebody's own."""
        held = [line for lines in self.sessions.values() for line in lines]
        self.sessions.clear()
        return sorted(held, key=lambda line: line.time)

    def _smtpd(self, line: LogLine, pid: str, text: str) -> Iterator[LogLine]:
        client = _CLIENT.match(text)
        if client is not None and self.until:
            if client["address"] not in self.near:
                self.far.add(pid)
            else:
                self.sessions[pid] = []
        if pid in self.sessions:
            yield from self._near(line, pid, text)
        elif pid in self.far:
            yield _probe(line)
            if text.startswith("disconnect from"):
                self.far.discard(pid)
        else:
            yield line

    def _near(self, line: LogLine, pid: str, text: str) -> Iterator[LogLine]:
        """A line of a session of the host itself."""
        self.sessions[pid].append(line)
        if text.startswith("disconnect from"):
            held = self.sessions.pop(pid)
            is_own = re.search(r"\b(quit|data|bdat)=", text) is not None
            yield from (held if is_own else map(_probe, held))

    def _is_known(self, text: str) -> bool:
        if _NOTHING_DELETED.match(text):
            return True
        found = _DOVECOT.match(text)
        if found is None:
            return False
        if found["address"] and found["address"] not in self.near:
            self.far.add(found["session"])
        return found["session"] in self.far


def _probe(line: LogLine) -> LogLine:
    return replace(line, probe=True)
