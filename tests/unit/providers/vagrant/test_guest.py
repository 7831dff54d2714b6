"""What labctl reads from a machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from labctl.errors import WrongState
from labctl.lab import load_edition
from labctl.providers.vagrant.guest import (
    Prepared,
    ensure_prepared,
    preparation,
    quoted,
    read_prepared,
)

HOST = load_edition("ubuntu-example").hosts[0]
# The programs of the machine that the preparation may really run.
_REAL = ("sh", "cat", "cut", "grep", "rm", "sed", "touch", "chmod", "mkdir")
# Stand-ins that note their arguments in CALLS, by name; `unit` is the SSH server's.
_STAND_INS = {
    "getent": '[ "$#" = 2 ] && echo "$2:x:0:0::$HOMES/$2:/bin/sh" || :',
    "install": 'for last; do :; done; mkdir -p "$last"',
    "ssh-keygen": 'for last; do :; done; echo "ssh-ed25519 AAAA root" >"$last.pub"',
    "systemctl": 'case "$*" in *timer|*upgrades.service) exit 1 ;; esac; '
    'case "$*" in cat*) [ "$2" = "$UNIT.service" ] ;; *) [ "$2" = "$UNIT" ] ;; esac',
    "ip": f'echo "2: eth1    inet {HOST.address}/24 scope global eth1"',
    "id": "",
    "chown": "",
    "hostname": "",
}


def test_keys_and_resolvers_are_found_between_other_lines() -> None:
    output = (
        "Welcome\nlabctl-hostkey ssh-ed25519 AAAAC3\n"
        "labctl-resolver 10.0.2.3\nlabctl-resolver 1.1.1.1\n"
        "labctl-address 192.168.56.101\nbye\n"
    )
    prepared = read_prepared(output)
    assert prepared.host_keys == ("ssh-ed25519 AAAAC3",)
    assert prepared.resolvers == ("10.0.2.3", "1.1.1.1")
    assert prepared.addresses == ("192.168.56.101",)
    assert prepared.insecure == ()


def test_a_loopback_resolver_is_not_the_hosts_resolver() -> None:
    """VirtualBox 7.2's NAT may hand the PC's own 127.0.0.53 into the guests."""
    assert read_prepared("labctl-resolver 127.0.0.53\n").resolvers == ("10.0.2.3",)


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("labctl-address 192.168.56.101\nsh: not found\n", "sh: not found"),
        ("labctl-hostkey ssh-ed25519 A\nlabctl-address 10.0.2.15\n", "192.168.56.101"),
        (
            "labctl-hostkey ssh-ed25519 A\nlabctl-address 192.168.56.101\n"
            "labctl-insecure vagrant\n",
            "public insecure key",
        ),
    ],
)
def test_a_host_that_is_not_set_up_completely_is_not_taken(output: str, cause: str) -> None:
    host = load_edition("ubuntu-example").hosts[0]
    with pytest.raises(WrongState, match="not set up completely") as caught:
        ensure_prepared(host, read_prepared(output), output)
    assert cause in caught.value.cause
    assert "labctl up" in str(caught.value.hint)


def test_arguments_reach_the_machines_shell_as_they_are() -> None:
    assert quoted("ssh-ed25519 AAAA labctl", "$(reboot)") == (
        "'ssh-ed25519 AAAA labctl'",
        "'$(reboot)'",
    )


@pytest.mark.posix
@pytest.mark.parametrize(
    ("unit", "manager", "installs"),
    [
        ("ssh", "apt-get", ["apt-get -q update", "apt-get -qy install nftables"]),
        ("sshd", "dnf", ["dnf -qy install nftables"]),
    ],
)
def test_a_box_of_debian_or_almalinux_is_prepared(
    tmp_path: Path, unit: str, manager: str, installs: list[str]
) -> None:
    prepared, calls = prepare(tmp_path, unit, manager)
    assert prepared.host_keys == ("ssh-ed25519 AAAA",)
    assert prepared.addresses == (str(HOST.address),)
    assert f"systemctl reload-or-restart {unit}" in calls
    assert [call for call in calls if call.startswith(("apt-get ", "dnf "))] == installs


def prepare(folder: Path, unit: str, manager: str) -> tuple[Prepared, list[str]]:
    """Run the preparation in a folder, without the machine's own programs and files."""
    programs, log = folder / "bin", folder / "calls"
    for name in ("bin", "etc/ssh/sshd_config.d", "etc/sudoers.d"):
        (folder / name).mkdir(parents=True)
    for name in _REAL:
        (programs / name).symlink_to(str(shutil.which(name)))
    for name, script in {**_STAND_INS, manager: ""}.items():
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*" >>"$CALLS"\n{script}\n')
        (programs / name).chmod(0o755)
    text, _words = preparation("admin", HOST, "")
    for place in ("/etc/", "/run/"):
        text = text.replace(f" {place}", f" {folder}{place}").replace(
            f">{place}", f">{folder}{place}"
        )
    done = subprocess.run(
        [programs / "sh", "-eu", "-s", "--", "admin", str(HOST.address), HOST.fqdn, HOST.name, "k"],
        input=text,
        env={"PATH": str(programs), "CALLS": str(log), "UNIT": unit, "HOMES": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return read_prepared(done.stdout), log.read_text().splitlines()
