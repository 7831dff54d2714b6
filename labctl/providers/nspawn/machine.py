"""Can this machine run containers for a lab? Quick, and with the command that mends it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from labctl.errors import MachineLacks
from labctl.i18n import _
from labctl.providers.nspawn import users
from labctl.run import run

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "nsenter": "util-linux",
}
# A container with systemd and the mail services holds about this many inotify instances.
_INOTIFY_A_HOST = 12
_NEEDED_BYTES = 300 * 1024**2


def ensure_linux_root() -> None:
    if sys.platform != "linux":
        raise MachineLacks(
            _("containers need Linux"), hint=_("use VirtualBox: labctl up --provider vagrant")
        )
    if os.geteuid() != 0:
        raise MachineLacks(_("containers need root"), hint=_("sudo labctl up"))


def ensure_programs() -> None:
    missing = sorted({pkg for name, pkg in PROGRAMS.items() if shutil.which(name) is None})
    if missing:
        raise MachineLacks(
            _("programs are missing for the lab's containers"),
            cause=", ".join(missing),
            hint="apt-get install " + " ".join(missing),
        )


def ensure_kernel() -> None:
    for kind in ("user", "mnt", "net", "pid", "uts", "ipc"):
        if not Path(f"/proc/self/ns/{kind}").exists():
            raise MachineLacks(
                _("the kernel has no {kind} namespaces", kind=kind),
                hint=_("use VirtualBox: labctl up --provider vagrant"),
            )
    if not _has_overlay():
        # Nothing has mounted one since the machine booted: the module is not loaded yet.
        run(["sh", "-c", "modprobe overlay"], check=False)
    if not _has_overlay():
        raise MachineLacks(_("the kernel has no overlayfs"), hint="modprobe overlay")


def _has_overlay() -> bool:
    return "\toverlay\n" in Path("/proc/filesystems").read_text(encoding="utf-8")


def ensure_inotify(hosts_to_start: int) -> None:
    """The per-user limit starves the last container silently, so it is counted before."""
    if not hosts_to_start:
        return
    limit = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    used = _inotify_in_use()
    if used + hosts_to_start * _INOTIFY_A_HOST > limit:
        raise MachineLacks(
            _("too few inotify instances for {count} more hosts", count=hosts_to_start),
            cause=_(
                "fs.inotify.max_user_instances = {limit}, {used} in use", limit=limit, used=used
            ),
            hint="sysctl fs.inotify.max_user_instances=1024",
        )


def ensure_disk(folder: Path) -> None:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < _NEEDED_BYTES:
        raise MachineLacks(
            _("the disk is too full for a lab"),
            cause=f"{there}: {free // 1024**2} MiB < {_NEEDED_BYTES // 1024**2} MiB",
            hint=_("free some space, or set XDG_STATE_HOME to a larger disk"),
        )


def _inotify_in_use() -> int:
    """Instances that the kernel counts as root's: its own, and those of all hosts' users."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            owner = process.stat().st_uid
            if owner == 0 or owner in users.RANGE:
                links = (str(entry.readlink()) for entry in (process / "fd").iterdir())
                count += sum(link == "anon_inode:inotify" for link in links)
        except OSError:
            continue
    return count
