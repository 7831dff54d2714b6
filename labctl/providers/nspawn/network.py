"""The lab's own network on this machine: a bridge, and a packet filter that keeps it closed.

Hosts reach each other and answer the labctl machine. Outward go HTTP, HTTPS and the look-ups
they need, for package installation only, and only while the lab's net is open; TCP 25 never.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address, ip_interface
from pathlib import Path
from typing import Any

from filelock import FileLock

from labctl.errors import MachineLacks
from labctl.i18n import _
from labctl.lab import Network
from labctl.providers.nspawn.cgroup import cgroups_called
from labctl.run import run

# The labs of all users share this machine's addresses.
_LOCK = Path("/run/labctl-network.lock")
_BRIDGE = re.compile(r"lab-([0-9a-f]{8})")


@dataclass(frozen=True)
class WayOut:
    """What package installation needs of the world outside.

    `proxy_port` is a port of this machine itself where a package proxy listens, if any.
    """

    resolvers: tuple[str, ...]
    ports: tuple[int, ...] = (80, 443)
    proxy_port: int | None = None


@dataclass(frozen=True)
class LabNetwork:
    """Bridge and filter of one lab; `lab_id` is eight hexadecimal digits."""

    lab_id: str
    network: Network

    @property
    def bridge(self) -> str:
        return f"lab-{self.lab_id}"

    @property
    def table(self) -> str:
        return f"labctl_{self.lab_id}"

    def exists(self) -> bool:
        # Not by /sys: it shows the interfaces of the namespace it was mounted in.
        return run(["ip", "link", "show", "dev", self.bridge], check=False).ok

    def ensure_free(self) -> None:
        """Raises MachineLacks where another interface or route has the lab's addresses.

        What a killed labctl left is no other: see `claim`.
        """
        self._refuse(self._rivals())

    def claim(self) -> None:
        """The same, and removes bridges of other labs that have no host; needs `taking`."""
        rivals = self._rivals()
        self._refuse(rivals)
        for name, _network in rivals:
            if found := _BRIDGE.fullmatch(name):
                LabNetwork(found[1], self.network).remove({})

    def _refuse(self, rivals: list[tuple[str, IPv4Network]]) -> None:
        for name, network in rivals:
            if not _is_leftover(name):
                raise MachineLacks(
                    _("the address range {cidr} is in use", cidr=self.network.cidr),
                    cause=f"{name}: {network}",
                    hint=_range_hint(name),
                )

    def _rivals(self) -> list[tuple[str, IPv4Network]]:
        return [
            (name, network)
            for name, network in _used_networks()
            if name != self.bridge and network.overlaps(self.network.cidr)
        ]

    def create(self) -> None:
        """Makes the bridge with the machine's own address on it; idempotent."""
        prefix = self.network.cidr.prefixlen
        if not self.exists():
            run(["ip", "link", "add", self.bridge, "type", "bridge", "stp_state", "0"])
        _set_sysctl(f"net/ipv6/conf/{self.bridge}/disable_ipv6", "1")
        address = f"{self.network.machine}/{prefix}"
        run(["ip", "address", "replace", address, "dev", self.bridge])
        run(["ip", "link", "set", self.bridge, "up"])

    def set_filter(self, way_out: WayOut | None) -> None:
        """Puts the packet filter in force, in one transaction; None shuts the way out."""
        run(["nft", "-f", "-"], stdin=self.rules(way_out))

    def rules(self, way_out: WayOut | None) -> str:
        """The filter as nft reads it (nft(8)); replaces the table as a whole."""
        outward = "" if way_out is None else _outward_rules(way_out)
        proxy = "" if way_out is None else _proxy_rule(way_out.proxy_port)
        return f"""
table inet {self.table} {{}}
delete table inet {self.table}
table inet {self.table} {{
  chain outward {{
    tcp dport 25 drop
    ct state established,related accept
    {outward}
    drop
  }}
  chain forward {{
    type filter hook forward priority -10; policy accept;
    iifname "{self.bridge}" oifname "{self.bridge}" accept
    iifname "{self.bridge}" jump outward
    oifname "{self.bridge}" ct state established,related accept
    oifname "{self.bridge}" drop
  }}
  chain input {{
    type filter hook input priority -10; policy accept;
    iifname != "{self.bridge}" return
    ct state established,related accept
    icmp type echo-request accept
    {proxy}
    drop
  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    ip saddr {self.network.cidr} oifname != "{self.bridge}" masquerade
  }}
}}
"""

    def allow_forwarding(self) -> None:
        """Lets packets pass between the bridge and the way out; see `forwarding`."""
        for device in (*_uplinks(), self.bridge):
            _forwarding_of(device).write_text("1")

    def remove(self, forwarding: dict[str, str]) -> None:
        """Takes bridge and filter away and puts the machine's settings back; idempotent."""
        # A program that is not installed has made nothing that is to be removed.
        with suppress(MachineLacks):
            run(["ip", "link", "delete", self.bridge], check=False)
        with suppress(MachineLacks):
            run(["nft", "delete", "table", "inet", self.table], check=False)
        if forwarding and not _other_bridges():
            for device, value in forwarding.items():
                _set_sysctl(f"net/ipv4/conf/{device}/forwarding", value)


@contextmanager
def taking() -> Iterator[None]:
    """Held while a lab takes its addresses and boots: until then its bridge looks idle."""
    with FileLock(_LOCK, mode=0o600):
        yield


def forwarding() -> dict[str, str]:
    """What this machine's setting is for its ways out, by interface, for `remove` to restore."""
    return {device: _forwarding_of(device).read_text().strip() for device in _uplinks()}


def machine_resolvers() -> tuple[str, ...]:
    """This machine's name servers that a lab host can reach too (none on the loopback)."""
    for path in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"):
        with suppress(OSError):
            found = _resolvers_in(Path(path).read_text(encoding="utf-8", errors="replace"))
            if found:
                return found
    return ()


def _resolvers_in(text: str) -> tuple[str, ...]:
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            with suppress(ValueError):
                address = ip_address(words[1])
                if address.version == 4 and not address.is_loopback:
                    found.append(str(address))
    return tuple(found)


def _proxy_rule(port: int | None) -> str:
    # Port 25 of this machine is its own mail server, whatever a proxy setting says.
    return "" if port in (None, 25) else f"tcp dport {port} accept"


def _outward_rules(way_out: WayOut) -> str:
    ports = ", ".join(str(port) for port in sorted({*way_out.ports} - {25}))
    rules = [f"tcp dport {{ {ports} }} accept"] if ports else []
    if way_out.resolvers:
        servers = ", ".join(way_out.resolvers)
        rules += [f"ip daddr {{ {servers} }} meta l4proto {{ tcp, udp }} th dport 53 accept"]
    return "\n    ".join(rules)


def _forwarding_of(device: str) -> Path:
    return Path(f"/proc/sys/net/ipv4/conf/{device}/forwarding")


def _ip(*words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(["ip", "-j", "-4", *words]).stdout or "[]")
    return [entry for entry in found if entry]


def _used_networks() -> list[tuple[str, IPv4Network]]:
    used = []
    for link in _ip("address"):
        for address in link.get("addr_info", []):
            network = ip_interface(f"{address['local']}/{address['prefixlen']}").network
            if isinstance(network, IPv4Network):
                used.append((link["ifname"], network))
    for route in _ip("route", "show", "table", "main"):
        if route["dst"] != "default":
            used.append((route.get("dev", route.get("type", "?")), IPv4Network(route["dst"])))
    return used


def _is_leftover(interface: str) -> bool:
    """True for a lab's bridge that no host hangs on, and whose lab has no process."""
    found = _BRIDGE.fullmatch(interface)
    if found is None or _ip("link", "show", "master", interface):
        return False
    return not any(group.populated() for group in cgroups_called(f"labctl-{found[1]}-"))


def _range_hint(interface: str) -> str:
    if interface.startswith("lab-"):
        return _("another lab runs: labctl status --all, then labctl down --name NAME")
    if interface.startswith("vboxnet"):
        return _("VirtualBox has it: labctl up --provider vagrant, or remove its host-only network")
    return _("remove it: ip address flush dev {name}", name=interface)


def _uplinks() -> list[str]:
    return sorted({route["dev"] for route in _ip("route", "show", "default") if "dev" in route})


def _other_bridges() -> list[str]:
    names = (link["ifname"] for link in _ip("link", "show", "type", "bridge"))
    return [name for name in names if name.startswith("lab-")]


def _set_sysctl(name: str, value: str) -> None:
    with suppress(OSError):
        Path(f"/proc/sys/{name}").write_text(value)
