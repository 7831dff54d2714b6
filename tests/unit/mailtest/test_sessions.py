"""The words of an error that the explanations of mailtest need."""

import errno

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
        (OSError(errno.ECONNREFUSED, "Connection refused"), "Connection refused"),
        (TimeoutError("timed out"), "no answer in time"),
    ],
)
def test_what_a_server_said(error: Exception, words: str) -> None:
    assert said(error) == words
