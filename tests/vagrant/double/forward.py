"""The forwarded ports of a container, as VirtualBox's NAT has them.

Listens from the moment the machine starts, also while the guest boots. A port that another program
holds is left out without an error, as VirtualBox does. Usage: forward PID RULE...
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

CLONE_NEWNET = 0x40000000


def _listen(rule: str) -> tuple[socket.socket, int] | None:
    _name, _protocol, address, port, _guest, guest_port = rule.split(",")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, int(port)))
    except OSError as error:
        sys.stderr.write(f"NAT: cannot bind {address}:{port}: {error}\n")
        return None
    listener.listen(50)
    return listener, int(guest_port)


def _enter(pid: int) -> None:
    """Moves this process into the network namespace of another one; its sockets stay."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open("rb") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def _serve(listener: socket.socket, port: int) -> None:
    while True:
        client, _address = listener.accept()
        threading.Thread(target=_join, args=(client, port), daemon=True).start()


def _join(client: socket.socket, port: int) -> None:
    with client:
        try:
            guest = socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            return
        guest.settimeout(None)
        with guest:
            back = threading.Thread(target=_copy, args=(guest, client), daemon=True)
            back.start()
            _copy(client, guest)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def main(pid: int, rules: list[str]) -> None:
    listeners = [found for found in map(_listen, rules) if found is not None]
    _enter(pid)
    os.write(1, b"listening\n")
    os.close(1)
    threads = [threading.Thread(target=_serve, args=each, daemon=True) for each in listeners]
    for thread in threads:
        thread.start()
    # A guest that shuts itself down takes its ports along.
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.1)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
