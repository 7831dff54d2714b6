"""Whether the lab's range of addresses can be used on this machine."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network

from labctl.health import Diagnosis, found, lacking, unknown, warning
from labctl.hint import Hint
from labctl.i18n import _
from labctl.lab import Lab
from labctl.machine import Machine
from labctl.providers.vagrant.versions import virtualbox_version
from labctl.providers.vagrant.virtualbox import vboxmanage

# VirtualBox allows this range for host-only networks unless networks.conf says otherwise.
_ALLOWED = IPv4Network("192.168.56.0/21")
_NETWORKS_CONF = "/etc/vbox/networks.conf"
_DHCP = re.compile(
    r"^NetworkName:\s+(?P<name>\S.*?)\s*$.*?^lowerIPAddress:\s+(?P<lower>[\d.]+)\s*$"
    r".*?^upperIPAddress:\s+(?P<upper>[\d.]+)\s*$.*?^Enabled:\s+(?P<enabled>\w+)",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)


def range_allowed(lab: Lab, machine: Machine) -> Diagnosis:
    network = lab.network.cidr
    if machine.system == "win32" or _has_networks(machine):
        # There is no such file on Windows, and Vagrant does not read it for VirtualBox 7 on macOS.
        return found("range-allowed", _("VirtualBox allows {network}", network=network))
    text = machine.read(_NETWORKS_CONF)
    allowed = [_ALLOWED] if text is None else _networks(text)
    if any(network.subnet_of(each) for each in allowed):
        return found("range-allowed", _("VirtualBox allows {network}", network=network))
    return lacking(
        "range-allowed",
        _("VirtualBox does not allow the host-only range {network}", network=network),
        _("the hosts' addresses are fixed by the textbook"),
        _allow(network),
    )


def _has_networks(machine: Machine) -> bool:
    """Whether this VirtualBox has host-only networks in place of host-only interfaces."""
    return machine.system == "darwin" and virtualbox_version(machine) >= (7,)


def _allow(network: IPv4Network) -> Hint:
    folder = _NETWORKS_CONF.rpartition("/")[0]
    script = f'mkdir -p {folder} && echo "* {network}" >>{_NETWORKS_CONF}'
    return Hint(commands=(("sudo", "sh", "-c", script),))


def _networks(text: str) -> list[IPv4Network]:
    """The IPv4 ranges of networks.conf: lines that begin with a star."""
    found = []
    for line in text.splitlines():
        if line.strip().startswith("*"):
            for word in line.strip().lstrip("*").split():
                # IPv6 ranges, and what is none at all.
                with suppress(ValueError):
                    found.append(IPv4Network(word, strict=False))
    return found


def range_free(lab: Lab, machine: Machine) -> Diagnosis:
    network = lab.network.cidr
    program = vboxmanage(machine)
    own = machine.ask(program, "list", "hostonlyifs") if program else ""
    addresses = machine.addresses()
    if not addresses:
        # Every machine has 127.0.0.1.
        return unknown("range-free", _("whether {network} is free", network=network))
    for name, interface in addresses:
        if interface.network.overlaps(network) and not _is_virtualbox(name, interface, own):
            return lacking(
                "range-free",
                _("{interface} already has {address}", interface=name, address=interface),
                _("the hosts' addresses would not be unique"),
                _(
                    "stop the program that uses {network} (another lab, a VPN), or write"
                    ' net = "internal" or another network in labctl.toml',
                    network=network,
                ),
            )
    if name := _routed(machine, network):
        return warning(
            "range-free",
            _(
                "this machine reaches {network} through {interface}",
                network=network,
                interface=name,
            ),
            _("programs on this machine may not reach the hosts; labctl does"),
            _("stop what uses this range (a lab in containers, a VPN)"),
        )
    return found("range-free", _("{network} is free", network=network))


def _routed(machine: Machine, network: IPv4Network) -> str:
    """The interface of a route into the range that is not VirtualBox's; "" if there is none.

    A route of a larger range does not matter, because VirtualBox's own is more exact.

    Source: proc_net_route(5). Addresses are hexadecimal, in the byte order of the machine.
    """
    for line in (machine.read("/proc/net/route") or "").splitlines()[1:]:
        fields = line.split()
        with suppress(ValueError, IndexError):
            target, mask = (int(fields[at], 16).to_bytes(4, sys.byteorder) for at in (1, 7))
            route = IPv4Network((target, str(IPv4Address(mask))))
            if route.subnet_of(network) and not fields[0].startswith("vboxnet"):
                return fields[0]
    return ""


def _is_virtualbox(name: str, interface: object, hostonlyifs: str) -> bool:
    address = str(getattr(interface, "ip", ""))
    # VirtualBox 7 translates the label.
    if re.search(rf"^[^:\n]+:\s+{re.escape(address)}\s*$", hostonlyifs, re.MULTILINE):
        return True
    # macOS names its host-only networks otherwise, and shows them as bridges.
    return name.startswith(("vboxnet", "VirtualBox", "bridge10"))


def factory_dhcp(lab: Lab, machine: Machine) -> Diagnosis:
    """VirtualBox comes with a DHCP server that can lease a host's address to another machine."""
    program = vboxmanage(machine)
    said = machine.ask(program, "list", "dhcpservers") if program else ""
    servers = list(_DHCP.finditer(said))
    if said.strip() and not servers:
        # VirtualBox 7 translates its labels.
        return unknown("dhcp", _("whether a DHCP server of VirtualBox leases the hosts' addresses"))
    for server in servers:
        pool = IPv4Address(server["lower"]), IPv4Address(server["upper"])
        leased = [host for host in lab.hosts if pool[0] <= host.address <= pool[1]]
        if leased and server["enabled"].lower() == "yes":
            remove = (str(program), "dhcpserver", "remove", f"--network={server['name']}")
            return warning(
                "dhcp",
                _(
                    "VirtualBox's DHCP server leases {first} to {last}",
                    first=pool[0],
                    last=pool[1],
                ),
                _("another machine on that network can get the address of a host"),
                Hint(_("remove it if no other machine needs it"), (remove,)),
            )
    return found("dhcp", _("no DHCP server of VirtualBox leases the hosts' addresses"))
