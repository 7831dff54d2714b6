"""A server's refusal is in_words in the server's words, without those of Python."""

import errno
import imaplib
import poplib
import smtplib

import pytest

from labctl.errors import WrongState
from labctl.reply import in_words, reply_in

ENDED = "the server closed the connection"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 Error"), "535 5.7.8 Error"),
        (smtplib.SMTPConnectError(554, b"no service"), "554 no service"),
        (smtplib.SMTPRecipientsRefused({"a@b": (550, b"5.1.1 unknown")}), "550 5.1.1 unknown"),
        (poplib.error_proto(b"-ERR [AUTH] failed."), "-ERR [AUTH] failed."),
        (imaplib.IMAP4.error(b"[AUTHENTICATIONFAILED] failed."), "[AUTHENTICATIONFAILED] failed."),
        (imaplib.IMAP4.error("command: EXAMINE => Internal error"), "Internal error"),
    ],
)
def test_a_server_s_own_words(error: Exception, words: str) -> None:
    assert reply_in(error) == in_words(error) == words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), ENDED),
        (imaplib.IMAP4.abort("socket error: EOF"), ENDED),
        (poplib.error_proto("-ERR EOF"), ENDED),
        (EOFError(), ENDED),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), ENDED),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "nothing answers on this port"),
        (TimeoutError("timed out"), "no answer in time"),
        (WrongState("x"), "no answer in time"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host"),
        (OSError("NXDOMAIN"), "NXDOMAIN"),
        (OSError(), "no answer"),
        (imaplib.IMAP4.error(), "no answer"),
    ],
)
def test_what_a_person_sees_where_a_server_says_nothing(error: Exception, words: str) -> None:
    assert (reply_in(error), in_words(error)) == ("", words)
