"""The same work for several hosts at once. SSH, Vagrant and Incus mostly wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def on_each(items: Iterable[Item], action: Callable[[Item], Result]) -> list[Result]:
    """Run `action` on every item at once, each in a thread of its own.

    Returns:
        The results in the order of the items.

    Raises:
        The first error in the order of the items, after every action has ended.
    """
    todo = list(items)
    if not todo:
        return []
    with ThreadPoolExecutor(max_workers=len(todo)) as pool:
        waiting = [pool.submit(action, item) for item in todo]
        # Windows hears Ctrl-C only between two waits.
        while wait(waiting, timeout=0.5).not_done:
            pass
    return [done.result() for done in waiting]
