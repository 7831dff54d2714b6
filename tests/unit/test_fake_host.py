"""The host in memory keeps the contract that real hosts keep, over SSH."""

from __future__ import annotations

import socket
from functools import partial

import pytest

from tests.contract.host_contract import OPEN, SAYS_BOTH, HostBench, HostContract
from tests.fakes.host import FakeHost, FakeRemote, Ran, Reply


class TestFakeHost(HostContract):
    @pytest.fixture
    def bench(self) -> HostBench:
        host = FakeHost("host1")
        # What a real host answers.
        host.says("printf", "%s|", stdout="$HOME|a b|'||")
        host.says("printf", "one\\ntwo\\nthree", stdout="one\ntwo\nthree")
        host.when("id", "-un", answer=lambda ran: Reply(f"{ran.user}\n"))
        host.says("sh", "-c", SAYS_BOTH, stdout="out\n", stderr="err\n", status=3)
        host.says(SAYS_BOTH, stdout="out\n", stderr="err\n", status=3)
        host.says("sleep", "5", seconds=5)
        host.when('cat; echo "$1,$2"', answer=_echo_arguments)
        host.listening[OPEN] = lambda client: client.sendall(b"SSH-2.0-OpenSSH\r\n")
        return HostBench(
            connect=partial(FakeRemote, host),
            stop=partial(setattr, host, "running", False),
            start=partial(setattr, host, "running", True),
        )


def _echo_arguments(ran: Ran) -> Reply:
    return Reply(ran.stdin + ",".join(ran.words[1:]) + "\n")


def test_what_was_run_is_recorded_in_order() -> None:
    host = FakeHost("host1")
    host.says("systemctl")
    with FakeRemote(host) as remote:
        remote.run(["systemctl", "start", "named"], user="user1", stdin="x")
        remote.run(["systemctl", "stop", "named"])
    assert host.ran[0] == Ran(("systemctl", "start", "named"), "user1", "x")
    assert host.commands() == ["systemctl start named", "systemctl stop named"]


def test_a_command_without_an_answer_fails_the_test() -> None:
    with FakeRemote(FakeHost("host1")) as remote, pytest.raises(AssertionError, match="rm -rf /"):
        remote.run(["rm", "-rf", "/"])


def test_the_newest_answer_wins() -> None:
    host = FakeHost("host1")
    host.says("hostname", stdout="old\n")
    host.says("hostname", stdout="new\n")
    with FakeRemote(host) as remote:
        assert remote.run(["hostname", "-f"]).stdout == "new\n"


def test_a_conversation_is_served_by_the_test() -> None:
    host = FakeHost("host1")

    def answer(client: socket.socket) -> None:
        client.sendall(b"220 ready\r\n")
        client.sendall(b"250 " + client.recv(100))

    host.listening[25] = answer
    with FakeRemote(host) as remote, remote.open_tcp("127.0.0.1", 25) as channel:
        assert channel.recv(11) == b"220 ready\r\n"
        channel.send(b"EHLO x\r\n")
        assert channel.recv(100) == b"250 EHLO x\r\n"
