"""Work on several things at once: order of results, errors, Ctrl-C, limits."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from labctl import parallel
from labctl.parallel import beside, on_each


def test_results_come_in_the_order_of_the_items() -> None:
    second = threading.Event()

    def act(item: int) -> int:
        if item == 1:
            assert second.wait(10), "both run at once"
        else:
            second.set()
        return 10 * item

    assert on_each([1, 2], act) == [10, 20]
    assert on_each([], act) == []


def test_the_first_error_is_raised_after_every_action_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = []

    def act(item: int) -> None:
        ended.append(item)
        raise ValueError(item)

    submit = ThreadPoolExecutor.submit

    def submit_later(pool: ThreadPoolExecutor, *words: Any) -> Any:
        # The thread of the action before is idle then, gets this one too, and begins it later.
        time.sleep(0.01)
        return submit(pool, *words)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit_later)
    for _attempt in range(5):
        ended.clear()
        with pytest.raises(ValueError, match="1"):
            on_each([1, 2, 3], act)
        assert sorted(ended) == [1, 2, 3]


def test_waiting_is_in_short_pieces_between_which_windows_hears_ctrl_c(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()
    pieces: list[float] = []

    def wait(futures: Any, timeout: float) -> Any:
        pieces.append(timeout)
        if len(pieces) == 3:
            go_on.set()
        return concurrent.futures.wait(futures, timeout=min(timeout, 0.05))

    monkeypatch.setattr(parallel, "wait", wait)
    assert on_each([1], lambda item: go_on.wait(10)) == [True]
    assert len(pieces) >= 3
    assert max(pieces) <= 1


def test_an_error_begins_no_more_actions_and_stops_the_others() -> None:
    stopped, begun = threading.Event(), []

    def act(item: int) -> None:
        begun.append(item)
        if item == 1:
            raise ValueError(item)
        assert stopped.wait(10)

    with pytest.raises(ValueError, match="1"):
        on_each([1, 2, 3, 4], act, at_once=1, stop=stopped.set)
    assert begun in ([1], [1, 2])


def test_ctrl_c_stops_what_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, begun = threading.Event(), threading.Event()

    def act(_item: int) -> bool:
        begun.set()
        return stopped.wait(10)

    def interrupted(_futures: object, timeout: float) -> None:
        assert begun.wait(10)
        raise KeyboardInterrupt

    monkeypatch.setattr(parallel, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        on_each([1, 2], act, stop=stopped.set)
    assert stopped.is_set()


def test_an_action_runs_beside_the_block() -> None:
    go_on = threading.Event()

    def act() -> str:
        assert go_on.wait(10), "both run at once"
        return "done"

    with beside(act) as result:
        go_on.set()
    assert result() == "done"


def test_an_error_beside_the_block_is_raised_only_if_the_result_is_wanted() -> None:
    def act() -> None:
        raise ValueError("late")

    with beside(act) as result:
        pass
    with pytest.raises(ValueError, match="late"):
        result()
