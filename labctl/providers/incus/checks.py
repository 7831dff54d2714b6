"""What this machine, and the Incus server that it speaks to, need for labs.

The first checks ask the server through the client, from any machine. The others look at the
server's kernel: they are known only on the server itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from labctl.errors import LabError, MachineLacks
from labctl.health import Diagnosis, found, lacking, unknown, warning
from labctl.hint import commands
from labctl.i18n import _, ngettext
from labctl.machine import Machine
from labctl.providers.checks import Check
from labctl.providers.incus.client import Incus
from labctl.providers.incus.options import IncusOptions
from labctl.providers.incus.placement import Member, members_in
from labctl.providers.incus.refusals import error_from, no_answer
from labctl.providers.rootfs.build import can_build
from labctl.providers.rootfs.users import subordinate_ids

INSTALL_PAGE = "https://linuxcontainers.org/incus/docs/main/installing/"
_OLDEST = (6, 0)
_LINUX = ("linux",)
# Each host's systemd and services hold about 12; the limit is for each user of the machine.
_INOTIFY = 1024
_INOTIFY_OF_LAB = 32
_KEYS = 200
_PIDS = 32_768
# 60 processes, and as many threads again.
_PIDS_OF_LAB = 120
# Three hosts of a lab with a parent, and its neighbour.
_SUBUIDS = 65_536 * 4
_INSTALL = {
    "debian": commands("sudo apt-get install incus-client"),
    "ubuntu": commands("sudo apt-get install incus-client"),
    "darwin": commands("brew install incus"),
    "win32": commands("winget install LinuxContainers.Incus"),
}


def checks(server: Incus, options: IncusOptions, edition: str, labs: int = 1) -> tuple[Check, ...]:
    """The checks, in the order in which to mend what is lacking.

    Args:
        labs: how many labs the server has to run at once.
    """

    def of_server(code: str, look: Callable[[Machine], Diagnosis]) -> Check:
        return Check(code, _if_local(server, look), quick=False, systems=_LINUX)

    return (
        Check("client", client_there),
        Check("server", partial(server_answers, server)),
        Check("pool", partial(pool_fits, server, options.pool)),
        Check("image", partial(image_there, server, edition), quick=False),
        Check("members", partial(members_online, server), quick=False),
        Check("on-server", partial(kernel_known, server), quick=False, systems=_LINUX),
        of_server("lxcfs", lxcfs_mounted),
        of_server("subuid", partial(subuids_enough, labs)),
        of_server("controllers", controllers_there),
        of_server("inotify", partial(inotify_enough, labs)),
        of_server("keys", partial(keys_enough, labs)),
        of_server("pids", partial(pids_enough, labs)),
        of_server("forwarding", forwarding_open),
    )


def client_there(machine: Machine) -> Diagnosis:
    if machine.program("incus") is None:
        return lacking(
            "client",
            _("the program {name} is not installed", name="incus"),
            _("labctl speaks to Incus through it"),
            _INSTALL.get(machine.distribution or machine.system, INSTALL_PAGE),
        )
    return found("client", "incus")


def server_answers(server: Incus, machine: Machine) -> Diagnosis:
    """The server answers, trusts this client and is new enough."""
    answer = ask(server, machine, "")
    why = _("it makes and runs the hosts")
    if answer is None:
        error = _refusal(server, machine, "")
        return lacking("server", error.message, error.cause, error.hint)
    if answer.get("auth") != "trusted":
        error = error_from("not authorized", "", server.server)
        return lacking("server", error.message, why, error.hint)
    version = str(answer["environment"]["server_version"])
    if _numbers(version) < _OLDEST:
        return lacking(
            "server", _("Incus {version} is too old", version=version), why, INSTALL_PAGE
        )
    return found("server", f"Incus {version} ({server.title})")


def _refusal(server: Incus, machine: Machine, path: str) -> LabError:
    """Why the server does not answer a GET of the path below /1.0."""
    said = machine.complaint(*server.question(path))
    error = error_from(said.rpartition("Error: ")[2], "incus query", server.server)
    # Without a word, or in words that labctl does not know.
    return error if isinstance(error, MachineLacks) else no_answer(server.server, said)


def pool_fits(server: Incus, wanted: str | None, machine: Machine) -> Diagnosis:
    pools = ask(server, machine, "/storage-pools?recursion=1")
    if pools is None:
        if ask(server, machine, "") is None:
            # Why it does not answer is told by the check before this one.
            return unknown("pool", _("storage pool: the server does not answer"))
        # It greets, and then cannot read its database if most members of its cluster are down.
        error = _refusal(server, machine, "/storage-pools?recursion=1")
        return lacking("pool", error.message, error.cause, error.hint)
    drivers = {each["name"]: each["driver"] for each in pools}
    chosen = wanted or (next(iter(drivers)) if len(drivers) == 1 else "default")
    driver = drivers.get(chosen)
    text = _("storage pool {name}: {driver}", name=chosen, driver=driver or _("absent"))
    create = commands(f"incus storage create {server.name(chosen)} btrfs size=50GiB")
    match driver:
        case None:
            return lacking("pool", text, _("the hosts' disks are in it"), create)
        case "btrfs":
            return found("pool", text)
        case "zfs":
            why = _("it can return only to the latest checkpoint, unless that one is removed")
            return warning("pool", text, why, create)
        case _:
            why = _("every host and every checkpoint is a whole copy there: slow and large")
            return warning("pool", text, why, create)


def image_there(server: Incus, edition: str, machine: Machine) -> Diagnosis:
    alias = f"labctl-{edition}"
    if ask(server, machine, f"/images/aliases/{alias}"):
        return found("image", _("the server has the image {name}", name=alias))
    if can_build():
        return found("image", _("the image {name} is built by the first up", name=alias))
    return lacking(
        "image",
        _("the server has no image for the edition {name}", name=edition),
        _("the hosts are made of it"),
        commands(
            "sudo labctl up --provider incus",
            text=_("a Linux machine with root builds it and puts it there"),
        ),
    )


def members_online(server: Incus, machine: Machine) -> Diagnosis:
    members = ask_members(server, machine)
    if members is None:
        return found("members", _("one server, no cluster"))
    down = [each.name for each in members if not each.is_online]
    if not down:
        return found(
            "members",
            ngettext("{count} member, online", "{count} members, all online", len(members)),
        )
    return warning(
        "members",
        _("members that do not answer: {names}", names=", ".join(down)),
        _("their labs cannot be reached, and no lab with a network of its own can be made"),
        commands(server.server.member_list),
    )


def lxcfs_mounted(machine: Machine) -> Diagnosis:
    mounts = machine.read("/proc/self/mounts") or ""
    if " fuse.lxcfs " in mounts:
        return found("lxcfs", _("lxcfs is mounted"))
    return warning(
        "lxcfs",
        _("lxcfs is not mounted"),
        _("without it a host shows the server's memory and load as its own"),
        commands("sudo apt-get install lxcfs"),
    )


def subuids_enough(labs: int, machine: Machine) -> Diagnosis:
    """Every host has user ids of its own, from root's ranges in subuid(5)."""
    ranges = subordinate_ids(machine.read("/etc/subuid") or "")
    count = sum(size for name, _first, size in ranges if name in ("root", "0"))
    text = _("{count} subordinate user ids for root", count=count)
    if count >= labs * _SUBUIDS:
        return found("subuid", text)
    mend = commands(
        "sudo usermod --add-subuids 1000000-1001000000 --add-subgids 1000000-1001000000 root"
    )
    return lacking("subuid", text, _("each host needs 65536 of its own"), mend)


def controllers_there(machine: Machine) -> Diagnosis:
    """The kernel can limit the memory and the number of processes of a host."""
    unified = (machine.read("/sys/fs/cgroup/cgroup.controllers") or "").split()
    # /proc/cgroups: name, hierarchy, number of groups, whether it is enabled.
    legacy = [line.split() for line in (machine.read("/proc/cgroups") or "").splitlines()]
    on = {*unified, *(words[0] for words in legacy if words and words[-1] == "1")}
    lack = sorted({"memory", "pids"} - on)
    if not lack:
        return found("controllers", _("memory and processes of a host can be limited"))
    return lacking(
        "controllers",
        _("control groups that are missing: {names}", names=", ".join(lack)),
        _("one host could take all of the server"),
        _("boot the server with the kernel parameter cgroup_enable={names}", names=",".join(lack)),
    )


def inotify_enough(labs: int, machine: Machine) -> Diagnosis:
    name = "fs.inotify.max_user_instances"
    limit = int(machine.read("/proc/sys/fs/inotify/max_user_instances") or 0)
    text = f"{name} = {limit}"
    if limit >= max(_INOTIFY, labs * _INOTIFY_OF_LAB):
        return found("inotify", text)
    why = _("the hosts' systemd share it; a class of 30 needs 8192")
    wanted = max(8192, labs * _INOTIFY_OF_LAB)
    return warning("inotify", text, why, commands(f"sudo sysctl {name}={wanted}"))


def keys_enough(labs: int, machine: Machine) -> Diagnosis:
    limit = int(machine.read("/proc/sys/kernel/keys/maxkeys") or 0)
    text = f"kernel.keys.maxkeys = {limit}"
    if limit >= max(_KEYS, labs):
        return found("keys", text)
    why = _("each host keeps keys of its own in the kernel")
    return warning(
        "keys", text, why, commands(f"sudo sysctl kernel.keys.maxkeys={max(2000, labs)}")
    )


def pids_enough(labs: int, machine: Machine) -> Diagnosis:
    name = "kernel.pid_max"
    limit = int(machine.read("/proc/sys/kernel/pid_max") or 0)
    text = f"{name} = {limit}"
    if limit >= max(_PIDS, labs * _PIDS_OF_LAB):
        return found("pids", text)
    why = _("all hosts share it; a lab has about 60 processes")
    return warning("pids", text, why, commands(f"sudo sysctl {name}=4194304"))


def forwarding_open(machine: Machine) -> Diagnosis:
    """Another firewall on the server may drop what a bridge forwards (Docker's does)."""
    filtered = (machine.read("/proc/sys/net/bridge/bridge-nf-call-iptables") or "0").strip()
    policy = machine.ask("iptables", "-S", "FORWARD")
    if filtered == "1" and "-P FORWARD DROP" in policy:
        return lacking(
            "forwarding",
            _("the server's firewall drops what bridges forward"),
            _("the hosts of a lab do not reach each other"),
            commands("sudo sysctl net.bridge.bridge-nf-call-iptables=0"),
        )
    return found("forwarding", _("bridges forward"))


def kernel_known(server: Incus, machine: Machine) -> Diagnosis | None:
    """Says once that the checks of the server's kernel are not possible elsewhere."""
    if _is_local(server, machine):
        return None
    there = commands("labctl doctor --provider incus", text=_("run this on the server"))
    return unknown("on-server", _("only the server knows its kernel's settings"), mend=there)


def _if_local(
    server: Incus, look: Callable[[Machine], Diagnosis]
) -> Callable[[Machine], Diagnosis | None]:
    return lambda machine: look(machine) if _is_local(server, machine) else None


def _is_local(server: Incus, machine: Machine) -> bool:
    remotes = _read(machine.ask("incus", "remote", "list", "--format", "json")) or {}
    name = server.remote or machine.ask("incus", "remote", "get-default").strip()
    return str(remotes.get(name, {}).get("Addr", "")).startswith("unix:")


def ask(server: Incus, machine: Machine, path: str) -> Any:
    """The answer's metadata to a GET of the path below /1.0; None if there is none."""
    return _read(machine.ask(*server.question(path)))


def ask_members(server: Incus, machine: Machine) -> list[Member] | None:
    """The members of the cluster; None if the server is in no cluster."""
    if not (ask(server, machine, "/cluster") or {}).get("enabled"):
        return None
    return members_in(ask(server, machine, "/cluster/members?recursion=1") or [])


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
