"""One cause gives one finding: reports of sections and behaviours brought together.

A finding that follows from another one is removed, and its section is blocked by the other's.
A behaviour that fails although its sections are right gets its cause, in the cause's section.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch

from labctl.i18n import _
from labctl.results import Finding, Outcome, StepReport
from provision import behaviour
from provision.behaviour import Evidence, Seen
from provision.causes import Case, Cause, first_cause
from provision.consequences import is_masked, without_consequences
from provision.explanations import EXPLANATIONS, UNKNOWN_CODES
from provision.reports import added, without
from provision.step import Step
from provision.unknown import is_unknown, unknown_code
from provision.unseen import with_unseen

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
# What is about a behaviour and no thing of its own: if the behaviours are right, it is another way.
_PROVEN_BY: Mapping[str, tuple[str, ...]] = {
    "dovecot.mail_location": (behaviour.IMAP, behaviour.POP3),
    "dovecot.mail_privileged_group": (behaviour.IMAP, behaviour.POP3),
    "accounts.mailbox": (behaviour.LOCAL, behaviour.IMAP, behaviour.POP3),
}
# What a section takes for right with a remark if these behaviours of the host are: another way than
# the book's, or an edit that a server may not have read.
_ON_PROOF: Mapping[str, tuple[str, ...]] = {
    "postfix.restarted": (
        *(behaviour.SUBMIT, behaviour.LOCAL, behaviour.OUTBOUND, behaviour.ALIAS),
        *(behaviour.RELAY, behaviour.RELAY_AUTH, behaviour.NEAR),
    ),
    "postfix.smtpd_recipient_restrictions": (
        *(behaviour.OUTBOUND, behaviour.RELAY, behaviour.RELAY_AUTH),
    ),
    "dovecot.restarted": (behaviour.IMAP, behaviour.POP3),
}
# Of these no look at the files tells enough if no behaviour was tried.
_NEEDS_PROOF = ("postfix.smtpd_recipient_restrictions",)
_QUEUE = "mail-command.queue"
_DELIVERIES = (behaviour.SUBMIT, behaviour.LOCAL, behaviour.OUTBOUND)


@dataclass(frozen=True)
class Chain:
    """How a behaviour that fails was followed: to `cause`, or to what it is blocked by."""

    seen: Seen
    cause: Cause | None = None
    blocked_by: str = ""


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
    cases = _cases(evidence)
    proven = _as_proven(reports, [case.seen for case in cases])
    found = without_consequences(_if_disproven(proven, cases, steps))
    chains: list[Chain] = []
    failed: set[tuple[str, str]] = set()
    for case in cases:
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
    settled = _queue_explained(_mail_blocked(found, chains), chains, tried)
    return with_unseen(settled), chains


def _as_proven(reports: Sequence[StepReport], seen: Sequence[Seen]) -> list[StepReport]:
    """The reports, in which another way than the book's is a remark if all that it is for works."""
    works = {(each.host, each.name) for each in seen if each.ok}

    def judged(host: str, finding: Finding) -> Finding:
        needed = _PROVEN_BY.get(finding.code, ())
        if finding.ok or not needed or not all((host, name) in works for name in needed):
            return finding
        return replace(finding, ok=True, remark=_("another way than the book"))

    return [
        replace(report, findings=tuple(judged(report.host, each) for each in report.findings))
        for report in reports
    ]


def _if_disproven(
    reports: Sequence[StepReport], cases: Sequence[Case], steps: Sequence[Step]
) -> list[StepReport]:
    """The reports, in which a remark is a failure if a behaviour that would prove it is wrong."""
    tried: dict[tuple[str, str], list[bool]] = {}
    for case in cases:
        hosts = {case.seen.host}
        if case.seen.name == behaviour.OUTBOUND and case.peer is not None:
            # Both servers have a part in it.
            hosts.add(case.peer.host.name)
        for host in hosts:
            tried.setdefault((host, case.seen.name), []).append(case.seen.ok)

    def is_proven(host: str, finding: Finding) -> bool:
        names = _ON_PROOF.get(finding.code, ())
        if not (finding.ok and finding.remark) or finding.found == finding.expected or not names:
            return True
        if finding.code in _NEEDS_PROOF and not all((host, name) in tried for name in names):
            return False
        return all(ok for name in names for ok in tried.get((host, name), ()))

    found = list(reports)
    for report in reports:
        wrong = tuple(each for each in report.findings if not is_proven(report.host, each))
        if wrong:
            findings = tuple(
                replace(each, ok=False, remark="") if each in wrong else each
                for each in report.findings
            )
            failed = replace(report, findings=findings)
            found = [failed if each is report else _blocked(each, failed, steps) for each in found]
    return found


def _blocked(report: StepReport, by: StepReport, steps: Sequence[Step]) -> StepReport:
    """A report of a step that requires one that failed on the same host."""
    if report.host != by.host or not _relies(report.step, by.step, steps):
        return report
    return replace(report, findings=(), blocked_by=report.blocked_by or by.step)


def _relies(step: str, on: str, steps: Sequence[Step]) -> bool:
    """Whether a step requires another one, if only by way of a third."""
    requires = {each.name: each.requires for each in steps}

    def relies(name: str) -> bool:
        return any(each == on or relies(each) for each in requires.get(name, ()))

    return relies(step)


def _known_first(
    reports: Sequence[StepReport], chains: Sequence[Chain]
) -> tuple[list[StepReport], list[Chain]]:
    """Leave out what has no known cause while something else is wrong, which may be the cause.

    A message that is late because another one waits for an answer is no second fault.
    """
    has_cause = [
        (each.host, each.step)
        for each in reports
        if any(not _may_follow(one) for one in _broken(each))
    ]
    if not has_cause:
        return list(reports), list(chains)
    left_out = {
        each.cause.step for each in chains if each.cause and _may_follow(each.cause.finding)
    }
    left_out.difference_update(step for _host, step in has_cause)

    def known(at: str) -> str:
        """A section with a known fault, of the same host if there is one."""
        return next((step for host, step in has_cause if host == at), has_cause[0][1])

    taken = {
        (report.host, finding.code)
        for report in reports
        for finding in report.findings
        if _may_follow(finding)
    }
    by = {(report.host, report.step): known(report.host) for report in reports}
    return [without(report, taken, by) for report in reports], [
        Chain(chain.seen, blocked_by=known(chain.seen.host))
        if (chain.cause and _may_follow(chain.cause.finding)) or chain.blocked_by in left_out
        else chain
        for chain in chains
    ]


def _may_follow(finding: Finding) -> bool:
    """Whether a failure without a known cause may follow from others; not so an open relay."""
    open_relay = unknown_code(UNKNOWN_CODES[behaviour.RELAY])
    return is_unknown(finding) and finding.code != open_relay


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
        and (is_masked(finding) or not any(fnmatch(finding.code, each) for each in _LATER))
    ]


def _with_cause(
    reports: Sequence[StepReport], cause: Cause, steps: Sequence[Step]
) -> list[StepReport]:
    """The finding in its section; what requires the section and failed is blocked by it."""
    if not any((each.host, each.step) == (cause.host, cause.step) for each in reports):
        # A section that is not part of the edition, or that nobody asked for.
        cause = replace(cause, instead="mail-command")

    def with_it(report: StepReport) -> StepReport:
        if report.host != cause.host:
            return report
        if report.step == cause.step:
            return added(report, cause.finding)
        if report.outcome is Outcome.FAILED and _relies(report.step, cause.step, steps):
            return replace(report, findings=(), blocked_by=cause.step)
        return report

    return [with_it(report) for report in reports]


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
