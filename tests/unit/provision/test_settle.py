"""One cause is one finding: facts of two hosts in, reports out."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from labctl.edition_files import editions, load_edition
from labctl.lab import Lab, load_lab
from labctl.results import Finding, Outcome, StepReport
from labctl.system import System
from provision import postfix
from provision.behaviour import Evidence, Seen
from provision.causes import Case, first_cause
from provision.consequences import without_consequences
from provision.dialogue import Answer
from provision.explanations import EXPLANATIONS, UNKNOWN_CODES
from provision.facts import parse_facts
from provision.families import systems
from provision.settle import settle
from provision.step import Scene
from provision.steps import steps_of
from provision.stranger import StrangersAnswer

LAB = load_lab("default")
REFUSED = StrangersAnswer("454 4.7.1 Relay access denied", "221 2.0.0 Bye")
GOOD_MAIL = """
own-from	From: {own}
own-log	host postfix/local[1]: A: to=<{own}>, relay=local, status=sent (delivered to mailbox)
coming-from	From: {peer}
peer-log	host postfix/smtp[1]: B: to=<{peer}>, relay=mail, status=sent (250 2.0.0 Ok)
alias-log	host postfix/local[1]: C: to=<root>, relay=local, status=sent (delivered to mailbox)
"""
GOOD_FACTS = """
service	smtp       inet  n       -       y       -       -       smtpd
service	pickup     unix  n       -       y       60      1       pickup
service	cleanup    unix  n       -       y       -       0       cleanup
service	qmgr       unix  n       -       n       300     1       qmgr
service	rewrite    unix  -       -       y       -       -       trivial-rewrite
service	bounce     unix  -       -       y       -       0       bounce
service	defer      unix  -       -       y       -       0       bounce
service	smtp       unix  -       -       y       -       -       smtp
service	local      unix  -       n       n       -       -       local
service	proxymap   unix  -       -       n       -       -       proxymap
mode	/usr/sbin/sendmail 755 root root
mode	/usr/sbin/postdrop 2555 root postdrop
mode	/var/spool/postfix/maildrop 1730 postfix postdrop
mode	/etc/aliases.db 644 root root
nameserver	192.168.56.101
chroot-nameserver	192.168.56.101
hosts-order	files dns
alias	root
postmaster-line	postmaster: root
peer-door	open
own-door	open
"""
GOOD_ASKED = """
asked	yes
peer-mx	10 mail.example1.jp. 10 mail.example2.jp.
"""
# No message arrives: what each host's script leaves out then.
LOST = "peer-log\thost postfix/smtp[1]: B: to=<x>, relay=none, status=deferred (no route)\n"


def right(host: str) -> list[StepReport]:
    right = Finding("x.right", True, "right")
    steps = [step for step in steps_of(LAB) if not step.extra]
    return [StepReport(step.name, step.section, host, 0.1, findings=(right,)) for step in steps]


def evidence(
    host: str,
    *,
    facts: str = "",
    mail: str | None = None,
    stranger: StrangersAnswer = REFUSED,
    after_auth: Answer | None = None,
) -> Evidence:
    scene = Scene(LAB, LAB.host(host), ())
    words = {"own": scene.host.mailbox, "peer": scene.peer.mailbox}
    return Evidence(
        scene,
        parse_facts(GOOD_FACTS + facts),
        parse_facts((GOOD_MAIL if mail is None else mail).format(**words)),
        parse_facts(GOOD_ASKED),
        stranger,
        Answer(False, "454 4.7.1 Relay access denied"),
        after_auth,
        {"imap": Answer(True, ""), "pop3": Answer(True, "")},
        sent=True,
    )


def found(one: Evidence, two: Evidence) -> tuple[list[tuple[str, str]], list[StepReport]]:
    """The findings as host and code, and all reports."""
    reports, _chains = settle(
        [*right("host1"), *right("host2")], {"host1": one, "host2": two}, steps_of(LAB)
    )
    wrong = [(r.host, f.code) for r in reports for f in r.findings if not f.ok]
    return wrong, reports


def without(*keys: str) -> str:
    lines = GOOD_MAIL.strip().splitlines()
    return "\n".join(line for line in lines if line.partition("\t")[0] not in keys) + "\n"


# What host1 has, and what does not work: a message from host1 to host2.
OUTBOUND = {
    "set\trelayhost = [192.168.56.77]": ("host1", "postfix.relayhost"),
    "set\tdefault_transport = error": ("host1", "postfix.default_transport"),
    "set\ttransport_maps = hash:/etc/postfix/transport": ("host1", "postfix.transport_maps"),
    "set\tinet_protocols = ipv6": ("host1", "postfix.inet_protocols"),
    "set\tsmtp_bind_address = 127.0.0.1": ("host1", "postfix.smtp_bind_address"),
    "chroot-nameserver\t127.0.0.99": ("host1", "postfix.chroot-resolver"),
    "set\tlmtp_connect_timeout = 1": ("host1", "postfix.lmtp_connect_timeout"),
    "": ("host1", "mail-command.outbound.unknown"),
}


@pytest.mark.parametrize(("fact", "expected"), OUTBOUND.items())
def test_mail_that_does_not_leave_is_explained_by_its_own_host(
    fact: str, expected: tuple[str, str]
) -> None:
    one = evidence("host1", facts=fact + "\n", mail=without("peer-log") + LOST)
    two = evidence("host2", mail=without("coming-from"))
    wrong, reports = found(one, two)
    assert wrong == [expected]
    if expected[1].startswith("postfix"):
        [mail] = [r for r in reports if (r.host, r.step) == ("host1", "mail-command")]
        assert (mail.outcome, mail.blocked_by) == (Outcome.BLOCKED, "postfix")


def test_an_answer_from_before_a_change_is_told_as_such() -> None:
    asked = "mail.example2.jp.example2.jp"
    log = LOST.replace("no route", f"Host not found. Name service error for name={asked} type=A")
    two = evidence("host2", mail=without("coming-from"))
    one = evidence("host1", mail=without("peer-log") + log)
    assert found(one, two)[0] == [("host1", "dns.remembered")]
    other = replace(one, asked=parse_facts("asked\tyes\npeer-mx\t10 other.example2.jp.\n"))
    assert ("host1", "dns.remembered") not in found(other, two)[0]


# What host2 has.
INBOUND = {
    "set\tsmtpd_client_restrictions = reject": "postfix.smtpd_client_restrictions",
    "override\tsmtp/inet/smtpd_client_restrictions = reject": "postfix.master-cf",
    "input\t-A INPUT -s 192.168.56.101/32 -p tcp -m tcp --dport 25 -j DROP": "firewall.port-25-tcp",
}


@pytest.mark.parametrize(("fact", "code"), INBOUND.items())
def test_mail_that_the_other_host_does_not_take_is_that_hosts_finding(fact: str, code: str) -> None:
    one = evidence("host1", mail=without("peer-log") + LOST)
    two = evidence("host2", facts=fact + "\n", mail=without("coming-from"))
    assert found(one, two)[0] == [("host2", code)]


def test_an_open_relay_is_found_although_all_mail_works() -> None:
    accepted = StrangersAnswer("250 2.1.5 Ok", "221 2.0.0 Bye")
    one = evidence("host1", facts="set\tmynetworks = 0.0.0.0/0\n", stranger=accepted)
    assert found(one, evidence("host2"))[0] == [("host1", "postfix.mynetworks")]


def test_a_database_that_was_built_in_another_form_is_the_aliases_finding() -> None:
    """Postfix discards mail for a postmaster that it does not find."""
    discarded = "alias-log\thost postfix/local[1]: C: to=<postmaster>, status=sent (discarded)\n"
    one = evidence("host1", mail=without("alias-log") + discarded)
    facts = GOOD_FACTS.replace("alias\troot\n", "")
    one = replace(one, facts=parse_facts(facts))
    assert found(one, evidence("host2"))[0] == [("host1", "aliases.database")]


def test_what_the_book_does_not_set_is_no_finding_while_mail_works() -> None:
    odd = "set\trelayhost = [192.168.56.102]\nset\tdefault_transport = smtp\n"
    wrong, reports = found(evidence("host1", facts=odd), evidence("host2"))
    assert wrong == []
    assert {report.outcome for report in reports} == {Outcome.OK}


def test_one_cause_of_several_behaviours_is_one_finding() -> None:
    """Nothing is accepted on host1: neither mail to itself, nor to host2, nor to postmaster."""
    said = "own-said\tsendmail: fatal: open /etc/postfix/main.cf: Permission denied\n"
    one = evidence(
        "host1",
        facts="unreadable\tpostconf: fatal: open /etc/postfix/main.cf: Permission denied\n",
        mail=said + "coming-from\tFrom: {peer}\n",
    )
    two = evidence("host2", mail=without("coming-from"))
    assert found(one, two)[0] == [("host1", "postfix.readable")]


def test_what_has_no_known_cause_is_no_second_finding() -> None:
    # A busy machine: host2's message to itself is late while host1 takes the mail of host2.
    wrong_one = Finding("postfix.mydestination", False, "mydestination")
    reports = [
        replace(report, findings=(wrong_one,))
        if (report.host, report.step) == ("host1", "postfix")
        else report
        for report in [*right("host1"), *right("host2")]
    ]
    late = evidence("host2", mail=without("own-from", "own-log", "coming-from"))
    settled, chains = settle(reports, {"host1": evidence("host1"), "host2": late}, steps_of(LAB))
    wrong = [(r.host, f.code) for r in settled for f in r.findings if not f.ok]
    assert wrong == [("host1", "postfix.mydestination")]
    assert {chain.blocked_by for chain in chains} == {"postfix"}
    [mail] = [r for r in settled if (r.host, r.step) == ("host2", "mail-command")]
    assert (mail.outcome, mail.blocked_by) == (Outcome.BLOCKED, "postfix")


def test_a_section_without_an_answer_is_blocked_by_one_with_a_cause() -> None:
    silent = Finding("dovecot.unknown", False, "the answers of the host")
    cause = Finding("dns.named", False, "BIND runs")
    findings = {"dns": (cause,), "dovecot": (silent,)}
    reports = [
        replace(report, findings=findings.get(report.step, report.findings))
        for report in right("host1")
    ]
    settled, _chains = settle(reports, {}, steps_of(LAB))
    outcome = {report.step: (report.outcome, report.blocked_by) for report in settled}
    assert outcome["dns"] == (Outcome.FAILED, "")
    assert outcome["dovecot"] == (Outcome.BLOCKED, "dns")
    only, _chains = settle([replace(reports[0], findings=(silent,))], {}, steps_of(LAB))
    assert only[0].outcome is Outcome.FAILED


def test_a_failed_section_blocks_the_behaviours_that_need_it() -> None:
    reports = [*right("host1"), *right("host2")]
    broken = Finding("postfix.mydestination", False, "mydestination")
    reports = [
        StepReport(r.step, r.section, r.host, 0, findings=(broken,))
        if (r.host, r.step) == ("host2", "postfix")
        else r
        for r in reports
    ]
    every = {
        "host1": evidence("host1", mail=without("peer-log") + LOST),
        "host2": evidence("host2", mail=""),
    }
    settled, chains = settle(reports, every, steps_of(LAB))
    assert [f.code for r in settled for f in r.findings if not f.ok] == ["postfix.mydestination"]
    assert {chain.blocked_by for chain in chains} == {"postfix"}


@pytest.mark.parametrize(
    ("cause", "follows"),
    [
        ("firewall.port-25-tcp", "postfix.restarted"),
        ("firewall.loopback", "postfix.smtpd"),
        ("dns.resolver", "postfix.check"),
    ],
)
def test_a_finding_that_follows_from_another_blocks_its_section(cause: str, follows: str) -> None:
    def report(code: str) -> StepReport:
        step = code.partition(".")[0]
        return StepReport(step, "", "host1", 0, findings=(Finding(code, False, "x"),))

    found = {each.step: each for each in without_consequences([report(follows), report(cause)])}
    section = cause.partition(".")[0]
    assert found[section].outcome is Outcome.FAILED
    postfix = found["postfix"]
    assert (postfix.outcome, postfix.blocked_by) == (Outcome.BLOCKED, section)


def test_a_client_that_may_not_relay_after_auth_is_found_although_all_mail_works() -> None:
    """smtpd_recipient_restrictions is right, and the server asks another list too."""
    one = evidence(
        "host1",
        facts="set\tsmtpd_relay_restrictions = permit_mynetworks, reject\n",
        after_auth=Answer(False, "554 5.7.1 Relay access denied"),
    )
    assert found(one, evidence("host2"))[0] == [("host1", "postfix.smtpd_relay_restrictions")]


# What host1 has, and what `local` then says of a message to oneself.
NOT_DELIVERED = {
    "set\tmailbox_size_limit = 1000000": ("fatal: main.cf", "postfix.mailbox_size_limit"),
    "set\tmessage_size_limit = 60000000": ("fatal: main.cf", "postfix.message_size_limit"),
}


@pytest.mark.parametrize(("fact", "expected"), NOT_DELIVERED.items())
def test_a_message_to_oneself_that_is_not_delivered(fact: str, expected: tuple[str, str]) -> None:
    said, code = expected
    log = f"own-log\thost postfix/local[1]: A: to=<x>, status={said}\n"
    one = evidence("host1", facts=fact + "\n", mail=without("own-from", "own-log") + log)
    assert found(one, evidence("host2"))[0] == [("host1", code)]


def test_one_protocol_with_another_mailbox_is_named() -> None:
    places = "mail-place\tmbox:~/mail\nmail-place-imap\tmaildir:~/Maildir\n"
    one = evidence("host1", facts=places)
    one = replace(one, clients={"imap": Answer(False, "the message is not shown")})
    assert found(one, evidence("host2"))[0] == [("host1", "dovecot.mail_location")]


def test_a_message_that_is_not_shown_for_no_known_reason_comes_with_dovecots_words() -> None:
    one = replace(
        evidence("host1"),
        clients={"imap": Answer(False, "the message is not shown")},
        client_log=("dovecot: imap(user1): Disconnected: Logged out deleted=0",),
    )
    every = {"host1": one, "host2": evidence("host2")}
    reports, _chains = settle([*right("host1"), *right("host2")], every, steps_of(LAB))
    (finding,) = [each for report in reports for each in report.findings if not each.ok]
    assert finding.code == "dovecot.imap.unknown"
    assert finding.found.splitlines() == ["the message is not shown", one.client_log[0]]


def waiting(host: str) -> list[StepReport]:
    """All is right, and one message waits in the queue."""
    queue = Finding("mail-command.queue", False, "the queue", found="1 waiting")
    return [
        replace(r, findings=(*r.findings, queue)) if r.step == "mail-command" else r
        for r in right(host)
    ]


def test_mail_that_waits_is_a_remark_while_mail_works() -> None:
    every = {"host1": evidence("host1"), "host2": evidence("host2")}
    reports, _chains = settle([*waiting("host1"), *right("host2")], every, steps_of(LAB))
    assert {report.outcome for report in reports} == {Outcome.OK}
    assert [f.remark for r in reports for f in r.findings if f.code == "mail-command.queue"] != [""]


def test_mail_that_waits_for_the_other_host_follows_from_its_fault() -> None:
    facts = "set\tsmtpd_client_restrictions = reject\n"
    every = {
        "host1": evidence("host1", mail=without("peer-log") + LOST),
        "host2": evidence("host2", facts=facts, mail=without("coming-from")),
    }
    reports, _chains = settle([*waiting("host1"), *right("host2")], every, steps_of(LAB))
    wrong = [f.code for r in reports for f in r.findings if not f.ok]
    assert wrong == ["postfix.smtpd_client_restrictions"]


def test_mail_that_waits_is_a_finding_if_no_mail_was_tried() -> None:
    every = {host: replace(evidence(host), sent=False) for host in ("host1", "host2")}
    reports, _chains = settle([*waiting("host1"), *right("host2")], every, steps_of(LAB))
    assert [f.code for r in reports for f in r.findings if not f.ok] == ["mail-command.queue"]


# What host1 has and why its BIND does not answer host2.
NO_ANSWER = {
    "bind\toptions { allow-query { localhost; }; };": "dns.allow-query",
    "bind\toptions { allow-query { any; }; blackhole { 192.168.56.102/32; }; };": "dns.blackhole",
    "bind\tview lab { match-clients { localhost; }; };": "dns.match-clients",
    "bind\toptions { allow-query { any; }; };": "dns.names.unknown",
    "bind\tacl lab { 192.168.56.0/24; }; options { allow-query { lab; }; };": "dns.names.unknown",
    "bind\tacl lab { 127.0.0.0/8; }; options { allow-query { lab; }; };": "dns.allow-query",
    "bind\toptions { allow-query { !192.168.56.102; any; }; };": "dns.allow-query",
    "input\t-A INPUT -s 192.168.56.102/32 -j DROP": "firewall.peer",
}


@pytest.mark.parametrize(("facts", "code"), NO_ANSWER.items())
def test_a_zone_that_the_other_host_cannot_ask(facts: str, code: str) -> None:
    two = replace(evidence("host2"), asked=parse_facts("asked\tyes\npeer-mx\ttimed out\n"))
    one = evidence("host1", facts=facts + "\n")
    assert found(one, two)[0] == [("host1", code)]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ("no-route\tRTNETLINK answers: Invalid argument", "firewall.route"),
        ("input\t-A OUTPUT -d 192.168.56.101/32 -j DROP", "firewall.peer"),
    ],
)
def test_a_host_without_a_way_to_the_other_is_the_one_that_is_wrong(facts: str, code: str) -> None:
    two = replace(
        evidence("host2", facts=facts + "\n"),
        asked=parse_facts("asked\tyes\npeer-mx\tno servers could be reached\n"),
    )
    assert found(evidence("host1"), two)[0] == [("host2", code)]


# Why `mail` of host1 hands nothing to Postfix, although sendmail does.
NOT_HANDED_OVER = {
    "mode\t/usr/bin/mail 700 root root": "mail-command.mode",
    "mode\t/tmp 700 root root": "mail-command.tmp",
    "profile\t9:exit 0": "accounts.profile",
    "mailrc\tset sendmail=/usr/sbin/none": "mail-command.mailrc",
}


# What `mail` says, with a fact of the host, if the account cannot even start it.
NOT_STARTED = {
    (
        "-bash: line 1: mail: command not found",
        "mode\t/usr/bin/mail 755 root root",
    ): "accounts.path",
    ("mail: Cannot determine my username", "mode\t/etc/passwd 600 root root"): "accounts.readable",
    ("mail: cannot send message", "mode\t/var/spool/postfix 700 root root"): "postfix.spool",
    ("-bash: fork: Resource temporarily unavailable", ""): "accounts.limits",
    ("sendmail: fatal: user1(1001): message file too big", ""): "accounts.limits",
    ("mail: /tmp/muXX: No space left on device", ""): "mail-command.disk",
    ("mail: something else", ""): "mail-command.submit.unknown",
}


@pytest.mark.parametrize(("said", "code"), NOT_STARTED.items())
def test_mail_that_the_account_cannot_start(said: tuple[str, str], code: str) -> None:
    words, facts = said
    mail = without("own-from", "own-log") + f"own-said\t{words}\n"
    one = evidence("host1", facts=facts + "\n", mail=mail)
    assert found(one, evidence("host2"))[0] == [("host1", code)]


def test_a_mailbox_that_nobody_can_write() -> None:
    log = (
        "own-log\thost postfix/local[1]: A: status=deferred (/var/mail/u: Read-only file system)\n"
    )
    one = evidence("host1", mail=without("own-from", "own-log") + log)
    assert found(one, evidence("host2"))[0] == [("host1", "mail-command.read-only")]


@pytest.mark.parametrize(("facts", "code"), NOT_HANDED_OVER.items())
def test_mail_that_hands_nothing_over(facts: str, code: str) -> None:
    one = evidence("host1", facts=facts + "\n", mail=without("own-from", "own-log"))
    assert found(one, evidence("host2"))[0] == [("host1", code)]


def test_mail_for_postmaster_that_nobody_can_read() -> None:
    log = "alias-log\thost postfix/local[1]: C: status=sent (delivered to file: /dev/null)\n"
    one = evidence("host1", mail=without("alias-log") + log)
    one = replace(one, facts=parse_facts(GOOD_FACTS.replace("alias\troot", "alias\t/dev/null")))
    assert found(one, evidence("host2"))[0] == [("host1", "aliases.recipient")]


def test_an_alias_of_an_alias_may_name_another_server() -> None:
    log = "alias-log\thost postfix/smtp[1]: C: to=<user2@example2.jp>, status=sent (250 Ok)\n"
    alias = "alias\troot\nalias\tuser2@example2.jp\n"
    one = evidence("host1", mail=without("alias-log") + alias + log)
    assert found(one, evidence("host2"))[0] == []
    here = evidence("host1", mail=without("alias-log") + "alias\troot\n" + log)
    assert found(here, evidence("host2"))[0] == [("host1", "aliases.delivery.unknown")]


def test_a_masked_service_is_one_finding() -> None:
    findings = (
        Finding("dns.named", False, "BIND runs", found="inactive"),
        Finding("dns.enabled", False, "BIND starts at boot", found="masked"),
    )
    [report] = without_consequences([StepReport("dns", "", "host1", 0, findings=findings)])
    assert [finding.code for finding in report.findings] == ["dns.enabled"]


def test_a_mailbox_that_nobody_reads_is_one_finding_of_postfix() -> None:
    where = {"expected": "~/Mailbox", "found": "MAIL=/var/mail/user1"}
    mail = Finding("mail-command.mailbox", False, "mail reads", **where)
    imap = Finding("dovecot.mail_location", False, "mail_location", expected="mbox:~/mail")

    def found(*steps: str) -> list[tuple[str, str]]:
        findings = {"mail-command": (mail,), "dovecot": (imap,)}
        reports = [StepReport(s, "", "host1", 0, findings=findings.get(s, ())) for s in steps]
        return [
            (report.step, each.code)
            for report in without_consequences(reports)
            for each in report.findings
        ]

    assert found("postfix", "mail-command", "dovecot") == [("postfix", "postfix.home_mailbox")]
    # Whoever moved one of the two has to move the other.
    assert found("postfix", "dovecot") == [("dovecot", "dovecot.mail_location")]
    assert found("mail-command") == [("mail-command", "mail-command.mailbox")]


@pytest.mark.parametrize(
    ("finding", "code"),
    [
        (Finding("postfix.smtpd_sasl_type", False, "x", "dovecot"), "smtp-auth.smtpd_sasl_type"),
        (
            Finding("postfix.smtpd", False, "smtpd", "fatal: no SASL authentication mechanisms"),
            "smtp-auth.smtpd",
        ),
    ],
)
def test_what_stops_smtpd_for_sasl_is_found_in_the_section_about_auth(
    finding: Finding, code: str
) -> None:
    running = Finding("postfix.running", True, "Postfix runs")
    settled = without_consequences(
        [
            StepReport("postfix", "", "host1", 0, findings=(running, finding)),
            StepReport("smtp-auth", "", "host1", 0, blocked_by="postfix"),
            StepReport("mail-command", "", "host1", 0, blocked_by="postfix"),
            StepReport("smtp-auth", "", "host2", 0, findings=(running,)),
        ]
    )
    assert [(r.outcome, r.blocked_by) for r in settled] == [
        (Outcome.OK, ""),
        (Outcome.FAILED, ""),
        (Outcome.BLOCKED, "smtp-auth"),
        (Outcome.OK, ""),
    ]
    assert [each.code for each in settled[1].findings] == [code]


def test_without_a_section_about_auth_the_finding_stays() -> None:
    finding = Finding("postfix.smtpd_sasl_type", False, "x", "dovecot")
    [report] = without_consequences([StepReport("postfix", "", "host1", 0, findings=(finding,))])
    assert report.findings == (finding,)


def test_a_list_of_recipients_that_refuses_more_than_strangers() -> None:
    words = "permit_mynetworks, check_recipient_access hash:/etc/postfix/mine"
    log = "peer-log\thost postfix/smtp[1]: B: status=bounced (554 Recipient address rejected)\n"
    one = evidence("host1", mail=without("peer-log") + log)
    facts = f"set\tsmtpd_recipient_restrictions = {words}\n"
    two = evidence("host2", facts=facts, mail=without("coming-from"))
    assert found(one, two)[0] == [("host2", "postfix.smtpd_recipient_restrictions")]


def test_a_masked_service_blocks_what_needs_it() -> None:
    masked = Finding("dns.enabled", False, "BIND starts at boot", found="masked")
    reports = [
        replace(r, findings=(masked,)) if (r.host, r.step) == ("host1", "dns") else r
        for r in [*right("host1"), *right("host2")]
    ]
    silent = GOOD_FACTS.replace("10 mail.example1.jp. 10 mail.example2.jp.", "timed out")
    two = replace(evidence("host2"), facts=parse_facts(silent))
    settled, _chains = settle(reports, {"host1": evidence("host1"), "host2": two}, steps_of(LAB))
    assert [f.code for r in settled for f in r.findings if not f.ok] == ["dns.enabled"]


@pytest.mark.parametrize("system", systems(), ids=str)
@pytest.mark.parametrize("edition", editions())
def test_what_labctls_own_main_cf_sets_is_no_cause(edition: str, system: System) -> None:
    lab = Lab(name="lab", edition=load_edition(edition))
    scene = Scene(lab, lab.host("host1"), (), system)
    (main_cf,) = postfix.files(scene)
    settings = [line for line in main_cf.content.splitlines() if re.match(r"\w+ =", line)]
    facts = parse_facts(GOOD_FACTS + "".join(f"set\t{line}\n" for line in settings))
    assert len(settings) > 5
    for name in sorted(EXPLANATIONS):
        case = Case(Seen("host1", name, ok=False), Evidence(scene, facts))
        cause = first_cause(case, EXPLANATIONS[name], UNKNOWN_CODES[name])
        assert cause.finding.found not in settings, name
        assert cause.finding.what not in [line.partition(" ")[0] for line in settings], name


# Why mail stays where it is, though Postfix runs.
STANDSTILL = {
    "mode\t/var/spool/postfix/private 0 postfix root": "postfix.queue",
    "service\tlocal      unix  -       n       y       -       -       local": "postfix.master-cf",
}


@pytest.mark.parametrize(("facts", "code"), STANDSTILL.items())
def test_mail_that_stays_in_the_queue(facts: str, code: str) -> None:
    one = evidence("host1", facts=facts + "\n", mail=without("own-from"))
    assert found(one, evidence("host2"))[0] == [("host1", code)]


def on_proof(code: str, host: str = "host1") -> list[StepReport]:
    """Reports in which a section takes something for right if the behaviours are."""
    remark = Finding(code, True, "x", "found", "expected", "hint", "solution", "remark")
    step = code.partition(".")[0]
    return [
        replace(report, findings=(remark,))
        if (report.host, report.step) == (host, step)
        else report
        for report in [*right("host1"), *right("host2")]
    ]


LIST = "postfix.smtpd_recipient_restrictions"


@pytest.mark.parametrize("code", ["postfix.restarted", LIST, "dovecot.restarted"])
def test_what_the_behaviours_prove_is_a_remark(code: str) -> None:
    hosts = {
        name: evidence(name, after_auth=Answer(True, "250 2.1.5 Ok")) for name in ("host1", "host2")
    }
    reports, _chains = settle(on_proof(code), hosts, steps_of(LAB))
    findings = [each for report in reports for each in report.findings if each.code == code]
    assert [(each.ok, each.remark) for each in findings] == [(True, "remark")]
    assert not [report for report in reports if report.outcome is not Outcome.OK]


@pytest.mark.parametrize("host", ["host1", "host2"])
@pytest.mark.parametrize("code", ["postfix.restarted", LIST])
def test_what_a_message_between_the_hosts_disproves_is_a_failure(code: str, host: str) -> None:
    """Either server may be the one that still has other settings."""
    accepted = Answer(True, "250 2.1.5 Ok")
    one = evidence("host1", mail=without("peer-log") + LOST, after_auth=accepted)
    two = evidence("host2", mail=without("coming-from"), after_auth=accepted)
    hosts = {"host1": one, "host2": two}
    reports, _chains = settle(on_proof(code, host), hosts, steps_of(LAB))
    wrong = [(r.host, f.code, f.remark) for r in reports for f in r.findings if not f.ok]
    assert wrong == [(host, code, "")]
    blocked = {report.step for report in reports if report.host == host and report.blocked_by}
    assert "smtp-auth" in blocked


def test_another_list_of_restrictions_needs_a_proof_and_an_edit_does_not() -> None:
    for code, is_right in ((LIST, False), ("postfix.restarted", True)):
        reports, _chains = settle(on_proof(code), {}, steps_of(LAB))
        assert [f.ok for r in reports for f in r.findings if f.code == code] == [is_right]


def test_a_file_in_place_of_a_maildir_is_postfix_s_finding() -> None:
    location = Finding(
        "dovecot.mail_location", False, "x", "maildir:~/Maildir", "mbox:~/mail:INBOX=~/Maildir"
    )
    reports = [
        replace(report, findings=(location,)) if report.step == "dovecot" else report
        for report in right("host1")
    ]
    found = without_consequences(reports)
    wrong = [(f.code, f.found, f.expected) for r in found for f in r.findings if not f.ok]
    assert wrong == [("postfix.home_mailbox", "Maildir", "Maildir/")]
    other = replace(location, found="maildir:~/Mail")
    reports = [
        replace(report, findings=(other,)) if report.step == "dovecot" else report
        for report in right("host1")
    ]
    found = without_consequences(reports)
    assert [f.code for r in found for f in r.findings if not f.ok] == ["dovecot.mail_location"]


def test_a_blank_that_nobody_sees_is_named_in_what_was_found() -> None:
    found = Finding("postfix.mydomain", False, "mydomain", "\ufeffexample1.jp\u3000", "example1.jp")
    right = Finding("postfix.running", True, "Postfix runs", "\u3000")
    report = StepReport("postfix", "", "host1", 0, findings=(found, right))
    (settled,), _chains = settle([report], {}, [])
    assert [each.found for each in settled.findings] == ["<U+FEFF>example1.jp<U+3000>", "\u3000"]
