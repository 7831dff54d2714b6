"""The test double's host-only interfaces: bridges with VirtualBox's names.

As with VirtualBox, the test machine has an address on them and can reach the guests'
host-only addresses.
"""

from __future__ import annotations

import ipaddress
import subprocess
import zlib

from tests.vagrant.double.registry import DoubleError, Interface, Network, Registry, Store


def hostonlyif(store: Store, words: list[str]) -> str:
    action, rest = words[0], words[1:]
    if action == "create" and not rest:
        return _create(store)
    if action == "ipconfig" and rest[1::2] == ["--ip", "--netmask"]:
        return _configure(store, rest[0], rest[2], rest[4])
    if action == "remove":
        return _remove(store, rest[0])
    raise DoubleError(f"unknown hostonlyif action: {words}")


def _create(store: Store) -> str:
    with store.change() as registry:
        taken = {each.name for each in registry.interfaces}
        name = next(f"vboxnet{n}" for n in range(8) if f"vboxnet{n}" not in taken)
        _bridge(name)
        registry.interfaces.append(Interface(name))
    return f"0%...100%\nInterface '{name}' was successfully created\n"


def _configure(store: Store, name: str, ip: str, netmask: str) -> str:
    with store.change() as registry:
        interface = registry.interface(name)
        interface.ip, interface.netmask = ip, netmask
        _address(name, ip, netmask)
    return ""


def _remove(store: Store, name: str) -> str:
    with store.change() as registry:
        registry.interfaces.remove(registry.interface(name))
        _ip("link", "delete", name)
    return "0%...100%\n"


_NETWORK_OPTIONS = {"--name", "--netmask", "--lower-ip", "--upper-ip"}


def hostonlynet(store: Store, words: list[str]) -> str:
    """The host-only networks that VirtualBox 7 has on macOS in place of the interfaces."""
    options = dict(zip(words[1::2], words[2::2], strict=True))
    with store.change() as registry:
        if words[0] == "add" and set(options) == {
            "--name",
            "--netmask",
            "--lower-ip",
            "--upper-ip",
        }:
            _add_network(registry, options)
        elif words[0] == "remove" and set(options) == {"--name"}:
            network = registry.network(options["--name"])
            registry.networks.remove(network)
            _ip("link", "delete", network.bridge)
        else:
            raise DoubleError(f"unknown hostonlynet action: {words}")
    return ""


def _add_network(registry: Registry, options: dict[str, str]) -> None:
    bridge = f"bridge{100 + len(registry.networks)}"
    network = Network(
        name=options["--name"],
        netmask=options["--netmask"],
        lower=options["--lower-ip"],
        upper=options["--upper-ip"],
        bridge=bridge,
    )
    registry.networks.append(network)
    _bridge(bridge)
    # This machine has the first address of the range.
    lower = ipaddress.ip_interface(f"{network.lower}/{network.netmask}")
    own = lower.ip + 1 if lower.ip == lower.network.network_address else lower.ip
    _address(bridge, str(own), network.netmask)


def network_listing(store: Store) -> str:
    """What `list hostonlynets` says."""
    return "\n".join(
        f"Name:            {each.name}\n"
        f"GUID:            5a4e2f56-0bd2-4e4c-8a3b-0c0d7a90b5d{number}\n"
        "State:           Enabled\n"
        f"NetworkMask:     {each.netmask}\n"
        f"LowerIP:         {each.lower}\n"
        f"UpperIP:         {each.upper}\n"
        f"VBoxNetworkName: hostonly-{each.name}\n"
        for number, each in enumerate(store.read().networks)
    )


def dhcp_listing(store: Store) -> str:
    """What `list dhcpservers` says: VirtualBox's factory server on its first interface."""
    return "\n".join(
        f"NetworkName:    HostInterfaceNetworking-{each.name}\n"
        "Dhcpd IP:       192.168.56.100\n"
        "LowerIPAddress: 192.168.56.101\n"
        "UpperIPAddress: 192.168.56.254\n"
        "NetworkMask:    255.255.255.0\n"
        "Enabled:        Yes\n"
        "Global Configuration:\n"
        "    minLeaseTime:     default\n"
        for each in store.read().interfaces
        if each.dhcp
    )


def internal_bridge(name: str) -> str:
    """The bridge of an internal network, made if it is not there; without this machine on it."""
    bridge = f"int{zlib.crc32(name.encode()):08x}"
    if subprocess.run(["ip", "link", "show", bridge], capture_output=True, check=False).returncode:
        _bridge(bridge)
        _ip("link", "set", bridge, "up")
    return bridge


def _bridge(name: str) -> None:
    _ip("link", "add", name, "type", "bridge", "forward_delay", "0")


def _address(name: str, ip: str, netmask: str) -> None:
    prefix = ipaddress.ip_network(f"0.0.0.0/{netmask}").prefixlen
    _ip("address", "flush", "dev", name)
    _ip("address", "add", f"{ip}/{prefix}", "dev", name)
    _ip("link", "set", name, "up")


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DoubleError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def listing(store: Store) -> str:
    """The output of `list hostonlyifs`."""
    blocks = [
        f"Name:            {each.name}\n"
        f"GUID:            786f6276-656e-4074-8000-0a002700000{number}\n"
        f"DHCP:            {'Enabled' if each.dhcp else 'Disabled'}\n"
        f"IPAddress:       {each.ip}\n"
        f"NetworkMask:     {each.netmask}\n"
        "IPV6Address:     \n"
        "IPV6NetworkMaskPrefixLength: 0\n"
        f"HardwareAddress: 0a:00:27:00:00:0{number}\n"
        "MediumType:      Ethernet\n"
        "Wireless:        No\n"
        "Status:          Up\n"
        f"VBoxNetworkName: HostInterfaceNetworking-{each.name}\n"
        for number, each in enumerate(store.read().interfaces)
    ]
    return "\n".join(blocks)
