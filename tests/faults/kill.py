"""SIGKILL at moments spread over the whole duration of a command, chosen by a seed.

Only labctl is killed. Its child processes (mmdebstrap, systemd-nspawn, apt) may continue, as
after an out-of-memory kill or when a terminal is closed.
"""

from __future__ import annotations

import random
import subprocess
import time
from dataclasses import dataclass, replace

from tests.lab.program import labctl, started

COMMANDS = {"up": ("up",), "reset": ("reset", "--yes"), "destroy": ("destroy", "--yes")}
# The commands that may follow. A lab without a complete `up` has no checkpoint for `reset`.
WAYS_BACK = {
    "up": ("up", "up", "destroy"),
    "reset": ("up", "reset", "destroy"),
    "destroy": ("up", "destroy"),
}


@dataclass(frozen=True)
class Kill:
    """Kill `command` after `part` of its usual time. Then `back` alone must correct the lab."""

    number: int
    command: str
    part: float
    back: str

    def __str__(self) -> str:
        return f"{self.number:02}-{self.command}-at-{self.part:.3f}-then-{self.back}"


def plan(count: int, seed: int) -> list[Kill]:
    """Distribute `count` kills over the three commands, evenly over the time of each command."""
    dice = random.Random(seed)
    kills = []
    for place, command in enumerate(COMMANDS):
        share = len(range(place, count, len(COMMANDS)))
        ways = [WAYS_BACK[command][turn % len(WAYS_BACK[command])] for turn in range(share)]
        dice.shuffle(ways)
        parts = [(turn + dice.random()) / share for turn in range(share)]
        kills += [Kill(0, command, *each) for each in zip(parts, ways, strict=True)]
    dice.shuffle(kills)
    return [replace(kill, number=number) for number, kill in enumerate(kills)]


def durations() -> dict[str, float]:
    """The duration in seconds of each command, measured on a machine without a lab."""
    found = {}
    for command, words in COMMANDS.items():
        begun = time.monotonic()
        labctl(*words)
        found[command] = time.monotonic() - begun
    return found


def killed(*words: str, after: float) -> bool:
    """Run labctl and kill it after some seconds. Returns False if it had already ended."""
    process = started(*words)
    try:
        process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        # Do not wait for the end of the outputs: a child process may still hold them.
        process.wait()
        return True
    return False
