"""What the next boot will change: the host's address, what scripts take back.

All is right now, so no question over the network finds it: files tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

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


def findings(target: Target, facts: Facts) -> list[Finding]:
    """What takes the host's address or its services away. No finding if nothing does."""
    found = (_address(target, facts), _default_target(facts), _script(facts))
    return [each for each in found if each is not None]


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


def _networks(facts: Facts) -> list[_Network]:
    """The files in the order of their names, in which systemd-networkd looks at them."""
    settings: dict[str, list[tuple[str, str, str]]] = {}
    sections: dict[str, str] = {}
    places: dict[str, str] = {}
    for line in facts.lines("network"):
        path, _colon, text = line.partition(":")
        text = text.strip()
        if text.startswith("["):
            sections[path] = text.strip("[]")
            continue
        drop_in_of = path.rpartition(".d/")[0]
        name = (drop_in_of or path).rpartition("/")[2]
        # A file in /etc, which comes first, replaces one of the same name in /run.
        if not drop_in_of and places.setdefault(name, path) != path:
            continue
        key, _equals, value = text.partition("=")
        entry = (sections.get(path, ""), key.strip(), value.strip())
        settings.setdefault(name, []).append(entry)
    return [_Network(places[name], settings[name]) for name in sorted(settings.keys() & places)]


def _address(target: Target, facts: Facts) -> Finding | None:
    """systemd-networkd gives the host its address, and will not."""
    own, unit = str(target.host.address), "systemd-networkd"
    if facts["networkd"] != "active":
        return None
    setting = f"Address={own}/{target.lab.network.cidr.prefixlen}"
    if wrong := _wrong_network(facts["card"], own, _networks(facts)):
        file, found = wrong
        solution = f"{file}: {setting}" if file else setting
    elif facts["boot-networkd"] in _LOST and facts.lines("network"):
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


def _wrong_network(card: str, own: str, networks: Sequence[_Network]) -> tuple[str, str] | None:
    """The file that gives the card no address or another one, and what is wrong; None if none does.

    The first file that is for a card decides.
    """
    for each in networks:
        fits = each.fits(card) if card else None
        has_own = any(address.partition("/")[0] == own for address in each.addresses)
        # What it depends on is not known, but the host has got its address.
        if has_own and fits is not False:
            return None
        if fits:
            found = next((f"Address={text.partition('/')[0]}" for text in each.addresses), "")
            found = found or next((f"DHCP={text}" for text in each.values("DHCP", "Network")), "")
            return each.path, f"{each.path}: {found or '-'}"
    places = [address for each in networks for address in each.addresses]
    if card == _CONTAINERS:
        names = [
            name for each in networks if each.addresses for name in each.values("Name", "Match")
        ]
        found = next((f"Name={name}" for name in names), _("no file for {card}", card=card))
        return "", found
    if not places or any(address.partition("/")[0] == own for address in places):
        return None
    return "", f"Address={places[0].partition('/')[0]}"


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
