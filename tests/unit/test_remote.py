"""A host over SSH: a real local SSH server, with the lab's pinned key or another one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import paramiko
import pytest
from fabric import Connection

from labctl.endpoint import Endpoint
from labctl.errors import CommandFailed, WrongState
from labctl.managed import ManagedFile
from labctl.providers.keys import client_key
from labctl.remote import Remote

Answer = Callable[[paramiko.Channel, str], None]


class Server(paramiko.ServerInterface):
    """Accept every login, refuse some commands, then answer as configured."""

    def __init__(self, answer: Answer, seen: list[str], refusals: int) -> None:
        self._answer, self._seen, self._refusals = answer, seen, refusals

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        # The same as sshd beyond MaxSessions.
        self._refusals -= 1
        refused = self._refusals >= 0
        return (
            paramiko.common.OPEN_FAILED_CONNECT_FAILED
            if refused
            else paramiko.common.OPEN_SUCCEEDED
        )

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._seen.append(command.decode())
        # After the reply that the command has started, which is sent when this returns.
        answer = threading.Timer(0.05, self._answer, args=(channel, command.decode()))
        answer.daemon = True
        answer.start()
        return True


@contextmanager
def host(
    folder: Path, answer: Answer, *, pinned: bool = True, refusals: int = 0
) -> Iterator[tuple[Endpoint, list[str]]]:
    """The endpoint of an SSH server, and the commands that it received."""
    key = paramiko.RSAKey.generate(2048)
    seen: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        transports: list[paramiko.Transport] = []
        threading.Thread(
            target=_serve, args=(listener, key, answer, seen, transports, refusals), daemon=True
        ).start()
        other = paramiko.RSAKey.generate(2048)
        shown = key if pinned else other
        (folder / "known_hosts").write_text(
            f"[127.0.0.1]:{port} {shown.get_name()} {shown.get_base64()}\n"
        )
        client_key(folder / "key")
        yield (
            Endpoint("host1", "127.0.0.1", port, "root", folder / "key", folder / "known_hosts"),
            seen,
        )
        for transport in transports:
            transport.close()
        # Wake the thread in accept, so that the port is released.
        with suppress(OSError):
            # Windows refuses it; there the end of the block wakes the thread.
            listener.shutdown(socket.SHUT_RDWR)


def _serve(
    listener: socket.socket,
    key: paramiko.PKey,
    answer: Answer,
    seen: list[str],
    transports: list[paramiko.Transport],
    refusals: int,
) -> None:
    while True:
        try:
            client, _address = listener.accept()
        except OSError:
            return
        transport = paramiko.Transport(client)
        transport.add_server_key(key)
        transports.append(transport)
        try:
            transport.start_server(server=Server(answer, seen, refusals))
        except (paramiko.SSHException, EOFError):
            transport.close()


def says(output: bytes, status: int = 0) -> Answer:
    def answer(channel: paramiko.Channel, command: str) -> None:
        while not command.endswith(" </dev/null") and channel.recv(4096):
            pass
        channel.sendall(output)
        channel.send_exit_status(status)
        channel.close()

    return answer


def test_a_command_is_quoted_and_its_answer_comes_back(tmp_path: Path) -> None:
    with host(tmp_path, says("日本\n".encode())) as (endpoint, seen), Remote(endpoint) as remote:
        done = remote.run(["echo", "$(touch canary); 'x'\n"])
        assert (done.stdout, done.returncode) == ("日本\n", 0)
    begin = "echo 'labctl: the output begins here'; exec "
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    command = "echo '$(touch canary); '\"'\"'x'\"'\"'\n' </dev/null"
    assert seen == [f"{begin}/usr/bin/env LC_ALL=C.UTF-8 SHLVL=1 {path} {command}"]


def test_a_greeting_of_the_login_shell_is_not_part_of_the_output(tmp_path: Path) -> None:
    greeting = b"Welcome!\nlabctl: the output begins here\n"
    with (
        host(tmp_path, says(greeting + b"one\ntwo\n")) as (endpoint, _),
        Remote(endpoint) as remote,
    ):
        assert remote.run(["cat", "x"]).stdout == "one\ntwo\n"
        assert list(remote.stream(["cat", "x"])) == ["one", "two"]


def test_a_host_that_forwards_nothing_connects_by_a_command(tmp_path: Path) -> None:
    def connects(channel: paramiko.Channel, command: str) -> None:
        assert "192.0.2.1 25" in command
        channel.sendall(b"Welcome!\nlabctl: the output begins here\n220 mail\r\n")
        channel.sendall(channel.recv(100))

    with host(tmp_path, connects) as (endpoint, _), Remote(endpoint) as remote:
        channel = remote.open_tcp("192.0.2.1", 25, 5)
        assert channel.recv(100) == b"220 mail\r\n"
        channel.sendall(b"QUIT\r\n")
        assert channel.recv(100) == b"QUIT\r\n"


def test_a_command_that_cannot_connect_is_a_server_that_refuses(tmp_path: Path) -> None:
    def closes(channel: paramiko.Channel, _command: str) -> None:
        channel.close()

    with (
        host(tmp_path, closes) as (endpoint, _),
        Remote(endpoint) as remote,
        pytest.raises(ConnectionRefusedError),
    ):
        remote.open_tcp("192.0.2.1", 25, 5)


def test_a_connection_is_given_up_when_no_seconds_are_left(tmp_path: Path) -> None:
    asked: list[float] = []

    def left() -> float:
        # Many at first, as on a machine that is busy, and none a moment later.
        asked.append(60.0 if not asked else 0.0)
        return asked[-1]

    def waits(channel: paramiko.Channel, _command: str) -> None:
        channel.recv(1)

    with (
        host(tmp_path, waits) as (endpoint, _),
        Remote(endpoint) as remote,
        pytest.raises(TimeoutError),
    ):
        remote.open_tcp("192.0.2.1", 25, 60, left)
    assert len(asked) > 1


def test_what_is_fed_to_a_command_is_on_no_command_line_and_in_no_error(tmp_path: Path) -> None:
    with (
        host(tmp_path, says(b"refused\n", 1)) as (endpoint, seen),
        Remote(endpoint) as remote,
        pytest.raises(CommandFailed) as failed,
    ):
        remote.run(["chpasswd"], stdin="user1:secret\n")
    assert "secret" not in "".join(seen) + str(failed.value) + repr(vars(failed.value))
    assert "host1: chpasswd" in failed.value.message
    assert failed.value.cause == "exit 1\nrefused"


def test_a_command_that_is_refused_a_channel_waits_for_one(tmp_path: Path) -> None:
    with (
        host(tmp_path, says(b"done\n"), refusals=3) as (endpoint, seen),
        Remote(endpoint) as remote,
    ):
        assert remote.run(["true"]).stdout == "done\n"
    assert len(seen) == 1


def test_another_host_key_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    with (
        host(tmp_path, says(b""), pinned=False) as (endpoint, seen),
        Remote(endpoint) as remote,
        pytest.raises(WrongState, match="the SSH host key of host1 is not") as refused,
    ):
        remote.run(["true"])
    assert seen == []
    assert refused.value.cause.count("SHA256:") == 2
    assert "labctl reset" in str(refused.value.hint)


def test_nobody_listening_is_said_with_the_next_command(tmp_path: Path) -> None:
    with host(tmp_path, says(b"")) as (endpoint, _seen):
        pass
    with Remote(endpoint) as remote, pytest.raises(WrongState) as wrong:
        remote.run(["true"])
    assert wrong.value.hint
    assert "Errno" not in wrong.value.cause


def test_no_pinned_keys_at_all_is_a_state_and_no_crash(tmp_path: Path) -> None:
    endpoint = Endpoint("host1", "127.0.0.1", 9, "root", tmp_path / "key", tmp_path / "none")
    with pytest.raises(WrongState, match="a key of the lab is missing") as wrong:
        Remote(endpoint)
    assert wrong.value.cause == str(tmp_path / "none")


def test_a_command_without_end_is_given_up(tmp_path: Path) -> None:
    with (
        host(tmp_path, lambda _channel, _command: None) as (endpoint, _seen),
        Remote(endpoint) as remote,
        pytest.raises(CommandFailed, match=r"timed out after 0\.2 s"),
    ):
        remote.run(["sleep", "60"], timeout=0.2)


def test_a_command_that_prints_without_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.remote._MOST_SAID", 1024**2)

    def endless(channel: paramiko.Channel, _command: str) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException):
            while True:
                channel.sendall(b"y\n" * 10_000)

    with (
        host(tmp_path, endless) as (endpoint, _seen),
        Remote(endpoint) as remote,
        pytest.raises(CommandFailed, match="prints more than 1 MiB"),
    ):
        remote.run(["postconf"], timeout=20)


def test_a_script_that_nobody_waits_for_any_more_has_said_what_it_said(tmp_path: Path) -> None:
    left = iter([4.0, 4.0, 0.0])

    def half(channel: paramiko.Channel, _command: str) -> None:
        channel.sendall(b"key\tvalue\n")

    with host(tmp_path, half) as (endpoint, seen), Remote(endpoint) as remote:
        with pytest.raises(CommandFailed) as failed:
            remote.script("echo", left=lambda: next(left, 0.0))
        assert (failed.value.returncode, failed.value.output) == (124, "key\tvalue\n")
    # The host ends it by itself, somewhat later.
    assert "timeout -k 1 24 sh -euc echo" in seen[0]


def test_labctl_waits_longer_if_the_deadline_moves_away(tmp_path: Path) -> None:
    asked: list[float] = []

    def left() -> float:
        asked.append(1.0)
        return 0.3

    def late(channel: paramiko.Channel, _command: str) -> None:
        threading.Event().wait(1)
        says(b"late\n")(channel, "echo </dev/null")

    with host(tmp_path, late) as (endpoint, _seen), Remote(endpoint) as remote:
        assert remote.script("echo", left=left).stdout == "late\n"
    assert len(asked) > 3


def test_lines_that_are_no_text_are_still_streamed(tmp_path: Path) -> None:
    output = b"labctl: the output begins here\none\n\xff two\nthree"
    with host(tmp_path, says(output)) as (endpoint, _seen), Remote(endpoint) as remote:
        lines = list(remote.stream(["tail", "-f", "/var/log/mail.log"]))
    assert lines == ["one", "\N{REPLACEMENT CHARACTER} two", "three"]


def test_after_a_close_the_next_command_connects_again(tmp_path: Path) -> None:
    with host(tmp_path, says(b"")) as (endpoint, seen), Remote(endpoint) as remote:
        remote.run(["true"])
        remote.close()
        remote.run(["true"])
    assert len(seen) == 2


def test_after_it_is_abandoned_nothing_more_is_done_on_the_host(tmp_path: Path) -> None:
    with host(tmp_path, says(b"")) as (endpoint, seen), Remote(endpoint) as remote:
        remote.run(["true"])
        remote.abandon()
        with pytest.raises(WrongState):
            remote.run(["rm", "-rf", "/"])
    assert len(seen) == 1


def test_a_files_fingerprint_is_of_content_mode_and_owner() -> None:
    file = ManagedFile("/etc/x", "text\n")
    others = [
        ManagedFile("/etc/x", "text"),
        ManagedFile("/etc/x", "text\n", mode=0o600),
        ManagedFile("/etc/x", "text\n", owner="postfix"),
        ManagedFile("/etc/x", "text\n", group="sasl"),
    ]
    assert len({each.fingerprint() for each in (file, *others)}) == 5
    assert ManagedFile("/etc/y", "text\n").fingerprint() == file.fingerprint()


def test_a_host_that_does_not_answer_at_all_is_not_a_command_that_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_connection: Connection) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(Connection, "open", silent)
    with (
        host(tmp_path, says(b"")) as (endpoint, _seen),
        Remote(endpoint) as remote,
        pytest.raises(WrongState) as caught,
    ):
        remote.run(["true"])
    assert "does not answer over SSH" in caught.value.message
    assert "timed out" not in caught.value.cause
    assert caught.value.hint.commands == (("labctl", "up"), ("labctl", "reset"))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            paramiko.AuthenticationException("Authentication failed."),
            "does not accept labctl's key",
        ),
        (
            paramiko.SSHException("Error reading SSH protocol banner"),
            "ends each connection at once",
        ),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
    ],
)
def test_a_host_that_lets_nobody_in_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def refuse(_connection: Connection) -> None:
        raise error

    monkeypatch.setattr(Connection, "open", refuse)
    with (
        host(tmp_path, says(b"")) as (endpoint, _seen),
        Remote(endpoint) as remote,
        pytest.raises(WrongState) as caught,
    ):
        remote.run(["true"])
    assert caught.value.cause.endswith(reason)
