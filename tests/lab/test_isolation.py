"""Root in a host has no privileges, few capabilities and no access to files on this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.providers.nspawn.lab_limits import LabGroup
from labctl.providers.rootfs import users
from labctl.providers.rootfs.cgroup import Cgroup
from tests.lab.program import labctl, on_host
from tests.lab.traces import lab_id

# In the order of their numbers (capabilities(7)).
KEPT = {
    "CHOWN": 0, "DAC_OVERRIDE": 1, "DAC_READ_SEARCH": 2, "FOWNER": 3, "FSETID": 4, "KILL": 5,
    "SETGID": 6, "SETUID": 7, "SETPCAP": 8, "NET_BIND_SERVICE": 10, "NET_ADMIN": 12,
    "NET_RAW": 13, "SYS_CHROOT": 18, "SYS_PTRACE": 19, "SYS_ADMIN": 21, "SYS_BOOT": 22,
    "SETFCAP": 31,
}  # fmt: skip


# systemd-nspawn(1)
_SOCKETS = "/run/host/unix-export"


def group(host: str) -> Cgroup:
    return LabGroup(lab_id()).host(host)


def init(host: str) -> int:
    pid = group(host).init_pid()
    assert pid is not None
    return pid


def as_root_of(host: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the rights of the host's root, but in the machine's file system."""
    rights = ["nsenter", f"--target={init(host)}", "--user", "--", *argv]
    return subprocess.run(rights, capture_output=True, text=True, check=False)


@pytest.fixture
def own_file() -> Iterator[Path]:
    """A file that only the machine's root may read, in a folder that everybody may enter."""
    path = Path("/run/labctl-test-own-file")
    path.write_text("of the machine\n")
    path.chmod(0o600)
    yield path
    path.unlink()


def test_every_process_of_a_host_has_a_user_id_of_the_labs_range(ready_once: str) -> None:
    assert on_host("host1", "id -u").out == "0\n"
    for host in ("host1", "host2"):
        assert _owner(init(host)) == users.FIRST
        # systemd-nspawn itself belongs to the machine, not to the host.
        payload = [pid for pid in group(host).pids() if "/payload" in _read(f"/proc/{pid}/cgroup")]
        assert len(payload) > 10
        owners = {pid: uid for pid in payload if (uid := _owner(pid)) is not None}
        assert {pid for pid, uid in owners.items() if uid not in users.RANGE} == set()


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _owner(pid: int) -> int | None:
    """The owner, or None if the process has ended."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None


def test_root_that_breaks_out_of_a_host_is_nobody(ready_once: str, own_file: Path) -> None:
    assert as_root_of("host1", "id", "-u").stdout == "0\n"
    assert as_root_of("host1", "cat", "/etc/os-release").returncode == 0
    for argv in (
        ["cat", str(own_file)],
        ["sh", "-c", f": >>{own_file}"],
        ["chown", "0", str(own_file)],
        ["kill", "-0", str(os.getpid())],
        ["cat", f"/proc/{os.getpid()}/environ"],
        ["touch", "/etc/labctl-test"],
        ["mount", "-t", "tmpfs", "none", "/mnt"],
        ["nft", "list", "ruleset"],
        ["ip", "link", "add", "labctl-test", "type", "dummy"],
    ):
        assert as_root_of("host1", *argv).returncode != 0, argv


def test_hosts_have_the_capabilities_they_need_and_no_more(ready_once: str) -> None:
    for host in ("host1", "host2"):
        status = Path(f"/proc/{init(host)}/status").read_text()
        bound = next(line for line in status.splitlines() if line.startswith("CapBnd:"))
        have = int(bound.split()[1], 16)
        assert have == sum(1 << number for number in KEPT.values()), f"{have:x}"


def test_what_the_chapters_need_works_with_them(ready_once: str) -> None:
    on_host("host1", "ping -c 1 -W 5 192.168.56.102", user="nobody")
    assert on_host("host1", "sudo -n id -u", user="ubuntu").out == "0\n"
    on_host("host1", "ufw status | grep -q '^Status: active'")
    assert '"master"' in on_host("host1", "ss -ltnp 'sport = 25'").out
    assert on_host("host1", "systemctl is-system-running").out == "running\n"
    labctl("test-mail")


def test_no_file_of_the_machine_can_be_written_in_a_host(ready_once: str) -> None:
    of_machine = {device for device, _root, _point in _mounts("self")}
    shared = [
        (root, point)
        for device, root, point in _mounts(str(init("host1")))
        if device in of_machine and device != _root_device("host1")
    ]
    # Created by systemd-nspawn: the system's identification, a folder for later mounts, and from
    # systemd 256 on a folder for sockets, which has a small file system of its own.
    disks = {point for root, point in shared if not point.startswith("/sys/fs/cgroup")}
    assert disks <= {"/run/host/os-release", "/run/host/incoming", _SOCKETS}
    for root, point in shared:
        if point == _SOCKETS:
            size = on_host("host1", f"df --output=size --block-size=1M {point}").out.split()[-1]
            assert int(size) <= 4
        elif f"labctl-{lab_id()}/host1" not in root:
            found = on_host("host1", f"find {point} -maxdepth 1 -writable 2>/dev/null || :")
            assert found.out == "", (root, point)


def _mounts(process: str) -> list[tuple[str, str, str]]:
    """Device, the root in it and the mount point of each mount (proc(5), mountinfo)."""
    text = Path(f"/proc/{process}/mountinfo").read_text()
    return [tuple(line.split()[2:5]) for line in text.splitlines()]  # type: ignore[misc]


def _root_device(host: str) -> str:
    return next(device for device, _root, point in _mounts(str(init(host))) if point == "/")


def test_image_and_layers_belong_to_the_hosts_users_alone(ready_once: str) -> None:
    root = Path(f"/proc/{init('host1')}/root")
    for name in ("etc/shadow", "usr/bin/sudo", "usr/sbin/postdrop", "home/ubuntu", "var/mail"):
        there = (root / name).stat()
        assert there.st_uid in users.RANGE, name
        assert there.st_gid in users.RANGE, name
    assert (root / "usr/bin/sudo").stat().st_mode & 0o4000
    assert (root / "usr/sbin/postdrop").stat().st_mode & 0o2000
