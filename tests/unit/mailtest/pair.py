"""Two mail servers in memory: each answers the commands and scripts of the mail test.

`mail` and sendmail(1) hand a message to a small Postfix, which writes the lines of the real one to
the log and puts the message into the other host's mailbox. A test says what goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parseaddr
from itertools import count

from pydantic import SecretStr

from labctl.credentials import Credentials
from labctl.lab import Lab, load_edition
from provision.step import Scene, Target
from tests.fakes.host import FakeHost, FakeRemote, Ran, Reply

PASSWORD = "not-a-secret"
LOG = "/var/log/mail.log"
_MAIL = ("bash", "-lc", '"$@"', "bash", "mail")
_IDS = count(0x100000)


@dataclass(frozen=True)
class Message:
    """A message in a mailbox, as `mail` shows it."""

    sender: str
    recipient: str
    subject: str
    body: str
    message_id: str
    references: str = ""

    @property
    def text(self) -> str:
        head = f"From: {self.sender}\nTo: {self.recipient}\nSubject: {self.subject}\n"
        more = f"References: <{self.references}>\n" if self.references else ""
        return f"{head}Message-Id: <{self.message_id}>\n{more}\n{self.body}\n"


@dataclass
class MailHost:
    """A host with an account, a mailbox, a queue and a mail log.

    `refuses` is a reply that its SMTP server gives to every recipient. `swallows` means that mail
    for its account is lost. `shows` changes what `mail` shows of a message. `stopped` means that
    its Postfix does not run. `is_off` means that nobody reaches its SMTP server.
    """

    fake: FakeHost
    target: Target
    refuses: str = ""
    swallows: bool = False
    stopped: bool = False
    is_off: bool = False
    shows: Callable[[Message], str] = lambda message: message.text
    box: list[Message] = field(default_factory=list)
    queue: list[tuple[str, Message]] = field(default_factory=list)
    maildrop: list[Message] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.target.host.mailbox

    def write(self, program: str, text: str) -> None:
        """Write a line of the mail log."""
        stamp = datetime.now(UTC).isoformat()
        self.log.append(f"{stamp} {self.fake.name} postfix/{program}[7]: {text}\n")


class Pair:
    """The lab's two mail servers. `targets` is what the mail test takes."""

    def __init__(self, edition: str = "ubuntu-example") -> None:
        lab = Lab(name="default", edition=load_edition(edition))
        accounts = [host.account for host in lab.mail_hosts if host.account]
        credentials = Credentials(passwords=dict.fromkeys(accounts, SecretStr(PASSWORD)))
        self.hosts = {host.name: _host(lab, host.name, credentials) for host in lab.mail_hosts}
        self.one, self.two = self.hosts.values()
        self.targets = {name: host.target for name, host in self.hosts.items()}
        for host in self.hosts.values():
            self._answer(host)

    def _answer(self, host: MailHost) -> None:
        fake = host.fake
        fake.when("log-places.sh", answer=lambda _ran: Reply(_places(host)))
        fake.when("log-since.sh", answer=lambda ran: Reply("".join(host.log)[int(ran.words[3]) :]))
        fake.when("log-newest.sh", answer=lambda _ran: Reply(_newest(host)))
        fake.says("mailbox-keep.sh", stdout="kept /var/tmp/1\nkept /var/tmp/2\n")
        fake.when("queue-clear.sh", answer=lambda ran: _clear_queue(host, ran))
        fake.when("mailbox-put-back.sh", answer=lambda ran: _put_back(host, ran))
        fake.when("mailbox-find.sh", answer=lambda ran: _find(host, ran))
        fake.when("grep", answer=lambda ran: _grep(host, ran))
        fake.when("postqueue", "-f", answer=lambda _ran: self._flush(host))
        fake.when("systemctl", answer=lambda _ran: Reply())
        fake.when(*_MAIL, answer=lambda ran: self._mail(host, ran))

    def _mail(self, host: MailHost, ran: Ran) -> Reply:
        words = ran.words[len(_MAIL) :]
        if not words:
            return self._read(host, ran.stdin.splitlines())
        subject, header, address = words[1], words[3], words[4]
        message_id = header.partition("<")[2].rstrip(">")
        self._submit(
            host, Message(host.address, address, subject, ran.stdin.rstrip("\n"), message_id)
        )
        return Reply()

    def _read(self, host: MailHost, typed: list[str]) -> Reply:
        """`mail` with its commands typed: `print N`, then perhaps `Reply N`, a text and a dot."""
        shown = ""
        for place, line in enumerate(typed):
            command, _blank, number = line.partition(" ")
            if command == "print":
                shown += host.shows(host.box[int(number) - 1])
            elif command == "Reply":
                self._reply(host, host.box[int(number) - 1], typed[place + 1])
        return Reply(shown)

    def _reply(self, host: MailHost, to: Message, body: str) -> None:
        message_id = f"2026.{next(_IDS):X}@{host.fake.name}"
        subject = f"Re: {to.subject}"
        self._submit(
            host, Message(host.address, to.sender, subject, body, message_id, to.message_id)
        )

    def _submit(self, host: MailHost, message: Message) -> None:
        if host.stopped:
            host.maildrop.append(message)
            return
        queue_id = f"{next(_IDS):X}"
        host.write("pickup", f"{queue_id}: uid=1001 from=<{host.target.host.account}>")
        self._enter(host, message, queue_id)
        self._send(host, message, queue_id)

    def _enter(self, host: MailHost, message: Message, queue_id: str) -> None:
        host.write("cleanup", f"{queue_id}: message-id=<{message.message_id}>")
        host.write("qmgr", f"{queue_id}: from=<{message.sender}>, size=300, nrcpt=1 (queue active)")

    def _send(self, host: MailHost, message: Message, queue_id: str) -> None:
        to = parseaddr(message.recipient)[1]
        receiver = next((h for h in self.hosts.values() if to.endswith(_domain(h))), host)
        if receiver is host:
            self._deliver(host, message, queue_id)
            return
        relay = f"mail.{_domain(receiver)[1:]}[{receiver.target.host.address}]:25"
        if receiver.is_off:
            host.queue.append((queue_id, message))
            reason = f"connect to {relay}: Connection timed out"
            self._tried(host, queue_id, to, "none", f"dsn=4.4.1, status=deferred ({reason})")
        elif refusal := receiver.refuses or _unknown(receiver, to):
            self._tried(host, queue_id, to, relay, f"dsn=5.0.0, status=bounced ({refusal})")
            self._bounce(host, message, queue_id, refusal)
        else:
            next_id = f"{next(_IDS):X}"
            receiver.write("smtpd", f"{next_id}: client=unknown[{host.target.host.address}]")
            self._enter(receiver, message, next_id)
            taken = f"dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {next_id})"
            self._tried(host, queue_id, to, relay, taken)
            host.write("qmgr", f"{queue_id}: removed")
            self._deliver(receiver, message, next_id)

    def _deliver(self, host: MailHost, message: Message, queue_id: str) -> None:
        account = message.recipient.partition("@")[0]
        if account != host.target.host.account:
            said = f'unknown user: "{account}"'
            self._tried(
                host, queue_id, message.recipient, "local", f"dsn=5.1.1, status=bounced ({said})"
            )
            self._bounce(host, message, queue_id, said)
            return
        if not host.swallows:
            host.box.append(message)
        sent = "dsn=2.0.0, status=sent (delivered to mailbox)"
        self._tried(host, queue_id, message.recipient, "local", sent)
        host.write("qmgr", f"{queue_id}: removed")

    def _bounce(self, host: MailHost, message: Message, queue_id: str, reason: str) -> None:
        notice_id = f"{next(_IDS):X}"
        host.write("cleanup", f"{notice_id}: message-id=<{notice_id}@{host.fake.name}>")
        host.write("bounce", f"{queue_id}: sender non-delivery notification: {notice_id}")
        host.write("qmgr", f"{queue_id}: removed")
        body = f"<{message.recipient}>: host said: {reason}\n\nMessage-ID: <{message.message_id}>"
        notice = Message("MAILER-DAEMON", message.sender, "Undelivered", body, notice_id)
        host.box.append(notice)

    def _tried(self, host: MailHost, queue_id: str, to: str, relay: str, outcome: str) -> None:
        agent = "local" if relay == "local" else "smtp"
        host.write(
            agent, f"{queue_id}: to=<{to}>, relay={relay}, delay=1, delays=0/0/0.5/0.5, {outcome}"
        )

    def _flush(self, host: MailHost) -> Reply:
        waiting, host.queue = host.queue, []
        for queue_id, message in waiting:
            self._send(host, message, queue_id)
        return Reply()


def _host(lab: Lab, name: str, credentials: Credentials) -> MailHost:
    fake = FakeHost(name)
    scene = Scene(lab, lab.host(name), ())
    return MailHost(fake, Target(scene, FakeRemote(fake), credentials))


def _unknown(host: MailHost, to: str) -> str:
    """The reply of the host's SMTP server to a recipient that it does not know, or ""."""
    known = to.partition("@")[0] == host.target.host.account
    return "" if known else f"550 5.1.1 <{to}>: Recipient address rejected: User unknown"


def _domain(host: MailHost) -> str:
    return f"@{host.target.host.domain}"


def _places(host: MailHost) -> str:
    return f"{datetime.now(UTC).isoformat()}\nfile 4711 {len(''.join(host.log))} {LOG}\n"


def _newest(host: MailHost) -> str:
    lines = "".join(host.log)
    return f"{lines}-- place: 4711 {len(lines)}\n"


def _find(host: MailHost, ran: Ran) -> Reply:
    """Mailbox numbers by token. With notices it is the other kind of message that counts."""
    _script, _user, _slice, notices, *tokens = ran.words
    found = ""
    for token in tokens:
        for number, message in enumerate(host.box, 1):
            is_notice = message.sender == "MAILER-DAEMON"
            there = token in (message.text if is_notice else message.text.partition("\n\n")[0])
            if there and is_notice == (notices == "1"):
                found += f"{token} {number}\n"
                break
    return Reply(found)


def _clear_queue(host: MailHost, ran: Ran) -> Reply:
    run = ran.words[1]
    host.queue = [(number, m) for number, m in host.queue if run not in m.text]
    return Reply()


def _put_back(host: MailHost, ran: Ran) -> Reply:
    _clear_queue(host, ran)
    run = ran.words[1]
    host.box = [m for m in host.box if run not in m.text]
    return Reply()


def _grep(host: MailHost, ran: Ran) -> Reply:
    token = ran.words[-2]
    return Reply(status=0 if any(token in m.text for m in host.maildrop) else 1)


def changed(message: Message, **fields: str) -> Message:
    """The message with other fields."""
    return replace(message, **fields)
