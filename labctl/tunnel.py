"""A connection through a command: bytes go to its standard input and come from its output.

SSH's proxy command in a form that paramiko takes for a socket. paramiko's own ProxyCommand reads
one byte string a call through `select` on a pipe, which Windows cannot do.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from subprocess import PIPE, Popen, TimeoutExpired

from labctl.run import attach

_CHUNK = 65536


class Tunnel:
    """A running command and the socket that speaks to it.

    With `pumped`, two threads copy between pipes and the socket. Elsewhere than on Windows the
    command has the other end of the socket itself.

    Raises:
        MachineLacks: the program is not installed.
    """

    def __init__(self, argv: Sequence[str], *, pumped: bool = sys.platform == "win32") -> None:
        self.socket, theirs = socket.socketpair()
        # What the command wrote to standard error, known when it is closed.
        self.said = ""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        try:
            self._process = self._start(argv, theirs, pumped=pumped)
        except BaseException:
            for each in (self.socket, theirs, self._errors):
                each.close()
            raise

    def _start(self, argv: Sequence[str], theirs: socket.socket, *, pumped: bool) -> Popen[bytes]:
        if not pumped:
            process = attach(
                argv, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=self._errors
            )
            theirs.close()
            return process
        process = attach(argv, stdin=PIPE, stdout=PIPE, stderr=self._errors)
        for pump in (_to_command, _from_command):
            threading.Thread(target=pump, args=(process, theirs), daemon=True).start()
        return process

    def close(self) -> str:
        """End the command and return what it wrote to standard error. Idempotent."""
        self.socket.close()
        # It ends by itself with its input, unless what it waits for is gone.
        with suppress(TimeoutExpired):
            self._process.wait(0.5)
        self._process.kill()
        self._process.wait()
        if not self._errors.closed:
            self._errors.seek(0)
            self.said = self._errors.read().decode(errors="replace").strip()
            self._errors.close()
        return self.said


def _to_command(process: Popen[bytes], theirs: socket.socket) -> None:
    sink = process.stdin
    assert sink is not None
    with suppress(OSError, ValueError):
        while data := theirs.recv(_CHUNK):
            sink.write(data)
            sink.flush()
    with suppress(OSError):
        sink.close()


def _from_command(process: Popen[bytes], theirs: socket.socket) -> None:
    source = process.stdout
    assert source is not None
    with suppress(OSError, ValueError):
        while data := os.read(source.fileno(), _CHUNK):
            theirs.sendall(data)
    with suppress(OSError):
        theirs.shutdown(socket.SHUT_RDWR)
    theirs.close()
    source.close()
