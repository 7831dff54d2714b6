"""The test double as a service, as VirtualBox has one behind VBoxManage.

Vagrant calls VBoxManage thousands of times in a test run, and Python with the double's modules
takes longer to start than to answer. The service has them loaded and answers each call in a fork.
As with VirtualBox, what was begun ends even if the program that asked was killed.
Usage: python -m tests.vagrant.double.service SOCKET
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.vagrant.double.__main__ import main as answer

# The program VBoxManage. It passes its words and outputs on, and imports nothing that takes time.
_PROGRAM = """#!{python} -SE
import _socket, sys
service = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
service.connect({socket!r})
words = b"\\0".join(word.encode() for word in sys.argv[1:])
outputs = b"".join(number.to_bytes(4, sys.byteorder) for number in (1, 2))
service.sendmsg([words + b"\\n"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, outputs)])
status = service.recv(1)
sys.exit(status[0] if status else 1)
"""


def program(service: Path) -> str:
    """The text of the program VBoxManage that asks the service at this socket."""
    return _PROGRAM.format(python=sys.executable, socket=str(service))


@contextmanager
def running(service: Path) -> Iterator[None]:
    """The service at this socket, with this process's environment."""
    words = [sys.executable, "-m", __name__, str(service)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.terminate()


def main(path: str) -> None:
    """Answer until a signal ends the process."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        # Children are not waited for.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            connection, _address = listener.accept()
            with connection:
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    listener.close()
                    _answer(connection)


def _answer(connection: socket.socket) -> None:
    """Answer one call. Does not return."""
    status = 1
    try:
        said, outputs, _flags, _from = socket.recv_fds(connection, 65536, 2)
        for number, output in enumerate(outputs, start=1):
            os.dup2(output, number)
            os.close(output)
        words = said.removesuffix(b"\n").decode()
        status = answer(words.split("\0") if words else [])
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # A caller that was killed does not hear the answer.
        connection.send(bytes([status]), socket.MSG_NOSIGNAL)
        os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1])
