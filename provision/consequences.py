"""Findings that follow from others of the same host, and are removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatch

from labctl.results import Finding, StepReport
from provision.misplaced import in_their_sections
from provision.reports import without

# What Postfix says if it finds no address for inet_interfaces.
_NO_NETWORK = ("postfix.check", "postfix.smtpd")
# A finding, and what follows from it on the same host.
_FOLLOWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("firewall.loopback", ("postfix.restarted", *_NO_NETWORK, "smtp-auth.*", "dns.*", "dovecot.*")),
    ("firewall.port-25-tcp", ("postfix.restarted", "postfix.answer", "smtp-auth.*")),
    ("firewall.port-143-tcp", ("dovecot.imap*", "dovecot.login.unknown")),
    ("firewall.port-110-tcp", ("dovecot.pop3*", "dovecot.login.unknown")),
    ("firewall.port-53-*", ("dns.*",)),
    ("firewall.outgoing", ("dns.peer", "dns.resolver", "postfix.restarted")),
    ("dns.*", ("firewall.port-53-*",)),
    ("dns.resolver", _NO_NETWORK),
    # Postfix runs as a user of its own, which passes through the same folders.
    ("accounts.closed", ("postfix.running", "postfix.check")),
    ("accounts.*", ("smtp-auth.plain", "smtp-auth.login", "dovecot.imap", "dovecot.pop3")),
    ("dovecot.*", ("smtp-auth.plain", "smtp-auth.login")),
)


def without_consequences(reports: Sequence[StepReport]) -> list[StepReport]:
    """The reports without the findings that follow from others of the same host."""
    reports = in_their_sections(reports)
    wrong = {
        (report.host, finding.code): report.step
        for report in reports
        for finding in report.findings
        if not finding.ok
    }
    taken: set[tuple[str, str]] = set(_stopped_by_a_mask(reports))
    by: dict[tuple[str, str], str] = {each: wrong[each] for each in taken if each in wrong}
    for (host, cause), step in wrong.items():
        if (host, cause) in taken:
            continue
        for pattern, following in _FOLLOWS:
            if not fnmatch(cause, pattern):
                continue
            for other_host, code in wrong:
                follows = any(fnmatch(code, each) for each in following)
                if other_host == host and follows and code != cause:
                    taken.add((host, code))
                    by.setdefault((host, wrong[host, code]), step)
    return [without(report, taken, by) for report in reports]


def _stopped_by_a_mask(reports: Sequence[StepReport]) -> Iterator[tuple[str, str]]:
    """The findings that a service does not run, where it is masked and cannot be started."""
    for report in reports:
        for finding in report.findings:
            step = finding.code.partition(".")[0]
            if is_masked(finding):
                for service in ("running", "named", "saslauthd"):
                    yield report.host, f"{step}.{service}"


def is_masked(finding: Finding) -> bool:
    """Whether a unit is masked, so that it cannot be started."""
    return finding.code.endswith(".enabled") and finding.found.startswith("masked")
