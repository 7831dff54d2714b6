"""What a server said in an error of Python's mail clients, or what a person would see instead.

Each of these clients has its own classes of errors and its own words for a connection that ended.
"""

from __future__ import annotations

import imaplib
import poplib
import smtplib

from labctl.errors import WrongState, words_of
from labctl.i18n import _

# poplib's own words, not the server's, for a connection that ended.
_POP3_ENDED = "-ERR EOF"


def in_words(error: Exception) -> str:
    """The server's words in an error, or what a person would see in their place."""
    return reply_in(error) or unreachable(error)


def reply_in(error: Exception) -> str:
    """The server's own words in an error, for SMTP with its code. "" if it said nothing."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {text_of(error.smtp_error)}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "; ".join(f"{code} {text_of(reply)}" for code, reply in error.recipients.values())
    if isinstance(error, imaplib.IMAP4.error | poplib.error_proto) and not _has_ended(error):
        words = text_of(error.args[0]) if error.args else ""
        # imaplib puts the name of the command before the reply.
        return words.partition(" => ")[2] or words
    return ""


def unreachable(error: Exception) -> str:
    """What a person would see in place of an error of a socket or of SSH."""
    if isinstance(error, ConnectionRefusedError):
        return _("nothing answers on this port")
    if _has_ended(error):
        return _("the server closed the connection")
    if isinstance(error, TimeoutError | WrongState):
        return _("no answer in time")
    return (words_of(error) if isinstance(error, OSError) else "") or _("no answer")


def text_of(reply: object) -> str:
    """A reply, which these clients give as bytes or as text."""
    return reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)


def _has_ended(error: Exception) -> bool:
    if isinstance(error, poplib.error_proto):
        return [text_of(part) for part in error.args] == [_POP3_ENDED]
    ends = smtplib.SMTPServerDisconnected | imaplib.IMAP4.abort | EOFError | ConnectionError
    return isinstance(error, ends)
