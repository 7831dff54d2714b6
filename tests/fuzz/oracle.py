"""The oracle: does the mail of this lab work as the book says? Asked of the servers, as users do.

It reads no setting. It sends mail with `mail` and swaks, fetches it by IMAP and POP3, asks
names with dig, tries as a stranger what a stranger must not do, and reboots the hosts.
"""

from __future__ import annotations

import imaplib
import poplib
import re
import secrets
import shlex
import smtplib
import socket
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from tests.fuzz.machines import OUTSIDE, STRANGER, Host, Machines

# Seconds that a message may take, and that a server may take for an answer.
ARRIVAL = 6
ANSWER = 6
# How a fault begins that is there only after a reboot.
AFTER_REBOOT = "after a reboot: "


@dataclass(frozen=True)
class Edition:
    """What the book's edition asks for: its sections, and who may relay.

    `relay` is `auth` (only with SMTP AUTH) or `network` (from the lab's network).
    """

    sections: frozenset[str]
    relay: str = "auth"


@dataclass(frozen=True)
class Fault:
    """One thing that does not work."""

    host: str
    what: str
    found: str


Probe = Callable[[Machines, Edition, Host], list[Fault]]


def judge(machines: Machines, edition: Edition, start: Callable[[], object] | None) -> list[Fault]:
    """All that does not work now, or, if all does, what a reboot would break.

    `start` boots the hosts again after they have shut down, and changes nothing on them. Without
    it no host is rebooted.
    """
    faults = _probe(machines, edition)
    if faults or start is None:
        return faults
    return _rebooted(machines, edition, start)


def _probe(machines: Machines, edition: Edition) -> list[Fault]:
    """The probes of both hosts at once, and then the mail clients.

    A session of a client and a delivery can block each other for 20 seconds: Dovecot and Postfix
    take the two locks of an mbox in different orders.
    """
    faults = []
    for probes in (PROBES, CLIENTS):
        jobs = [(probe, host) for probe in probes for host in machines.hosts]
        with ThreadPoolExecutor(len(jobs)) as pool:
            found = [pool.submit(probe, machines, edition, host) for probe, host in jobs]
            faults += [fault for each in found for fault in each.result()]
    return faults


def _rebooted(machines: Machines, edition: Edition, start: Callable[[], object]) -> list[Fault]:
    machines.leave()
    machines.shut_down()
    start()
    machines.join()
    return [
        Fault(one.host, AFTER_REBOOT + one.what, one.found) for one in _probe(machines, edition)
    ]


def _zone(machines: Machines, _edition: Edition, host: Host) -> list[Fault]:
    faults = []

    def ask(*questions: tuple[str, str]) -> list[list[str]]:
        return _answers(machines.from_stranger([*_dig(f"@{host.address}"), *_words(questions)]).out)

    if ask((host.domain, "SOA")) in ([], [[]]):
        return [Fault(host.name, "dns", "no SOA")]
    labels = (host.name, "www", "mail")
    names, mails, *addresses = _padded(
        ask(
            (host.domain, "NS"),
            (host.domain, "MX"),
            *((f"{label}.{host.domain}", "A") for label in labels),
        ),
        2 + len(labels),
    )
    if f"{host.name}.{host.domain}." not in names:
        faults.append(Fault(host.name, "dns", "NS"))
    mx = sorted((int(number), name) for number, name in (mail.split() for mail in mails))
    if not mx or mx[0][1] != f"mail.{host.domain}.":
        faults.append(Fault(host.name, "dns", f"MX {mx}"))
    for label, found in zip(labels, addresses, strict=True):
        if found[-1:] != [host.address]:
            faults.append(Fault(host.name, "dns", f"A of {label}"))
    return faults


def _dig(*words: str) -> list[str]:
    """dig so that all words hold for each question (dig(1), "Multiple queries")."""
    return ["dig", "+noall", "+question", "+answer", "+time=2", "+tries=1", *words]


def _words(questions: Iterable[tuple[str, str]]) -> list[str]:
    return [word for name, kind in questions for word in (name, kind)]


def _answers(out: str) -> list[list[str]]:
    """The data of the records for each question that had an answer, in the order of the answer."""
    found: list[list[str]] = []
    for line in out.splitlines():
        if line.startswith(";") and not line.startswith(";;"):
            found.append([])
        elif line and not line.startswith(";") and found:
            found[-1].append(line.split(maxsplit=4)[-1])
    return found


def _padded(answers: list[list[str]], number: int) -> list[list[str]]:
    """As many answers as there were questions; a question without one is among none of them."""
    return answers if len(answers) == number else [[] for _each in range(number)]


def _resolver(machines: Machines, _edition: Edition, host: Host) -> list[Fault]:
    questions = [
        (name, kind)
        for other in machines.hosts
        for name, kind in ((other.domain, "MX"), (f"mail.{other.domain}", "A"))
    ]
    done = machines.on(host, shlex.join([*_dig(), *_words(questions)]))
    found = _padded(_answers(done.out), len(questions))
    return [
        Fault(host.name, "resolver", f"{other.domain}: {done.out!r}")
        for other, mail, address in zip(machines.hosts, found[::2], found[1::2], strict=True)
        if not any(f"mail.{other.domain}." in each for each in mail) or other.address not in address
    ]


def _mail_away(machines: Machines, _edition: Edition, host: Host) -> list[Fault]:
    """A message to the peer by `mail` as the account."""
    return _mail(machines, host, machines.peer(host))


def _mail_here(machines: Machines, _edition: Edition, host: Host) -> list[Fault]:
    """A message to oneself by `mail` as the account."""
    return _mail(machines, host, host)


def _mail(machines: Machines, host: Host, other: Host) -> list[Fault]:
    token = _token()
    sent = machines.on(
        host,
        # The book's own subject: a filter may know it.
        'echo "$2" | runuser -l "$1" -c "mail -s \'Test mail from $1 $2\' $3"',
        host.user, token, other.mailbox,
    )  # fmt: skip
    text = _arrived(machines, other, token)
    if not text:
        return [Fault(host.name, f"mail to {other.mailbox}", sent.out[-200:])]
    if not re.search(rf"^From:.*\b{re.escape(host.mailbox)}\b", text, re.MULTILINE):
        return [Fault(host.name, f"sender of mail to {other.mailbox}", text[:300])]
    return []


def _arrived(machines: Machines, host: Host, token: str, user: str = "") -> str:
    """The message with the token in the account's mailbox, as its file shows it."""
    deadline = time.monotonic() + ARRIVAL
    while True:
        for message in machines.messages(host, user or host.user):
            if token in message:
                return message
        if time.monotonic() > deadline:
            return ""
        time.sleep(0.1)


def _read(machines: Machines, _edition: Edition, host: Host) -> list[Fault]:
    """The account reads its own mailbox with `mail`."""
    token = _token()
    machines.on(
        host, 'printf "Subject: %s\n\nx\n" "$1" | sendmail -f "$2" "$2"', token, host.mailbox
    )
    if not _arrived(machines, host, token):
        return []
    done = machines.on(host, 'runuser -l "$1" -c \'printf "h *\\nx\\n" | mail 2>&1\'', host.user)
    return [] if token in done.out else [Fault(host.name, "mail reads", done.out[-200:])]


def _auth_plain(machines: Machines, edition: Edition, host: Host) -> list[Fault]:
    """A message to the peer after AUTH PLAIN, by swaks."""
    if "smtp-auth" not in edition.sections:
        return []
    peer, token = machines.peer(host), _token()
    done = machines.from_stranger([
        "swaks", "--server", host.address, "--auth", "PLAIN", "--auth-user", host.user,
        "--auth-password", host.password, "--from", host.mailbox, "--to", peer.mailbox,
        "--header", f"Subject: {token}", "--timeout", str(ANSWER), "--helo", _named(_stranger(host)),
    ], seconds=25)  # fmt: skip
    if not done.ok or " 235 " not in done.out:
        return [Fault(host.name, "AUTH PLAIN", _last(done.out))]
    if not _arrived(machines, peer, token):
        return [Fault(host.name, "relay with AUTH", "did not arrive")]
    return []


def _auth_login(machines: Machines, edition: Edition, host: Host) -> list[Fault]:
    """The same after AUTH LOGIN, by Python's SMTP client, which starts faster."""
    if "smtp-auth" not in edition.sections:
        return []
    peer, token = machines.peer(host), _token()

    def send(smtp: smtplib.SMTP) -> int:
        smtp.ehlo()
        smtp.user, smtp.password = host.user, host.password
        code = smtp.auth("LOGIN", smtp.auth_login, initial_response_ok=False)[0]
        smtp.sendmail(host.mailbox, [peer.mailbox], f"Subject: {token}\n\nx\n")
        return code

    if (code := _answer(machines, host, "", send)) != 235:
        return [Fault(host.name, "AUTH LOGIN", str(code))]
    if not _arrived(machines, peer, token):
        return [Fault(host.name, "relay with AUTH", "did not arrive")]
    return []


def _auth_refused(machines: Machines, edition: Edition, host: Host) -> list[Fault]:
    if "smtp-auth" not in edition.sections:
        return []
    if _answer(machines, host, "", lambda smtp: _wrong_password(smtp, host)) == 235:
        return [Fault(host.name, "AUTH with a wrong password", "accepted")]
    return []


def _wrong_password(smtp: smtplib.SMTP, host: Host) -> int:
    smtp.ehlo()
    smtp.user, smtp.password = host.user, f"not-{host.password}"
    try:
        return smtp.auth("PLAIN", smtp.auth_plain)[0]
    except smtplib.SMTPAuthenticationError as refused:
        return refused.smtp_code


def _relay(machines: Machines, edition: Edition, host: Host) -> list[Fault]:
    peer = machines.peer(host)
    faults = []
    for source, may in ((OUTSIDE, False), (_stranger(host), edition.relay == "network")):
        code = _answer(machines, host, source, lambda smtp: _recipient(smtp, peer.mailbox))
        if (code == 250) != may:
            faults.append(Fault(host.name, f"relay from {source}", str(code)))
    return faults


def _recipient(smtp: smtplib.SMTP, mailbox: str) -> int:
    smtp.ehlo_or_helo_if_needed()
    smtp.mail("stranger@elsewhere.test")
    return smtp.rcpt(mailbox)[0]


def _stranger(host: Host) -> str:
    """The stranger's address in the network of the host."""
    return f"{host.address.rpartition('.')[0]}.{STRANGER}"


def _named(address: str) -> str:
    """How a mail client names itself, if its machine has no name in the DNS (RFC 5321, 4.1.3)."""
    return f"[{address}]"


def _answer(machines: Machines, host: Host, source: str, ask: Callable[[smtplib.SMTP], int]) -> int:
    """What the server answers the stranger at the address `source`; 0 if it does not."""

    def dialogue() -> int:
        try:
            with smtplib.SMTP(
                host.address,
                local_hostname=_named(source or _stranger(host)),
                timeout=ANSWER,
                source_address=(source, 0),
            ) as smtp:
                return ask(smtp)
        except (OSError, smtplib.SMTPException):
            return 0

    return machines.as_stranger(dialogue)


def _takes_mail(machines: Machines, _edition: Edition, host: Host) -> list[Fault]:
    """Mail from another host of the network, without AUTH, for the account itself."""
    token, sender = _token(), f"root@mail.{machines.peer(host).domain}"

    def send(smtp: smtplib.SMTP) -> int:
        smtp.sendmail(sender, [host.mailbox], f"Subject: {token}\n\nx\n")
        return 250

    code = _answer(machines, host, _stranger(host), send)
    if code == 250 and _arrived(machines, host, token):
        return []
    return [Fault(host.name, "mail from the network", str(code))]


def _client(machines: Machines, _edition: Edition, host: Host) -> list[Fault]:
    """IMAP shows a message and deletes one, then POP3 shows another."""
    for protocol, fetch in (("IMAP", _by_imap), ("POP3", _by_pop3)):
        token = _token()
        machines.on(
            host, 'printf "Subject: %s\n\nx\n" "$1" | sendmail -f "$2" "$2"', token, host.mailbox
        )
        _arrived(machines, host, token)
        try:
            said = machines.as_stranger(partial(fetch, host, token))
        except (OSError, EOFError, imaplib.IMAP4.error, poplib.error_proto) as error:
            said = repr(error)
        if said:
            return [Fault(host.name, protocol, said)]
    return []


def _by_imap(host: Host, token: str) -> str:
    """What is wrong; "" if nothing is."""
    box = imaplib.IMAP4(host.address, 143, ANSWER)
    with box:
        box.login(host.user, host.password)
        if box.select("INBOX")[0] != "OK":
            return "no inbox"
        numbers = _numbers(box, token)
        if not numbers:
            return "no message"
        box.store(numbers[-1], "+FLAGS", r"(\Deleted)")
        box.expunge()
        return "not deleted" if _numbers(box, token) else ""


def _numbers(box: imaplib.IMAP4, token: str) -> list[str]:
    """The messages that the server finds. Without an answer the library has a None in its list."""
    [found] = box.search(None, "SUBJECT", token)[1]
    return (found or b"").decode().split()


def _by_pop3(host: Host, token: str) -> str:
    """As `_by_imap`."""
    box = poplib.POP3(host.address, 110, ANSWER)
    try:
        box.user(host.user)
        box.pass_(host.password)
        count = box.stat()[0]
        lines = [line for number in range(count) for line in box.retr(number + 1)[1]]
        box.quit()
        return "" if any(token.encode() in line for line in lines) else "no message"
    finally:
        box.close()


def _alias(machines: Machines, _edition: Edition, host: Host) -> list[Fault]:
    """Mail to postmaster reaches root, or whoever /etc/aliases names, on either host."""
    token = _token()
    # Without a sender, so that no bounce has the token.
    machines.on(
        host, 'printf "Subject: %s\n\nx\n" "$1" | sendmail -f "" "postmaster@$2"',
        token, host.domain,
    )  # fmt: skip
    peer = machines.peer(host)
    mailboxes = ((host, "root"), (host, host.user), (peer, peer.user))
    deadline = time.monotonic() + 2 * ARRIVAL
    while time.monotonic() < deadline:
        for where, user in mailboxes:
            if any(token in message for message in machines.messages(where, user)):
                return []
        time.sleep(0.1)
    return [Fault(host.name, "alias postmaster", "not delivered")]


def _filter(machines: Machines, edition: Edition, host: Host) -> list[Fault]:
    """A firewall is on: who is not of the lab's network cannot reach a port that nobody opened."""
    if "firewall" not in edition.sections:
        return []
    machines.on(host, "busybox nc -l -p 4444 >/dev/null 2>&1 </dev/null & sleep 0.3")

    def knock() -> bool:
        with suppress(OSError):
            socket.create_connection((host.address, 4444), 2, (OUTSIDE, 0)).close()
            return True
        return False

    is_open = machines.as_stranger(knock)
    machines.on(host, "pkill -f 'busybox nc -l -p 4444' || :")
    return [Fault(host.name, "firewall", "off")] if is_open else []


def _names(machines: Machines, edition: Edition, host: Host) -> list[Fault]:
    """BIND answers the other hosts of the network, over UDP and TCP."""
    faults = []
    for way in ("+notcp", "+tcp"):
        done = machines.from_stranger(
            ["dig", way, "+short", "+time=2", "+tries=1", f"@{host.address}", host.domain, "SOA"]
        )
        if not done.out.strip() or done.out.startswith(";"):
            faults.append(Fault(host.name, f"dns {way}", _last(done.out)))
    return faults


PROBES: tuple[Probe, ...] = (
    _zone, _resolver, _mail_away, _mail_here, _read, _auth_plain, _auth_login, _auth_refused,
    _relay, _takes_mail, _alias, _filter, _names,
)  # fmt: skip
CLIENTS: tuple[Probe, ...] = (_client,)


def _token() -> str:
    return f"fz{secrets.token_hex(6)}"


def _last(text: str) -> str:
    return " | ".join(text.strip().splitlines()[-3:])[-300:]
