"""The chapter's mail client without a window: the same protocols, from labctl's machine.

Names come from the lab's own DNS. Each account sends by SMTP AUTH (RFC 4954) on port 25, once
with PLAIN and once with LOGIN, to itself and to the other. Every message is fetched by IMAP and
by POP3 and compared with what was sent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from imap_tools import AND, H, MailMessage

from labctl.endpoint import Endpoint
from labctl.i18n import _
from labctl.lab import Host
from labctl.mailtest.letters import Letter, Sending, new_run_id
from labctl.mailtest.sessions import ERRORS, Inbox, ask_dns, pop3, said, smtp
from labctl.mailtest.watch import Watch
from labctl.progress import Progress, silent
from labctl.results import MailTestResult, Trial
from labctl.waiting import wait_until
from provision.mailbox import boxes_kept
from provision.step import Target

_ATTACHMENT = bytes(range(256)) * 16
_FILE_NAME = "資料.bin"


@dataclass(frozen=True)
class MailServer:
    """A domain's mail server in the lab's DNS: the name in its MX record, and its address."""

    name: str
    address: str


def find_server(endpoint: Endpoint, host: Host) -> MailServer:
    """Ask the name server of the host's domain, which is the host itself, for MX and A.

    Raises:
        OSError: it does not know them, or does not answer.
    """
    server = str(host.address)
    exchanges = ask_dns(endpoint, server, host.domain, "MX")
    name = min(exchanges, key=lambda record: record.preference).exchange.to_text(
        omit_final_dot=True
    )
    address = next(iter(ask_dns(endpoint, server, name, "A"))).address
    return MailServer(name, address)


def run_client_test(
    targets: Mapping[str, Target], *, timeout: float = 30.0, progress: Progress = silent
) -> MailTestResult:
    """Run the client's part between this machine and the lab's two mail servers.

    Args:
        timeout: the seconds that a message may take.

    Returns:
        The result. Whatever a mail or name server does wrong is a result, not an error.

    Raises:
        LabError: a host cannot be reached over SSH.
    """
    started, begun = datetime.now().astimezone(), time.monotonic()
    watch = Watch(targets, new_run_id())
    with boxes_kept(list(watch.targets.values()), watch.run_id):
        client = _Client(watch, timeout, progress)
        sendings, trials = client.run()
        logs = watch.settled_logs(sendings)
    return MailTestResult(
        started=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - begun,
        deliveries=tuple(watch.delivery(each, logs, timeout) for each in sendings),
        trials=tuple(trials),
    )


def compose(letter: Letter) -> EmailMessage:
    """A message as a Japanese mail client writes it. Subject, text and file name are not ASCII."""
    message = EmailMessage(policy=SMTP)
    message["From"] = letter.sender.mailbox
    message["To"] = letter.recipient.mailbox
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(datetime.now().astimezone())
    message["Message-ID"] = f"<{letter.message_id}>"
    message.set_content(letter.body + "\n", cte="base64")
    message.add_attachment(
        _ATTACHMENT, maintype="application", subtype="octet-stream", filename=_FILE_NAME
    )
    return message


def differences(letter: Letter, by_imap: bytes, by_pop3: bytes) -> list[str]:
    """What is not as it was sent, or nothing.

    IMAP and POP3 must give the same bytes. Subject, text and attachment must be those sent.
    """
    found = [] if by_imap == by_pop3 else [_("IMAP and POP3 give different bytes")]
    for protocol, raw in (("IMAP", by_imap), ("POP3", by_pop3)):
        message = MailMessage.from_bytes(raw)
        if message.subject != letter.subject:
            found.append(f"{protocol}: Subject: {message.subject}")
        if message.text.replace("\r\n", "\n") != letter.body + "\n":
            found.append(f"{protocol}: {message.text}")
        files = [(attachment.filename, attachment.payload) for attachment in message.attachments]
        if files != [(_FILE_NAME, _ATTACHMENT)]:
            found.append(_("{protocol}: the attachment is not the one sent", protocol=protocol))
    return found


class _Client:
    """One run. Each mail server is used by one thread, like one client program per account."""

    def __init__(self, watch: Watch, timeout: float, progress: Progress) -> None:
        self._watch = watch
        self._timeout = timeout
        self._progress = progress
        self._servers: dict[str, MailServer] = {}

    def run(self) -> tuple[list[Sending], list[Trial]]:
        trials = list(self._watch.on_both(self._look_up).values())
        sent = self._watch.on_both(self._send).values()
        trials += [trial for _sendings, tried in sent for trial in tried]
        sendings = [each for written, _tried in sent for each in written]
        fetched = self._watch.on_both(lambda target: self._fetch_all(target, sendings))
        return [each for some in fetched.values() for each in some], trials

    def _look_up(self, target: Target) -> Trial:
        host, begun = target.host, time.monotonic()
        expected = f"{host.mail_name} {host.address}"
        try:
            server = find_server(target.remote.endpoint, host)
            self._servers[host.name] = server
            found = f"{server.name} {server.address}"
        except OSError as error:
            found = said(error)
        what = _("the lab's DNS names the mail server of {domain}", domain=host.domain)
        return _trial("client.dns", host, what, expected=expected, found=found, begun=begun)

    def _address(self, host: Host) -> str:
        # Without DNS the rest can still be tried, because the lab's addresses are known.
        server = self._servers.get(host.name)
        return server.address if server else str(host.address)

    def _send(self, target: Target) -> tuple[list[Sending], list[Trial]]:
        me = target.host
        sendings, trials = [], []
        with_auth = target.lab.edition.relay == "auth"
        for mechanism, recipient in zip(("PLAIN", "LOGIN"), (me, target.peer), strict=True):
            doing = _("SMTP AUTH {mechanism}", mechanism=mechanism)
            self._progress(me.name, doing if with_auth else _("SMTP without AUTH"))
            token = f"{self._watch.run_id}.{mechanism.lower()}@{me.domain}"
            letter = Letter(
                kind="client",
                sender=me,
                recipient=recipient,
                subject=f"テストメール from {me.account}",
                body=f"これは {me.account} からのテストメールです。",
                token=token,
                message_id=token,
            )
            begun = time.monotonic()
            found, sending = self._submit(target, letter, mechanism if with_auth else "")
            sendings.append(sending)
            if with_auth:
                what = _("SMTP AUTH {mechanism} as {user}", mechanism=mechanism, user=me.account)
                code = f"client.auth-{mechanism.lower()}"
                trials.append(_trial(code, me, what, expected="235", found=found, begun=begun))
        return sendings, trials

    def _submit(self, target: Target, letter: Letter, mechanism: str) -> tuple[str, Sending]:
        """Send the letter, after AUTH if there is a mechanism.

        Returns:
            The reply code to AUTH, or the error, and how far the letter came.
        """
        sending = Sending(letter, begun=time.monotonic())
        user = target.host.account or ""
        found = ""
        try:
            address, machine = self._address(target.host), target.lab.network.machine
            with smtp(target.remote.endpoint, address, machine) as session:
                session.ehlo()
                if mechanism:
                    session.user, session.password = user, target.credentials.password(user)
                    how = session.auth_plain if mechanism == "PLAIN" else session.auth_login
                    code, _reply = session.auth(mechanism, how)
                    found = str(code)
                session.send_message(compose(letter))
        except ERRORS as error:
            return found or said(error), replace(sending, words=said(error))
        return found, replace(sending, sent=True)

    def _fetch_all(self, target: Target, sendings: Sequence[Sending]) -> list[Sending]:
        mine = [each for each in sendings if each.letter.recipient == target.host]
        return [self._fetch(target, each) if each.sent else each for each in mine]

    def _fetch(self, target: Target, sending: Sending) -> Sending:
        self._progress(target.host.name, _("fetching by IMAP and POP3"))
        arrived, wrong = False, []
        try:
            by_imap = self._by_imap(target, sending.message_id)
            arrived = by_imap is not None
            if by_imap is not None:
                by_pop3 = self._by_pop3(target, sending.message_id)
                wrong = differences(sending.letter, by_imap, by_pop3)
        except ERRORS as error:
            wrong = [said(error)]
        return replace(
            sending,
            arrived=arrived,
            read=arrived and not wrong,
            ended=time.monotonic(),
            words="\n".join(wrong),
        )

    def _by_imap(self, target: Target, message_id: str) -> bytes | None:
        """Wait for the message in the inbox. Returns its bytes, or None if it does not come."""
        user, password = _login(target)
        inbox = Inbox(target.remote.endpoint, self._address(target.host))
        with inbox.login(user, password) as box:
            here = AND(header=H("Message-ID", message_id))

            def look() -> str | None:
                box.client.noop()
                return next(iter(box.uids(here)), None)

            uid = wait_until(self._timeout, look, every=0.1)
            if uid is None:
                return None
            _status, data = box.client.uid("fetch", uid, "(BODY.PEEK[])")
            return next((bytes(part[1]) for part in data if isinstance(part, tuple)), b"")

    def _by_pop3(self, target: Target, message_id: str) -> bytes:
        """The message's bytes, or none if POP3 does not have it."""
        user, password = _login(target)
        pop = pop3(target.remote.endpoint, self._address(target.host))
        try:
            pop.user(user)
            pop.pass_(password)
            for number in range(pop.stat()[0], 0, -1):
                lines = pop.retr(number)[1]
                if any(message_id.encode() in line for line in lines):
                    return b"\r\n".join(lines) + b"\r\n"
        finally:
            pop.quit()
        return b""


def _login(target: Target) -> tuple[str, str]:
    user = target.host.account or ""
    return user, target.credentials.password(user)


def _trial(code: str, host: Host, what: str, *, expected: str, found: str, begun: float) -> Trial:
    return Trial(
        code=code,
        host=host.name,
        what=what,
        ok=found == expected,
        expected=expected,
        found=found,
        seconds=time.monotonic() - begun,
    )
