"""The families of operating systems, found by what os-release(5) says.

To add a family, write a module beside this one, name its releases here, and add the family to
labctl.system and to `Edition.packages` in labctl.edition.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from labctl.edition import Edition
from labctl.errors import WrongState
from labctl.hint import Hint
from labctl.i18n import _
from labctl.system import (
    ALMALINUX_9,
    DEBIAN_12,
    DEBIAN_13,
    UBUNTU_24_04,
    UBUNTU_26_04,
    System,
)

if TYPE_CHECKING:
    from provision.families.base import Family

# Module and name of each release. Loaded on demand: steps and families need each other.
_FAMILIES = {
    DEBIAN_12: "provision.families.debian:DEBIAN_12",
    DEBIAN_13: "provision.families.debian:DEBIAN_13",
    UBUNTU_24_04: "provision.families.debian:UBUNTU_24_04",
    UBUNTU_26_04: "provision.families.debian:UBUNTU_26_04",
    ALMALINUX_9: "provision.families.rhel:RHEL_9",
}


def systems() -> tuple[System, ...]:
    """The systems that labctl knows."""
    return tuple(_FAMILIES)


@cache
def family_of(system: System) -> Family:
    """The family of a system.

    A release that labctl does not know is treated as the last known one before it.

    Raises:
        WrongState: labctl knows no release of this system, or only newer ones.
    """
    known = [each for each in systems() if each.id == system.id]
    older = [each for each in known if not system.release or each.release <= system.release]
    if not older:
        raise WrongState(
            _("labctl does not know the system {system}", system=system),
            hint=Hint(_("systems: {names}", names=", ".join(map(str, systems())))),
        )
    module, _colon, name = _FAMILIES[max(older, key=lambda each: each.release)].partition(":")
    family: Family = getattr(import_module(module), name)
    return family


def family_for(system: System, edition: Edition) -> Family:
    """The family of a system with the file names and tools of an edition of the book.

    Raises:
        WrongState: labctl does not know the system.
    """
    from provision.families.base import MailCommand
    from provision.firewalld import Firewalld

    family = family_of(system)
    names = edition.bind
    return replace(
        family,
        bind=replace(family.bind, zones_name=names.zones, zone_name=names.zone_file),
        firewall=Firewalld() if edition.firewall == "firewalld" else family.firewall,
        mail_command=MailCommand(edition.mail_command, edition.mail_command),
    )
