"""Findings that belong to another section than the one whose check found them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from labctl.i18n import _
from labctl.results import Finding, StepReport
from provision.reports import added, without

# Parameters of main.cf that say whom smtpd asks about passwords, and what its section itself tells.
_OF_SASL = ("postfix.smtpd_sasl_type", "postfix.smtpd_sasl_path", "smtp-auth.")


def in_their_sections(reports: Sequence[StepReport]) -> list[StepReport]:
    """The reports, with each finding in the section that its cause belongs to."""
    moved = _with_odd_mailbox(_without_slash(_with_clients_of_bind(reports)))
    return _with_sasl_in_its_section(moved)


def _with_clients_of_bind(reports: Sequence[StepReport]) -> list[StepReport]:
    """The check of port 53 notices that BIND refuses questions, which is no firewall's doing."""
    moved = {
        report.host: finding
        for report in reports
        if report.step == "firewall"
        for finding in report.findings
        if finding.code == "dns.allow-query"
    }
    asked = {report.host for report in reports if report.step == "dns"}

    def placed(report: StepReport) -> StepReport:
        finding = moved.get(report.host)
        if finding is None or report.host not in asked:
            return report
        if report.step == "dns":
            return added(report, finding)
        left = tuple(each for each in report.findings if each is not finding)
        return replace(report, findings=left)

    return [placed(report) for report in reports]


def _with_odd_mailbox(reports: Sequence[StepReport]) -> list[StepReport]:
    """If `mail` and Dovecot both read another mailbox than Postfix fills, Postfix is at fault."""
    readers = ("mail-command.mailbox", "dovecot.mail_location")
    places = {
        (report.host, finding.code): finding.expected
        for report in reports
        for finding in report.findings
        if finding.code in readers and not finding.ok
    }
    asked = {report.host for report in reports if report.step == "postfix"}
    odd = {
        host: place
        for (host, code), place in places.items()
        if code == readers[0] and place.startswith("~/") and (host, readers[1]) in places
        if host in asked
    }
    taken = {(host, code) for host in odd for code in readers}
    by = {(host, code.partition(".")[0]): "postfix" for host, code in taken}
    return [
        added(report, _home_mailbox(odd[report.host]))
        if report.step == "postfix" and report.host in odd
        else without(report, taken, by)
        for report in reports
    ]


def _without_slash(reports: Sequence[StepReport]) -> list[StepReport]:
    """If Postfix fills a file where Dovecot has a Maildir, home_mailbox lacks its slash."""
    asked = {report.host for report in reports if report.step == "postfix"}
    odd = {
        report.host: name
        for report in reports
        if report.host in asked
        for finding in report.findings
        if finding.code == "dovecot.mail_location" and not finding.ok
        if (name := _file_for_folder(finding))
    }
    taken = {
        (host, code) for host in odd for code in ("mail-command.mailbox", "dovecot.mail_location")
    }
    by = {(host, code.partition(".")[0]): "postfix" for host, code in taken}

    def finding(name: str) -> Finding:
        return Finding(
            code="postfix.home_mailbox",
            ok=False,
            what="home_mailbox",
            found=name,
            expected=f"{name}/",
            hint=_("Postfix makes a file or a Maildir of this name. By what does it tell them?"),
            solution=f"home_mailbox = {name}/",
        )

    return [
        added(report, finding(odd[report.host]))
        if report.step == "postfix" and report.host in odd
        else without(report, taken, by)
        for report in reports
    ]


def _file_for_folder(location: Finding) -> str:
    """The name of the file that Postfix fills, if Dovecot reads a Maildir of this name."""
    driver, _colon, path = location.found.partition(":")
    name = location.expected.rpartition(":INBOX=~/")[2]
    is_same = driver == "maildir" and path.split(":")[0].rstrip("/").endswith(f"/{name}")
    return name if name and is_same and ":INBOX=~/" in location.expected else ""


def _home_mailbox(place: str) -> Finding:
    return Finding(
        code="postfix.home_mailbox",
        ok=False,
        what="home_mailbox",
        found=place,
        expected=_("not set"),
        hint=_("Into which file does Postfix deliver? Which one do mail and Dovecot read?"),
        solution="postconf -X home_mailbox",
    )


def _with_sasl_in_its_section(reports: Sequence[StepReport]) -> list[StepReport]:
    """What keeps smtpd from asking about passwords belongs to the section about SMTP AUTH."""
    asked = {report.host for report in reports if report.step == "smtp-auth"}
    moved = {
        report.host: wrong[0]
        for report in reports
        if report.step == "postfix" and report.host in asked
        if len(wrong := [each for each in report.findings if not each.ok]) == 1
        and (wrong[0].code.startswith(_OF_SASL) or "SASL" in wrong[0].found)
    }

    def placed(report: StepReport) -> StepReport:
        finding = moved.get(report.host)
        if finding is None:
            return report
        if report.step == "postfix":
            left = tuple(each for each in report.findings if each is not finding)
            return replace(report, findings=left)
        if report.step == "smtp-auth":
            code = finding.code.replace("postfix.", "smtp-auth.", 1)
            return replace(report, findings=(replace(finding, code=code),), blocked_by="")
        return replace(report, blocked_by="smtp-auth") if report.blocked_by == "postfix" else report

    return [placed(report) for report in reports]
