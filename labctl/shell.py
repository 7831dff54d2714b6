"""How a person's own ssh reaches a host: with the lab's key and the lab's pinned host keys."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.providers.base import Endpoint
from labctl.quote import shell_line


def ssh_command(
    endpoint: Endpoint, user: str, command: Sequence[str], *, terminal: bool
) -> list[str]:
    """The ssh command line for a login shell of `user`, or for `command` run as that user.

    One word alone is read by a shell on the host, as ssh does; several are taken as they are.
    """
    argv = [
        "ssh", "-q", "-i", str(endpoint.key), "-p", str(endpoint.port),
        "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes",
        "-o", f"UserKnownHostsFile={endpoint.known_hosts}",
        "-o", "GlobalKnownHostsFile=/dev/null", "-F", "none",
        *(["-t"] if terminal else ["-T"]),
        f"{endpoint.user}@{endpoint.address}",
    ]  # fmt: skip
    words = ["sh", "-c", command[0]] if len(command) == 1 else list(command)
    inner = ["sudo", "-n", "-i", "-u", user, *(["--", *words] if words else [])]
    return [*argv, "--", shell_line(inner)]
