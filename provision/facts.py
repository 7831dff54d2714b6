"""What a check's script found out on a host, as text by key."""

from __future__ import annotations

from collections.abc import Mapping

from labctl.scripts import Script
from provision.patience import patient
from provision.step import Target

# Seconds for a question that is asked at the deadline, such as what the log says of a failure.
_MOMENT = 1.5


class Facts:
    """Text by key: the lines reported under a key, in order; none for an unknown key."""

    def __init__(self, lines: Mapping[str, list[str]]) -> None:
        self._lines = lines

    def lines(self, key: str) -> list[str]:
        return list(self._lines.get(key, []))

    def __getitem__(self, key: str) -> str:
        return "\n".join(self.lines(key))

    def pairs(self, key: str) -> dict[str, str]:
        """Names and values of the lines `name = value` under the key."""
        pairs = (line.partition("=") for line in self.lines(key))
        return {name.strip(): value.strip() for name, equals, value in pairs if equals}

    def with_lines(self, lines: Mapping[str, list[str]]) -> Facts:
        """The same facts with those of `lines` added or replaced."""
        return Facts({**self._lines, **lines})

    def with_facts(self, other: Facts) -> Facts:
        """The same facts with those of another script added or replaced."""
        return self.with_lines(other._lines)

    def number(self, key: str) -> int:
        """The number reported under the key, or 0 if there is none."""
        text = self[key].strip()
        return int(text) if text.isdigit() else 0


def ask(
    target: Target, script: Script, *args: str, stdin: str | None = None, seconds: float = 0
) -> Facts:
    """Run a script of `say` lines (scripts/say.sh) on the host. It must only read.

    Args:
        seconds: how long the script itself waits for others at most. It gets this time, and at
            least a moment, even after the deadline.

    Raises:
        CommandFailed: the script failed, or did not end before the deadline of the check.
        WrongState: the host does not answer.
    """
    left = None if target.ends is None else target.at_least(max(seconds, patient(_MOMENT)))
    return parse_facts(target.remote.script(script, *args, stdin=stdin, left=left).stdout)


def local_address(line: str) -> str:
    """The local address and port in a line of ss(8) without headings, "" in a shorter line."""
    words = line.split()
    return words[3] if len(words) > 3 else ""


def parse_facts(output: str) -> Facts:
    """The facts in a script's output: a key, a tab and a value on each line."""
    found: dict[str, list[str]] = {}
    for line in output.splitlines():
        key, _tab, value = line.partition("\t")
        found.setdefault(key, []).append(value)
    return Facts(found)
