"""The boxes of the Vagrant tests: Debian, with the chapters' packages baked in.

One has a disk image and a kernel, for machines under QEMU. The other has only the files, for
machines that are containers. Each is added to a Vagrant home of the tests under the name and
version that the edition pins, so the tests use the production Vagrantfile as it is. A box is built
once for each recipe and kept in the user's cache; `python -m tests.vagrant.box` builds them
beforehand. Each version of Vagrant has its own home, because Vagrant 2.4 stores boxes by processor.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import platformdirs
from filelock import FileLock

from labctl.lab import DEFAULT_EDITION, Edition, load_edition
from labctl.machine import ThisMachine
from labctl.providers.vagrant.lab_folder import box_architecture
from labctl.run import run
from tests.vagrant.double.container import TREE
from tests.vagrant.double.guests import CONTAINER, QEMU
from tests.vagrant.double.qemu import CMDLINE

# The user's own cache, whatever the tests set later.
CACHE = platformdirs.user_cache_path("labctl") / "test-box"
SUITE = "bookworm"
DISK_SIZE = "3G"
KERNEL = ["linux-image-cloud-amd64", "initramfs-tools", "lz4"]
SYSTEM = [
    *("systemd", "systemd-sysv", "dbus", "udev", "openssh-server", "sudo", "iproute2", "netbase"),
    *("nftables", "procps", "adduser", "rsyslog", "ca-certificates"),
]

# Vagrant's well-known key. Vagrant replaces it at the first `up`.
VAGRANT_KEY = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEA6NF8iallvQVp22WDkTkyrtvp9eWW6A8YVr+kz4TjGYe7gHzIw+niNlt"
    "GEFHzD8+v1I2YJ6oXevct1YeS0o9HZyN1Q9qgCgzUFtdOKLv6IedplqoPkcmF0aYet2PkEDo3MlTBckFXPITAMzF8dJSI"
    "Fo9D8HfdOV0IAdx4O7PtixWKn5y2hMNG0zQPyUecp4pzC6kivAIhyfHilFR61RGL+GPXQ2MWZWFYbAGjyiYJnAmCP3NOT"
    "d0jMZEnDkbUvxhMmBYSdETk1rRgm+R4LOzFUGaHqHDLKLX+FIPKcF96hrucXzcWyLbIbEgE98OHlnVYCzRdK8jlqm8teh"
    "Uc9c9WhQ== vagrant insecure public key"
)

# What a Vagrant box needs, and what shortens its boot under software emulation.
_SETUP = r"""
set -eu
root="$1" key="$2"
chroot "$root" useradd -m -s /bin/bash vagrant
install -d -m 700 "$root/home/vagrant/.ssh"
printf '%s\n' "$key" >"$root/home/vagrant/.ssh/authorized_keys"
chmod 600 "$root/home/vagrant/.ssh/authorized_keys"
chroot "$root" chown -R vagrant:vagrant /home/vagrant/.ssh
echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/vagrant"
echo 'UseDNS no' >"$root/etc/ssh/sshd_config.d/box.conf"
rm -f "$root"/etc/ssh/ssh_host_*
printf '%s\n' '[Unit]' 'Before=ssh.service' 'ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key' \
  '[Service]' 'Type=oneshot' \
  "ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key" \
  '[Install]' 'WantedBy=multi-user.target' >"$root/etc/systemd/system/box-hostkey.service"
printf '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n' \
  >"$root/etc/systemd/network/10-eth0.network"
echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
echo box >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 box\n' >"$root/etc/hosts"
echo '/dev/vda / ext4 rw,noatime 0 1' >"$root/etc/fstab"
chroot "$root" systemctl -q enable systemd-networkd box-hostkey
chroot "$root" systemctl -q mask systemd-networkd-wait-online.service apt-daily.timer \
  apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
  e2scrub_reap.service systemd-journal-flush.service serial-getty@ttyS0.service
"""
# A container has this machine's clock: setting it succeeds, is noted, and changes nothing.
_CONTAINER_SETUP = r"""
set -eu
root="$1"
cat >"$root/usr/local/bin/date" <<'SCRIPT'
#!/bin/sh
case " $* " in *" -s "*) printf '%s\n' "$*" >>/run/clock-set ;; *) exec /bin/date "$@" ;; esac
SCRIPT
chmod 755 "$root/usr/local/bin/date"
rm "$root/etc/systemd/network/10-eth0.network"
"""
# The kind of box for libvirt. Its machines boot the box's kernel, for the disk has no boot loader.
LIBVIRT = "libvirt"
_PROVIDER = {CONTAINER: "virtualbox", QEMU: "virtualbox", LIBVIRT: "libvirt"}
_DESCRIPTION = {
    "virtualbox": {
        "metadata.json": '{"provider": "virtualbox"}\n',
        "Vagrantfile": (
            'Vagrant.configure("2") { |config| config.vm.base_mac = "080027B0C501" }\n'
        ),
    },
    "libvirt": {
        "metadata.json": '{"provider": "libvirt", "format": "qcow2", "virtual_size": 3}\n',
        "Vagrantfile": f"""
Vagrant.configure("2") do |config|
  config.vm.provider :libvirt do |machine|
    machine.kernel = File.expand_path("vmlinuz", __dir__)
    machine.initrd = File.expand_path("initrd", __dir__)
    machine.cmd_line = "{CMDLINE}"
  end
end
""",
    },
}
_DEBCONF = "postfix postfix/main_mailer_type select No configuration"


@dataclass(frozen=True)
class Box:
    """A built box: `home` is a VAGRANT_HOME that contains it, `image` is its file."""

    home: Path
    image: Path

    @property
    def ovf(self) -> Path:
        """The description of the machine in the unpacked box."""
        return next(self.home.glob("boxes/**/virtualbox/box.ovf"))


def packages(edition: Edition, kind: str) -> list[str]:
    """What is installed in a box."""
    system = SYSTEM if kind == CONTAINER else [*KERNEL, *SYSTEM]
    return [*system, *chain.from_iterable(edition.packages_for("debian").sets.values())]


def ensure_box(edition: Edition, kind: str) -> Box:
    """The box for an edition, built if the cache has none of this recipe. Needs root.

    Args:
        edition: names the box and the packages.
        kind: `qemu`, `container` or `libvirt`.
    """
    wanted = packages(edition, kind)
    setup = _CONTAINER_SETUP if kind == CONTAINER else ""
    recipe = "\n".join([kind, SUITE, DISK_SIZE, _SETUP, setup, _DEBCONF, *wanted])
    machine = edition.providers["vagrant"]
    pinned = f"{machine['box']}{machine['version']}"
    digest = hashlib.sha256(f"{recipe}{pinned}".encode()).hexdigest()[:16]
    folder = CACHE / digest
    box = Box(home=folder / f"vagrant-home-{_vagrant_version()}", image=folder / "test.box")
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / ".lock"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            _build(box.image, wanted, kind)
            (folder / "done").touch()
        if not (box.home / "done").exists():
            shutil.rmtree(box.home, ignore_errors=True)
            _add(box, edition, _PROVIDER[kind])
            (box.home / "done").touch()
    return box


def _vagrant_version() -> str:
    return run(["vagrant", "--version"]).stdout.split()[1]


def _build(target: Path, wanted: list[str], kind: str) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as work_name:
        work = Path(work_name)
        root = work / "root"
        _debootstrap(root, wanted, with_kernel=kind != CONTAINER)
        disk = _tree(work, root) if kind == CONTAINER else _disk(work, root)
        if kind == LIBVIRT:
            (work / "box.qcow2").rename(work / "box.img")
            disk = ["box.img", "vmlinuz", "initrd"]
        (work / "box.ovf").write_text("<!-- read by the test double only -->\n", encoding="utf-8")
        for name, text in _DESCRIPTION[_PROVIDER[kind]].items():
            (work / name).write_text(text, encoding="utf-8")
        with tarfile.open(target, "w") as archive:
            for name in ("metadata.json", "Vagrantfile", "box.ovf", *disk):
                archive.add(work / name, name)


def _disk(work: Path, root: Path) -> list[str]:
    for source, name in (("boot/vmlinuz-*", "vmlinuz"), ("boot/initrd.img-*", "initrd")):
        next(root.glob(source)).rename(work / name)
    disk = work / "disk.raw"
    run(["mkfs.ext4", "-q", "-L", "root", "-d", str(root), str(disk), DISK_SIZE])
    run(["qemu-img", "convert", "-c", "-O", "qcow2", str(disk), str(work / "box.qcow2")])
    disk.unlink()
    return ["box.qcow2", "vmlinuz", "initrd"]


def _tree(work: Path, root: Path) -> list[str]:
    run(["sh", "-c", _CONTAINER_SETUP, "sh", str(root)])
    # Beside the box, which only says where: unpacking it for each test would take seconds.
    tree = root.rename(work.parent / "root")
    (work / TREE).write_text(str(tree), encoding="utf-8")
    return [TREE]


def _debootstrap(root: Path, wanted: list[str], *, with_kernel: bool) -> None:
    initramfs = "\n".join(["MODULES=list", "COMPRESS=lz4"])
    modules = "\n".join(["virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "ext4"])
    kernel = [
        "--setup-hook=mkdir -p $1/etc/initramfs-tools/conf.d",
        f"--setup-hook=printf '%s\\n' '{initramfs}' >$1/etc/initramfs-tools/conf.d/box",
        f"--setup-hook=printf '%s\\n' '{modules}' >$1/etc/initramfs-tools/modules",
    ]
    run(
        [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            f"--include={','.join(wanted)}",
            '--dpkgopt=path-exclude="/usr/share/doc/*"',
            '--dpkgopt=path-exclude="/usr/share/man/*"',
            *(kernel if with_kernel else ()),
            # Answer Postfix's question as the packages step does: installed, not configured.
            f"--essential-hook=echo '{_DEBCONF}' | chroot $1 debconf-set-selections",
            SUITE,
            str(root),
        ],
        env={"DEBIAN_FRONTEND": "noninteractive"},
        timeout=1500,
    )
    run(["sh", "-c", _SETUP, "sh", str(root), VAGRANT_KEY])


def _add(box: Box, edition: Edition, provider: str) -> None:
    """Add the box under the pinned name, as from a catalogue of boxes."""
    catalogue = {
        "name": edition.providers["vagrant"]["box"],
        "versions": [
            {
                "version": edition.providers["vagrant"]["version"],
                "providers": [
                    {
                        "name": provider,
                        "url": box.image.as_uri(),
                        "architecture": box_architecture(ThisMachine()),
                        "default_architecture": True,
                    }
                ],
            }
        ],
    }
    listing = box.image.with_suffix(".json")
    listing.write_text(json.dumps(catalogue), encoding="utf-8")
    command = ["vagrant", "box", "add", "--provider", provider, str(listing)]
    run(command, env={"VAGRANT_HOME": str(box.home), "HOME": os.environ.get("HOME", "/root")})


if __name__ == "__main__":
    for each in sys.argv[1:] or (CONTAINER, QEMU):
        ensure_box(load_edition(DEFAULT_EDITION), each)
