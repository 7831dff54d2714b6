"""Connections that a command makes for labctl, here by a shell of this machine."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.exception
import dns.message
import dns.query
import dns.rrset
import pytest

from labctl import neighbour

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a neighbour has bash")

HERE = ("env",)
NOWHERE = ("sh", "-c", "echo Error: Instance is not running >&2; exit 1")


@contextmanager
def echo_server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _address = listener.accept()
            with client:
                client.sendall(b"220 here\r\n")
                client.sendall(client.recv(100).upper())

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def test_a_connection_carries_both_directions_and_ends_with_the_server() -> None:
    with echo_server() as port, neighbour.tcp(HERE, "127.0.0.1", port, 5) as plug:
        assert plug.recv(100) == b"220 here\r\n"
        plug.sendall(b"ehlo\r\n")
        assert plug.recv(100) == b"EHLO\r\n"
        assert plug.recv(100) == b""


def test_a_closed_port_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    # In the words in which test-mail looks for the cause.
    with pytest.raises(ConnectionRefusedError, match="Connection refused"):
        neighbour.tcp(HERE, "127.0.0.1", port, 5)


def test_an_address_that_does_not_answer_takes_no_longer_than_asked() -> None:
    # A full backlog: the kernel drops what comes after it, as a firewall would.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _n in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        with pytest.raises(TimeoutError):
            neighbour.tcp(HERE, "127.0.0.1", port, 0.3)
        for each in waiting:
            each.close()


def test_a_neighbour_that_does_not_run_is_told_in_its_own_words() -> None:
    with pytest.raises(OSError, match="Instance is not running"):
        neighbour.tcp(NOWHERE, "127.0.0.1", 25, 5)


def test_a_name_server_is_asked_by_udp() -> None:
    question = dns.message.make_query("example1.jp", "MX")
    answer = dns.message.make_response(question)
    answer.answer.append(
        dns.rrset.from_text("example1.jp.", 60, "IN", "MX", "10 mail.example1.jp.")
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            _data, peer = server.recvfrom(512)
            server.sendto(answer.to_wire(), peer)

        threading.Thread(target=serve, daemon=True).start()
        with neighbour.UdpPlug(HERE) as plug:
            port = server.getsockname()[1]
            found = dns.query.udp(question, "127.0.0.1", 5, port=port, sock=plug)
    assert found == answer


def test_no_name_server_is_no_answer() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    question = dns.message.make_query("example1.jp", "MX")
    with (
        neighbour.UdpPlug(HERE) as plug,
        pytest.raises((OSError, dns.exception.DNSException)),
    ):
        dns.query.udp(question, "127.0.0.1", 1, port=port, sock=plug)
