"""SIGKILL at moments spread over the whole of a command, drawn from a seed.

Only labctl itself is killed. What it had started (mmdebstrap, systemd-nspawn, apt) may go on,
as it does when the kernel runs out of memory or a terminal is closed the hard way.
"""

from __future__ import annotations

import random
import subprocess
import time
from dataclasses import dataclass, replace

from tests.lab.program import labctl, started

COMMANDS = {"up": ("up",), "reset": ("reset", "--yes"), "destroy": ("destroy", "--yes")}
# What a person may type next. A lab that no `up` has finished has nothing to reset to.
WAYS_BACK = {
    "up": ("up", "up", "destroy"),
    "reset": ("up", "reset", "destroy"),
    "destroy": ("up", "destroy"),
}


@dataclass(frozen=True)
class Kill:
    """`command` is killed after `part` of its usual time; `back` alone is to bring it right."""

    number: int
    command: str
    part: float
    back: str

    def __str__(self) -> str:
        return f"{self.number:02}-{self.command}-at-{self.part:.3f}-then-{self.back}"


def plan(count: int, seed: int) -> list[Kill]:
    """`count` kills over the three commands, each command's spread evenly over its time."""
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
    """The seconds that each command takes on this machine, from a machine without a lab."""
    found = {}
    for command, words in COMMANDS.items():
        begun = time.monotonic()
        labctl(*words)
        found[command] = time.monotonic() - begun
    return found


def killed(*words: str, after: float) -> bool:
    """Runs labctl and kills it after so many seconds; False where it had come to its end."""
    process = started(*words)
    try:
        process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        # Not for the end of its outputs: what it started may hold them still.
        process.wait()
        return True
    return False
