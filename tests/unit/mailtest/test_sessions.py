"""A server's refusal is told in the server's words, without those of Python or a library."""

import errno
import imaplib
import poplib
import smtplib

import pytest
from imap_tools.errors import MailboxLoginError

from labctl.mailtest.sessions import said


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            MailboxLoginError(("NO", [b"[AUTHENTICATIONFAILED] Authentication failed."]), "OK"),
            "NO [AUTHENTICATIONFAILED] Authentication failed.",
        ),
        (
            poplib.error_proto(b"-ERR [AUTH] Authentication failed."),
            "-ERR [AUTH] Authentication failed.",
        ),
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 Error"), "535 5.7.8 Error"),
        (smtplib.SMTPRecipientsRefused({"a@b": (550, b"5.1.1 unknown")}), "550 5.1.1 unknown"),
        (
            smtplib.SMTPServerDisconnected("Connection unexpectedly closed"),
            "the server closed the connection",
        ),
        (imaplib.IMAP4.abort("socket error: EOF"), "the server closed the connection"),
        (poplib.error_proto("-ERR EOF"), "the server closed the connection"),
        (OSError(errno.ECONNREFUSED, "Connection refused"), "Connection refused"),
        (TimeoutError("timed out"), "no answer in time"),
        (EOFError(), "the server closed the connection"),
    ],
)
def test_what_a_server_said(error: Exception, words: str) -> None:
    assert said(error) == words
