"""Work on several things at once. Most of the work is to wait for other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def on_each(
    items: Iterable[Item],
    action: Callable[[Item], Result],
    *,
    at_once: int | None = None,
    stop: Callable[[], object] | None = None,
) -> list[Result]:
    """Run `action` on every item at once, each in a thread of its own.

    Actions that run are not stopped by an error or Ctrl-C. With `at_once`, no more actions begin
    after it; without, all begin in any case, even if the first fails at once.

    Args:
        at_once: how many actions run at the same time at most; None for no limit.
        stop: called after an error or Ctrl-C, to make the other actions end early.

    Returns:
        The results in the order of the items.

    Raises:
        The first error in the order of the items, after every action that was begun has ended.
    """
    todo = list(items)
    if not todo:
        return []
    most = len(todo) if at_once is None else min(max(at_once, 1), len(todo))
    with ThreadPoolExecutor(max_workers=most) as pool:
        begun = [pool.submit(action, item) for item in todo]
        try:
            return [_result(each) for each in begun]
        except BaseException:
            if at_once is not None:
                for each in begun:
                    each.cancel()
            if stop is not None:
                stop()
            raise


@contextmanager
def beside(action: Callable[[], Result]) -> Iterator[Callable[[], Result]]:
    """Run `action` in a thread while the block runs; leave the block when both have ended.

    Yields:
        A function that waits for the result of the action and returns it, or raises its error.
        An error of the action is lost if nobody calls the function.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool.submit(action).result


def _result(begun: Future[Result]) -> Result:
    # Windows hears Ctrl-C only between two waits.
    while wait([begun], timeout=0.5).not_done:
        pass
    return begun.result()
