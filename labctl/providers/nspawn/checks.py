"""What this machine needs so that the lab's hosts can be containers on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from labctl.errors import LabError
from labctl.health import Diagnosis, found, lacking, unknown, warning
from labctl.hint import commands
from labctl.i18n import _, ngettext
from labctl.machine import Machine
from labctl.providers.checks import Check
from labctl.providers.nspawn.kernel_limits import A_HOST, INOTIFY, needs, raise_limits, raised
from labctl.providers.nspawn.lab_limits import missing_controllers
from labctl.providers.nspawn.network import LabNetwork
from labctl.providers.nspawn.store import MOST_FILES, Size
from labctl.providers.rootfs import users

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "nsenter": "util-linux",
}
_LINUX = ("linux",)
_INOTIFY_LIMIT = "/proc/sys/fs/inotify/max_user_instances"
# The least limit to advise: with a lower one a second lab would need another one soon.
_INOTIFY_LEAST = 1024
_NEEDED_BYTES = 300 * 1024**2


def checks(
    state: Path,
    network: LabNetwork,
    hosts_to_start: Callable[[], int],
    disk: Check,
) -> tuple[Check, ...]:
    """The checks, in the order in which to mend what is lacking.

    Args:
        state: The lab's own folder, where its layers are kept.
        network: The lab's network.
        hosts_to_start: Counts the hosts that do not run yet.
        disk: The check of the lab's own files, see `disk_check`.
    """
    return (
        Check("linux-root", linux_and_root),
        Check("programs", programs_there, systems=_LINUX),
        Check("kernel", kernel_fits, systems=_LINUX),
        Check("user-ids", user_ids_free, systems=_LINUX),
        Check("disk", partial(disk_enough, state), systems=_LINUX),
        Check("range-free", partial(range_free, network), systems=_LINUX),
        Check(
            "kernel-limits",
            lambda machine: limits_enough(max(2, hosts_to_start()), machine),
            quick=False,
            systems=_LINUX,
        ),
        Check(
            "controllers",
            partial(limits_enforced, missing_controllers),
            quick=False,
            systems=_LINUX,
        ),
        disk,
        Check("inotify", lambda machine: inotify_enough(hosts_to_start(), machine), systems=_LINUX),
    )


def disk_check(measure: Callable[[], Size], budget: int) -> Check:
    """The check of the size of the lab's files.

    Args:
        measure: Adds up the bytes of the lab's own layers.
        budget: Bytes that they should not exceed.
    """
    return Check("disk-budget", partial(disk_budget, measure, budget), quick=False, systems=_LINUX)


def linux_and_root(machine: Machine) -> Diagnosis:
    why = _("only root on Linux can make containers")
    if machine.system != "linux":
        mend = commands("labctl doctor", text=_("use a provider that works on this machine"))
        return lacking("linux-root", _("containers need Linux"), why, mend)
    if not machine.is_root:
        return lacking("linux-root", _("containers need root"), why, commands("sudo labctl up"))
    return found("linux-root", _("Linux, and root"))


def programs_there(machine: Machine) -> Diagnosis:
    missing = sorted({pkg for name, pkg in PROGRAMS.items() if machine.program(name) is None})
    if not missing:
        return found("programs", ", ".join(PROGRAMS))
    return lacking(
        "programs",
        _("programs are missing for the lab's containers"),
        ", ".join(missing),
        commands(["sudo", "apt-get", "install", *missing]),
    )


def kernel_fits(machine: Machine) -> Diagnosis:
    why = _("a host is a container on layers of files")
    for kind in ("user", "mnt", "net", "pid", "uts", "ipc"):
        if not machine.exists(f"/proc/self/ns/{kind}"):
            mend = _("boot a kernel that has them")
            return lacking("kernel", _("the kernel has no {kind} namespaces", kind=kind), why, mend)
    if not _has_overlay(machine):
        # The module is loaded only when the first overlay is mounted.
        machine.ask("modprobe", "overlay")
    if not _has_overlay(machine):
        load = commands("sudo modprobe overlay")
        return lacking("kernel", _("the kernel has no overlayfs"), why, load)
    return found("kernel", _("namespaces and overlayfs"))


def _has_overlay(machine: Machine) -> bool:
    return "\toverlay\n" in (machine.read("/proc/filesystems") or "")


def user_ids_free(_machine: Machine) -> Diagnosis:
    return _tried("user-ids", _("the hosts' user ids are free"), users.ensure_free)


def disk_enough(state: Path, machine: Machine) -> Diagnosis:
    free = machine.free_disk(state)
    if free >= _NEEDED_BYTES:
        text = _("{free:.1f} GiB free in {folder}", free=free / 1024**3, folder=state)
        return found("disk", text)
    return lacking(
        "disk",
        _("the disk is too full for a lab"),
        f"{state}: {free // 1024**2} MiB < {_NEEDED_BYTES // 1024**2} MiB",
        _("free some space, or set XDG_STATE_HOME to a larger disk"),
    )


def range_free(network: LabNetwork, machine: Machine) -> Diagnosis:
    if machine.program("ip") is None:
        what = _("whether {network} is free", network=network.network.cidr)
        return unknown("range-free", what, _("there is no program ip"))
    rivals = network.rivals()
    if not rivals:
        return found("range-free", _("{network} is free", network=network.network.cidr))
    return warning(
        "range-free",
        network.why_unreachable(),
        ", ".join(f"{each.interface}: {each.network}" for each in rivals),
        _("remove them if other programs on this machine must reach the hosts"),
    )


def limits_enough(hosts_to_start: int, machine: Machine) -> Diagnosis:
    """The kernel's limits and the memory for the hosts to come; the mend is one file."""
    wanted = needs(hosts_to_start, machine)
    free = machine.free_memory()
    if wanted.short:
        return warning(
            "kernel-limits",
            ngettext(
                "limits of the kernel are too low for {count} more host",
                "limits of the kernel are too low for {count} more hosts",
                hosts_to_start,
            ),
            ", ".join(f"{each.setting} = {each.limit} < {each.needed}" for each in wanted.short),
            raise_limits(wanted.short),
        )
    if free < wanted.memory:
        return warning(
            "kernel-limits",
            ngettext(
                "there may be too little memory for {count} more host",
                "there may be too little memory for {count} more hosts",
                hosts_to_start,
            ),
            f"{free // 1024**2} MiB < {wanted.memory // 1024**2} MiB",
            _("stop other programs or labs"),
        )
    text = ngettext(
        "memory and the kernel's limits suffice for {count} more host",
        "memory and the kernel's limits suffice for {count} more hosts",
        hosts_to_start,
    )
    return found("kernel-limits", text)


def limits_enforced(missing: Callable[[], list[str]], _machine: Machine) -> Diagnosis:
    lacks = missing()
    if not lacks:
        return found("controllers", _("memory, processes and CPU time of a lab are limited"))
    return warning(
        "controllers",
        _("the kernel cannot limit what a lab uses: {names}", names=", ".join(lacks)),
        _("a host that takes all memory or processes slows the whole machine"),
        _("boot a kernel that has these cgroup controllers"),
    )


def disk_budget(measure: Callable[[], Size], budget: int, _machine: Machine) -> Diagnosis:
    size = measure()
    text = _("the lab's files are {size} MiB", size=size.used // 1024**2)
    why = _("the lab file allows {size} MiB", size=budget // 1024**2)
    measured = {"used": size.used, "allowed": budget}
    if not size.is_whole:
        text = _("the lab's files are more than {size} MiB", size=size.used // 1024**2)
        why = _("labctl measures {count} files, and there are more", count=MOST_FILES)
    elif size.used <= budget:
        return replace(found("disk-budget", text), measured=measured)
    over = warning(
        "disk-budget",
        text,
        why,
        commands(
            "labctl checkpoints",
            "labctl checkpoints --remove NAME",
            text=_("remove files on the hosts, or the states before a reset, which count too"),
        ),
    )
    return replace(over, measured=measured)


def inotify_enough(hosts_to_start: int, machine: Machine) -> Diagnosis:
    """Check the per-user limit in advance, because the last container would hang silently."""
    if not machine.is_root:
        return unknown(
            "inotify", _("how many inotify instances are in use: only root can see them")
        )
    limit = int(machine.read(_INOTIFY_LIMIT) or 0)
    if not hosts_to_start:
        return found("inotify", _("fs.inotify.max_user_instances = {limit}", limit=limit))
    used = inotify_in_use()
    text = _("fs.inotify.max_user_instances = {limit}, {used} in use", limit=limit, used=used)
    needed = used + hosts_to_start * A_HOST[INOTIFY]
    if needed <= limit:
        return found("inotify", text)
    return lacking(
        "inotify",
        _("too few inotify instances; hosts to start: {count}", count=hosts_to_start),
        text,
        commands(f"sudo sysctl {INOTIFY}={max(_INOTIFY_LEAST, raised(needed))}"),
    )


def inotify_in_use() -> int:
    """The instances of root and of the users of all hosts, which the kernel counts together."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            owner = process.stat().st_uid
            if owner == 0 or owner in users.RANGE:
                # Not by paths: a class of 30 has more than 20,000 open files.
                with os.scandir(process / "fd") as opened:
                    links = (os.readlink(entry.path) for entry in opened)  # noqa: PTH115
                    count += sum(link == "anon_inode:inotify" for link in links)
        except OSError:
            continue
    return count


def _tried(code: str, what: str, ensure: Callable[[], None]) -> Diagnosis:
    try:
        ensure()
    except LabError as error:
        return lacking(code, error.message, error.cause, error.hint)
    return found(code, what)
