"""What follows from something else is not told as well."""

from __future__ import annotations

import pytest

from labctl.results import Finding, StepReport
from provision.consequences import without_consequences


def finding(code: str, found: str, solution: str) -> Finding:
    return Finding(code, False, code, found, "", "", solution)


def told(step: str, stopped: str, state: str, boot: str) -> list[tuple[str, str]]:
    """The findings of a service in `state` that is `boot` for the next start."""
    report = StepReport(
        host="host1",
        step=step,
        section=step,
        seconds=0.0,
        findings=(
            finding(f"{step}.{stopped}", state, f"systemctl restart {step}"),
            finding(f"{step}.enabled", boot, f"systemctl enable {step}"),
        ),
    )
    (left,) = without_consequences([report])
    return [(each.code, each.solution) for each in left.findings if not each.ok]


@pytest.mark.parametrize(
    ("step", "stopped", "state"),
    [
        ("dovecot", "running", "inactive"),
        ("postfix", "running", "inactive"),
        ("dns", "named", "inactive"),
        ("smtp-auth", "saslauthd", "no such process"),
    ],
)
def test_a_service_that_was_disabled_and_stopped_at_once_is_one_finding(
    step: str, stopped: str, state: str
) -> None:
    solution = f"systemctl enable {step}; systemctl restart {step}"
    assert told(step, stopped, state, "disabled") == [(f"{step}.{stopped}", solution)]


def test_a_service_that_failed_and_is_disabled_has_two_causes() -> None:
    found = told("dovecot", "running", "failed: Fatal: no such user", "disabled")
    assert [code for code, _solution in found] == ["dovecot.running", "dovecot.enabled"]


def test_a_masked_service_is_masked_first() -> None:
    found = told("dovecot", "running", "inactive", "masked")
    assert [code for code, _solution in found] == ["dovecot.enabled"]
