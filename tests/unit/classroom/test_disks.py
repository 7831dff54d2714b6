"""The disks of seats are measured beside the gradings."""

from __future__ import annotations

import time
from threading import Event

import pytest

from labctl.classroom import disks
from labctl.classroom.disks import Disks
from labctl.classroom.rows import Said
from labctl.waiting import wait_until

MUCH: Said = {"en": "9 GiB", "ja": "9 GiB"}


def test_a_grading_does_not_wait_for_a_lab_with_many_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disks, "_WAIT_SECONDS", 0.05)
    goes_on, begun = Event(), list[int]()

    def measure(number: int) -> Said:
        begun.append(number)
        goes_on.wait(20)
        return MUCH

    found = Disks(measure)
    # Neither its own gradings nor those of another seat.
    assert [found.of(number) for number in (1, 1, 2, 1)] == [{}] * 4
    assert begun == [1]
    goes_on.set()
    assert wait_until(20, lambda: found.of(1) == MUCH == found.of(2), every=0.01)
    assert begun == [1, 2]


def test_a_lab_is_measured_again_only_after_a_multiple_of_the_time_that_it_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disks, "_MEASURE_SECONDS", 0.0)
    begun: list[float] = []

    def measure(_number: int) -> Said:
        begun.append(time.monotonic())
        time.sleep(0.02)
        return {}

    found = Disks(measure)
    assert wait_until(20, lambda: found.of(1) == {} and len(begun) == 2, every=0.01)
    assert begun[1] - begun[0] >= 0.02 * (1 + disks._REST)
