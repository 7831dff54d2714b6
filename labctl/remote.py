"""A host's shell and files over SSH, through Fabric. Steps use a host only through this module.

Commands are lists and are quoted in one place. A secret goes to a command's stdin. Only the host
keys that the provider pinned are accepted.
"""

from __future__ import annotations

import io
import logging
import select
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Self

import paramiko
from fabric import Config, Connection

from labctl import dial
from labctl.endpoint import Endpoint
from labctl.errors import CommandFailed, LabError, WrongState, words_of
from labctl.hint import commands
from labctl.i18n import _
from labctl.managed import ManagedFile
from labctl.quote import shell_line
from labctl.run import Completed
from labctl.scripts import PATIENCE, Script
from labctl.tunnel import Tunnel
from labctl.waiting import retry_while

# Errors are exceptions here. paramiko would also print them.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_FINGERPRINTS = Script("labctl", "fingerprints.sh")
_CONNECT_SECONDS = 10
# The host ends a script after so many seconds, or so many times the seconds left at its start, so
# that abandoned scripts do not use up the sessions of sshd. A deadline moves away by no more.
_FORGOTTEN_SECONDS, _FORGOTTEN_TIMES = 10, 6
# How often `left` is asked, in seconds.
_ASK_SECONDS = 0.25

# A host that disappears silently is noticed after 40 s. Each system supports some of these.
_MISSED = {
    "TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 6, "TCP_KEEPCNT": 5, "TCP_USER_TIMEOUT": 40_000,
}  # fmt: skip


class Remote:
    """One host, reached through its endpoint. Use it as a context manager."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._opening = threading.Lock()
        self._abandoned = False
        self._tunnel: Tunnel | None = None
        self._connection = Connection(
            host=endpoint.address,
            user=endpoint.user,
            port=endpoint.port,
            connect_timeout=_CONNECT_SECONDS,
            # An empty ssh_config, because the user's own must not affect the connection.
            config=Config(ssh_config=paramiko.SSHConfig(), lazy=True),
            connect_kwargs={
                "key_filename": str(endpoint.key),
                "look_for_keys": False,
                "allow_agent": False,
            },
        )
        self._connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            self._connection.client.load_host_keys(str(endpoint.known_hosts))
        except OSError as error:
            raise self._unreachable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. The next command opens a new one."""
        self._connection.close()
        self._close_tunnel()

    def abandon(self) -> None:
        """Close the connection for good. Further operations of other threads fail."""
        self._abandoned = True
        self.close()

    def run(
        self,
        argv: Sequence[str],
        *,
        user: str = "root",
        stdin: str | bytes | None = None,
        check: bool = True,
        timeout: float = PATIENCE,
        left: Callable[[], float] | None = None,
    ) -> Completed:
        """Run a command on the host as `user`, with that user's home and environment.

        `stdin` is for short input (a password, a message); use `install` for files. `timeout` is
        in seconds. `left` returns the seconds left and is asked again and again while labctl waits.
        Raises CommandFailed on timeout, with what the command said so far if there is `left`; or
        if `check` is set and the status is not 0. Raises WrongState if the host does not answer.
        """
        ends = time.monotonic() + timeout
        said = bytearray()
        try:
            channel = self._begin(argv, user, stdin, timeout)
            wait = left or (lambda: ends - time.monotonic())
            result = self._finish(channel, tuple(argv), wait, said)
        except TimeoutError as error:
            text = _text(said) if left else _("timed out after {seconds} s", seconds=timeout)
            raise CommandFailed(shell_line(argv), 124, text, where=self.endpoint.host) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._unreachable(error) from error
        if check and not result.ok:
            raise CommandFailed(
                shell_line(argv),
                result.returncode,
                result.stdout + result.stderr,
                where=self.endpoint.host,
                hint=_hint(result.stderr),
            )
        return result

    def script(
        self,
        script: Script | str,
        *args: str,
        stdin: str | bytes | None = None,
        check: bool = True,
        timeout: float = PATIENCE,
        left: Callable[[], float] | None = None,
    ) -> Completed:
        """Run a POSIX shell script as root. Values come as `args`, never in its text.

        `left` is as for `run`. The host ends a script that nobody waits for any more.

        Raises what `run` raises; a CommandFailed names the script and never shows its text.
        """
        text = script.text if isinstance(script, Script) else script
        words = ["sh", "-euc", text, "sh", *args]
        if left is not None:
            most = max(_FORGOTTEN_SECONDS, _FORGOTTEN_TIMES * left())
            words = ["timeout", "-k", "1", f"{most:.0f}", *words]
        try:
            return self.run(words, stdin=stdin, check=check, timeout=timeout, left=left)
        except CommandFailed as error:
            name = shell_line(["sh", str(script) if isinstance(script, Script) else "-"])
            # Without the error of `run`, which has the text of the script.
            raise CommandFailed(
                name, error.returncode, error.output, where=self.endpoint.host, hint=error.hint
            ) from None

    def stream(self, argv: Sequence[str], *, user: str = "root") -> Iterator[str]:
        """The lines that a command writes to stdout, until it ends.

        Closing the iterator ends the command. Raises WrongState if the host does not answer.
        """
        try:
            with self._begin(argv, user) as channel:
                for line in channel.makefile("rb"):
                    # A log may contain bytes that are not text.
                    yield line.decode("utf-8", errors="replace").rstrip("\n")
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._unreachable(error) from error

    def open_tcp(self, address: str, port: int, timeout: float = 15) -> paramiko.Channel:
        """A connection made by the host itself, which bypasses its firewall. Returns a socket.

        `timeout` is in seconds and applies to each later read. Raises ConnectionRefusedError if
        nothing listens, WrongState if the host does not answer.
        """
        try:
            self._open()
            channel: paramiko.Channel = self._connection.transport.open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=timeout
            )
        except (paramiko.SSHException, OSError, EOFError) as error:
            if self._is_refusal(error):
                raise ConnectionRefusedError(f"{address}:{port}: {words_of(error)}") from error
            raise self._unreachable(error) from error
        channel.settimeout(timeout)
        return channel

    def install(self, files: Sequence[ManagedFile]) -> list[str]:
        """Write the files that differ. Returns their paths, in order."""
        there = self._fingerprints(files)
        changed = [file for file in files if there.get(file.path) != file.fingerprint()]
        if changed:
            self._unpack(_as_tar(changed))
        return [file.path for file in changed]

    def _open(self) -> None:
        # Several threads may use one host. One of them connects.
        with self._opening:
            if self._abandoned:
                raise EOFError(_("the connection was lost"))
            if not self._connection.is_connected:
                try:
                    self._open_way()
                    self._connection.open()
                except TimeoutError as error:
                    # No answer at all, unlike a command that has started and does not end.
                    raise ConnectionError(words_of(error)) from error
                except paramiko.BadHostKeyException:
                    raise
                except (paramiko.SSHException, OSError, EOFError) as error:
                    # The proxy command knows the reason, such as a host that does not run.
                    if said := self._close_tunnel():
                        raise ConnectionError(said) from error
                    raise
                _tune(self._connection.transport.sock)

    def _open_way(self) -> None:
        """Give paramiko a socket, unless it can make the connection itself."""
        self._close_tunnel()
        endpoint = self.endpoint
        if endpoint.proxy_command:
            self._tunnel = Tunnel(endpoint.proxy_command)
            self._connection.connect_kwargs["sock"] = self._tunnel.socket
        elif endpoint.netns is not None:
            plug = dial.tcp(endpoint, endpoint.address, endpoint.port, _CONNECT_SECONDS)
            self._connection.connect_kwargs["sock"] = plug

    def _close_tunnel(self) -> str:
        """End the proxy command if there is one. Returns its stderr."""
        tunnel, self._tunnel = self._tunnel, None
        return tunnel.close() if tunnel is not None else ""

    def _begin(
        self,
        argv: Sequence[str],
        user: str,
        stdin: str | bytes | None = None,
        timeout: float | None = None,
    ) -> paramiko.Channel:
        """Start a command over the connection.

        Does not use Fabric's `run`, which feeds stdin one byte every 10 ms.
        """
        self._open()
        channel = self._session()
        channel.settimeout(timeout)
        line = shell_line(self._as_user(argv, user))
        # sshd closes the whole connection if the end of the input reaches a command that has
        # just ended, and paramiko may send it then (its issue 1115). So it is not sent if
        # there is no input, and a command with unread input does not end before it is sent.
        if not stdin:
            channel.exec_command(f"{line} </dev/null")
            return channel
        channel.exec_command(f"{line}; status=$?; cat >/dev/null; exit $status")
        channel.sendall(stdin.encode() if isinstance(stdin, str) else stdin)
        channel.shutdown_write()
        return channel

    def _session(self) -> paramiko.Channel:
        """A channel for one command. sshd refuses the eleventh (MaxSessions in sshd_config(5))."""
        channel: paramiko.Channel = retry_while(
            self._is_refusal, self._connection.create_session, seconds=30, every=0.05
        )
        return channel

    def _is_refusal(self, error: BaseException) -> bool:
        """Whether a running host refused a channel.

        If two channels are refused at once, paramiko raises a bare exception for one of them.
        """
        return isinstance(error, paramiko.SSHException) and self._connection.is_connected

    def _finish(
        self,
        channel: paramiko.Channel,
        argv: tuple[str, ...],
        left: Callable[[], float],
        output: bytearray,
    ) -> Completed:
        """Read both outputs to their end. Raises TimeoutError when no seconds are left."""
        errors = bytearray()
        with channel:
            while not _all_said(channel):
                seconds = left()
                if not select.select([channel], [], [], max(0, min(seconds, _ASK_SECONDS)))[0]:
                    if seconds <= 0:
                        raise TimeoutError
                    continue
                if channel.recv_ready():
                    output += channel.recv(65536)
                if channel.recv_stderr_ready():
                    errors += channel.recv_stderr(65536)
            if not channel.status_event.wait(max(0, left())):
                raise TimeoutError
            status = channel.recv_exit_status()
        # -1 on an open connection means that a signal ended the command.
        if status == -1 and not self._connection.is_connected:
            raise EOFError(_("the connection was lost"))
        return Completed(argv, status, _text(output), _text(errors))

    def _fingerprints(self, files: Sequence[ManagedFile]) -> dict[str, str]:
        """The fingerprints of those of the files that the host has, by path."""
        if not files:
            return {}
        lines = self.script(_FINGERPRINTS, *(file.path for file in files)).stdout.splitlines()
        # sha256sum has two characters between the checksum and the path, and stat has one.
        sums = {line[66:]: line[:64] for line in lines[: len(lines) // 2]}
        modes = [line.rpartition(" ") for line in lines[len(lines) // 2 :]]
        return {path: f"{sums[path]} {mode}" for mode, _blank, path in modes if path in sums}

    def _unpack(self, archive: bytes) -> None:
        # With the time of writing (-m), to recognise a daemon that is older than its file.
        argv = ["tar", "-C", "/", "-xpm", "--no-overwrite-dir", "-f", "-"]
        try:
            self.run(argv, stdin=archive)
        except CommandFailed as error:
            raise LabError(
                _("files cannot be written on {host}", host=self.endpoint.host),
                cause=error.cause.partition("\n")[2],
                hint=error.hint,
            ) from error

    def _as_user(self, argv: Sequence[str], user: str) -> list[str]:
        words = ["env", "LC_ALL=C.UTF-8", *argv]
        if user != "root":
            return ["sudo", "-n", "-H", "-u", user, "--", *words]
        return words if self.endpoint.user == "root" else ["sudo", "-n", "--", *words]

    def _unreachable(self, error: Exception) -> WrongState:
        if isinstance(error, paramiko.BadHostKeyException):
            return WrongState(
                _("{host} shows another host key than the lab's", host=self.endpoint.host),
                cause=_(
                    "{found}, not {pinned}",
                    found=error.key.fingerprint,
                    pinned=error.expected_key.fingerprint,
                ),
                hint=commands(
                    "labctl reset",
                    text=_(
                        "restore the host's own key in /etc/ssh, or reset to a checkpoint, "
                        "which contains it"
                    ),
                ),
            )
        pinned = (str(self.endpoint.key), str(self.endpoint.known_hosts))
        if isinstance(error, FileNotFoundError) and error.filename in pinned:
            return WrongState(
                _("a key of the lab is missing"),
                cause=str(error.filename),
                hint=commands("labctl destroy", "labctl up"),
            )
        return WrongState(
            _("{host} does not answer over SSH", host=self.endpoint.host),
            cause=words_of(error),
            hint=commands("labctl status", "labctl up"),
        )


def _tune(connection: socket.socket) -> None:
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        # The socket of a proxy command, which manages its own connection.
        return
    # Nagle's algorithm and delayed acknowledgements together cost 40 ms per command.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _MISSED.items():
        if hasattr(socket, option):
            # A system may name an option that it does not take.
            with suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _all_said(channel: paramiko.Channel) -> bool:
    if channel.recv_ready() or channel.recv_stderr_ready():
        return False
    return bool(channel.eof_received or channel.closed)


def _hint(said: str) -> str:
    if "No space left on device" in said:
        return _("the disk is full: free some space, then run the same command again")
    return ""


def _text(data: bytearray) -> str:
    return data.decode("utf-8", errors="replace")


def _as_tar(files: Sequence[ManagedFile]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in files:
            content = file.content.encode()
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size, entry.mode = len(content), file.mode
            entry.uname, entry.gname = file.owner, file.group
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
