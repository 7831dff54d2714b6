"""Each step on the real lab: its check finds what is wrong, its apply mends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from labctl.drills.breakages import BREAKAGES, RIGHT_WAYS, Breakage, RightWay
from labctl.results import Change, Outcome, StepReport
from provision.grade import grade
from provision.step import Step, Target
from provision.steps import BOOK, STEPS, find_step

Targets = Mapping[str, Target]


def graded(targets: Targets, steps: Sequence[Step] = BOOK) -> list[StepReport]:
    with ThreadPoolExecutor(len(targets)) as pool:
        each = pool.map(lambda target: grade(target, steps), targets.values())
        return [report for reports in each for report in reports]


def wrong(targets: Targets) -> set[tuple[str, str]]:
    """What failed, as host and finding; blocked steps are no failures."""
    reports = graded(targets)
    return {
        (report.host, finding.code)
        for report in reports
        for finding in report.findings
        if not finding.ok
    }


def applied(targets: Targets) -> dict[str, list[Change]]:
    def apply_all(target: Target) -> list[Change]:
        return [change for step in STEPS for change in step.apply(target)]

    with ThreadPoolExecutor(len(targets)) as pool:
        return dict(zip(targets, pool.map(apply_all, targets.values()), strict=True))


def test_all_sections_of_a_whole_lab_are_right(targets: Targets) -> None:
    reports = graded(targets, STEPS)
    assert len(reports) == 2 * len(STEPS)
    assert {report.outcome for report in reports} == {Outcome.OK}
    assert all(report.findings for report in reports)


def test_applying_again_changes_nothing(targets: Targets) -> None:
    assert applied(targets) == {name: [] for name in targets}


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_one_fault_gives_one_finding_and_is_mended(targets: Targets, breakage: Breakage) -> None:
    broken = {breakage.host: targets[breakage.host]}
    broken[breakage.host].remote.script(breakage.script)
    try:
        found = wrong(targets)
    finally:
        if breakage.repair:
            broken[breakage.host].remote.script(breakage.repair)
        changes = applied(broken)
    assert {code for _host, code in found} - set(breakage.also) == {breakage.code}
    assert {host for host, _code in found} == {breakage.host}
    assert breakage.repair or changes[breakage.host]
    # The section alone, which takes no wait for a refused password; a fault that stayed in
    # another one is an unrelated failure of the next case, or of the last test here.
    section = find_step(breakage.code.partition(".")[0])
    (report,) = grade(broken[breakage.host], [section])
    assert report.outcome is Outcome.OK, report


@pytest.mark.parametrize("way", RIGHT_WAYS, ids=lambda way: way.name)
def test_every_right_way_is_right(targets: Targets, way: RightWay) -> None:
    host1 = {"host1": targets["host1"]}
    host1["host1"].remote.script(way.script)
    try:
        assert wrong(host1) == set()
        assert {report.outcome for report in graded(host1)} == {Outcome.OK}
    finally:
        applied(host1)
    assert wrong(host1) == set()


def test_after_all_that_the_whole_lab_is_right(targets: Targets) -> None:
    assert wrong(targets) == set()
    assert {report.outcome for report in graded(targets)} == {Outcome.OK}
