"""Waiting: for a good answer, and for an error to pass."""

from __future__ import annotations

import pytest

from labctl.errors import LabError
from labctl.waiting import retry_while, wait_until


class Asked:
    """Gives one answer after the other, then always the last one. An error is raised."""

    def __init__(self, *answers: object) -> None:
        self._answers, self.times = list(answers), 0

    def __call__(self) -> object:
        self.times += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_the_first_good_answer_ends_the_wait() -> None:
    asked = Asked(0, 0, 3, 4)
    assert wait_until(10, asked, every=0) == 3
    assert asked.times == 3


def test_the_caller_says_which_answer_is_good() -> None:
    assert wait_until(10, Asked(1, 2, 3), lambda answer: answer == 2, every=0) == 2


def test_the_last_answer_is_returned_even_if_it_is_not_good() -> None:
    assert wait_until(0.05, Asked("no"), lambda answer: answer == "yes", every=0.01) == "no"


def test_an_error_of_labctl_counts_as_not_yet() -> None:
    assert wait_until(10, Asked(LabError("busy"), "here"), every=0) == "here"
    with pytest.raises(LabError, match="gone"):
        wait_until(0.05, Asked(LabError("gone")), every=0.01)


def test_an_error_ends_the_wait_if_the_caller_wants_that_or_it_is_not_labctls() -> None:
    asked = Asked(LabError("gone"), "here")
    with pytest.raises(LabError, match="gone"):
        wait_until(10, asked, every=0, retry_errors=False)
    assert asked.times == 1
    with pytest.raises(ValueError, match="a mistake"):
        wait_until(10, Asked(ValueError("a mistake"), "here"), every=0)


def is_busy(error: BaseException) -> bool:
    return isinstance(error, BlockingIOError)


def test_an_action_is_repeated_while_its_error_passes() -> None:
    asked = Asked(BlockingIOError(), BlockingIOError(), "done")
    assert retry_while(is_busy, asked, seconds=10, every=0) == "done"
    assert asked.times == 3


def test_the_error_that_stays_and_the_one_that_does_not_pass_are_raised() -> None:
    with pytest.raises(BlockingIOError):
        retry_while(is_busy, Asked(BlockingIOError()), seconds=0.05, every=0.01)
    asked = Asked(ValueError("a mistake"), "done")
    with pytest.raises(ValueError, match="a mistake"):
        retry_while(is_busy, asked, seconds=10, every=0)
    assert asked.times == 1
