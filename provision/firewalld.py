"""firewalld, the firewall of the AlmaLinux edition of the book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.managed import ManagedFile
from labctl.results import Change
from labctl.scripts import Script
from provision.changes import flag, host_script
from provision.render import render

if TYPE_CHECKING:
    from provision.facts import Facts
    from provision.families.base import Rule
    from provision.step import Scene, Target

_FIREWALLD = Script("provision", "firewalld.sh")
_DNS = Script("provision", "firewalld-dns.sh")


@dataclass(frozen=True)
class Firewalld:
    """Ports opened in the zone `public`. See provision.families.base.Firewall."""

    enabling: str = "systemctl enable --now firewalld"
    looking: str = "firewall-cmd --list-all"
    listing: str = "firewall-cmd --list-all"
    # firewalld itself lets everything out.
    letting_out: str = "iptables -P OUTPUT ACCEPT"
    stopping_out: str = "iptables -P OUTPUT DROP"
    letting_answers_in: str = (
        "iptables -I INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    )
    disabling: str = "systemctl disable --now firewalld"
    unit: str = "firewalld"

    def files(self, scene: Scene, rules: Sequence[Rule]) -> tuple[ManagedFile, ...]:
        return (render(scene, "/etc/firewalld/zones/public.xml", rules=rules),)

    def keep_open(self, target: Target, rules: Sequence[Rule], *, changed: bool) -> list[Change]:
        doors = [f"{port}/{protocol}" for port, protocols in rules for protocol in protocols]
        return host_script(target, _FIREWALLD, flag(changed), *doors)

    def open_dns(self, target: Target) -> list[Change]:
        return host_script(target, _DNS)

    def starts_at_boot(self, facts: Facts) -> bool:
        return facts["boot-firewalld"] == "enabled"

    def lasting(self, now: Sequence[str], facts: Facts) -> list[str]:
        return list(now)

    def opening(self, port: int, protocol: str) -> str:
        return _permanently(f"--add-port={port}/{protocol}")

    def closing(self, port: int, protocol: str) -> str:
        protocols = [protocol] if protocol else ["tcp", "udp"]
        return _permanently(" ".join(f"--remove-port={port}/{each}" for each in protocols))

    def denying(self, port: int, source: str = "") -> str:
        return _permanently(f"--add-rich-rule='{_denied(port, source)}'")

    def not_denying(self, port: int, source: str) -> str:
        return _permanently(f"--remove-rich-rule='{_denied(port, source)}'")


def _permanently(change: str) -> str:
    return f"firewall-cmd --permanent {change}; firewall-cmd --reload"


def _denied(port: int, source: str) -> str:
    """A rich rule, which comes before the ports of a zone (firewalld.richlanguage(5))."""
    begun = f'rule family="ipv4" source address="{source}"' if source else 'rule family="ipv4"'
    return f'{begun} port port="{port}" protocol="tcp" drop'
