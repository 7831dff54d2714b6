"""How to reach a host over SSH: what a provider gives and everything above it uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Endpoint:
    """The SSH address of one host. Its host key is pinned in `known_hosts`.

    `user` is root or may `sudo` without a password. With a `proxy_command` (a list of words),
    SSH speaks to that command's standard input and output instead of to `address` and `port`;
    the address is then only the name under which the host key is pinned. With `netns`, the
    lab's addresses exist in that network namespace of this machine only: see labctl.dial. A
    `neighbour` is a command that runs the words after it on a machine in the lab's network that
    is none of its hosts.
    """

    host: str
    address: str
    port: int
    user: str
    key: Path
    known_hosts: Path
    proxy_command: tuple[str, ...] = ()
    netns: Path | None = None
    neighbour: tuple[str, ...] = ()
