"""The test double's host-only interfaces: bridges with VirtualBox's names.

As with VirtualBox, the test machine has an address on them and can reach the guests'
host-only addresses.
"""

from __future__ import annotations

import ipaddress
import subprocess

from tests.vagrant.double.registry import DoubleError, Interface, Store


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
        _ip("link", "add", name, "type", "bridge", "forward_delay", "0")
        registry.interfaces.append(Interface(name))
    return f"0%...100%\nInterface '{name}' was successfully created\n"


def _configure(store: Store, name: str, ip: str, netmask: str) -> str:
    with store.change() as registry:
        interface = registry.interface(name)
        interface.ip, interface.netmask = ip, netmask
        prefix = ipaddress.ip_network(f"0.0.0.0/{netmask}").prefixlen
        _ip("address", "flush", "dev", name)
        _ip("address", "add", f"{ip}/{prefix}", "dev", name)
        _ip("link", "set", name, "up")
    return ""


def _remove(store: Store, name: str) -> str:
    with store.change() as registry:
        registry.interfaces.remove(registry.interface(name))
        _ip("link", "delete", name)
    return "0%...100%\n"


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DoubleError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def listing(store: Store) -> str:
    """The output of `list hostonlyifs`."""
    blocks = [
        f"Name:            {each.name}\n"
        f"GUID:            786f6276-656e-4074-8000-0a002700000{number}\n"
        "DHCP:            Disabled\n"
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
