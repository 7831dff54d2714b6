"""What the next boot will change: the firewall's rules, the host's address, what scripts take back.

All is right now, so no question over the network finds it: files tell.
"""

from __future__ import annotations

from collections.abc import Sequence

from labctl.i18n import _
from labctl.results import Finding
from provision.facts import Facts
from provision.step import Target

# What ufw does with packets for which it has no rule (/etc/default/ufw), as iptables' policy.
_POLICIES = {"ACCEPT": "ACCEPT", "DROP": "DROP", "REJECT": "DROP"}
_LOST = ("disabled", "masked")
# How a packet gets to the rules of ufw's files.
_JUMPS = ("-A INPUT -j ufw-before-input", "-A ufw-before-input -j ufw-user-input")


def rules(now: Sequence[str], facts: Facts) -> list[str]:
    """The rules that ufw will have set: those of its files, and none made by hand.

    Args:
        now: the lines of `iptables -S`.
        facts: those of firewall-check.sh.
    """
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


def findings(target: Target, facts: Facts) -> list[Finding]:
    """What takes the host's address or its services away. No finding if nothing does."""
    return [each for each in (_address(target, facts), _script(facts)) if each is not None]


def _address(target: Target, facts: Facts) -> Finding | None:
    """systemd-networkd gives the host its address, and will not."""
    own, unit = str(target.host.address), "systemd-networkd"
    places = facts.lines("next-address")
    if facts["networkd"] != "active" or not places:
        return None
    if own not in places:
        found, solution = f"Address={places[0]}", f"Address={own}/"
        solution += str(target.lab.network.cidr.prefixlen)
    elif facts["boot-networkd"] in _LOST:
        found, solution = f"{unit}: {facts['boot-networkd']}", f"systemctl enable {unit}"
    else:
        return None
    return Finding(
        code="firewall.address",
        ok=False,
        what=_("the host has its address after a reboot"),
        found=found,
        expected=own,
        hint=_("Who gives the host its address at boot? Look at networkctl status."),
        solution=solution,
    )


def _script(facts: Facts) -> Finding | None:
    """A command at boot that takes back what was set up."""
    lines = facts.lines("at-boot")
    if not lines:
        return None
    place, _colon, command = lines[0].partition(":")
    return Finding(
        code="firewall.at-boot",
        ok=False,
        what=_("what {file} does at each boot", file=place),
        found=command.strip(),
        expected=_("no such line"),
        hint=_("A script at boot, or cron with @reboot, may undo what you have set up."),
        solution=place,
    )
