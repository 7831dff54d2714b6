"""Runs words on a host over SSH: the neighbour (labctl.neighbour) of a lab on an internal network.

This machine has no address on that network, so a host connects to the other one for labctl.
Usage: python -m labctl.providers.vagrant.peer ENDPOINT WORDS...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from labctl.endpoint import Endpoint
from labctl.run import interactive
from labctl.shell import ssh_command


def command(endpoint: Endpoint) -> tuple[str, ...]:
    """The command that runs the words after it on the host."""
    fields = {
        "host": endpoint.host,
        "address": endpoint.address,
        "port": endpoint.port,
        "user": endpoint.user,
        "key": str(endpoint.key),
        "known_hosts": str(endpoint.known_hosts),
    }
    return (sys.executable, "-P", "-m", __name__, json.dumps(fields))


def main(words: list[str]) -> int:
    """Run the command; returns its exit status."""
    fields = json.loads(words[0])
    endpoint = Endpoint(
        **{**fields, "key": Path(fields["key"]), "known_hosts": Path(fields["known_hosts"])}
    )
    return interactive(ssh_command(endpoint, endpoint.user, words[1:], terminal=False))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
