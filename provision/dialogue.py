"""Mail protocols spoken to a host for a check: over the network, or past its firewall.

Past the firewall means through the SSH connection, so that a closed port is the firewall
section's failure alone. Python's own protocol classes speak; only their socket is given.
"""

from __future__ import annotations

import contextlib
import imaplib
import poplib
import re
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labctl import dial
from labctl.errors import WrongState
from labctl.i18n import _
from labctl.wire import Imap, Pop3, Smtp
from provision.patience import patient
from provision.step import Target
from provision.turns import (
    alone_with_mailbox,
    did_not_answer,
    is_closed,
    is_silent,
    note_closed,
    only_client,
)

if TYPE_CHECKING:
    import paramiko

SECONDS = 6.0
_IMAP, _POP3 = 143, 110
_CONNECT_SECONDS = 1.5
# For a server that did not answer before.
_AGAIN_SECONDS = 0.5
# A relay that is not seen is an open relay not found, so a busy machine gets more time.
_PATIENT_SECONDS = 4.0
# poplib's own words, not the server's, for a connection that ended.
_POP3_ENDED = "-ERR EOF"
# For a session that begins at the deadline.
_LEAST = 1.0
# How often the deadline is looked at.
_LOOK_SECONDS = 0.25
# How Python's protocol clients fail.
_FAILURES = (EOFError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto)
# How many of the newest messages are searched for one of our own.
_LAST = 20


@dataclass(frozen=True)
class Answer:
    """What a server said: whether it agreed, and its own words."""

    ok: bool
    text: str


def _seconds(target: Target, seconds: float = SECONDS) -> float:
    """How long to wait for an answer of the host now.

    A session may begin late, because it waits for the mailbox. A server that works is fast.
    """
    return max(target.left(patient(seconds)), patient(_LEAST))


@contextlib.contextmanager
def _by_deadline(target: Target, plug: Any) -> Iterator[None]:
    """Cut the connection at the deadline of the check, however often the server answers."""
    if target.ends is None:
        yield
        return
    is_over, is_ended = threading.Event(), threading.Event()
    left = target.at_least(patient(_LEAST))

    def watch() -> None:
        while seconds := left():
            if is_ended.wait(min(seconds, _LOOK_SECONDS)):
                return
        _cut(plug, is_over)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    except (*_FAILURES, OSError) as error:
        if is_over.is_set():
            # It looks as if the server had closed the connection.
            raise TimeoutError from error
        raise
    finally:
        is_ended.set()


def _cut(plug: Any, is_over: threading.Event) -> None:
    is_over.set()
    with contextlib.suppress(OSError, EOFError):
        plug.shutdown(socket.SHUT_RDWR)
        if not isinstance(plug, socket.socket):
            # A channel of SSH wakes its reader only when it is closed.
            plug.close()


def connect(target: Target, port: int) -> Any:
    """A connection to the port: over the network, else through SSH. Raises OSError for none.

    Either way the socket's type is one that smtplib and its kin can use.
    """
    found: Any = _over_network(target, port) or through_ssh(target, port)
    found.settimeout(_AGAIN_SECONDS if is_silent(target, port) else _seconds(target))
    return found


def _over_network(target: Target, port: int) -> Any:
    """A connection over the network, or None. Nobody waits a second time for a closed port."""
    if is_closed(target, port):
        return None
    endpoint, address = target.remote.endpoint, str(target.host.address)
    try:
        return dial.tcp(endpoint, address, port, _seconds(target, _CONNECT_SECONDS))
    except OSError as error:
        if isinstance(error, TimeoutError):
            note_closed(target, port)
        return None


def through_ssh(target: Target, port: int) -> paramiko.Channel:
    """A connection from the host to its own lab address; raises OSError where none answers."""
    return target.remote.open_tcp(str(target.host.address), port, _seconds(target))


def smtp_greeting(target: Target) -> tuple[str, tuple[str, ...]]:
    """The name in Postfix's banner and the AUTH mechanisms it offers; raises OSError."""
    with _smtp(target) as session:
        session.ehlo()
        mechanisms = session.esmtp_features.get("auth", "").split()
        words = (session.ehlo_resp or b"").decode(errors="replace").split()
        return (words[0] if words else ""), tuple(mechanisms)


def smtp_auth(target: Target, user: str, password: str, mechanism: str) -> Answer:
    """One AUTH (RFC 4954) with mechanism PLAIN or LOGIN; never raises for a refusal."""
    try:
        with _smtp(target) as session:
            session.ehlo()
            offered = session.esmtp_features.get("auth", "").upper().split()
            if offered and mechanism not in offered:
                # Postfix takes some mechanisms that it does not offer, but no mail client asks.
                return Answer(False, _("it offers only {names}", names=" ".join(offered)))
            session.user, session.password = user, password
            way = session.auth_plain if mechanism == "PLAIN" else session.auth_login
            code, text = session.auth(mechanism, way)
            return Answer(code == 235, f"{code} {text.decode(errors='replace')}")
    except smtplib.SMTPResponseException as error:
        return Answer(False, f"{error.smtp_code} {_text(error.smtp_error)}")
    except (OSError, smtplib.SMTPException, WrongState) as error:
        return Answer(False, told_by(error))


def told_by(error: Exception) -> str:
    """The server's own words in an error of a dialogue, or what a person would see."""
    # The server's greeting comes as an OSError with its words (labctl.wire).
    words = str(error)
    if re.match(r"\d{3} ", words):
        return words
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return _("it offers no AUTH")
    return unreachable(error)


def smtp_relay(target: Target, sender: str, recipient: str) -> Answer:
    """Whether the host takes mail for another server from the labctl machine, without AUTH.

    The labctl machine is in the lab's network. No message is sent. Text is "" if nobody answers.
    """
    try:
        with _smtp_from_outside(target) as session:
            session.ehlo()
            code, text = session.mail(sender)
            if code == 250:
                code, text = session.rcpt(recipient)
            return Answer(code == 250, f"{code} {text.decode(errors='replace')}")
    except (OSError, smtplib.SMTPException):
        return Answer(False, "")


def smtp_relay_after_auth(target: Target, user: str, password: str, recipient: str) -> Answer:
    """Whether the host takes mail for another server after AUTH PLAIN. No message is sent.

    Text is "" if the server offers no AUTH, or refuses the password: other checks find that.
    """
    try:
        # Not through SSH: Postfix trusts its own host without AUTH.
        with _smtp_from_outside(target) as session:
            session.ehlo()
            session.user, session.password = user, password
            session.auth("PLAIN", session.auth_plain)
            code, text = session.mail(f"{user}@{target.host.domain}")
            if code == 250:
                code, text = session.rcpt(recipient)
            return Answer(code == 250, f"{code} {text.decode(errors='replace')}")
    except (OSError, smtplib.SMTPException):
        return Answer(False, "")


@contextlib.contextmanager
def _smtp(target: Target) -> Iterator[Smtp]:
    """A session past the host's firewall, after the server's greeting."""
    with _greeted(target, through_ssh(target, 25)) as session:
        yield session


@contextlib.contextmanager
def _smtp_from_outside(target: Target) -> Iterator[Smtp]:
    """A session over the lab's network, after the server's greeting."""
    seconds = _seconds(target, _PATIENT_SECONDS)
    plug = dial.tcp(target.remote.endpoint, str(target.host.address), 25, seconds)
    with _greeted(target, plug) as session:
        yield session


@contextlib.contextmanager
def _greeted(target: Target, plug: Any) -> Iterator[Smtp]:
    session = Smtp(plug, _seconds(target))
    with contextlib.closing(session), _by_deadline(target, plug):
        session.greet()
        yield session


def imap_login(target: Target, user: str, password: str) -> Answer:
    """LOGIN and EXAMINE INBOX (RFC 3501): nothing in the mailbox is changed."""

    def speak() -> str:
        with _mail_client(target, _IMAP) as plug, _imap(plug) as session:
            session.login(user, password)
            status, data = session.select("INBOX", readonly=True)
            if status != "OK":
                raise imaplib.IMAP4.error(data[0])
            return f"{(data[0] or b'').decode()} messages"

    return _spoken(target, _IMAP, speak)


def imap_shows(target: Target, user: str, password: str, token: str) -> Answer:
    """Find the message with the token over IMAP, and delete it (RFC 3501).

    A login that fails is another finding, so it counts as agreed here.
    """

    def speak() -> str:
        with _mail_client(target, _IMAP) as plug, _imap(plug) as session:
            try:
                session.login(user, password)
            except imaplib.IMAP4.error:
                return ""
            _agreed(session.select("INBOX"))
            found = _agreed(session.search(None, "TEXT", token)).split()
            if not found:
                raise imaplib.IMAP4.error(_("the message is not shown"))
            _agreed(session.store(found[-1].decode(), "+FLAGS", r"(\Deleted)"))
            _agreed(session.expunge())
            return _("shown and deleted")

    return _spoken(target, _IMAP, speak)


def pop3_shows(target: Target, user: str, password: str, token: str) -> Answer:
    """The same over POP3 (RFC 1939): the message is one of the last."""

    def speak() -> str:
        with _mail_client(target, _POP3) as plug, _pop3(plug) as session:
            try:
                session.user(user)
                session.pass_(password)
            except poplib.error_proto:
                return ""
            count = session.stat()[0]
            for number in range(count, max(0, count - _LAST), -1):
                if token.encode() in b"\n".join(session.top(number, 0)[1]):
                    session.dele(number)
                    return _("shown and deleted")
            raise poplib.error_proto(_("the message is not shown"))

    return _spoken(target, _POP3, speak)


def _agreed(answer: tuple[str, list[Any]]) -> bytes:
    """The first datum of an IMAP answer that is OK."""
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(data[0])
    return data[0] or b""


def pop3_login(target: Target, user: str, password: str) -> Answer:
    """USER, PASS and STAT (RFC 1939)."""

    def speak() -> str:
        with _mail_client(target, _POP3) as plug, _pop3(plug) as session:
            session.user(user)
            session.pass_(password)
            return f"{session.stat()[0]} messages"

    return _spoken(target, _POP3, speak)


@contextlib.contextmanager
def _mail_client(target: Target, port: int) -> Iterator[Any]:
    """The connection of a client that is alone with the mailbox, and the only one of its port.

    A server may take few clients before they log in, and a person has one.
    """
    with alone_with_mailbox(target), only_client(target, port):
        plug = connect(target, port)
        with _by_deadline(target, plug):
            yield plug


@contextlib.contextmanager
def _imap(plug: Any) -> Iterator[Imap]:
    """An IMAP session that is over at the end: the server has answered LOGOUT."""
    session = Imap(plug)
    try:
        yield session
    finally:
        with contextlib.suppress(OSError, EOFError, imaplib.IMAP4.error):
            session.logout()
        # logout closes the socket itself, unless it failed.
        with contextlib.suppress(OSError):
            session.shutdown()


@contextlib.contextmanager
def _pop3(plug: Any) -> Iterator[Pop3]:
    """A POP3 session that is over at the end: the server has answered QUIT."""
    session = Pop3(plug)
    try:
        yield session
    finally:
        with contextlib.suppress(OSError, EOFError, poplib.error_proto):
            session.quit()
        with contextlib.suppress(OSError):
            session.close()


def _spoken(target: Target, port: int, speak: Callable[[], str]) -> Answer:
    try:
        return Answer(True, speak())
    except (EOFError, imaplib.IMAP4.abort):
        return Answer(False, _ended())
    except (imaplib.IMAP4.error, poplib.error_proto) as error:
        words = _text(error.args[0] if error.args else "")
        return Answer(False, _ended() if words == _POP3_ENDED else _reply(words))
    except (OSError, WrongState) as error:
        if isinstance(error, TimeoutError):
            did_not_answer(target, port)
        return Answer(False, unreachable(error))


def unreachable(error: Exception) -> str:
    """What a person would see in place of an error of a socket or of SSH."""
    if isinstance(error, ConnectionRefusedError):
        return _("nothing answers on this port")
    if isinstance(error, smtplib.SMTPServerDisconnected | ConnectionError):
        return _ended()
    if isinstance(error, TimeoutError | WrongState):
        return _("no answer in time")
    return error.strerror or _("no answer") if isinstance(error, OSError) else _("no answer")


def _ended() -> str:
    return _("the server closed the connection")


def _reply(words: str) -> str:
    """The server's own words, without the name of the command that imaplib puts before them."""
    return words.partition(" => ")[2] or words


def _text(words: object) -> str:
    return words.decode(errors="replace") if isinstance(words, bytes) else str(words)
