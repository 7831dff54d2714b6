"""A lab's network: a namespace with a bridge, and one uplink to the machine.

The hosts and the bridge are in a network namespace of the lab's own, so that any number of labs
have the same addresses. The uplink is a veth pair whose end on the machine is `lab-ID`. While
nothing else on the machine has the lab's addresses, a route over the uplink leads to them, so
that other programs on the machine reach the hosts too; labctl never needs it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from filelock import FileLock

from labctl import dial
from labctl.errors import MachineLacks
from labctl.i18n import _
from labctl.lab import Network
from labctl.providers.nspawn import forwarding
from labctl.providers.nspawn.addresses import Used, free_ends, ip_json, used_networks
from labctl.providers.nspawn.lab_limits import LabGroup
from labctl.providers.nspawn.rules import UPLINKS, Ends, WayOut, rules_inside, rules_on_machine
from labctl.run import run
from labctl.scripts import Script

# In the lab's namespace the names are always the same.
BRIDGE = "lab"
_INNER_UPLINK = "uplink"
# The labs of all users share the machine's addresses.
_LOCK = Path("/run/labctl-network.lock")
_NAMESPACES = Path("/run/netns")
_SYSCTLS = Path("/proc/sys")
_INSIDE = Script("labctl.providers.nspawn", "inside.sh")
_UPLINK = re.compile(UPLINKS + r"([0-9a-f]{8})")


@dataclass(frozen=True)
class LabNetwork:
    """The network of one lab; `lab_id` is eight hexadecimal digits."""

    lab_id: str
    network: Network

    @property
    def namespace(self) -> str:
        return f"labctl-{self.lab_id}"

    @property
    def netns(self) -> Path:
        """The namespace, for setns(2) and nsenter(1)."""
        return _NAMESPACES / self.namespace

    @property
    def uplink(self) -> str:
        """The machine's end of the uplink."""
        return f"{UPLINKS}{self.lab_id}"

    @property
    def table(self) -> str:
        """The packet filter on the machine."""
        return f"labctl_{self.lab_id}"

    def create(self, way: WayOut | None) -> bool:
        """Make the namespace, the uplink and the filters, and claim the route; idempotent.

        `way` is what may leave the lab; nothing if None.

        Returns:
            Whether other programs on this machine reach the hosts by their addresses.

        Raises:
            MachineLacks: No addresses are free for the uplink.
        """
        with _changing():
            if not self._namespace_works():
                self._forget_namespace()
                run(["ip", "netns", "add", self.namespace])
            ends = self._ends()
            if ends is None:
                ends = self._add_uplink()
            self._filter(ends, way)
            self._configure(ends)
            forwarding.allow()
            return self._claim(ends)

    def set_filter(self, way: WayOut | None) -> None:
        """Change what may leave the lab, if the network exists."""
        ends = self._ends()
        if ends is not None:
            self._filter(ends, way)

    def remove(self) -> None:
        """Remove everything and put the machine's settings back; idempotent."""
        with _changing():
            # A program that is not installed has made nothing that is to be removed.
            with suppress(MachineLacks):
                run(["ip", "link", "delete", self.uplink], check=False)
                self._forget_namespace()
                if not _uplinks():
                    forwarding.put_back()
            with suppress(MachineLacks):
                run(["nft", "delete", "table", "inet", self.table], check=False)

    def rivals(self) -> list[Used]:
        """What else on this machine has addresses of the lab's range."""
        return [
            each
            for each in used_networks()
            if each.interface != self.uplink and each.network.overlaps(self.network.cidr)
        ]

    def why_unreachable(self) -> str:
        """What to tell a person if `create` returns False."""
        names = ", ".join(dict.fromkeys(each.interface for each in self.rivals()))
        return _(
            "{cidr} is in use on this machine ({names}): only labctl reaches the hosts",
            cidr=self.network.cidr,
            names=names or "?",
        )

    def drop_host_link(self, machine: str) -> None:
        """Remove the interface of a host that was killed.

        The kernel removes it in its own time; until then no new host can have its name.
        """
        with suppress(MachineLacks):
            run(["ip", "-n", self.namespace, "link", "delete", f"vb-{machine}"], check=False)

    # -- parts -------------------------------------------------------------------------------

    def _namespace_works(self) -> bool:
        # A namespace has a name while it is mounted over a file (ip-netns(8)).
        return os.path.ismount(self.netns)

    def _forget_namespace(self) -> None:
        run(["ip", "netns", "delete", self.namespace], check=False)
        # A labctl that was killed while it made the namespace left a file without one.
        with suppress(OSError):
            self.netns.unlink()

    def _ends(self) -> Ends | None:
        """The uplink's addresses as they are; None if there is no uplink."""
        for link in ip_json("-details", "address", "show", "dev", self.uplink, check=False):
            # A bridge of that name is of a lab that labctl 0.1 made.
            if link["linkinfo"]["info_kind"] == "veth":
                for address in link["addr_info"]:
                    machine = IPv4Address(address["local"])
                    return Ends(machine, machine + 1)
        return None

    def _add_uplink(self) -> Ends:
        taken = [each.network for each in used_networks()]
        ends = free_ends(self.lab_id, [*taken, self.network.cidr])
        # One without an address was left by a labctl that was killed just here.
        run(["ip", "link", "delete", self.uplink], check=False)
        run(
            ["ip", "-batch", "-"],
            stdin=f"link add {self.uplink} type veth peer name {_INNER_UPLINK}"
            f" netns {self.namespace}\n"
            f"address add {ends.machine}/30 dev {self.uplink}\n",
        )
        return ends

    def _configure(self, ends: Ends) -> None:
        gateway = f"{self.network.machine}/{self.network.cidr.prefixlen}"
        run(
            dial.inside(self.netns, ["sh", "-euc", _INSIDE.text, "sh", BRIDGE]),
            stdin=f"link set dev {BRIDGE} type bridge stp_state 0\n"
            f"address replace {gateway} dev {BRIDGE}\n"
            f"address replace {ends.lab}/30 dev {_INNER_UPLINK}\n"
            f"link set lo up\nlink set dev {BRIDGE} up\nlink set dev {_INNER_UPLINK} up\n"
            f"route replace default via {ends.machine}\n",
        )
        _write_sysctl(f"net/ipv6/conf/{self.uplink}/disable_ipv6", "1")
        _write_sysctl(f"net/ipv4/conf/{self.uplink}/forwarding", "1")

    def _filter(self, ends: Ends, way: WayOut | None) -> None:
        """Both filters, each in one transaction."""
        network = self.network
        inside = rules_inside(
            bridge=BRIDGE,
            uplink=_INNER_UPLINK,
            cidr=network.cidr,
            gateway=network.machine,
            ends=ends,
            way=way,
        )
        run(["nft", "-f", "-"], stdin=rules_on_machine(self.table, self.uplink, ends, way))
        run(dial.inside(self.netns, ["nft", "-f", "-"]), stdin=inside)

    def _claim(self, ends: Ends) -> bool:
        """Lead the machine's programs to the hosts, unless their addresses mean others here."""
        rivals = self.rivals()
        gone = [each for each in rivals if _is_gone(each)]
        # What a killed labctl left, or a lab whose hosts are gone.
        for rival in gone:
            route = [str(rival.network), "dev", rival.interface]
            run(["ip", "route", "delete", *route], check=False)
        is_ours = not (self.rivals() if gone else rivals)
        changes = f"link set {self.uplink} up\n"
        if is_ours:
            changes += f"route replace {self.network.cidr} via {ends.lab} dev {self.uplink}\n"
        run(["ip", "-batch", "-"], stdin=changes)
        return is_ours


def _is_gone(rival: Used) -> bool:
    """Whether it is the route of a lab that has no hosts."""
    uplink = _UPLINK.fullmatch(rival.interface)
    return uplink is not None and not LabGroup(uplink[1]).populated()


@contextmanager
def _changing() -> Iterator[None]:
    """One labctl at a time looks for free addresses and takes them."""
    with FileLock(_LOCK, mode=0o600):
        yield


def _uplinks() -> list[str]:
    """The uplinks of all labs on this machine."""
    links = ip_json("link", "show", "type", "veth")
    return [link["ifname"] for link in links if _UPLINK.fullmatch(link["ifname"])]


def _write_sysctl(name: str, value: str) -> None:
    with suppress(OSError):
        (_SYSCTLS / name).write_text(value)
