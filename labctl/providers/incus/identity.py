"""The identity of a host: name, address, keys, resolver.

labctl makes the host keys itself and pins them in the lab's known_hosts, so no first connection
has to be trusted. The files are pushed into the stopped instance, so checkpoint `os` needs no boot.
"""

from __future__ import annotations

import uuid

from pydantic import BaseModel, ConfigDict

from labctl.home import LabHome, write_atomically
from labctl.lab import Host, Lab
from labctl.parallel import on_each
from labctl.providers.incus.client import Incus
from labctl.providers.keys import client_key, make_key
from labctl.state import read_kept

# The names of the two interfaces in a host: the lab's network, and the way out.
LAB_NIC = "host0"
OUT_NIC = "out0"

VERSION = 1
# Path in the host: contents, mode, owner.
_Files = dict[str, tuple[str, int, int]]


class HostKeys(BaseModel):
    """What makes a host different from its copies in other labs."""

    model_config = ConfigDict(frozen=True)

    machine_id: str
    private: str
    public: str


class Identities(BaseModel):
    """The keys of a lab's hosts, by host name. Kept in the lab's state folder."""

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    hosts: dict[str, HostKeys]


def make_identities(lab: Lab, home: LabHome) -> Identities:
    """Make new keys for every host, keep them, and pin the public ones in known_hosts."""
    hosts = {}
    for host in lab.hosts:
        key = make_key(f"root@{host.name}")
        hosts[host.name] = HostKeys(
            machine_id=uuid.uuid4().hex, private=key.private, public=key.public
        )
    made = Identities(hosts=hosts)
    write_atomically(home.state / "incus-keys.json", made.model_dump_json(), mode=0o600)
    pinned = [f"{host.address} {hosts[host.name].public}" for host in lab.hosts]
    write_atomically(home.known_hosts, "".join(pinned))
    return made


def read_identities(home: LabHome) -> Identities | None:
    """The kept keys, or None. Raises WrongState if they cannot be read."""
    return read_kept(home.state / "incus-keys.json", Identities, VERSION, home.name)


def write_first_files(
    incus: Incus, lab: Lab, home: LabHome, identities: Identities, resolvers: tuple[str, ...]
) -> None:
    """Push all files of every new host."""
    login = client_key(home.key_file)
    _push(
        incus,
        {
            host.name: {
                **_system_files(lab, host, resolvers),
                **_own_files(lab, identities.hosts[host.name], login),
            }
            for host in lab.hosts
        },
    )


def write_own_files(incus: Incus, lab: Lab, home: LabHome, identities: Identities) -> None:
    """Push what the copies of a host must not share. All else is as the model's steps left it."""
    login = client_key(home.key_file)
    _push(
        incus,
        {host.name: _own_files(lab, identities.hosts[host.name], login) for host in lab.hosts},
    )


def _push(incus: Incus, files_by_host: dict[str, _Files]) -> None:
    def push(name: str) -> None:
        for path, (text, mode, uid) in files_by_host[name].items():
            incus.push(name, path, text, mode, uid)

    on_each(list(files_by_host), push)


def _own_files(lab: Lab, keys: HostKeys, login: str) -> _Files:
    return {
        "/etc/machine-id": (f"{keys.machine_id}\n", 0o444, 0),
        "/etc/ssh/ssh_host_ed25519_key": (keys.private, 0o600, 0),
        "/etc/ssh/ssh_host_ed25519_key.pub": (keys.public, 0o644, 0),
        "/root/.ssh/authorized_keys": (login, 0o600, 0),
        # The first login made in the image has uid and gid 1000 (useradd(8)).
        f"/home/{lab.edition.admin}/.ssh/authorized_keys": (login, 0o600, 1000),
    }


def _system_files(lab: Lab, host: Host, resolvers: tuple[str, ...]) -> _Files:
    return {
        "/etc/hostname": (f"{host.name}\n", 0o644, 0),
        "/etc/hosts": (f"127.0.0.1 localhost\n{host.address} {host.fqdn} {host.name}\n", 0o644, 0),
        "/etc/resolv.conf": ("".join(f"nameserver {each}\n" for each in resolvers), 0o644, 0),
        f"/etc/systemd/network/10-{LAB_NIC}.network": (_lab_network(lab, host), 0o644, 0),
        f"/etc/systemd/network/20-{OUT_NIC}.network": (_OUT_NETWORK, 0o644, 0),
        "/etc/systemd/system/systemd-networkd.service.d/labctl.conf": (_NETWORKD, 0o644, 0),
    }


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
