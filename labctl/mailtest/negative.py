"""Negative tests: what must be refused is refused, and deferred mail is delivered later.

This machine asks for refusals, as a stranger or a mail client would (reply codes of RFC 5321 and
RFC 4954). A bounce is awaited and read by `mail`. A message for a host that is off waits in the
queue, and arrives once the host is back.
"""

from __future__ import annotations

import re
import smtplib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from labctl.i18n import _
from labctl.lab import Host
from labctl.mailtest.faults import host_off
from labctl.mailtest.letters import Letter, Sending, first_letters, new_run_id
from labctl.mailtest.mailcommand import read_by_mail, show_by_mail, user_of, write_by_mail
from labctl.mailtest.sessions import said, smtp
from labctl.mailtest.watch import Watch
from labctl.progress import Progress, silent
from labctl.providers.base import Provider
from labctl.results import MailTestResult, Trial
from labctl.waiting import wait_until
from provision.mailbox import boxes_kept, find_messages
from provision.step import Target
from provision.stranger import ask_to_relay

# A domain that nobody has (RFC 6761).
_FOREIGN = "somebody@elsewhere.invalid"
_NOBODY = "labctl-nobody"
# By default Postfix defers strangers (454); it may be set up to refuse them (554).
_REFUSED = "454 / 554"
_Case = tuple[str, str, str, Callable[[smtplib.SMTP], tuple[int, bytes]]]
# The notice wraps its lines.
_CODE = re.compile(r"\b([45]\d\d)\s+[45]\.\d+\.\d+")
# Seconds that a message may wait for a name server that is off too, and for the host's return.
_OFF = 60.0
_BACK = 90.0


def run_negative_test(
    targets: Mapping[str, Target],
    provider: Provider,
    *,
    timeout: float = 30.0,
    progress: Progress = silent,
) -> MailTestResult:
    """Try what must be refused, bounced or kept. Switches the second host off and on again.

    Args:
        timeout: the seconds that a message may take on hosts that run.

    Raises:
        LabError: a host cannot be reached over SSH, or does not come back.
    """
    started, begun = datetime.now().astimezone(), time.monotonic()
    watch = Watch(targets, new_run_id())
    with boxes_kept(list(watch.targets.values()), watch.run_id):
        refused = watch.on_both(lambda target: refusals(target, progress))
        trials = [trial for some in refused.values() for trial in some]
        late = _Late(watch, provider, timeout, progress)
        trials.append(late.bounce())
        waited, sending = late.host_off()
        logs = watch.settled_logs([sending])
    return MailTestResult(
        started=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - begun,
        deliveries=(watch.delivery(sending, logs, _BACK),),
        trials=(*trials, waited),
    )


def refusals(target: Target, progress: Progress = silent) -> list[Trial]:
    """Ask a host's SMTP server, from this machine, for everything that it must refuse."""
    host = target.host
    password = target.credentials.password(user_of(target))
    wrong = password[:-1] + ("x" if password[-1] != "x" else "y")
    cases: list[_Case] = [
        *(_by_network(target) if target.lab.edition.relay == "network" else _by_auth(host, wrong)),
        (
            "unknown-mailbox",
            _("mail for an account that does not exist"),
            "550",
            lambda session: _recipient(session, host, f"{_NOBODY}@{host.domain}"),
        ),
        (
            "too-large",
            _("a message over the server's size limit"),
            "552",
            lambda session: _too_large(session, host),
        ),
    ]
    trials = []
    for code, what, expected, ask in cases:
        progress(host.name, what)
        begun = time.monotonic()
        found = _reply(target, ask)
        ok = found.startswith(tuple(expected.split(" / ")))
        seconds = time.monotonic() - begun
        trials.append(Trial(f"negative.{code}", host.name, what, ok, expected, found, seconds))
    return trials


def _by_auth(host: Host, wrong: str) -> list[_Case]:
    """Only who authenticates may relay."""
    return [
        (
            "relay-without-auth",
            _("mail for a foreign domain, without SMTP AUTH"),
            _REFUSED,
            lambda session: _recipient(session, host, _FOREIGN),
        ),
        (
            "wrong-password",
            _("SMTP AUTH with a wrong password"),
            "535",
            lambda session: _login(session, host, wrong),
        ),
    ]


def _by_network(target: Target) -> list[_Case]:
    """Whoever is in the hosts' network may relay, and nobody else."""
    host, peer = target.host, target.peer
    return [
        (
            "relay-from-network",
            _("mail for the other domain, from the hosts' network"),
            "250",
            lambda session: _recipient(session, host, peer.mailbox),
        ),
        (
            "relay-from-outside",
            _("mail for the other domain, from outside the hosts' network"),
            _REFUSED,
            lambda _session: _asked_outside(target),
        ),
    ]


def _asked_outside(target: Target) -> tuple[int, bytes]:
    answer = ask_to_relay(target, target.peer.mailbox)
    code, _space, text = (answer.reply or answer.last).partition(" ")
    return (int(code) if code.isdigit() else 0), text.encode()


def _reply(target: Target, ask: Callable[[smtplib.SMTP], tuple[int, bytes]]) -> str:
    """The server's reply with its code, or what went wrong."""
    try:
        address, machine = str(target.host.address), target.lab.network.machine
        with smtp(target.remote.endpoint, address, machine) as session:
            session.ehlo()
            code, text = ask(session)
            return f"{code} {text.decode(errors='replace')}"
    except (OSError, smtplib.SMTPException) as error:
        return said(error)


def _recipient(session: smtplib.SMTP, host: Host, recipient: str) -> tuple[int, bytes]:
    session.mail(host.mailbox)
    return session.rcpt(recipient)


def _login(session: smtplib.SMTP, host: Host, password: str) -> tuple[int, bytes]:
    session.user, session.password = host.account or "", password
    return session.auth("PLAIN", session.auth_plain)


def _too_large(session: smtplib.SMTP, host: Host) -> tuple[int, bytes]:
    """Announce one byte more than the server accepts (RFC 1870). Nothing that large is sent."""
    limit = int(session.esmtp_features.get("size") or 0)
    return session.mail(host.mailbox, [f"SIZE={limit + 1}"])


class _Late:
    """The cases that take a while: a bounce, and a host that is off."""

    def __init__(
        self, watch: Watch, provider: Provider, timeout: float, progress: Progress
    ) -> None:
        self._watch = watch
        self._provider = provider
        self._timeout = timeout
        self._progress = progress
        self._sender, self._receiver = watch.targets.values()

    def bounce(self) -> Trial:
        """Write to nobody, and read the notice by `mail`. It must name the refusal."""
        target, domain = self._sender, self._receiver.host.domain
        address = f"{_NOBODY}@{domain}"
        self._progress(target.host.name, _("mail to {address}", address=address))
        begun = time.monotonic()
        sending = write_by_mail(target, self._letter("bounce"), address)
        token, found = sending.letter.token, sending.words
        seconds = self._timeout if sending.sent else 0
        numbers = find_messages(target.remote, user_of(target), [token], seconds, notices=True)
        if number := numbers.get(token):
            shown = show_by_mail(target, number).stdout
            code = _CODE.search(shown) if address in shown else None
            found = " ".join(code[0].split()) if code else shown[-300:]
        what = _("mail to an unknown account comes back as a bounce, read by mail")
        ok, taken = found.startswith("550"), time.monotonic() - begun
        return Trial("negative.bounce", target.host.name, what, ok, "550", found, taken)

    def host_off(self) -> tuple[Trial, Sending]:
        """Write to a host that is off: the queue defers it, and delivers once the host is back."""
        off, sender = self._receiver, self._sender
        begun = time.monotonic()
        # If `mail` leaves the Message-ID to Postfix, the first one from now on is this letter's.
        self._watch = Watch(self._watch.targets, self._watch.run_id)
        with host_off(off, self._provider, self._progress):
            sending = write_by_mail(sender, self._letter("off"), off.host.mailbox)
            self._progress(sender.host.name, _("waiting for the queue"))
            found = self._status(sending)
        what = _("mail for a host that is off waits in the queue")
        taken = time.monotonic() - begun
        ok, expected = found == "deferred", "deferred"
        trial = Trial("negative.host-off", sender.host.name, what, ok, expected, found, taken)
        return trial, self._deliver(sending)

    def _letter(self, purpose: str) -> Letter:
        """A letter from the first host to the second, of a kind that nobody answers."""
        hosts = [self._sender.host, self._receiver.host]
        letter = first_letters(hosts, f"{self._watch.run_id}.{purpose}")[0]
        return replace(letter, kind="queued")

    def _status(self, sending: Sending) -> str:
        """What became of the letter on the sending host: its status in the queue."""

        def status() -> str:
            records = self._watch.logs_of(self._sender)
            hops = self._watch.journey(sending, records).hops
            return hops[0].status if hops else "queued"

        # Longer than usual, because the name server is off too and times out.
        return wait_until(self._timeout + _OFF, status, done=lambda found: found != "queued")

    def _deliver(self, sending: Sending) -> Sending:
        """Run the queue until the letter is in the box, and read it."""
        off, sender = self._receiver, self._sender
        token = sending.letter.token
        self._progress(off.host.name, _("waiting for mail"))

        def number() -> str:
            # What a person types who does not wait for the next run of the queue.
            sender.remote.run(["postqueue", "-f"])
            return find_messages(off.remote, user_of(off), [token], 2).get(token, "")

        found = wait_until(_BACK, number)
        if not found:
            return replace(sending, ended=time.monotonic())
        return read_by_mail(off, sending, found)[0]
