"""A machine that stands still for some seconds is noticed, and one that is only busy is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision import patience
from provision.patience import Standstill, standstill


def pressure(seconds: float) -> str:
    """What Linux tells of the disk: the last number is in microseconds."""
    some = f"some avg10=0.00 avg60=0.00 avg300=0.00 total={round(seconds * 1_000_000)}\n"
    return some + "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"


@pytest.fixture(name="disk")
def _disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the system tells how long it waited for the disk."""
    path = tmp_path / "io"
    path.write_text(pressure(100))
    monkeypatch.setattr(patience, "_PRESSURE", path)
    return path


@pytest.mark.parametrize(("seconds", "is_long"), [(0.0, False), (0.9, False), (1.1, True)])
def test_only_the_wait_for_the_disk_of_this_time_counts(
    disk: Path, seconds: float, is_long: bool
) -> None:
    with standstill() as still:
        disk.write_text(pressure(100 + seconds))
    assert still.was_long() == is_long


@pytest.mark.parametrize("told", [None, "", "full avg10=0.00\n", "some a b c total=much\n"])
def test_a_system_that_does_not_tell_of_its_disk_is_not_known_to_stand_still(
    disk: Path, told: str | None
) -> None:
    if told is None:
        disk.unlink()
    else:
        disk.write_text(told)
    with standstill() as still:
        pass
    assert not still.was_long()


LOOKS = pytest.mark.parametrize(
    ("looks", "is_long"),
    [
        ([0.05, 0.1, 0.15], False),
        ([0.2, 0.35, 0.5], False),
        ([0.05, 1.3, 1.35], True),
        ([0.05, 1.3, 6.0], True),
    ],
)


def test_a_short_wait_now_and_then_is_no_standstill(disk: Path) -> None:
    still = Standstill(0.0)
    for tick in range(1, 201):
        still.looked(tick * 0.05)
    disk.write_text(pressure(102))
    assert not still.was_long()
    disk.write_text(pressure(103))
    assert still.was_long()


@LOOKS
def test_a_process_that_gets_no_processor_is_noticed(
    disk: Path, looks: list[float], is_long: bool
) -> None:
    still = Standstill(0.0)
    for now in looks:
        still.looked(now)
    assert still.was_long() == is_long
