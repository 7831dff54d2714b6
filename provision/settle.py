"""One cause gives one finding: reports of sections and behaviours brought together.

A finding that follows from another one is removed, and its section is blocked by the other's.
A behaviour that fails although its sections are right gets its cause, in the cause's section.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch

from labctl.i18n import _
from labctl.results import Finding, Outcome, StepReport
from provision import behaviour
from provision.behaviour import Evidence, Seen
from provision.causes import UNKNOWN, Case, Cause, first_cause
from provision.explanations import EXPLANATIONS, UNKNOWN_CODES
from provision.step import Step

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
    ("accounts.*", ("smtp-auth.plain", "smtp-auth.login", "dovecot.imap", "dovecot.pop3")),
    ("dovecot.*", ("smtp-auth.plain", "smtp-auth.login")),
)
# Sections without which a behaviour cannot be right: of its own host, and of the other one.
_OWN = ("packages", "dns", "postfix", "firewall", "accounts", "mail-command")
_NEEDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    behaviour.NAMES: (("dns", "firewall"), ("dns", "firewall")),
    behaviour.SUBMIT: (("packages", "postfix", "accounts", "mail-command"), ()),
    behaviour.LOCAL: (("packages", "postfix", "accounts", "mail-command"), ()),
    behaviour.OUTBOUND: (_OWN, _OWN),
    behaviour.SENDER: (_OWN, _OWN),
    behaviour.ALIAS: (("packages", "postfix", "aliases"), ()),
    behaviour.RELAY: (("packages", "postfix"), ()),
    behaviour.NEAR: (("packages", "postfix", "firewall"), ()),
    behaviour.RELAY_AUTH: (("packages", "postfix", "accounts", "smtp-auth"), ()),
    behaviour.IMAP: (("packages", "accounts", "dovecot", "firewall"), ()),
    behaviour.POP3: (("packages", "accounts", "dovecot", "firewall"), ()),
}
# Behaviours of the same host, and of the other one, that come first.
_AFTER: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    behaviour.LOCAL: ((behaviour.SUBMIT,), ()),
    behaviour.OUTBOUND: ((behaviour.SUBMIT,), (behaviour.LOCAL, behaviour.NAMES)),
    behaviour.SENDER: ((behaviour.OUTBOUND,), ()),
    behaviour.NEAR: ((behaviour.RELAY,), ()),
    behaviour.RELAY_AUTH: ((behaviour.RELAY,), ()),
    behaviour.ALIAS: ((behaviour.SUBMIT, behaviour.LOCAL), ()),
    behaviour.IMAP: ((behaviour.LOCAL,), ()),
    behaviour.POP3: ((behaviour.LOCAL,), ()),
}
# What does not matter to mail before the next boot, and the queue, which is a symptom.
_LATER = (
    *("*.enabled", "*.start", "firewall.active", "boot-order.*"),
    *("mail-command.queue", "mail-command.hold"),
)
_QUEUE = "mail-command.queue"
# Parameters of main.cf that say whom smtpd asks about passwords.
_OF_SASL = ("postfix.smtpd_sasl_type", "postfix.smtpd_sasl_path")
_DELIVERIES = (behaviour.SUBMIT, behaviour.LOCAL, behaviour.OUTBOUND)


@dataclass(frozen=True)
class Chain:
    """How a behaviour that fails was followed: to `cause`, or to what it is blocked by."""

    seen: Seen
    cause: Cause | None = None
    blocked_by: str = ""


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
        _added(report, _home_mailbox(odd[report.host]))
        if report.step == "postfix" and report.host in odd
        else _without(report, taken, by)
        for report in reports
    ]


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
        and (wrong[0].code in _OF_SASL or "SASL" in wrong[0].found)
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


def without_consequences(reports: Sequence[StepReport]) -> list[StepReport]:
    """The reports without the findings that follow from others of the same host."""
    reports = _with_sasl_in_its_section(_with_odd_mailbox(reports))
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
    return [_without(report, taken, by) for report in reports]


def _stopped_by_a_mask(reports: Sequence[StepReport]) -> Iterator[tuple[str, str]]:
    """The findings that a service does not run, where it is masked and cannot be started."""
    for report in reports:
        for finding in report.findings:
            step = finding.code.partition(".")[0]
            if _is_masked(finding):
                for service in ("running", "named", "saslauthd"):
                    yield report.host, f"{step}.{service}"


def _without(
    report: StepReport, taken: set[tuple[str, str]], by: Mapping[tuple[str, str], str]
) -> StepReport:
    findings = tuple(each for each in report.findings if (report.host, each.code) not in taken)
    if len(findings) == len(report.findings):
        return report
    left = replace(report, findings=findings)
    if left.outcome is Outcome.FAILED:
        return left
    return replace(left, blocked_by=by[report.host, report.step])


def settle(
    reports: Sequence[StepReport], evidence: Mapping[str, Evidence], steps: Sequence[Step]
) -> tuple[list[StepReport], list[Chain]]:
    """Add to the reports the causes of the behaviours that fail.

    Args:
        reports: of all hosts.
        evidence: what the hosts said, by host.
        steps: those of the lab's edition, with what they require.

    Returns:
        The reports, and the chain of each behaviour that fails.
    """
    found = without_consequences(reports)
    chains: list[Chain] = []
    failed: set[tuple[str, str]] = set()
    for case in _cases(evidence):
        seen = case.seen
        if seen.ok:
            continue
        failed.add((seen.host, seen.name))
        peer = case.peer.host.name if case.peer else ""
        if blocked := _blocked_by(case, peer, found, chains, failed):
            chains.append(Chain(seen, blocked_by=blocked))
            continue
        cause = first_cause(case, EXPLANATIONS[seen.name], UNKNOWN_CODES[seen.name])
        chains.append(Chain(seen, cause))
        found = _with_cause(found, cause, steps)
    found, chains = _known_first(found, chains)
    tried = {host for host, own in evidence.items() if own.sent}
    return _queue_explained(_mail_blocked(found, chains), chains, tried), chains


def _known_first(
    reports: Sequence[StepReport], chains: Sequence[Chain]
) -> tuple[list[StepReport], list[Chain]]:
    """Leave out what has no known cause while something else is wrong, which may be the cause.

    A message that is late because another one waits for an answer is no second fault.
    """
    has_cause = [
        (each.host, each.step)
        for each in reports
        if any(not _is_unknown(one) for one in _broken(each))
    ]
    if not has_cause:
        return list(reports), list(chains)
    left_out = {
        each.cause.step for each in chains if each.cause and _is_unknown(each.cause.finding)
    }
    left_out.difference_update(step for _host, step in has_cause)

    def known(at: str) -> str:
        """A section with a known fault, of the same host if there is one."""
        return next((step for host, step in has_cause if host == at), has_cause[0][1])

    taken = {
        (report.host, finding.code)
        for report in reports
        for finding in report.findings
        if _is_unknown(finding)
    }
    by = {(report.host, report.step): known(report.host) for report in reports}
    return [_without(report, taken, by) for report in reports], [
        Chain(chain.seen, blocked_by=known(chain.seen.host))
        if (chain.cause and _is_unknown(chain.cause.finding)) or chain.blocked_by in left_out
        else chain
        for chain in chains
    ]


def _is_unknown(finding: Finding) -> bool:
    """Whether a failure has no cause. An open relay is told in any case."""
    is_relay = finding.code == UNKNOWN_CODES[behaviour.RELAY] + UNKNOWN
    return not finding.ok and finding.code.endswith(UNKNOWN) and not is_relay


def _cases(evidence: Mapping[str, Evidence]) -> list[Case]:
    """All behaviours of all hosts, those first on which others depend."""
    cases = [
        Case(each, own, peer)
        for own, peer in behaviour.pairs(evidence)
        for each in behaviour.seen(own, peer)
    ]
    order = list(EXPLANATIONS)
    return sorted(cases, key=lambda case: order.index(case.seen.name))


def _blocked_by(
    case: Case,
    peer: str,
    reports: Sequence[StepReport],
    chains: Sequence[Chain],
    failed: set[tuple[str, str]],
) -> str:
    seen = case.seen
    own_steps, peer_steps = _NEEDS[seen.name]
    for host, steps in ((seen.host, own_steps), (peer, peer_steps)):
        for report in reports:
            if report.host == host and report.step in steps and _is_broken(report):
                return report.blocked_by or report.step
    own_first, peer_first = _AFTER.get(seen.name, ((), ()))
    before = {(seen.host, name) for name in own_first} | {(peer, name) for name in peer_first}
    for chain in chains:
        if (chain.seen.host, chain.seen.name) in before & failed:
            return chain.cause.step if chain.cause else chain.blocked_by
    return ""


def _is_broken(report: StepReport) -> bool:
    return bool(report.blocked_by or _broken(report))


def _broken(report: StepReport) -> list[Finding]:
    """What is wrong and matters to mail before the next boot."""
    return [
        finding
        for finding in report.findings
        if not finding.ok
        and (_is_masked(finding) or not any(fnmatch(finding.code, each) for each in _LATER))
    ]


def _is_masked(finding: Finding) -> bool:
    return finding.code.endswith(".enabled") and finding.found.startswith("masked")


def _with_cause(
    reports: Sequence[StepReport], cause: Cause, steps: Sequence[Step]
) -> list[StepReport]:
    """The finding in its section; what requires the section and failed is blocked by it."""
    requires = {step.name: step.requires for step in steps}
    if not any((each.host, each.step) == (cause.host, cause.step) for each in reports):
        # A section that is not part of the edition, or that nobody asked for.
        cause = replace(cause, instead="mail-command")

    def relies(step: str) -> bool:
        return any(each == cause.step or relies(each) for each in requires.get(step, ()))

    def with_it(report: StepReport) -> StepReport:
        if report.host != cause.host:
            return report
        if report.step == cause.step:
            return _added(report, cause.finding)
        if report.outcome is Outcome.FAILED and relies(report.step):
            return replace(report, findings=(), blocked_by=cause.step)
        return report

    return [with_it(report) for report in reports]


def _added(report: StepReport, finding: Finding) -> StepReport:
    if any(each.code == finding.code and not each.ok for each in report.findings):
        return report
    others = tuple(each for each in report.findings if each.code != finding.code)
    return replace(report, findings=(*others, finding), blocked_by="")


def _queue_explained(
    reports: Sequence[StepReport], chains: Sequence[Chain], tried: set[str]
) -> list[StepReport]:
    """Mail that waits is a symptom of what fails, on whichever host, or else a thing of the past.

    Postfix tries again by itself. It stays a failure if no mail was tried.
    """
    fails = any(chain.seen.name in _DELIVERIES for chain in chains) or any(map(_is_broken, reports))

    def explained(finding: Finding) -> Finding:
        if finding.code != _QUEUE or finding.ok:
            return finding
        return replace(
            finding, ok=True, remark="" if fails else _("it waits for the next try: postqueue -f")
        )

    return [
        replace(report, findings=tuple(map(explained, report.findings)))
        if report.host in tried
        else report
        for report in reports
    ]


def _mail_blocked(reports: Sequence[StepReport], chains: Sequence[Chain]) -> list[StepReport]:
    """The section of the `mail` command is not right while mail does not work."""
    blocked = {
        chain.seen.host: chain.cause.step if chain.cause else chain.blocked_by
        for chain in reversed(chains)
        if chain.seen.name in _DELIVERIES
    }
    return [
        replace(report, blocked_by=blocked[report.host])
        if report.step == "mail-command"
        and report.outcome is Outcome.OK
        and blocked.get(report.host, "mail-command") != "mail-command"
        else report
        for report in reports
    ]
