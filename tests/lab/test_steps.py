"""Each step on the real lab: its check finds a fault, and its apply repairs it.

Two cases run in parallel, one on each host. Each must give exactly its own finding. Only DNS
faults affect the other host, so two DNS faults never run together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import TypeVar

import pytest

from labctl.drills.actions import perform
from labctl.drills.breakages import BREAKAGES, DNS, MAIL, Breakage
from labctl.grading import grade_hosts
from labctl.parallel import on_each
from labctl.results import Change, Outcome, StepReport
from provision.step import Step, Target
from provision.steps import STEPS, book_steps, find_step
from tests.books import LAB
from tests.lab.right_ways import RIGHT_WAYS, RightWay

Targets = Mapping[str, Target]
Case = TypeVar("Case")
Result = TypeVar("Result")


def by_host(targets: Targets, work: Callable[[Target], Result]) -> dict[str, Result]:
    """Run the same on all hosts in parallel. Returns the results by host."""
    return dict(zip(targets, on_each(targets.values(), work), strict=True))


def graded(targets: Targets, steps: Sequence[Step] = book_steps(LAB)) -> list[StepReport]:
    return list(grade_hosts(targets, steps).reports)


def wrong(reports: Sequence[StepReport]) -> set[tuple[str, str]]:
    """The failures as host and finding. A blocked step is not a failure."""
    return {
        (report.host, finding.code)
        for report in reports
        for finding in report.findings
        if not finding.ok
    }


def assert_all_right(reports: Sequence[StepReport]) -> None:
    assert wrong(reports) == set()
    assert {report.outcome for report in reports} == {Outcome.OK}


def apply_all(target: Target) -> list[Change]:
    steps = [step for step in STEPS if step.applies_to(target.scene)]
    return [change for step in steps for change in step.apply(target)]


def in_pairs(cases: Sequence[Case], others: Sequence[Case] = ()) -> list[dict[str, Case]]:
    """Pairs of cases by host: first `others` with the last cases, then the rest in pairs."""
    rest = len(cases) - len(others)
    by_twos = list(zip_longest(cases[:rest:2], cases[1:rest:2]))
    both = [*by_twos, *zip(others, cases[rest:], strict=True)]
    return [
        {name: case for name, case in zip(("host1", "host2"), two, strict=True) if case is not None}
        for two in both
    ]


def names_of(pair: Mapping[str, Breakage | RightWay]) -> str:
    return " | ".join(case.name for case in pair.values())


PAIRS = [
    *in_pairs([each for each in BREAKAGES if each not in (*DNS, *MAIL)], DNS),
    *({"host1": each} for each in MAIL),
]


def test_all_sections_of_a_whole_lab_are_right(targets: Targets) -> None:
    reports = graded(targets, STEPS)
    assert len(reports) == 2 * len([step for step in STEPS if not step.wanted])
    assert_all_right(reports)
    assert all(report.findings for report in reports)


def test_applying_again_changes_nothing(targets: Targets) -> None:
    assert by_host(targets, apply_all) == {name: [] for name in targets}


@pytest.mark.parametrize("pair", PAIRS, ids=names_of)
def test_one_fault_gives_one_finding_and_is_mended(
    targets: Targets, pair: Mapping[str, Breakage]
) -> None:
    def broken(target: Target) -> None:
        perform(target, pair[target.host.name].actions)

    def mended(target: Target) -> list[Change]:
        perform(target, pair[target.host.name].repair)
        return apply_all(target)

    spoilt = {host: targets[host] for host in pair}
    try:
        by_host(spoilt, broken)
        found = wrong(graded(targets))
    finally:
        changes = by_host(spoilt, mended)
    expected = {(host, breakage.code) for host, breakage in pair.items()}
    assert found == expected
    assert all(pair[host].repair or changes[host] for host in pair)
    # Grade only this section. A remaining fault in another one is an unrelated failure of the next
    # case, or of the last test here.
    for host, breakage in pair.items():
        section = find_step(breakage.code.partition(".")[0], LAB)
        assert [finding for finding in section.check(targets[host]) if not finding.ok] == []


@pytest.mark.parametrize("pair", in_pairs(RIGHT_WAYS), ids=names_of)
def test_every_right_way_is_right(targets: Targets, pair: Mapping[str, RightWay]) -> None:
    def done(target: Target) -> None:
        perform(target, pair[target.host.name].actions)

    def taken_back(target: Target) -> None:
        perform(target, pair[target.host.name].repair)
        apply_all(target)

    other = {host: targets[host] for host in pair}
    try:
        by_host(other, done)
        assert_all_right(graded(targets))
    finally:
        by_host(other, taken_back)


def test_after_all_that_the_whole_lab_is_right(targets: Targets) -> None:
    assert_all_right(graded(targets))
