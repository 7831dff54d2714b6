"""The lab's own bridge on the server, and the way out that all labs share.

The lab's bridge has no address: the server is no neighbour of the hosts. The way out is a NAT
network with an access list; a host is on it through a second interface, which `net close` takes
away. Incus manages both in the project `default`: only OVN networks can be a project's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv4Interface

from labctl.errors import LabError, WrongState
from labctl.hint import commands
from labctl.i18n import _
from labctl.providers.incus.client import Incus
from labctl.providers.incus.placement import ensure_all_online
from labctl.providers.incus.refusals import NotThere
from labctl.waiting import retry_while

_PROJECT = "user.labctl.project"
# The value of that key for what all labs share.
_SHARED = "*"
_PLAIN = {"ipv4.address": "none", "ipv6.address": "none"}
_CLOSED = {
    "security.acls.default.ingress.action": "drop",
    "security.acls.default.egress.action": "drop",
}


def bridge_of(project: str) -> str:
    """The name of a project's bridge: an interface's name has at most 15 letters."""
    return f"lab-{hashlib.sha256(project.encode()).hexdigest()[:10]}"


def create_bridge(incus: Incus, project: str, members: Sequence[str]) -> str:
    """Create the lab's bridge on every member; returns its name. Idempotent."""
    name = bridge_of(project)
    _create_network(incus, name, {**_PLAIN, _PROJECT: project}, members)
    return name


def remove_bridge(incus: Incus, project: str) -> None:
    """Remove the bridge of a lab, which labctl made for the project; idempotent."""
    name = bridge_of(project)

    def remove() -> None:
        try:
            found = incus.of("").get("networks", name)
        except NotThere:
            return
        # A killed labctl may have left it unfinished, which is before it has its settings.
        if found.get("status") == "Created" and found["config"].get(_PROJECT) != project:
            return
        ensure_all_online(incus)
        with suppress(NotThere):
            incus.of("").send("DELETE", "networks", name)

    _patiently(remove)


def ensure_way_out(incus: Incus, name: str, members: Sequence[str]) -> tuple[str, ...]:
    """Create the NAT network and its access list, or complete what a killed labctl left of them.

    Returns:
        The address at which the hosts find a name server.

    Raises:
        WrongState: Somebody else made a network of that name, and it has no access list.
    """
    server = incus.of("")
    if not server.has("networks", name):
        _create_access_list(server, name)
        config = {
            "ipv4.address": "auto",
            "ipv4.nat": "true",
            "ipv6.address": "none",
            # The hosts of every lab have the same names; Incus refuses that in one domain.
            "dns.mode": "none",
            _PROJECT: _SHARED,
        }
        _create_network(incus, name, config, members)
    found: Mapping[str, str] = server.get("networks", name)["config"]
    if not found.get("security.acls"):
        if found.get(_PROJECT) != _SHARED:
            raise _not_ours(incus, name)
        _create_access_list(server, name)
        # Only now is the network's own range known.
        own = str(IPv4Interface(found["ipv4.address"]).network)
        server.send("PUT", "network-acls", name, data=_access_list(own))
        # Last: a network with an access list is complete.
        rules = {"security.acls": name, **_CLOSED}
        server.send("PATCH", "networks", name, data={"config": rules})
    return (str(IPv4Interface(found["ipv4.address"]).ip),)


def _create_access_list(server: Incus, name: str) -> None:
    def create() -> None:
        if not server.has("network-acls", name):
            server.send("POST", "network-acls", data={"name": name, **_access_list()})

    # Another labctl may be faster.
    _patiently(create)


def _not_ours(incus: Incus, name: str) -> WrongState:
    return WrongState(
        _("the network {name} on the Incus server was not made by labctl", name=name),
        cause=_("it has no access list, so hosts could send mail through it"),
        hint=commands(
            f"incus network show {incus.name(name)}",
            text=_("set way_out in the table [incus] of labctl.toml to another name"),
        ),
    )


def _access_list(own: str = "") -> dict[str, object]:
    """HTTP and HTTPS outward, and nothing else: TCP 25 is not among them.

    Incus itself lets the hosts ask the network's own name server. Of all rules those that drop
    come first, so no host reaches another one through the way out.
    """
    web = {"action": "allow", "state": "enabled", "protocol": "tcp", "destination_port": "80,443"}
    neighbours = [{"action": "drop", "state": "enabled", "destination": own}] if own else []
    return {"ingress": [], "egress": [*neighbours, web]}


def _create_network(
    incus: Incus, name: str, config: Mapping[str, str], members: Sequence[str]
) -> None:
    server = incus.of("")

    def create() -> None:
        if server.has("networks", name):
            found = server.get("networks", name)
            if found.get("status") == "Created":
                return
        ensure_all_online(incus)
        for member in members:
            pending = {"name": name, "type": "bridge"}
            server.send("POST", "networks", data=pending, query={"target": member})
        server.send("POST", "networks", data={"name": name, "type": "bridge", "config": config})

    _patiently(create)


def _patiently(action: Callable[[], None]) -> None:
    """Incus fails to make or remove a bridge while another interface of the server vanishes."""
    retry_while(lambda error: type(error) is LabError, action, seconds=5, every=0.1)
