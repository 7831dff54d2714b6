"""The files that make a copy of the image a host of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.lab import load_lab
from labctl.providers.nspawn import identity
from labctl.providers.nspawn.identity import write_identity
from labctl.providers.rootfs import users

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containers are Linux's")

LAB = load_lab("lab")
LOGIN = "ssh-ed25519 AAAA labctl\n"


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The owner that each file is given, as the host sees it. Without root none is changed."""
    found: dict[str, int] = {}

    def chown(path: Path, uid: int, gid: int, *, follow_symlinks: bool) -> None:
        assert uid == gid and not follow_symlinks
        found[str(path)] = uid - users.FIRST

    monkeypatch.setattr(os, "chown", chown)
    return found


def written(upper: Path, name: str = "host1") -> str:
    upper.mkdir(parents=True)
    return write_identity(upper, LAB, LAB.host(name), LOGIN, ("192.0.2.53", "192.0.2.54"))


def test_a_host_has_its_name_address_and_resolvers(tmp_path: Path, owners: dict[str, int]) -> None:
    written(tmp_path / "up", "host2")
    etc = tmp_path / "up" / "etc"
    assert (etc / "hostname").read_text() == "host2\n"
    assert "192.168.56.102 host2.example2.jp host2\n" in (etc / "hosts").read_text()
    assert (etc / "resolv.conf").read_text() == "nameserver 192.0.2.53\nnameserver 192.0.2.54\n"
    network = (etc / "systemd/network/10-lab.network").read_text()
    assert "Address=192.168.56.102/24\n" in network
    assert "Gateway=192.168.56.1\n" in network


def test_a_host_asks_no_dhcp_server_and_has_no_address_but_its_own(
    tmp_path: Path, owners: dict[str, int]
) -> None:
    written(tmp_path / "up")
    text = (tmp_path / "up/etc/systemd/network/10-lab.network").read_text()
    network = text.partition("[Network]\n")[2].splitlines()
    assert "[Match]\nName=host0\n" in text
    assert not [line for line in network if line.startswith("DHCP")]
    assert {"LinkLocalAddressing=no", "IPv6AcceptRA=no"} <= set(network)


def test_a_host_is_localhost_to_itself(tmp_path: Path, owners: dict[str, int]) -> None:
    written(tmp_path / "up")
    assert "127.0.0.1 localhost" in (tmp_path / "up/etc/hosts").read_text().splitlines()


@pytest.mark.parametrize("name", ["reboot", "poweroff"])
def test_reboot_and_poweroff_need_no_logind(
    tmp_path: Path, owners: dict[str, int], name: str
) -> None:
    written(tmp_path / "up")
    systemctl = tmp_path / "systemctl"
    systemctl.write_text('#!/bin/sh\necho "$@"\n')
    systemctl.chmod(0o755)
    script = tmp_path / "up/usr/local/sbin" / name
    done = subprocess.run(
        [script], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[:2] == ["start", f"{name}.target"]


def test_a_host_has_this_machines_time_zone(
    tmp_path: Path, owners: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = tmp_path / "machine" / "etc" / "localtime"
    monkeypatch.setattr(identity, "Path", lambda text: tmp_path / "machine" / text.lstrip("/"))
    written(tmp_path / "without")
    assert not os.path.lexists(tmp_path / "without/etc/localtime")
    zone.parent.mkdir(parents=True)
    zone.symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    written(tmp_path / "up")
    own = tmp_path / "up/etc/localtime"
    assert own.readlink() == Path("/usr/share/zoneinfo/Asia/Tokyo")


def test_no_two_hosts_share_a_key_or_a_machine_id(tmp_path: Path, owners: dict[str, int]) -> None:
    public = {written(tmp_path / name) for name in ("one", "two")}
    assert len(public) == 2
    one, two = (tmp_path / name / "etc" for name in ("one", "two"))
    assert all(key.split()[2] == "root@host1" for key in public)
    assert re.fullmatch("[0-9a-f]{32}\n", (one / "machine-id").read_text())
    for path in ("machine-id", "ssh/ssh_host_ed25519_key"):
        assert (one / path).read_text() != (two / path).read_text()
    assert (one / "ssh/ssh_host_ed25519_key.pub").read_text() in public


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_nobody_but_the_owner_reads_what_is_secret(
    tmp_path: Path, owners: dict[str, int], mask: int
) -> None:
    before = os.umask(mask)
    try:
        written(tmp_path / "up")
    finally:
        os.umask(before)
    modes = {
        "etc": 0o755,
        "etc/hostname": 0o644,
        "etc/hosts": 0o644,
        "etc/machine-id": 0o444,
        "etc/resolv.conf": 0o644,
        "etc/systemd/network/10-lab.network": 0o644,
        "etc/ssh/ssh_host_ed25519_key": 0o600,
        "etc/ssh/ssh_host_ed25519_key.pub": 0o644,
        "root": 0o700,
        "root/.ssh/authorized_keys": 0o600,
        f"home/{LAB.edition.admin}": 0o755,
        f"home/{LAB.edition.admin}/.ssh": 0o700,
        f"home/{LAB.edition.admin}/.ssh/authorized_keys": 0o600,
        "usr/local/sbin/poweroff": 0o755,
        "usr/local/sbin/reboot": 0o755,
    }
    found = {name: (tmp_path / "up" / name).stat().st_mode & 0o777 for name in modes}
    assert found == modes


def test_every_file_is_a_hosts_and_the_admins_home_is_the_admins(
    tmp_path: Path, owners: dict[str, int]
) -> None:
    upper = tmp_path / "up"
    written(upper)
    assert set(owners) == {str(path) for path in (upper, *upper.rglob("*"))}
    admins = {str(Path(path).relative_to(upper)) for path, uid in owners.items() if uid == 1000}
    home = f"home/{LAB.edition.admin}"
    assert admins == {home, f"{home}/.ssh", f"{home}/.ssh/authorized_keys"}
    assert set(owners.values()) == {0, 1000}


def test_the_login_of_the_lab_opens_root_and_the_admin(
    tmp_path: Path, owners: dict[str, int]
) -> None:
    written(tmp_path / "up")
    for home in ("root", f"home/{LAB.edition.admin}"):
        assert (tmp_path / "up" / home / ".ssh/authorized_keys").read_text() == LOGIN
