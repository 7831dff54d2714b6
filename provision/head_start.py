"""Asks the question of a check whose answer takes longest before all others.

PAM waits for two seconds or so before it refuses a password. A question that is asked together with
all others gets to PAM late, because the others keep the processors busy first.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from provision.dialogue import Answer
from provision.patience import Deadline
from provision.step import Step, Target

# Seconds that the others wait until the questions are on their way, more on a busy machine.
_SECONDS = 0.3


@contextmanager
def asked_first(
    targets: Sequence[Target], steps: Sequence[Step], ends: Deadline
) -> Iterator[list[Target]]:
    """Ask the hosts what one of the steps asks first. Leave the block when all have answered.

    Args:
        ends: The deadline of the check.

    Yields:
        The same targets; those that were asked have `first_answer`.
    """
    questions = [_question(target, steps, ends) for target in targets]
    with ThreadPoolExecutor(len(targets) or 1) as pool:
        begun = [pool.submit(each.ask) if each else None for each in questions]
        wait = Deadline(_SECONDS)
        for each in filter(None, questions):
            each.is_asked.wait(wait.left())
        yield [_with_answer(*each) for each in zip(targets, begun, strict=True)]


class _Question:
    """What a step asks a host first, and whether it is on its way."""

    def __init__(self, step: Step, target: Target) -> None:
        self._step, self._target = step, target
        self.is_asked = threading.Event()

    def ask(self) -> Answer:
        assert self._step.asks_first is not None
        try:
            return self._step.asks_first(self._target, self.is_asked.set)
        finally:
            # It may end before the question, without a connection for example.
            self.is_asked.set()


def _question(target: Target, steps: Sequence[Step], ends: Deadline) -> _Question | None:
    found = (step for step in steps if step.asks_first and step.applies_to(target.scene))
    step = next(found, None)
    return _Question(step, replace(target, ends=ends)) if step else None


def _with_answer(target: Target, begun: Future[Answer] | None) -> Target:
    return replace(target, first_answer=begun.result) if begun else target
