"""Test whether a host answers with its own key. SSH is ten times faster than asking Vagrant."""

from __future__ import annotations

import socket

import paramiko

from labctl.providers.vagrant.record import KnownMachine


def answers(machine: KnownMachine, timeout: float = 3) -> bool:
    """Whether an SSH server answers there with the machine's own pinned key.

    An open forwarded port proves nothing: the hypervisor accepts connections for a booting
    machine, and another machine may use the port. `timeout` is in seconds.
    """
    try:
        with socket.create_connection((machine.address, machine.port), timeout) as connection:
            transport = paramiko.Transport(connection)
            transport.banner_timeout = timeout
            try:
                transport.start_client(timeout=4 * timeout)
                key = transport.get_remote_server_key()
            finally:
                transport.close()
    except (OSError, EOFError, paramiko.SSHException):
        return False
    return f"{key.get_name()} {key.get_base64()}" in machine.host_keys
