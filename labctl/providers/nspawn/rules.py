"""The packet filters of a lab as nft(8) reads them: one in its namespace, one on the machine.

The filter in the namespace decides what leaves the bridge. The one on the machine decides again,
for the lab's one uplink: nothing to another lab or to the machine itself, no foreign source
address, and never TCP port 25. A host has no access to either.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from labctl.providers.nspawn.resolvers import STAND_IN

# Every lab's uplink on the machine begins so.
UPLINKS = "lab-"


@dataclass(frozen=True)
class WayOut:
    """What package installation needs outside of the lab.

    `proxy_port` is a port of this machine where a package proxy listens. `real_resolver` is the
    name server that the stand-in in `resolvers` leads to.
    """

    resolvers: tuple[str, ...]
    ports: tuple[int, ...] = (80, 443)
    proxy_port: int | None = None
    real_resolver: str | None = None


@dataclass(frozen=True)
class Ends:
    """The addresses of a lab's uplink: the machine's end and the namespace's end."""

    machine: IPv4Address
    lab: IPv4Address


def rules_inside(
    *,
    bridge: str,
    uplink: str,
    cidr: IPv4Network,
    gateway: IPv4Address,
    ends: Ends,
    way: WayOut | None,
) -> str:
    """The filter in the lab's namespace; replaces the table as a whole.

    Args:
        bridge: The bridge of the hosts, with the address `gateway`.
        uplink: The interface of the way out.
        cidr: The addresses of the hosts.
        gateway: The machine's address in the lab, as the hosts see it.
        ends: The addresses of the uplink.
        way: What may leave; nothing if None.
    """
    return _replacing(
        "labctl",
        f"""
  chain outward {{
    {_outward(way)}
  }}
  chain forward {{
    type filter hook forward priority 0; policy drop;
    iifname "{bridge}" oifname "{bridge}" accept
    iifname "{bridge}" ip saddr {cidr} oifname "{uplink}" jump outward
    iifname "{uplink}" oifname "{bridge}" ip saddr {ends.machine} accept
    iifname "{uplink}" oifname "{bridge}" ct state established,related accept
  }}
  chain input {{
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iifname "lo" accept
    iifname "{bridge}" icmp type echo-request accept
  }}
  chain prerouting {{
    type nat hook prerouting priority -100; policy accept;
    {_proxy(way, f'iifname "{bridge}" ip daddr {gateway}', f"dnat ip to {ends.machine}")}
  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    oifname "{uplink}" masquerade
    iifname "{uplink}" oifname "{bridge}" ip saddr {ends.machine} snat ip to {gateway}
  }}
""",
    )


def rules_on_machine(table: str, uplink: str, ends: Ends, way: WayOut | None) -> str:
    """The filter on the machine for the uplink of one lab; replaces the table as a whole."""
    return _replacing(
        table,
        f"""
  chain outward {{
    {_outward(way)}
  }}
  chain prerouting {{
    type nat hook prerouting priority -100; policy accept;
    {_stand_in(way, uplink)}
  }}
  chain forward {{
    type filter hook forward priority -10; policy accept;
    iifname "{uplink}" ip saddr != {ends.lab} drop
    iifname "{uplink}" oifname "{UPLINKS}*" drop
    iifname "{uplink}" jump outward
    oifname "{uplink}" ct state established,related accept
    oifname "{uplink}" drop
  }}
  chain input {{
    type filter hook input priority -10; policy accept;
    iifname != "{uplink}" return
    ct state established,related accept
    ip saddr != {ends.lab} drop
    {_proxy(way, f"ip daddr {ends.machine}", "accept")}
    drop
  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    iifname "{uplink}" oifname != "{uplink}" masquerade
  }}
""",
    )


def _replacing(table: str, chains: str) -> str:
    return f"""
table inet {table} {{}}
delete table inet {table}
table inet {table} {{{chains}}}
"""


def _outward(way: WayOut | None) -> str:
    # The first rule: mail never leaves, whatever other rules allow.
    rules = ["tcp dport 25 drop", "ct state established,related accept"]
    if way is not None:
        ports = ", ".join(str(port) for port in sorted({*way.ports} - {25}))
        if ports:
            rules.append(f"tcp dport {{ {ports} }} accept")
        servers = ", ".join(_once([*way.resolvers, way.real_resolver]))
        if servers:
            rules.append(f"ip daddr {{ {servers} }} meta l4proto {{ tcp, udp }} th dport 53 accept")
        if way.proxy_port not in (None, 25):
            # Only for the machine itself: the packet is not forwarded.
            rules.append(f"ct status dnat tcp dport {way.proxy_port} accept")
    return "\n    ".join([*rules, "drop"])


def _once(addresses: list[str | None]) -> list[str]:
    return list(dict.fromkeys(each for each in addresses if each is not None))


def _proxy(way: WayOut | None, match: str, verdict: str) -> str:
    # Port 25 of this machine is its own mail server, even if a proxy setting names it.
    if way is None or way.proxy_port in (None, 25):
        return ""
    return f"{match} tcp dport {way.proxy_port} {verdict}"


def _stand_in(way: WayOut | None, uplink: str) -> str:
    if way is None or way.real_resolver is None:
        return ""
    query = "meta l4proto { tcp, udp } th dport 53"
    return f'iifname "{uplink}" ip daddr {STAND_IN} {query} dnat ip to {way.real_resolver}'
