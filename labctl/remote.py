"""A host's shell and files over SSH. Steps use a host only through this module.

Commands are lists and are quoted in one place. A secret goes to a command's stdin. The connection
itself is in `ssh_connection`.
"""

from __future__ import annotations

import io
import select
import tarfile
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import paramiko

from labctl.endpoint import Endpoint
from labctl.errors import CommandFailed, LabError, nobody_listens
from labctl.i18n import _
from labctl.managed import ManagedFile
from labctl.quote import shell_line
from labctl.run import Completed
from labctl.scripts import PATIENCE, Script
from labctl.ssh_connection import SshConnection
from labctl.waiting import ASK_SECONDS, countdown

_FINGERPRINTS = Script("labctl", "fingerprints.sh")
_TCP = Script("labctl", "tcp.sh")
# The reason of a channel that sshd could not connect (RFC 4254, section 5.1).
_NOBODY = 2
# Bytes that a command may print. On a host it may be any program.
_MOST_SAID = 64 * 1024**2
# The host ends a script after these seconds, or after the seconds left at its start times this
# number, so that abandoned scripts do not use up the sessions of sshd. A deadline moves by no more.
_FORGOTTEN_SECONDS, _FORGOTTEN_TIMES = 10, 6
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The line before a command's own output. A login shell may print a greeting (.bashrc), because sshd
# starts each command with it.
_BEGIN = "labctl: the output begins here"
_START = f"{shell_line(['echo', _BEGIN])};"


class Remote:
    """One host, reached through its endpoint. Use it as a context manager."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._connection = SshConnection(endpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. The next command opens a new one."""
        self._connection.close()

    def abandon(self) -> None:
        """Close the connection for good. Further operations of other threads fail."""
        self._connection.abandon()

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
        wait = left or countdown(timeout)
        said = bytearray()
        try:
            channel = self._begin(argv, user, stdin, timeout)
            result = self._finish(channel, tuple(argv), wait, said)
        except TimeoutError as error:
            text = _own(said) if left else _("timed out after {seconds} s", seconds=timeout)
            raise CommandFailed(shell_line(argv), 124, text, where=self.endpoint.host) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._connection.unreachable(error) from error
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
                # A log may contain bytes that are not text.
                lines = (line.decode("utf-8", errors="replace") for line in channel.makefile("rb"))
                for line in lines:
                    if line.rstrip("\n") == _BEGIN:
                        break
                yield from (line.rstrip("\n") for line in lines)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._connection.unreachable(error) from error

    def open_tcp(
        self,
        address: str,
        port: int,
        timeout: float = 15,
        left: Callable[[], float] | None = None,
    ) -> paramiko.Channel:
        """A connection made by the host itself, which bypasses its firewall. Returns a socket.

        `timeout` is in seconds and applies to each later read, and to the connection if there is
        no `left`, which tells the seconds that are left. Raises ConnectionRefusedError if nothing
        listens, TimeoutError if nobody answers, WrongState if the host does not answer.
        """
        left = left or countdown(timeout)
        try:
            self._connection.open()
            channel = self._connection.tcp(address, port, left)
        except TimeoutError:
            raise
        except (paramiko.SSHException, OSError, EOFError) as error:
            if not self._connection.is_refusal(error):
                raise self._connection.unreachable(error) from error
            if isinstance(error, paramiko.ChannelException) and error.code == _NOBODY:
                raise nobody_listens() from error
            # Of two channels that are refused at once, one has no reason.
            channel = self._tcp_by_command(address, port, left)
        channel.settimeout(timeout)
        return channel

    def _tcp_by_command(
        self, address: str, port: int, left: Callable[[], float]
    ) -> paramiko.Channel:
        """The same by a command on the host, for an sshd without AllowTcpForwarding."""
        words = ["sh", "-euc", _TCP.text, "sh", address, str(port), _BEGIN]
        try:
            channel = self._connection.session()
            channel.exec_command(shell_line(self._as_user(words, "root")))
        except (paramiko.SSHException, EOFError) as error:
            raise self._connection.unreachable(error) from error
        said = bytearray()
        # Byte by byte, because what follows the line is the server's.
        try:
            while byte := _byte(channel, left):
                said += byte
                if said.endswith(f"{_BEGIN}\n".encode()):
                    return channel
        except TimeoutError:
            channel.close()
            raise
        channel.close()
        raise nobody_listens()

    def install(self, files: Sequence[ManagedFile]) -> list[str]:
        """Write the files that differ. Returns their paths, in order."""
        there = self._fingerprints(files)
        changed = [file for file in files if there.get(file.path) != file.fingerprint()]
        if changed:
            self._unpack(_as_tar(changed))
        return [file.path for file in changed]

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
        self._connection.open()
        channel = self._connection.session()
        channel.settimeout(timeout)
        line = shell_line(self._as_user(argv, user))
        # sshd closes the whole connection if the end of the input reaches a command that has
        # just ended, and paramiko may send it then (its issue 1115). So it is not sent if
        # there is no input, and a command with unread input does not end before it is sent.
        if not stdin:
            channel.exec_command(f"{_START} exec {line} </dev/null")
            return channel
        channel.exec_command(f"{_START} {line}; status=$?; cat >/dev/null; exit $status")
        channel.sendall(stdin.encode() if isinstance(stdin, str) else stdin)
        channel.shutdown_write()
        return channel

    def _finish(
        self,
        channel: paramiko.Channel,
        argv: tuple[str, ...],
        left: Callable[[], float],
        output: bytearray,
    ) -> Completed:
        """Read both outputs to their end.

        Raises:
            TimeoutError: no seconds are left.
            CommandFailed: the command prints without end; on the host it may be any program.
        """
        errors = bytearray()
        with channel:
            while not _all_said(channel):
                _await_output(channel, left)
                if channel.recv_ready():
                    output += channel.recv(65536)
                if channel.recv_stderr_ready():
                    errors += channel.recv_stderr(65536)
                if len(output) + len(errors) > _MOST_SAID:
                    said = _("it prints more than {size} MiB", size=_MOST_SAID // 1024**2)
                    raise CommandFailed(shell_line(argv), 1, said, where=self.endpoint.host)
            if not channel.status_event.wait(max(0, left())):
                raise TimeoutError
            status = channel.recv_exit_status()
        # -1 on an open connection means that a signal ended the command.
        if status == -1 and not self._connection.is_connected:
            raise EOFError(_("the connection was lost"))
        return Completed(argv, status, _own(output), _text(errors))

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
        # A bash with no other shell above itself takes sshd for its parent, and reads .bashrc.
        words = ["/usr/bin/env", "LC_ALL=C.UTF-8", "SHLVL=1"]
        if user != "root":
            return ["sudo", "-n", "-H", "-u", user, "--", *words, *argv]
        # Root's own PATH may lack the programs of a server, and is not what is asked about.
        words = [*words, _PATH, *argv]
        return words if self.endpoint.user == "root" else ["sudo", "-n", "--", *words]


def _await_output(channel: paramiko.Channel, left: Callable[[], float]) -> None:
    """Wait for output of either kind, or for its end. Raises TimeoutError."""
    while not select.select([channel], [], [], max(0, min(seconds := left(), ASK_SECONDS)))[0]:
        if seconds <= 0:
            raise TimeoutError


def _byte(channel: paramiko.Channel, left: Callable[[], float]) -> bytes:
    """The next byte of a command's output, b"" at its end. Raises TimeoutError."""
    while not (channel.recv_ready() or channel.eof_received or channel.closed):
        _await_output(channel, left)
        if channel.recv_stderr_ready():
            channel.recv_stderr(65536)
    return channel.recv(1)


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


def _own(data: bytearray) -> str:
    """What a command itself wrote, without a greeting of the login shell."""
    text = _text(data)
    _greeting, mark, own = text.partition(f"{_BEGIN}\n")
    return own if mark else text


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
