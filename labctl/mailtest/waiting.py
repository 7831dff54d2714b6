"""Waiting for an answer: a question asked again and again until it is answered, or for a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

from labctl.errors import LabError

T = TypeVar("T")


def wait_until(seconds: float, ask: Callable[[], T], done: Callable[[T], object] = bool) -> T:
    """Asks until `done`, or for so many seconds; the last answer, or the last LabError."""
    again = retry_if_result(lambda answer: not done(answer)) | retry_if_exception_type(LabError)
    return Retrying(
        stop=stop_after_delay(seconds),
        wait=wait_fixed(0.2),
        retry=again,
        retry_error_callback=_outcome,
    )(ask)


def _outcome(state: RetryCallState) -> Any:
    assert state.outcome is not None  # tenacity calls this after an attempt
    return state.outcome.result()
