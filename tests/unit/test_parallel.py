"""The same work for several hosts at once."""

from __future__ import annotations

import concurrent.futures
import threading
from typing import Any

import pytest

from labctl import parallel
from labctl.parallel import on_each


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


def test_the_first_error_is_raised_after_every_action_has_ended() -> None:
    ended = []

    def act(item: int) -> None:
        ended.append(item)
        raise ValueError(item)

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
