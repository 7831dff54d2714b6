"""This machine's name servers, as the hosts of a lab can reach them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_address
from pathlib import Path

# Stands for a name server whose address is also in the lab's own range, as a home router's
# 192.168.1.1 is. It is never on a wire: the machine translates it (RFC 2544's test range).
STAND_IN = "198.18.0.1"
_FILES = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")


@dataclass(frozen=True)
class Resolvers:
    """`seen` are the addresses that the hosts use; the machine sends `STAND_IN` to `real`."""

    seen: tuple[str, ...]
    real: str | None = None


def resolvers_for(lab: IPv4Network) -> Resolvers:
    """The machine's name servers for the hosts of a lab with this range."""
    found = machine_resolvers()
    hidden = [each for each in found if IPv4Address(each) in lab]
    seen = tuple(dict.fromkeys(STAND_IN if each in hidden else each for each in found))
    return Resolvers(seen, hidden[0] if hidden else None)


def machine_resolvers() -> tuple[str, ...]:
    """This machine's name servers that are not on its loopback."""
    for path in _FILES:
        with suppress(OSError):
            found = resolvers_in(Path(path).read_text(encoding="utf-8", errors="replace"))
            if found:
                return found
    return ()


def resolvers_in(text: str) -> tuple[str, ...]:
    """The IPv4 name servers in a resolv.conf(5), without those on the loopback."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            with suppress(ValueError):
                address = ip_address(words[1])
                if address.version == 4 and not address.is_loopback:
                    found.append(str(address))
    return tuple(found)
