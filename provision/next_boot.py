"""What the next boot will change: the host's address, what scripts take back.

All is right now, so no question over the network finds it: files tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Interface

from labctl.i18n import _
from labctl.results import Finding
from provision.facts import Facts
from provision.step import Target

_LOST = ("disabled", "masked")
# The targets with the services (systemd.special(7)).
_TARGETS = (
    "multi-user.target",
    "graphical.target",
    *(f"runlevel{number}.target" for number in range(2, 6)),
)
# The card of a host that is a container, which nothing but systemd-networkd configures.
_CONTAINERS = "host0"
# What systemd takes for a blank at the ends of a line. A wide one belongs to the value.
_BLANKS = " \t\r\n"
_YES = ("1", "yes", "y", "true", "t", "on")
# The words of ActivationPolicy= with which a card stays down.
_DOWN = ("down", "always-down", "manual")


def findings(target: Target, facts: Facts) -> list[Finding]:
    """What takes the host's address or its services away. No finding if nothing does."""
    found = (_address(target, facts), _default_target(facts), _script(facts))
    return [each for each in found if each is not None]


@dataclass(frozen=True)
class _Way:
    """The host's own address, and those that it has to reach without a router."""

    own: IPv4Address
    others: Sequence[IPv4Address]

    def is_given(self, text: str) -> bool:
        """Whether `Address=` with this text is the way. systemd ignores what is no address."""
        if not re.fullmatch(r"[0-9.]+(/[0-9]+)?", text):
            return False
        try:
            given = IPv4Interface(text)
        except ValueError:
            return False
        # Without a number, systemd takes that of the address's class.
        reaches = "/" not in text or all(each in given.network for each in self.others)
        return given.ip == self.own and reaches


@dataclass(frozen=True)
class _Network:
    """A file of systemd-networkd with its drop-ins: settings by section, in order.

    Source: systemd.network(5).
    """

    path: str
    settings: Sequence[tuple[str, str, str]]

    def values(self, key: str, *sections: str) -> list[str]:
        return [
            value for section, name, value in self.settings if name == key and section in sections
        ]

    @property
    def addresses(self) -> list[str]:
        return self.values("Address", "Network", "Address")

    @property
    def leaving(self) -> tuple[str, str] | None:
        """A setting by which systemd-networkd leaves the card alone, and what it should be."""
        words = (("Unmanaged", _YES, "no"), ("ActivationPolicy", _DOWN, "up"))
        return next(
            (
                (f"{key}={value}", f"{key}={right}")
                for key, wrong, right in words
                for value in self.values(key, "Link")[-1:]
                if value.lower() in wrong
            ),
            None,
        )

    def gives(self, way: _Way) -> bool:
        """Whether it gives the address, on a network that has the others."""
        return any(map(way.is_given, self.addresses))

    def fits(self, card: str) -> bool | None:
        """Whether it is for the card; None if that depends on more than the card's name."""
        conditions = {name for section, name, _value in self.settings if section == "Match"}
        names = " ".join(self.values("Name", "Match")).split()
        if names and not _has_name(names, card):
            return False
        return True if conditions == {"Name"} else None


def _has_name(patterns: Sequence[str], card: str) -> bool:
    """Whether the patterns have the card. A "!" before the first one denies all of them."""
    is_denied = patterns[0].startswith("!")
    given = [patterns[0].removeprefix("!"), *patterns[1:]]
    return any(fnmatchcase(card, each) for each in given) != is_denied


def _networks(lines: Sequence[str]) -> list[_Network]:
    """The files in the order of their names, in which systemd-networkd looks at them."""
    settings: dict[str, list[tuple[str, str, str]]] = {}
    sections: dict[str, str] = {}
    places: dict[str, str] = {}
    for line in lines:
        path, _colon, text = line.partition(":")
        text = text.strip(_BLANKS)
        if text.startswith("["):
            sections[path] = text.strip("[]")
            continue
        drop_in_of = path.rpartition(".d/")[0]
        name = (drop_in_of or path).rpartition("/")[2]
        # A file in /etc, which comes first, replaces one of the same name in /run.
        if not drop_in_of and places.setdefault(name, path) != path:
            continue
        key, _equals, value = text.partition("=")
        entry = (sections.get(path, ""), key.strip(_BLANKS), value.strip(_BLANKS))
        settings.setdefault(name, []).append(entry)
    return [_Network(places[name], settings[name]) for name in sorted(settings.keys() & places)]


def _address(target: Target, facts: Facts) -> Finding | None:
    """systemd-networkd gives the host its address, and will not."""
    own, unit, lab = target.host.address, "systemd-networkd", target.lab
    if facts["networkd"] != "active":
        return None
    others = [host.address for host in lab.hosts if host.address != own]
    way = _Way(own, [*others, lab.network.machine])
    setting = f"Address={own}/{lab.network.cidr.prefixlen}"
    if wrong := _wrong_files(facts, way, setting):
        found, solution = wrong
    elif facts["boot-networkd"] in _LOST and facts.lines("network"):
        found, solution = f"{unit}: {facts['boot-networkd']}", f"systemctl enable {unit}"
    else:
        return None
    return Finding(
        code="firewall.address",
        ok=False,
        what=_("the host has its address after a reboot"),
        found=found,
        expected=str(own),
        hint=_("Who gives the host its address at boot? Look at networkctl status."),
        solution=solution,
    )


def _wrong_files(facts: Facts, way: _Way, setting: str) -> tuple[str, str] | None:
    """What is wrong with the files, and what mends it; None if they give the card its address."""
    card, lines = facts["card"], facts.lines("network")
    closed = facts.lines("network-closed")
    # systemd-networkd runs as a user of its own, and passes over what it may not read.
    paths = tuple(line.partition(" ")[0] for line in closed)
    read = [line for line in lines if not line.startswith(paths)] if paths else lines
    wrong = _wrong_network(card, way, _networks(read), setting)
    if wrong and closed and _wrong_network(card, way, _networks(lines), setting) is None:
        return closed[0], f"chmod a+rX {paths[0]}"
    return wrong


def _wrong_network(
    card: str, way: _Way, networks: Sequence[_Network], setting: str
) -> tuple[str, str] | None:
    """What is wrong in the file that decides, which is the first one for the card.

    It gives no address or another one, or leaves the card alone. With it comes what to write into
    the file. None if nothing is wrong.
    """
    for each in networks:
        fits = each.fits(card) if card else None
        if fits and each.leaving:
            found, right = each.leaving
            return f"{each.path}: {found}", f"{each.path}: {right}"
        # What it depends on is not known, but the host has got its address.
        if each.gives(way) and fits is not False:
            return None
        if fits:
            found = next((f"Address={text}" for text in each.addresses), "")
            found = found or next((f"DHCP={text}" for text in each.values("DHCP", "Network")), "")
            return f"{each.path}: {found or '-'}", f"{each.path}: {setting}"
    places = [address for each in networks for address in each.addresses]
    if card == _CONTAINERS:
        names = [
            name for each in networks if each.addresses for name in each.values("Name", "Match")
        ]
        return next((f"Name={name}" for name in names), _("no file for {card}", card=card)), setting
    if not places or any(map(way.is_given, places)):
        return None
    return f"Address={places[0]}", setting


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


def _default_target(facts: Facts) -> Finding | None:
    """The system will start another target of systemd than that of the services."""
    folder, _slash, name = facts["default-target"].rpartition("/")
    # A target of one's own may require the services.
    if not folder.endswith("/lib/systemd/system") or name in _TARGETS:
        return None
    return Finding(
        code="firewall.at-boot",
        ok=False,
        what=_("what the system starts at boot"),
        found=name,
        expected=_TARGETS[0],
        hint=_("systemd starts one target at boot. Which one does systemctl get-default show?"),
        solution=f"systemctl set-default {_TARGETS[0]}",
    )
