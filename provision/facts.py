"""What a check's script found out on a host, as text by key."""

from __future__ import annotations

from collections.abc import Mapping

from provision.step import Target

# `say KEY COMMAND...` gives each line of a command's output under a key; a command that fails
# or is not there gives none. One process for the command and no other: a check runs a hundred.
_SAY = r"""
say() {
  key=$1; shift
  said=$("$@" 2>/dev/null) || :
  [ -z "$said" ] || while IFS= read -r line; do printf '%s\t%s\n' "$key" "$line"; done <<END
$said
END
}
"""


class Facts:
    """Text by key: the lines said under a key, in order; none for a key nobody said."""

    def __init__(self, lines: Mapping[str, list[str]]) -> None:
        self._lines = lines

    def lines(self, key: str) -> list[str]:
        return list(self._lines.get(key, []))

    def __getitem__(self, key: str) -> str:
        return "\n".join(self.lines(key))

    def number(self, key: str) -> int:
        """The number said under the key; 0 where none was."""
        text = self[key].strip()
        return int(text) if text.isdigit() else 0


def ask(target: Target, script: str, *args: str, stdin: str | None = None) -> Facts:
    """Runs a script of `say` lines on the host; it must only read. `stdin` as in Remote.run."""
    done = target.remote.run(["sh", "-euc", _SAY + script, "sh", *args], stdin=stdin)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        key, _tab, value = line.partition("\t")
        found.setdefault(key, []).append(value)
    return Facts(found)
