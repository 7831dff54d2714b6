"""Mail protocols spoken to a host for a check, and what the server says as data.

Python's own protocol classes speak. Only their socket is given, which `mail_ports` opens.
"""

from __future__ import annotations

import contextlib
import imaplib
import poplib
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from labctl import dial
from labctl.errors import WrongState
from labctl.i18n import _, ngettext
from labctl.reply import in_words
from labctl.wire import Imap, Pop3, Smtp
from provision.mail_ports import by_deadline, connect, seconds_left, through_ssh
from provision.step import Target
from provision.turns import alone_with_mailbox, only_client

_IMAP, _POP3 = 143, 110
# A relay that is not seen is an open relay not found, so a busy machine gets more time.
_PATIENT_SECONDS = 4.0
# How many of the newest messages are searched for one of our own.
_LAST = 20


@dataclass(frozen=True)
class Answer:
    """What a server said: whether it agreed, and its own words."""

    ok: bool
    text: str


def smtp_greeting(target: Target) -> tuple[str, tuple[str, ...]]:
    """The name in Postfix's banner and the AUTH mechanisms it offers; raises OSError."""
    with _smtp(target) as session:
        session.ehlo()
        mechanisms = session.esmtp_features.get("auth", "").split()
        words = (session.ehlo_resp or b"").decode(errors="replace").split()
        return (words[0] if words else ""), tuple(mechanisms)


def smtp_auth(
    target: Target,
    user: str,
    password: str,
    mechanism: str,
    asked: Callable[[], None] = lambda: None,
) -> Answer:
    """One AUTH (RFC 4954) with mechanism PLAIN or LOGIN; never raises for a refusal.

    Args:
        asked: called when the server gets the password.
    """
    try:
        with _smtp(target) as session:
            session.ehlo()
            offered = session.esmtp_features.get("auth", "").upper().split()
            if offered and mechanism not in offered:
                # Postfix takes some mechanisms that it does not offer, but no mail client asks.
                return Answer(False, _("it offers only {names}", names=" ".join(offered)))
            session.user, session.password = user, password
            way = session.auth_plain if mechanism == "PLAIN" else session.auth_login
            asked()
            code, text = session.auth(mechanism, way)
            return Answer(code == 235, f"{code} {text.decode(errors='replace')}")
    except smtplib.SMTPNotSupportedError:
        return Answer(False, _("it offers no AUTH"))
    except (OSError, smtplib.SMTPException, WrongState) as error:
        return Answer(False, in_words(error))


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
    has_logged_in = False
    try:
        # Not through SSH: Postfix trusts its own host without AUTH.
        with _smtp_from_outside(target) as session:
            session.ehlo()
            session.user, session.password = user, password
            session.auth("PLAIN", session.auth_plain)
            has_logged_in = True
            code, text = session.mail(f"{user}@{target.host.domain}")
            if code == 250:
                code, text = session.rcpt(recipient)
            return Answer(code == 250, f"{code} {text.decode(errors='replace')}")
    except (OSError, smtplib.SMTPException) as error:
        return Answer(False, in_words(error) if has_logged_in else "")


@contextlib.contextmanager
def _smtp(target: Target) -> Iterator[Smtp]:
    """A session past the host's firewall, after the server's greeting."""
    with _greeted(target, through_ssh(target, 25)) as session:
        yield session


@contextlib.contextmanager
def _smtp_from_outside(target: Target) -> Iterator[Smtp]:
    """A session over the lab's network, after the server's greeting."""
    seconds = seconds_left(target, _PATIENT_SECONDS)
    plug = dial.tcp(target.remote.endpoint, str(target.host.address), 25, seconds)
    with _greeted(target, plug) as session:
        yield session


@contextlib.contextmanager
def _greeted(target: Target, plug: Any) -> Iterator[Smtp]:
    session = Smtp(plug, seconds_left(target), target.lab.network.machine)
    with contextlib.closing(session), by_deadline(target, plug):
        session.greet()
        yield session


def imap_login(target: Target, user: str, password: str) -> Answer:
    """LOGIN and EXAMINE INBOX (RFC 3501): nothing in the mailbox is changed."""

    def speak() -> Answer:
        with _mail_client(target, _IMAP) as plug, _imap(plug) as session:
            session.login(user, password)
            return _counted(_opened(session, readonly=True))

    return _spoken(target, _IMAP, speak)


def imap_shows(target: Target, user: str, password: str, token: str) -> Answer:
    """Find the message with the token over IMAP, and delete it (RFC 3501).

    A login that fails is another finding, so it counts as agreed here.
    """

    def speak() -> Answer:
        with _mail_client(target, _IMAP) as plug, _imap(plug) as session:
            try:
                session.login(user, password)
            except imaplib.IMAP4.error:
                return Answer(True, "")
            count = _opened(session)
            # Dovecot may give messages new numbers while it opens the mailbox, and announce them
            # with the next answer only. A mail client then looks again.
            found = _found_over_imap(session, token) or _found_over_imap(session, token)
            if not found:
                return _not_among(count)
            _agreed(session.store(found[-1].decode(), "+FLAGS", r"(\Deleted)"))
            _agreed(session.expunge())
            return Answer(True, _("shown and deleted"))

    return _spoken(target, _IMAP, speak)


def pop3_shows(target: Target, user: str, password: str, token: str) -> Answer:
    """The same over POP3 (RFC 1939): the message is one of the last."""

    def speak() -> Answer:
        with _mail_client(target, _POP3) as plug, _pop3(plug) as session:
            try:
                session.user(user)
                session.pass_(password)
            except poplib.error_proto:
                return Answer(True, "")
            count = session.stat()[0]
            for number in range(count, max(0, count - _LAST), -1):
                if token.encode() in b"\n".join(session.top(number, 0)[1]):
                    session.dele(number)
                    return Answer(True, _("shown and deleted"))
            return _not_among(count)

    return _spoken(target, _POP3, speak)


def _agreed(answer: tuple[str, list[Any]]) -> bytes:
    """The first datum of an IMAP answer that is OK."""
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(data[0])
    return data[0] or b""


def pop3_login(target: Target, user: str, password: str) -> Answer:
    """USER, PASS and STAT (RFC 1939)."""

    def speak() -> Answer:
        with _mail_client(target, _POP3) as plug, _pop3(plug) as session:
            session.user(user)
            session.pass_(password)
            return _counted(session.stat()[0])

    return _spoken(target, _POP3, speak)


@contextlib.contextmanager
def _mail_client(target: Target, port: int) -> Iterator[Any]:
    """The connection of a client that is alone with the mailbox, and the only one of its port.

    A server may take few clients before they log in, and a person has one.
    """
    with alone_with_mailbox(target), only_client(target, port):
        plug = connect(target, port)
        with by_deadline(target, plug):
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


def _opened(session: Imap, *, readonly: bool = False) -> int:
    """Open the inbox. Returns how many messages the server counts in it."""
    count = _agreed(session.select("INBOX", readonly=readonly))
    return int(count) if count.isdigit() else 0


def _found_over_imap(session: Imap, token: str) -> list[bytes]:
    return _agreed(session.search(None, "TEXT", token)).split()


def _not_among(messages: int) -> Answer:
    if not messages:
        return Answer(False, _("the message is not shown, and the mailbox looks empty"))
    text = ngettext(
        "the message is not shown, but {count} other",
        "the message is not shown, but {count} others",
        messages,
    )
    return Answer(False, text)


def _counted(messages: int) -> Answer:
    return Answer(True, ngettext("{count} message", "{count} messages", messages))


def _spoken(target: Target, port: int, speak: Callable[[], Answer]) -> Answer:
    try:
        return speak()
    except (OSError, EOFError, imaplib.IMAP4.error, poplib.error_proto, WrongState) as error:
        if isinstance(error, TimeoutError):
            target.turns.note_silent(port)
        return Answer(False, in_words(error))
