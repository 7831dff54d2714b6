"""ufw, the firewall of Debian's and Ubuntu's editions of the book.

Its three files are written as ufw writes them, because one `ufw allow` takes as long as the
whole step.
"""

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

_UFW = Script("provision", "ufw.sh")


@dataclass(frozen=True)
class Ufw:
    """Ports opened by ufw. See provision.families.base.Firewall."""

    enabling: str = "ufw enable; systemctl enable ufw"
    looking: str = "ufw status"
    listing: str = "ufw status numbered"
    letting_out: str = "ufw default allow outgoing"
    stopping_out: str = "ufw default deny outgoing"
    disabling: str = "ufw disable"
    unit: str = "ufw"

    def files(self, scene: Scene, rules: Sequence[Rule]) -> tuple[ManagedFile, ...]:
        return (
            render(scene, "/etc/ufw/ufw.conf"),
            render(scene, "/etc/ufw/user.rules", mode=0o640, rules=rules),
            render(scene, "/etc/ufw/user6.rules", mode=0o640, rules=rules),
        )

    def keep_open(self, target: Target, rules: Sequence[Rule], *, changed: bool) -> list[Change]:
        doors = [f"{protocol}:{port}" for port, protocols in rules for protocol in protocols]
        return host_script(target, _UFW, flag(changed), *doors)

    def open_dns(self, target: Target) -> list[Change]:
        # It is off until the section that switches it on.
        return []

    def starts_at_boot(self, facts: Facts) -> bool:
        return facts["ufw"] == "yes" and facts["boot"] == "enabled"

    def opening(self, port: int, protocol: str) -> str:
        return f"ufw allow {port}/{protocol}"

    def closing(self, port: int, protocol: str) -> str:
        return f"ufw delete allow {port}/{protocol}".removesuffix("/")

    def denying(self, port: int, source: str = "") -> str:
        # The first rule that fits counts.
        return f"ufw insert 1 {_denied(port, source)}" if source else f"ufw deny {port}/tcp"

    def not_denying(self, port: int, source: str) -> str:
        return f"ufw delete {_denied(port, source)}"


def _denied(port: int, source: str) -> str:
    return f"deny from {source} to any port {port} proto tcp"
