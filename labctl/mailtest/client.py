"""The chapter's last part without its window: what a mail client does, from the labctl machine.

Names come from the lab's own DNS. Each account sends by SMTP AUTH (RFC 4954) on port 25, once
with PLAIN and once with LOGIN, to itself and to the other; every message is fetched by IMAP
and by POP3 and held against what was sent.
"""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import dns.exception
import dns.resolver
from imap_tools import AND, H, MailBoxUnencrypted, MailMessage
from imap_tools.errors import ImapToolsError
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from labctl.i18n import _
from labctl.lab import Host
from labctl.mailtest.letters import Letter, new_run_id
from labctl.mailtest.watch import Watch
from labctl.progress import Progress, silent
from labctl.results import MailTestResult, Trial
from provision.mailbox import boxes_kept
from provision.step import Target

# What goes wrong on the wire, from refusals to a host that is gone.
_WIRE = (OSError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto, ImapToolsError)
_SECONDS = 10.0
_ATTACHMENT = bytes(range(256)) * 16
_FILE_NAME = "資料.bin"


@dataclass(frozen=True)
class MailServer:
    """A domain's mail server as the lab's DNS tells it: the MX record's name, its address."""

    name: str
    address: str


def find_server(host: Host) -> MailServer:
    """Asks the name server of the host's domain, which is the host itself, for MX and A.

    Raises dns.exception.DNSException where it does not tell them.
    """
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [str(host.address)]
    resolver.lifetime = _SECONDS
    exchanges = sorted(resolver.resolve(host.domain, "MX"), key=lambda record: record.preference)
    name = exchanges[0].exchange
    address = next(iter(resolver.resolve(name, "A"))).address
    return MailServer(name.to_text(omit_final_dot=True), address)


def run_client_test(
    targets: Mapping[str, Target], *, timeout: float = 30.0, progress: Progress = silent
) -> MailTestResult:
    """Runs the client's part between this machine and the lab's two mail servers.

    `timeout` is how many seconds a message may take. Raises LabError where a host cannot be
    reached over SSH; what a mail or name server does wrong is a result.
    """
    started, begun = datetime.now().astimezone(), time.monotonic()
    watch = Watch(targets, new_run_id())
    with boxes_kept(list(watch.targets.values()), watch.run_id):
        client = _Client(watch, timeout, progress)
        letters, trials = client.run()
        logs = watch.settled_logs(letters)
    return MailTestResult(
        started=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - begun,
        deliveries=tuple(watch.delivery(letter, logs, timeout) for letter in letters),
        trials=tuple(trials),
    )


def compose(letter: Letter) -> EmailMessage:
    """A message as a Japanese mail client writes it: subject, text and attachment not ASCII."""
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
    """What is not as it was sent; empty where all is.

    IMAP and POP3 must give the same bytes; subject, text and attachment must be those sent.
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
    """One run: one thread a mail server, as one client program would have one account each."""

    def __init__(self, watch: Watch, timeout: float, progress: Progress) -> None:
        self._watch = watch
        self._timeout = timeout
        self._progress = progress
        self._servers: dict[str, MailServer] = {}

    def run(self) -> tuple[list[Letter], list[Trial]]:
        trials = list(self._watch.on_both(self._look_up).values())
        sent = self._watch.on_both(self._send).values()
        trials += [trial for _letters, tried in sent for trial in tried]
        letters = [letter for written, _tried in sent for letter in written]
        fetched = self._watch.on_both(lambda target: self._fetch_all(target, letters))
        return [letter for some in fetched.values() for letter in some], trials

    def _look_up(self, target: Target) -> Trial:
        host, begun = target.host, time.monotonic()
        expected = f"{host.mail_name} {host.address}"
        try:
            server = find_server(host)
            self._servers[host.name] = server
            found = f"{server.name} {server.address}"
        except dns.exception.DNSException as error:
            found = str(error)
        what = _("the lab's DNS names the mail server of {domain}", domain=host.domain)
        return _trial("client.dns", host, what, expected=expected, found=found, begun=begun)

    def _address(self, host: Host) -> str:
        # Without DNS the rest can still be tried: the lab knows its addresses.
        server = self._servers.get(host.name)
        return server.address if server else str(host.address)

    def _send(self, target: Target) -> tuple[list[Letter], list[Trial]]:
        me = target.host
        letters, trials = [], []
        for mechanism, recipient in zip(("PLAIN", "LOGIN"), (me, target.peer), strict=True):
            self._progress(me.name, _("SMTP AUTH {mechanism}", mechanism=mechanism))
            token = f"{self._watch.run_id}.{mechanism.lower()}@{me.domain}"
            letter = Letter(
                kind="client",
                sender=me,
                recipient=recipient,
                subject=f"テストメール from {me.account}",
                body=f"これは {me.account} からのテストメールです。",
                token=token,
                message_id=token,
                begun=time.monotonic(),
            )
            password = target.credentials.password(me.account or "")
            begun = time.monotonic()
            found, letter = self._submit(letter, mechanism, password)
            what = _("SMTP AUTH {mechanism} as {user}", mechanism=mechanism, user=me.account)
            code = f"client.auth-{mechanism.lower()}"
            trials.append(_trial(code, me, what, expected="235", found=found, begun=begun))
            letters.append(letter)
        return letters, trials

    def _submit(self, letter: Letter, mechanism: str, password: str) -> tuple[str, Letter]:
        """The reply code to AUTH (or what went wrong), and the letter, sent or not."""
        found = ""
        try:
            with smtplib.SMTP(self._address(letter.sender), 25, timeout=_SECONDS) as smtp:
                smtp.ehlo()
                smtp.user, smtp.password = letter.sender.account or "", password
                how = smtp.auth_plain if mechanism == "PLAIN" else smtp.auth_login
                code, _reply = smtp.auth(mechanism, how)
                found = str(code)
                smtp.send_message(compose(letter))
        except _WIRE as error:
            return found or _said(error), replace(letter, words=_said(error))
        return found, replace(letter, sent=True)

    def _fetch_all(self, target: Target, letters: Sequence[Letter]) -> list[Letter]:
        mine = [letter for letter in letters if letter.recipient == target.host]
        return [self._fetch(target, letter) if letter.sent else letter for letter in mine]

    def _fetch(self, target: Target, letter: Letter) -> Letter:
        self._progress(target.host.name, _("fetching by IMAP and POP3"))
        password = target.credentials.password(target.host.account or "")
        arrived, wrong = False, []
        try:
            by_imap = self._by_imap(letter, password)
            arrived = by_imap is not None
            if by_imap is not None:
                by_pop3 = self._by_pop3(letter, password)
                wrong = differences(letter, by_imap, by_pop3)
        except _WIRE as error:
            wrong = [_said(error)]
        return replace(
            letter,
            arrived=arrived,
            read=arrived and not wrong,
            ended=time.monotonic(),
            words="\n".join(wrong),
        )

    def _by_imap(self, letter: Letter, password: str) -> bytes | None:
        """Waits for the message in the inbox; its bytes, or None where it does not come."""
        host = letter.recipient
        with MailBoxUnencrypted(self._address(host), timeout=_SECONDS).login(
            host.account or "", password
        ) as box:
            here = AND(header=H("Message-ID", letter.message_id))

            def look() -> str | None:
                box.client.noop()
                return next(iter(box.uids(here)), None)

            uid = Retrying(
                stop=stop_after_delay(self._timeout),
                wait=wait_fixed(0.1),
                retry=retry_if_result(lambda found: found is None),
                retry_error_callback=lambda _state: None,
            )(look)
            if uid is None:
                return None
            _status, data = box.client.uid("fetch", uid, "(BODY.PEEK[])")
            return next((bytes(part[1]) for part in data if isinstance(part, tuple)), b"")

    def _by_pop3(self, letter: Letter, password: str) -> bytes:
        """The message's bytes; empty where POP3 does not have it."""
        host = letter.recipient
        pop = poplib.POP3(self._address(host), timeout=_SECONDS)
        try:
            pop.user(host.account or "")
            pop.pass_(password)
            for number in range(pop.stat()[0], 0, -1):
                lines = pop.retr(number)[1]
                if any(letter.message_id.encode() in line for line in lines):
                    return b"\r\n".join(lines) + b"\r\n"
        finally:
            pop.quit()
        return b""


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        said = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        return f"{error.smtp_code} {said}"
    return str(error) or type(error).__name__


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
