"""The IPv4 networks that this machine uses, and a free one for a lab's uplink."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from itertools import islice
from typing import Any

from labctl.errors import MachineLacks
from labctl.i18n import _
from labctl.providers.nspawn.rules import Ends
from labctl.run import run

# RFC 2544's range for tests, which no network should have; the others only if it is in use.
_POOLS = tuple(map(IPv4Network, ("198.18.0.0/15", "100.64.0.0/10", "10.0.0.0/8")))
_UPLINK_PREFIX = 30
# The number of networks to try in each pool.
_TRIED = 4096


@dataclass(frozen=True)
class Used:
    """A network that an interface or a route of this machine has."""

    interface: str
    network: IPv4Network


def used_networks() -> list[Used]:
    """The IPv4 networks of all interfaces and of the main routing table, without the default."""
    found = []
    links, routes = ip_json_each("address", "route show table main")
    for link in links:
        for address in link.get("addr_info", []):
            own = IPv4Interface(f"{address['local']}/{address['prefixlen']}")
            found.append(Used(link["ifname"], own.network))
    for route in routes:
        if route["dst"] != "default":
            found.append(Used(route.get("dev", route.get("type", "?")), IPv4Network(route["dst"])))
    return found


def free_ends(lab_id: str, taken: Iterable[IPv4Network]) -> Ends:
    """Addresses for a lab's uplink that overlap with none of the networks.

    Args:
        lab_id: Decides where to start, so that a lab usually gets the same addresses again.

    Raises:
        MachineLacks: All ranges are in use.
    """
    used = list(taken)
    for pool in _POOLS:
        for network in islice(_candidates(pool, int(lab_id, 16)), _TRIED):
            if not any(network.overlaps(each) for each in used):
                return Ends(network[1], network[2])
    raise MachineLacks(
        _("no address range is free for the lab's way out"),
        cause=", ".join(str(pool) for pool in _POOLS),
        hint=_("remove a network from this machine that covers one of these ranges"),
    )


def _candidates(pool: IPv4Network, begin: int) -> Iterator[IPv4Network]:
    """Every small network of the pool except the first, starting at `begin`."""
    step = 2 ** (32 - _UPLINK_PREFIX)
    count = pool.num_addresses // step - 1
    for number in range(count):
        place = 1 + (begin + number) % count
        yield IPv4Network((int(pool.network_address) + place * step, _UPLINK_PREFIX))


def ip_json(*words: str, check: bool = True) -> list[dict[str, Any]]:
    """The output of `ip -json` for IPv4 (ip(8)).

    Args:
        check: If False, what is not there is an empty list.

    Raises:
        CommandFailed: It is not there.
    """
    return _entries(run(["ip", "-j", "-4", *words], check=check).stdout)


def ip_json_each(*lines: str) -> list[list[dict[str, Any]]]:
    """The same for several lines of `ip -batch` at once. Raises CommandFailed."""
    said = run(["ip", "-j", "-4", "-batch", "-"], stdin="".join(f"{line}\n" for line in lines))
    return [_entries(line) for line in said.stdout.splitlines()]


def _entries(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text or "[]")
    return [entry for entry in found if entry]
