"""Wait until an answer is good or an error has passed, or until a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

from labctl.errors import LabError

# How often to ask how many seconds are left, in seconds. A deadline may move.
ASK_SECONDS = 0.25

T = TypeVar("T")


def countdown(seconds: float) -> Callable[[], float]:
    """Return a function that tells how many of these seconds are left."""
    ends = time.monotonic() + seconds
    return lambda: ends - time.monotonic()


def wait_until(
    seconds: float,
    ask: Callable[[], T],
    done: Callable[[T], object] = bool,
    *,
    every: float = 0.2,
    retry_errors: bool = True,
) -> T:
    """Call `ask` until `done` accepts its answer, for at most `seconds`.

    A LabError counts as "not yet", unless `retry_errors` is False. `every` is the pause between
    two calls, in seconds.

    Returns:
        The last answer, whether `done` accepts it or not.

    Raises:
        LabError: the last call raised it and no time is left, or `retry_errors` is False.
    """
    retried = (LabError,) if retry_errors else ()
    again = retry_if_result(lambda answer: not done(answer)) | retry_if_exception_type(retried)
    return Retrying(
        stop=stop_after_delay(seconds),
        wait=wait_fixed(every),
        retry=again,
        retry_error_callback=_outcome,
    )(ask)


def retry_while(
    passing: Callable[[BaseException], bool],
    action: Callable[[], T],
    *,
    seconds: float,
    every: float = 0.2,
) -> T:
    """Call `action` again while it raises an error that `passing` accepts, for at most `seconds`.

    `every` is the pause between two calls, in seconds.

    Raises:
        The error of the last call, if no time is left or `passing` does not accept it.
    """
    return Retrying(
        stop=stop_after_delay(seconds),
        wait=wait_fixed(every),
        retry=retry_if_exception(passing),
        reraise=True,
    )(action)


def _outcome(state: RetryCallState) -> Any:
    assert state.outcome is not None  # tenacity calls this after an attempt
    return state.outcome.result()
