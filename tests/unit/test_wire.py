"""Protocol clients over a socket that somebody else made."""

from __future__ import annotations

import smtplib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from labctl.endpoint import Endpoint
from labctl.reply import reply_in
from labctl.wire import Http, Imap, Pop3, Smtp

MACHINE = IPv4Address("192.168.56.1")
ENDPOINT = Endpoint("host1", "127.0.0.1", 22, "root", Path("key"), Path("known_hosts"))


@contextmanager
def server(*lines: bytes) -> Iterator[socket.socket]:
    """A socket whose other end says the first line, then one more for each that it gets.

    TAG in a line stands for the first word of what it got.
    """
    ours, theirs = socket.socketpair()

    def speak() -> None:
        with theirs, theirs.makefile("rb") as heard:
            tag = b""
            for line in lines:
                theirs.sendall(line.replace(b"TAG", tag))
                tag = heard.readline().partition(b" ")[0]

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield ours
    finally:
        ours.close()
        thread.join()


def test_smtp_reads_the_greeting_and_sends_quit() -> None:
    with server(b"220 mail.example1.jp\r\n", b"221 bye\r\n") as plug:
        smtp = Smtp(plug, 5, MACHINE)
        smtp.greet()
        assert smtp.quit()[0] == 221


def test_a_server_that_greets_with_a_refusal_is_an_error() -> None:
    with (
        server(b"554 no service\r\n") as plug,
        pytest.raises(smtplib.SMTPConnectError) as refusal,
    ):
        Smtp(plug, 5, MACHINE).greet()
    assert reply_in(refusal.value) == "554 no service"


def test_imap_and_pop3_greet() -> None:
    capable = b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n"
    with server(b"* OK ready\r\n", capable) as plug:
        assert Imap(plug).state == "NONAUTH"
    with server(b"+OK ready\r\n") as plug:
        assert Pop3(plug).getwelcome() == b"+OK ready"


def test_http_connects_to_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = Http(ENDPOINT, "127.0.0.1", 5)
        client.port = listening.getsockname()[1]
        client.connect()
        assert client.sock.getpeername() == listening.getsockname()
        client.close()
