"""Log lines recorded from real Postfix servers, as records.

`postfix-3.7*.log` were written on Debian 12 (Postfix 3.7.11, rsyslog 8.2302), the host
sending as user2@example2.jp and `receiver` the server that got its mail; `postfix-3.10*.log`
on Debian 13 (Postfix 3.10, rsyslog 8.2504). `rfc3164` was written with rsyslog's traditional
file format. `stress-*.log` are of a stress test on Debian 12: `REPEATED` was delivered
twice, because an answer of host2 did not reach host1 before its Postfix was killed.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from labctl.lab import load_edition
from labctl.mailtest.letters import answer_to, first_letters
from labctl.mailtest.postfixlog import Record, parse_lines

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
STRESS = ("stress-host1.log", "stress-host2.log")
REPEATED = "labctl.1727e6d1eb41caad.quiet.1@example1.jp"
KILLED = "labctl.1727e6d1eb41caad.postfix-killed.5@example1.jp"
UNTOUCHED = "labctl.1727e6d1eb41caad.quiet.2@example2.jp"
SENDERS = ("postfix-3.7.log", "postfix-3.10.log")


def lines(name: str) -> list[str]:
    return (DATA / name).read_text(encoding="utf-8").splitlines()


def records(*names: str) -> list[Record]:
    return parsed(line for name in names for line in lines(name))


def parsed(some: Iterable[str]) -> list[Record]:
    return [record for line in some for record in parse_lines(line, NOW)]


# An answer that user1 would give to a message of his own.
LOCAL_ANSWER = answer_to(first_letters(load_edition("ubuntu-example").hosts, "t")[1])
