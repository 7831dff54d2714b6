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
# What ufw does with packets for which it has no rule (/etc/default/ufw), as iptables' policy.
_POLICIES = {"ACCEPT": "ACCEPT", "DROP": "DROP", "REJECT": "DROP"}
# How a packet gets to the rules of ufw's files.
_JUMPS = ("-A INPUT -j ufw-before-input", "-A ufw-before-input -j ufw-user-input")


@dataclass(frozen=True)
class Ufw:
    """Ports opened by ufw. See provision.families.base.Firewall."""

    enabling: str = "ufw enable; systemctl enable ufw"
    looking: str = "ufw status"
    listing: str = "ufw status numbered"
    letting_out: str = "ufw default allow outgoing"
    stopping_out: str = "ufw default deny outgoing"
    letting_answers_in: str = (
        "/etc/ufw/before.rules: -A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED "
        "-j ACCEPT"
    )
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

    def lasting(self, now: Sequence[str], facts: Facts) -> list[str]:
        """Those of ufw's files, and none made by hand, if ufw starts at boot."""
        return _of_its_files(now, facts) if self.starts_at_boot(facts) else list(now)

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


def _of_its_files(now: Sequence[str], facts: Facts) -> list[str]:
    """The rules that ufw will have set."""
    saved, before = facts.lines("saved"), facts.lines("before")
    if not saved:
        return list(now)
    policies = [
        f"-P {chain} {policy}"
        for chain, key in (("INPUT", "policy"), ("OUTPUT", "policy-out"))
        if (policy := _POLICIES.get(facts[key].upper()))
    ]
    replaced = tuple(line.rpartition(" ")[0] for line in policies)
    # ufw's rules for new connections come with a policy that lets them pass.
    tracks = [
        f"-A ufw-track-{line.split()[1].lower()} " for line in policies if "ACCEPT" not in line
    ]
    read = ("-A ufw-user-input ", *(("-A ufw-before-input ",) if before else ()))
    kept = [
        line
        for line in now
        if not line.startswith(read)
        and (not line.startswith("-A INPUT ") or "-j ufw-" in line)
        and line.rpartition(" ")[0] not in replaced
        and not line.startswith(tuple(tracks))
    ]
    # ufw adds them itself, also if somebody has taken them away, as `iptables -F` does.
    jumps = [each for each in _JUMPS if before and each not in kept]
    return [*policies, *before, *kept, *jumps, *saved]
