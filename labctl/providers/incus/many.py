"""What many labs need of an Incus server or cluster together."""

from __future__ import annotations

from functools import partial

from labctl.health import Diagnosis, found, lacking, warning
from labctl.hint import commands
from labctl.i18n import _, ngettext
from labctl.machine import Machine
from labctl.providers.checks import Check
from labctl.providers.incus.checks import ask, ask_members, checks
from labctl.providers.incus.client import Incus
from labctl.providers.incus.options import IncusOptions

# Measured on labs at the end of `up`, see docs/how-to/incus.md.
_LAB_BYTES = 175 * 1000**2
_LAB_DISK_BYTES = 45 * 1000**2
_MEMBER_DISK_BYTES = 600 * 1000**2


def checks_of_many(
    server: Incus, options: IncusOptions, edition: str, labs: int, *, to_start: int, to_make: int
) -> tuple[Check, ...]:
    """The checks of one lab with the limits of the kernel for all labs, and what they take.

    Args:
        labs: All labs that run at once.
        to_start: Those of them that do not run yet.
        to_make: Those of them that do not exist yet.
    """
    return (
        *checks(server, options, edition, labs),
        Check("memory", partial(memory_enough, server, to_start), quick=False),
        Check("space", partial(space_enough, server, to_make), quick=False),
    )


def memory_enough(server: Incus, to_start: int, machine: Machine) -> Diagnosis:
    """The members together have the memory for the labs to start."""
    found_free = [_free_memory(server, member, machine) for member in _members(server, machine)]
    free, needed = sum(found_free), to_start * _LAB_BYTES
    text = ngettext(
        "{count} lab needs {needed} MB of memory; free: {free} MB",
        "{count} labs need {needed} MB of memory; free: {free} MB",
        to_start,
        needed=needed // 1000**2,
        free=free // 1000**2,
    )
    if free >= needed:
        return found("memory", text)
    why = _("hosts are killed if the server has no memory left")
    return lacking("memory", text, why, _("start fewer labs, or add a member to the cluster"))


def space_enough(server: Incus, to_make: int, machine: Machine) -> Diagnosis:
    """The pools that labs may be in have the disk space for the labs to make."""
    members = _members(server, machine)
    pools = ask(server, machine, "/storage-pools?recursion=1") or []
    names = [str(each["name"]) for each in pools]
    free = 0
    for member in members:
        for pool in names:
            space = _space(server, pool, member, machine)
            free += space.get("total", 0) - space.get("used", 0)
    needed = to_make * _LAB_DISK_BYTES + (len(members) * _MEMBER_DISK_BYTES if to_make else 0)
    text = ngettext(
        "{count} lab needs {needed} MB of disk; free: {free} MB",
        "{count} labs need {needed} MB of disk; free: {free} MB",
        to_make,
        needed=needed // 1000**2,
        free=free // 1000**2,
    )
    if free >= needed:
        return found("space", text)
    mend = commands(f"incus storage set {server.name(names[0] if names else 'labctl')} size=100GiB")
    return warning("space", text, _("without space, hosts cannot write"), mend)


def _members(server: Incus, machine: Machine) -> list[str]:
    """The members that answer; [""] for a server that is in no cluster."""
    members = ask_members(server, machine)
    return [""] if members is None else [each.name for each in members if each.is_online]


def _free_memory(server: Incus, member: str, machine: Machine) -> int:
    where = f"?target={member}" if member else ""
    memory = (ask(server, machine, f"/resources{where}") or {}).get("memory", {})
    return int(memory.get("total", 0)) - int(memory.get("used", 0))


def _space(server: Incus, pool: str, member: str, machine: Machine) -> dict[str, int]:
    where = f"?target={member}" if member else ""
    answer = ask(server, machine, f"/storage-pools/{pool}/resources{where}") or {}
    return dict(answer.get("space", {}))
