"""Findings that follow from others of the same host, and are removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatch

from labctl.results import Finding, StepReport
from provision.misplaced import in_their_sections
from provision.reports import without

# What Postfix says if it finds no address for inet_interfaces.
_NO_NETWORK = ("postfix.check", "postfix.smtpd")
# What fails on a host that cannot reach itself.
_CLOSED = ("postfix.restarted", *_NO_NETWORK, "smtp-auth.*", "dns.*", "dovecot.*")
# What no firewall can cause: the system itself tells it, or BIND's answer to its own host.
_OF_ITS_OWN = ("smtp-auth.saslauthd", "smtp-auth.start", "dns.enabled", "dns.zone.[!s]*")
# Findings of a BIND that does not answer, or not everybody.
_SILENT = (
    *("named", "frozen", "tcp", "files", "loaded", "zone.soa", "unknown"),
    *("listen-on", "blackhole", "allow-query", "allow-query-on", "match-clients", "view"),
    *("zone-type", "options", "journal"),
)
# A finding, and what follows from it on the same host.
_FOLLOWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("firewall.rules", (*_CLOSED, "firewall.active", "firewall.outgoing", "firewall.port-*")),
    ("firewall.loopback", _CLOSED),
    ("firewall.port-25-tcp", ("postfix.restarted", "postfix.answer", "smtp-auth.*")),
    ("firewall.port-143-tcp", ("dovecot.imap*", "dovecot.login.unknown")),
    ("firewall.port-110-tcp", ("dovecot.pop3*", "dovecot.login.unknown")),
    ("firewall.port-53-*", ("dns.*",)),
    ("firewall.outgoing", ("dns.peer", "dns.resolver", "postfix.restarted")),
    ("dns.*", ("dns.allow-query",)),
    # A BIND that answers its own host says nothing of a closed port.
    *((f"dns.{name}", ("firewall.port-53-*",)) for name in _SILENT),
    ("dns.resolver", _NO_NETWORK),
    # Postfix runs as a user of its own, which passes through the same folders.
    ("accounts.closed", ("postfix.running", "postfix.check")),
    ("accounts.*", ("smtp-auth.plain", "smtp-auth.login", "dovecot.imap", "dovecot.pop3")),
    ("dovecot.*", ("smtp-auth.plain", "smtp-auth.login")),
    # Postfix may ask Dovecot about passwords.
    ("dovecot.running", ("smtp-auth.smtpd_sasl_*",)),
    ("dovecot.frozen", ("smtp-auth.smtpd_sasl_*",)),
)


def without_consequences(reports: Sequence[StepReport]) -> list[StepReport]:
    """The reports without the findings that follow from others of the same host."""
    reports = [_disabled_now(report) for report in in_their_sections(reports)]
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
                own = any(fnmatch(code, each) for each in _OF_ITS_OWN)
                if other_host == host and follows and code != cause and not own:
                    taken.add((host, code))
                    by.setdefault((host, wrong[host, code]), step)
    return [without(report, taken, by) for report in reports]


# How a service that does not run is told.
_NOT_RUNNING = ("running", "named", "saslauthd")


def _disabled_now(report: StepReport) -> StepReport:
    """The report with one finding for a service that was stopped and disabled at once.

    `systemctl disable --now` does both. A service that failed is another matter.
    """
    wrong = {
        finding.code.partition(".")[2]: finding for finding in report.findings if not finding.ok
    }
    disabled = wrong.get("enabled")
    stopped = next((wrong[name] for name in _NOT_RUNNING if name in wrong), None)
    if disabled is None or stopped is None or disabled.found != "disabled":
        return report
    if stopped.found.startswith("failed"):
        return report
    whole = replace(stopped, solution=f"{disabled.solution}; {stopped.solution}")
    kept = (whole if each is stopped else each for each in report.findings if each is not disabled)
    return replace(report, findings=tuple(kept))


def _stopped_by_a_mask(reports: Sequence[StepReport]) -> Iterator[tuple[str, str]]:
    """The findings that a service does not run, where it is masked and cannot be started."""
    for report in reports:
        for finding in report.findings:
            step = finding.code.partition(".")[0]
            if is_masked(finding):
                for service in _NOT_RUNNING:
                    yield report.host, f"{step}.{service}"


def is_masked(finding: Finding) -> bool:
    """Whether a unit is masked, so that it cannot be started."""
    return finding.code.endswith(".enabled") and finding.found.startswith("masked")
