"""The same for several hosts at once; Vagrant and SSH mostly wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(items: Iterable[Item], action: Callable[[Item], Result]) -> list[Result]:
    """The results in the order of the items; the first error is raised when all are done."""
    todo = list(items)
    if not todo:
        return []
    with ThreadPoolExecutor(max_workers=len(todo)) as pool:
        waiting = [pool.submit(action, item) for item in todo]
    return [done.result() for done in waiting]
