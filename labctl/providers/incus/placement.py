"""Which member of a cluster a lab is made on. Both hosts go there: a lab is never split."""

from __future__ import annotations

from dataclasses import dataclass

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
    members = online_members(incus)
    if not members and not is_clustered(incus):
        if target is not None:
            raise MachineLacks(
                _("the Incus server is in no cluster and has no member {target}", target=target),
                cause=incus.title,
                hint=commands("incus remote list"),
            )
        return ""
    wanted = [each for each in members if _fits(each, target)]
    if not wanted:
        raise MachineLacks(
            _("no member of the cluster can take the lab"),
            cause=_("not online: {target}", target=target or _("any member")),
            hint=commands(incus.server.member_list),
        )
    if len(wanted) == 1:
        return wanted[0].name
    return best(on_each(wanted, lambda each: _measured(incus, each)))


def best(members: list[Member]) -> str:
    """The name of the member with the most free memory, then with the fewest instances."""
    return min(members, key=lambda each: (-(each.free // _STEP), each.instances, each.name)).name


def is_clustered(incus: Incus) -> bool:
    return bool(incus.of("").get("cluster").get("enabled"))


def online_members(incus: Incus) -> list[Member]:
    """The members that answer; empty for a server that is in no cluster."""
    if not is_clustered(incus):
        return []
    found = incus.of("").get("cluster", "members", query={"recursion": "1"})
    return [
        Member(each["server_name"], tuple(each.get("groups") or ()))
        for each in found
        if each["status"] == "Online"
    ]


def all_members(incus: Incus) -> list[str]:
    """Every member's name, whether it answers or not; empty if there is no cluster."""
    return [name for name, _status in _statuses(incus)]


def ensure_all_online(incus: Incus) -> None:
    """Raise MachineLacks if a member is down: Incus makes and removes networks on all of them."""
    down = [name for name, status in _statuses(incus) if status != "Online"]
    if down:
        raise MachineLacks(
            _("a network cannot be made or removed while a cluster member is down"),
            cause=_("not online: {target}", target=", ".join(down)),
            hint=commands(
                incus.server.member_list,
                text=_("start the member, then run the same command again"),
            ),
        )


def _statuses(incus: Incus) -> list[tuple[str, str]]:
    if not is_clustered(incus):
        return []
    found = incus.of("").get("cluster", "members", query={"recursion": "1"})
    return [(each["server_name"], each["status"]) for each in found]


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
    return Member(member.name, member.groups, memory["total"] - memory["used"], there)
