"""What makes an instance that host: name, addresses, keys, resolver.

Host keys are made here and pinned in the lab's known_hosts, so nobody has to trust a first
connection. The files are pushed into the stopped instance: checkpoint `os` needs no boot.
"""

from __future__ import annotations

import uuid

from labctl.lab import Host, Lab
from labctl.providers.incus.client import Incus
from labctl.providers.keys import make_key

# The names of the two interfaces in a host: the lab's network, and the way out.
LAB_NIC = "host0"
OUT_NIC = "out0"


def write_identity(
    incus: Incus, lab: Lab, host: Host, login: str, resolvers: tuple[str, ...]
) -> str:
    """Push the host's own files; returns its public host key."""
    key = make_key(f"root@{host.name}")
    admin_keys = f"/home/{lab.edition.admin}/.ssh/authorized_keys"
    files: dict[str, tuple[str, int, int]] = {
        "/etc/hostname": (f"{host.name}\n", 0o644, 0),
        "/etc/hosts": (f"127.0.0.1 localhost\n{host.address} {host.fqdn} {host.name}\n", 0o644, 0),
        "/etc/machine-id": (f"{uuid.uuid4().hex}\n", 0o444, 0),
        "/etc/resolv.conf": ("".join(f"nameserver {each}\n" for each in resolvers), 0o644, 0),
        f"/etc/systemd/network/10-{LAB_NIC}.network": (_lab_network(lab, host), 0o644, 0),
        f"/etc/systemd/network/20-{OUT_NIC}.network": (_OUT_NETWORK, 0o644, 0),
        "/etc/systemd/system/systemd-networkd.service.d/labctl.conf": (_NETWORKD, 0o644, 0),
        "/etc/ssh/ssh_host_ed25519_key": (key.private, 0o600, 0),
        "/etc/ssh/ssh_host_ed25519_key.pub": (key.public, 0o644, 0),
        "/root/.ssh/authorized_keys": (login, 0o600, 0),
        # The first login made in the image has uid and gid 1000 (useradd(8)).
        admin_keys: (login, 0o600, 1000),
    }
    for path, (text, mode, uid) in files.items():
        incus.push(host.name, path, text, mode, uid)
    return key.public


def _lab_network(lab: Lab, host: Host) -> str:
    return f"""[Match]
Name={LAB_NIC}

[Network]
Address={host.address}/{lab.network.cidr.prefixlen}
LinkLocalAddressing=no
IPv6AcceptRA=no
"""


_OUT_NETWORK = f"""[Match]
Name={OUT_NIC}

[Link]
RequiredForOnline=no

[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no

[DHCPv4]
UseDNS=no
UseNTP=no
UseHostname=no
UseDomains=no
"""

# With a writable /sys and no udev, networkd waits for udev and leaves every link "pending".
_NETWORKD = """[Service]
ReadOnlyPaths=/sys
"""
