"""Where a lab is made: the member of a cluster, and the storage pool.

Both hosts go to one member: a lab is never split.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from labctl.errors import MachineLacks
from labctl.hint import commands
from labctl.i18n import _
from labctl.parallel import on_each
from labctl.providers.incus.client import Incus

# Members whose free memory differs by less are equal; the one with fewer instances is taken.
_STEP = 512 * 1024**2


@dataclass(frozen=True)
class Member:
    """A member of the cluster. `free` is memory in bytes, `instances` how many it has."""

    name: str
    is_online: bool = True
    groups: tuple[str, ...] = ()
    free: int = 0
    instances: int = 0


def choose_member(incus: Incus, target: str | None) -> str:
    """The member for a new lab: the one asked for, else the one with the most free memory.

    Args:
        target: a member's name, @ and a group's name, or None.

    Returns:
        The member's name; "" for a server that is in no cluster.

    Raises:
        MachineLacks: the member, or every member of the group, is down or does not exist, or the
            server is in no cluster.
    """
    members = _members(incus)
    if not members:
        if target is not None:
            raise MachineLacks(
                _("the Incus server is in no cluster and has no member {target}", target=target),
                cause=incus.title,
                hint=commands("incus remote list"),
            )
        return ""
    wanted = [each for each in members if each.is_online and _fits(each, target)]
    if not wanted:
        raise MachineLacks(
            _("no member of the cluster can take the lab"),
            cause=_("offline: {target}", target=target or _("all members")),
            hint=commands(incus.server.member_list),
        )
    if len(wanted) == 1:
        return wanted[0].name
    return best(on_each(wanted, lambda each: _measured(incus, each)))


def choose_pool(incus: Incus, wanted: str | None) -> str:
    """The storage pool for a new lab: the one asked for, else the only one or the usual one.

    Raises:
        MachineLacks: there are several, and none has the usual name.
    """
    if wanted is not None:
        return wanted
    pools = incus.of("").get("storage-pools", query={"recursion": "1"})
    names = [each["name"] for each in pools if each["status"] == "Created"]
    # One pool is an answer; with more, the one that `incus admin init` makes.
    if len(names) == 1:
        return str(names[0])
    if "default" in names:
        return "default"
    raise MachineLacks(
        _("Incus has several storage pools; choose one"),
        cause=", ".join(names),
        hint=_("set pool in the table [incus] of labctl.toml"),
    )


def best(members: list[Member]) -> str:
    """The name of the member with the most free memory, then with the fewest instances."""
    return min(members, key=lambda each: (-(each.free // _STEP), each.instances, each.name)).name


def members_in(answer: Iterable[Mapping[str, Any]]) -> list[Member]:
    """The members in a server's answer, whether they are online or not."""
    return [
        Member(each["server_name"], each["status"] == "Online", tuple(each.get("groups") or ()))
        for each in answer
    ]


def _members(incus: Incus) -> list[Member]:
    """Every member, whether it answers or not; empty for a server that is in no cluster."""
    server = incus.of("")
    if not server.get("cluster").get("enabled"):
        return []
    return members_in(server.get("cluster", "members", query={"recursion": "1"}))


def all_members(incus: Incus) -> list[str]:
    """Every member's name, whether it answers or not; empty if there is no cluster."""
    return [each.name for each in _members(incus)]


def ensure_all_online(incus: Incus) -> None:
    """Raise MachineLacks if a member is down: Incus makes and removes networks on all of them."""
    down = [each.name for each in _members(incus) if not each.is_online]
    if down:
        raise MachineLacks(
            _("a network cannot be made or removed while a cluster member is down"),
            cause=_("not online: {target}", target=", ".join(down)),
            hint=commands(
                incus.server.member_list,
                text=_("start the member, then run the same command again"),
            ),
        )


def _fits(member: Member, target: str | None) -> bool:
    if target is None:
        return True
    if target.startswith("@"):
        return target[1:] in member.groups
    return member.name == target


def _measured(incus: Incus, member: Member) -> Member:
    server = incus.of("")
    memory = server.get("resources", query={"target": member.name})["memory"]
    instances = server.get("instances", query={"all-projects": "true", "recursion": "1"})
    there = sum(each["location"] == member.name for each in instances)
    return replace(member, free=memory["total"] - memory["used"], instances=there)
