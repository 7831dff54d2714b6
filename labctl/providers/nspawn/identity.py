"""The identity of a host before its first boot, written into a layer of its files.

This is the state of the checkpoint `os`, which needs no boot.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from labctl.lab import Host, Lab
from labctl.providers.keys import make_key
from labctl.providers.rootfs import users
from labctl.providers.rootfs.identity import (
    ADMIN_ID,
    HostFile,
    HostFiles,
    lab_network,
    name_files,
    own_files,
)
from labctl.scripts import Script

_END = Script("labctl.providers.nspawn", "end.sh")
_ENDS = ("/usr/local/sbin/reboot", "/usr/local/sbin/poweroff")


def write_identity(
    upper: Path, lab: Lab, host: Host, login: str, resolvers: tuple[str, ...]
) -> str:
    """Write the host's own files into its layer. Returns its public host key."""
    key = make_key(f"root@{host.name}")
    files: HostFiles = {
        **name_files(host, resolvers),
        **own_files(lab, uuid.uuid4().hex, key, login),
        # Sorts before systemd's 80-container-host0.network, which would use DHCP.
        "/etc/systemd/network/10-lab.network": lab_network(lab, host, gateway=True),
        **dict.fromkeys(_ENDS, HostFile(_END.text, 0o755)),
    }
    for name, file in files.items():
        _write(upper, name.lstrip("/"), file)
    _set_timezone(upper)
    (upper / "root").chmod(0o700)
    for path in (upper, *upper.rglob("*")):
        users.give(path)
    _give_home(upper / "home" / lab.edition.admin)
    return key.public


def _write(upper: Path, name: str, file: HostFile) -> None:
    path = upper / name
    # A folder in the layer replaces the one in the image. With a umask of 077,
    # only root on the host could enter /etc.
    for folder in reversed(path.relative_to(upper).parents[:-1]):
        (upper / folder).mkdir(exist_ok=True)
        (upper / folder).chmod(0o755)
    path.touch(mode=0o600)
    path.write_text(file.text, encoding="utf-8")
    path.chmod(file.mode)


def _give_home(home: Path) -> None:
    for path in (home, home / ".ssh", home / ".ssh" / "authorized_keys"):
        users.give(path, ADMIN_ID)
    home.chmod(0o755)
    (home / ".ssh").chmod(0o700)


def _set_timezone(upper: Path) -> None:
    """Use this machine's time zone in the hosts' logs."""
    zone = Path("/etc/localtime")
    if zone.is_symlink():
        (upper / "etc" / "localtime").symlink_to(zone.readlink())
