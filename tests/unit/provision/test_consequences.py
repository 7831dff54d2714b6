"""What follows from something else is not told as well."""

from __future__ import annotations

from dataclasses import replace

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


def test_a_dovecot_that_is_stopped_is_why_postfix_offers_no_auth() -> None:
    asked = finding("postfix.smtpd_sasl_type", "dovecot", "postconf -X smtpd_sasl_type")
    stopped = finding("dovecot.running", "inactive", "systemctl restart dovecot")
    sections = [
        StepReport(step=step, section=step, host="host1", seconds=0.0, findings=findings)
        for step, findings in (("postfix", (asked,)), ("smtp-auth", ()), ("dovecot", (stopped,)))
    ]
    found = [each.code for report in without_consequences(sections) for each in report.findings]
    assert found == ["dovecot.running"]


def test_a_bind_that_refuses_clients_is_told_in_its_own_section() -> None:
    denied = finding("dns.allow-query", "192.168.56.1 is refused", "allow-query { any; };")
    sections = [
        StepReport(step=step, section=step, host="host1", seconds=0.0, findings=findings)
        for step, findings in (("dns", ()), ("firewall", (denied,)))
    ]
    dns, firewall = without_consequences(sections)
    assert dns.findings == (denied,) and firewall.findings == ()
    # A zone that BIND does not have is refused, too.
    zone = finding("dns.loaded", "its configuration does not have the zone", "")
    dns, firewall = without_consequences([replace(sections[0], findings=(zone,)), sections[1]])
    assert dns.findings == (zone,) and firewall.findings == ()


def test_a_masked_service_is_masked_first() -> None:
    found = told("dovecot", "running", "inactive", "masked")
    assert [code for code, _solution in found] == ["dovecot.enabled"]


@pytest.mark.parametrize(
    ("codes", "left"),
    [
        # Each of two mistakes that have nothing to do with each other is told.
        (("smtp-auth.saslauthd", "firewall.port-25-tcp"), None),
        (("smtp-auth.start", "firewall.port-25-tcp"), None),
        (("dns.zone.mx", "firewall.port-53-tcp"), None),
        (("dns.peer", "firewall.port-53-udp"), ("firewall.port-53-udp",)),
        (("smtp-auth.plain", "firewall.port-25-tcp"), ("firewall.port-25-tcp",)),
        (("dns.zone.soa", "firewall.port-53-tcp"), ("dns.zone.soa",)),
        (("dns.listen-on", "firewall.port-53-tcp"), ("dns.listen-on",)),
        (
            ("dns.zone.soa", "firewall.rules", "firewall.active", "firewall.outgoing"),
            ("firewall.rules",),
        ),
        (("dns.zone.mx", "firewall.rules", "firewall.at-boot"), None),
    ],
)
def test_a_finding_of_its_own_is_told_beside_a_closed_port(
    codes: tuple[str, ...], left: tuple[str, ...] | None
) -> None:
    reports = [
        StepReport(
            host="host1",
            step=code.partition(".")[0],
            section=code,
            seconds=0.0,
            findings=(finding(code, "closed", ""),),
        )
        for code in codes
    ]
    told_codes = [each.code for report in without_consequences(reports) for each in report.findings]
    assert tuple(told_codes) == (codes if left is None else left)
