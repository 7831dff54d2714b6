"""What a student needs to log in by SSH from their own machine: a folder for each seat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labctl.classroom.actions import opened
from labctl.classroom.roll import Roll, Seat
from labctl.classroom.ssh_doors import Door
from labctl.home import write_atomically

# The names in the folder of a seat. ssh takes them from the folder in which it runs.
CONFIG, KEY, KNOWN_HOSTS = "config", "key", "known_hosts"


def write_keys(
    roll: Roll, seat: Seat, doors: Sequence[Door], server: str, folder: Path
) -> tuple[Path, ...]:
    """Write the key of a seat, the host keys, and a configuration for `ssh -F` (ssh_config(5)).

    The key is the one of the seat's lab: it opens no host of another seat.

    Args:
        doors: Those of the class.
        server: The name or address of this machine, as students reach it.
        folder: The folder for the seat. It is made.

    Raises:
        WrongState: The lab of the seat was never created.
    """
    session = opened(roll, seat)
    lab, home = session.lab, session.home
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    blocks = [
        _block(door, server, str(lab.host(door.host).address), lab.edition.admin)
        for door in doors
        if door.seat == seat
    ]
    written = {
        CONFIG: "\n".join(blocks),
        KEY: home.key_file.read_text(encoding="utf-8"),
        KNOWN_HOSTS: home.known_hosts.read_text(encoding="utf-8"),
    }
    for name, text in written.items():
        write_atomically(folder / name, text, mode=0o600)
    return tuple(folder / name for name in written)


def _block(door: Door, server: str, address: str, user: str) -> str:
    return f"""Host {door.host}
  HostName {server}
  Port {door.port}
  User {user}
  IdentityFile {KEY}
  IdentitiesOnly yes
  UserKnownHostsFile {KNOWN_HOSTS}
  HostKeyAlias {address}
"""
