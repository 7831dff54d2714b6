"""The identity of a host before its first boot: name, address, keys, resolver.

Host keys are generated here and pinned in the lab's known_hosts, so no first connection has to be
trusted. This is the state of the checkpoint `os`, which needs no boot.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from labctl.lab import Host, Lab
from labctl.providers.keys import make_key
from labctl.providers.rootfs import users


def write_identity(
    upper: Path, lab: Lab, host: Host, login: str, resolvers: tuple[str, ...]
) -> str:
    """Write the host's own files into its layer. Returns its public host key."""
    key = make_key(f"root@{host.name}")
    files = {
        "etc/hostname": (f"{host.name}\n", 0o644),
        "etc/hosts": (_hosts(host), 0o644),
        "etc/machine-id": (f"{uuid.uuid4().hex}\n", 0o444),
        "etc/resolv.conf": ("".join(f"nameserver {each}\n" for each in resolvers), 0o644),
        "etc/systemd/network/10-lab.network": (_network(lab, host), 0o644),
        "etc/ssh/ssh_host_ed25519_key": (key.private, 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": (key.public, 0o644),
        "root/.ssh/authorized_keys": (login, 0o600),
        f"home/{lab.edition.admin}/.ssh/authorized_keys": (login, 0o600),
        **{f"usr/local/sbin/{name}": (_ending(name), 0o755) for name in ("reboot", "poweroff")},
    }
    for name, (text, mode) in files.items():
        _write(upper, name, text, mode)
    _set_timezone(upper)
    (upper / "root").chmod(0o700)
    for path in (upper, *upper.rglob("*")):
        users.give(path)
    _give_home(upper / "home" / lab.edition.admin)
    return key.public


def _ending(name: str) -> str:
    # The program of systemd asks logind first, which these hosts do not run, and complains.
    return f"""#!/bin/sh
exec systemctl start {name}.target --job-mode=replace-irreversibly --no-block
"""


def _hosts(host: Host) -> str:
    return f"127.0.0.1 localhost\n{host.address} {host.fqdn} {host.name}\n"


def _network(lab: Lab, host: Host) -> str:
    # Sorts before systemd's 80-container-host0.network, which would use DHCP.
    prefix = lab.network.cidr.prefixlen
    return f"""[Match]
Name=host0

[Network]
Address={host.address}/{prefix}
Gateway={lab.network.machine}
LinkLocalAddressing=no
IPv6AcceptRA=no
"""


def _write(upper: Path, name: str, text: str, mode: int) -> None:
    path = upper / name
    # A folder in the layer replaces the one in the image. With a umask of 077,
    # only root on the host could enter /etc.
    for folder in reversed(path.relative_to(upper).parents[:-1]):
        (upper / folder).mkdir(exist_ok=True)
        (upper / folder).chmod(0o755)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _give_home(home: Path) -> None:
    """The first account created in the image has uid and gid 1000 (useradd(8))."""
    for path in (home, home / ".ssh", home / ".ssh" / "authorized_keys"):
        users.give(path, 1000)
    home.chmod(0o755)
    (home / ".ssh").chmod(0o700)


def _set_timezone(upper: Path) -> None:
    """Use this machine's time zone in the hosts' logs."""
    zone = Path("/etc/localtime")
    if zone.is_symlink():
        (upper / "etc" / "localtime").symlink_to(zone.readlink())
