"""The sections on SMTP AUTH and Dovecot, tested with an independent mail client.

The client is Python's standard library; it connects to the addresses of the hosts."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import time
import uuid
from email.message import EmailMessage

import pytest

from tests.lab.program import labctl

SERVERS = {
    "host1": ("192.168.56.101", "user1", "user1@example1.jp"),
    "host2": ("192.168.56.102", "user2", "user2@example2.jp"),
}


@pytest.fixture(scope="module")
def passwords(ready_once: str) -> dict[str, str]:
    accounts = labctl("credentials", "--json").json["accounts"]
    return {account["host"]: account["password"] for account in accounts}


@pytest.mark.parametrize("host", SERVERS)
@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_the_right_password_is_accepted(
    passwords: dict[str, str], host: str, mechanism: str
) -> None:
    address, user, _ = SERVERS[host]
    with smtplib.SMTP(address, 25, timeout=10) as smtp:
        smtp.ehlo()
        assert {"PLAIN", "LOGIN"} <= set(smtp.esmtp_features["auth"].split())
        smtp.user, smtp.password = user, passwords[host]
        code, _reply = smtp.auth(mechanism[5:].upper(), getattr(smtp, mechanism))
        assert code == 235


@pytest.mark.parametrize("host", SERVERS)
@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_a_wrong_password_is_refused(passwords: dict[str, str], host: str, mechanism: str) -> None:
    address, user, _ = SERVERS[host]
    with smtplib.SMTP(address, 25, timeout=10) as smtp:
        smtp.ehlo()
        smtp.user, smtp.password = user, passwords[host] + "x"
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            smtp.auth(mechanism[5:].upper(), getattr(smtp, mechanism))
        assert refused.value.smtp_code == 535


@pytest.mark.parametrize("host", SERVERS)
def test_without_auth_nothing_is_relayed(ready_once: str, host: str) -> None:
    address, _, mailbox = SERVERS[host]
    with smtplib.SMTP(address, 25, timeout=10) as smtp:
        smtp.ehlo()
        smtp.mail(mailbox)
        code, reply = smtp.rcpt("someone@elsewhere.example")
        assert code == 454, reply
        assert b"Relay access denied" in reply


@pytest.mark.parametrize("host", SERVERS)
def test_with_auth_mail_is_relayed_and_read_over_imap_and_pop3(
    passwords: dict[str, str], host: str
) -> None:
    other = "host2" if host == "host1" else "host1"
    address, user, mailbox = SERVERS[host]
    token = uuid.uuid4().hex
    message = EmailMessage()
    message["From"], message["To"] = mailbox, SERVERS[other][2]
    message["Subject"] = f"client {token}"
    message.set_content(f"body {token}\n")
    with smtplib.SMTP(address, 25, timeout=10) as smtp:
        smtp.login(user, passwords[host])
        assert smtp.send_message(message) == {}
    _read_over_imap(other, passwords[other], token)
    _read_over_pop3(other, passwords[other], token)


def _read_over_imap(host: str, password: str, token: str) -> None:
    address, user, _ = SERVERS[host]
    with imaplib.IMAP4(address, 143, timeout=10) as imap:
        imap.login(user, password)
        deadline = time.monotonic() + 20
        while True:
            imap.select("INBOX", readonly=True)
            _ok, (numbers,) = imap.search(None, "SUBJECT", token)
            if numbers:
                break
            assert time.monotonic() < deadline, "the message did not arrive"
        _ok, parts = imap.fetch(numbers.decode(), "(BODY.PEEK[TEXT])")
        assert isinstance(parts[0], tuple)
        assert parts[0][1] == f"body {token}\r\n".encode()


def _read_over_pop3(host: str, password: str, token: str) -> None:
    address, user, _ = SERVERS[host]
    pop = poplib.POP3(address, 110, timeout=10)
    try:
        pop.user(user)
        pop.pass_(password)
        count, _size = pop.stat()
        messages = [b"\n".join(pop.retr(number + 1)[1]) for number in range(count)]
    finally:
        pop.quit()
    assert any(f"body {token}".encode() in message for message in messages)


@pytest.mark.parametrize("host", SERVERS)
def test_a_wrong_password_opens_no_mailbox(passwords: dict[str, str], host: str) -> None:
    address, user, _ = SERVERS[host]
    with imaplib.IMAP4(address, 143, timeout=10) as imap, pytest.raises(imaplib.IMAP4.error):
        imap.login(user, passwords[host] + "x")
