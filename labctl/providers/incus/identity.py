"""The identity of a host, kept on this machine and pushed into the stopped instance.

So checkpoint `os` needs no boot.
"""

from __future__ import annotations

import uuid

from pydantic import BaseModel, ConfigDict

from labctl.home import LabHome, write_atomically
from labctl.lab import Host, Lab
from labctl.parallel import on_each
from labctl.providers.incus.client import Incus
from labctl.providers.keys import SSH_PORT, KeyPair, client_key, make_key, pin_keys
from labctl.providers.rootfs.identity import (
    LAB_NIC,
    HostFile,
    HostFiles,
    lab_network,
    name_files,
    own_files,
)
from labctl.state import read_kept

# The network interface of the way out. The other one is on the lab's network.
OUT_NIC = "out0"

VERSION = 1


class HostKeys(BaseModel):
    """What makes a host different from its copies in other labs."""

    model_config = ConfigDict(frozen=True)

    machine_id: str
    private: str
    public: str

    @property
    def key(self) -> KeyPair:
        return KeyPair(self.private, self.public)


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
    pin_keys(home, ((str(host.address), SSH_PORT, hosts[host.name].public) for host in lab.hosts))
    return made


def read_identities(home: LabHome) -> Identities | None:
    """The kept keys, or None. Raises WrongState if they cannot be read."""
    return read_kept(home.state / "incus-keys.json", Identities, VERSION)


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


def _push(incus: Incus, files_by_host: dict[str, HostFiles]) -> None:
    def push(name: str) -> None:
        for path, file in files_by_host[name].items():
            incus.push(name, path, file.text, file.mode, file.owner)

    on_each(list(files_by_host), push)


def _own_files(lab: Lab, keys: HostKeys, login: str) -> HostFiles:
    return own_files(lab, keys.machine_id, keys.key, login)


def _system_files(lab: Lab, host: Host, resolvers: tuple[str, ...]) -> HostFiles:
    return {
        **name_files(host, resolvers),
        f"/etc/systemd/network/10-{LAB_NIC}.network": lab_network(lab, host, gateway=False),
        f"/etc/systemd/network/20-{OUT_NIC}.network": HostFile(_OUT_NETWORK),
        "/etc/systemd/system/systemd-networkd.service.d/labctl.conf": HostFile(_NETWORKD),
    }


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
