"""The files that make a host of an image: its name, its address, its keys, its name servers.

labctl makes the host keys itself and pins them in the lab's known_hosts, so no first connection
has to be trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from labctl.lab import Host, Lab
from labctl.providers.keys import KeyPair

# The network interface of a host on the lab's network, which systemd-nspawn calls so.
LAB_NIC = "host0"
# The first account that is made in the image has this user id and group id (useradd(8)).
ADMIN_ID = 1000


class HostFile(NamedTuple):
    """The contents of a file on a host, its mode, and its owner's user id and group id."""

    text: str
    mode: int = 0o644
    owner: int = 0


# By the path on the host.
HostFiles = dict[str, HostFile]


def name_files(host: Host, resolvers: Sequence[str]) -> HostFiles:
    """The names of a host, and the name servers that it asks."""
    return {
        "/etc/hostname": HostFile(f"{host.name}\n"),
        "/etc/hosts": HostFile(f"127.0.0.1 localhost\n{host.address} {host.fqdn} {host.name}\n"),
        "/etc/resolv.conf": HostFile("".join(f"nameserver {each}\n" for each in resolvers)),
    }


def own_files(lab: Lab, machine_id: str, key: KeyPair, login: str) -> HostFiles:
    """What no two hosts share: machine-id(5) and the host key. And the key that may log in.

    Args:
        login: The public part of the lab's login key.
    """
    return {
        "/etc/machine-id": HostFile(f"{machine_id}\n", 0o444),
        "/etc/ssh/ssh_host_ed25519_key": HostFile(key.private, 0o600),
        "/etc/ssh/ssh_host_ed25519_key.pub": HostFile(key.public),
        "/root/.ssh/authorized_keys": HostFile(login, 0o600),
        f"/home/{lab.edition.admin}/.ssh/authorized_keys": HostFile(login, 0o600, ADMIN_ID),
    }


def lab_network(lab: Lab, host: Host, *, gateway: bool) -> HostFile:
    """The address of a host on the lab's network, for systemd-networkd (systemd.network(5)).

    Args:
        gateway: Whether the way out is through this network, too.
    """
    way_out = f"Gateway={lab.network.machine}\n" if gateway else ""
    return HostFile(
        f"""[Match]
Name={LAB_NIC}

[Network]
Address={host.address}/{lab.network.cidr.prefixlen}
{way_out}LinkLocalAddressing=no
IPv6AcceptRA=no
"""
    )
