"""What the next boot will change: the host's address, what scripts take back.

All is right now, so no question over the network finds it: files tell.
"""

from __future__ import annotations

from labctl.i18n import _
from labctl.results import Finding
from provision.facts import Facts
from provision.step import Target

_LOST = ("disabled", "masked")


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
