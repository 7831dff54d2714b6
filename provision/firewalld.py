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

    def files(self, scene: Scene, rules: Sequence[Rule]) -> tuple[ManagedFile, ...]:
        return (render(scene, "/etc/firewalld/zones/public.xml", rules=rules),)

    def keep_open(self, target: Target, rules: Sequence[Rule], *, changed: bool) -> list[Change]:
        doors = [f"{port}/{protocol}" for port, protocols in rules for protocol in protocols]
        return host_script(target, _FIREWALLD, flag(changed), *doors)

    def open_dns(self, target: Target) -> list[Change]:
        return host_script(target, _DNS)

    def starts_at_boot(self, facts: Facts) -> bool:
        return facts["boot-firewalld"] == "enabled"

    def opening(self, port: int, protocol: str) -> str:
        return f"firewall-cmd --permanent --add-port={port}/{protocol}; firewall-cmd --reload"
