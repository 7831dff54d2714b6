"""On which network of VirtualBox the hosts are, and what follows for this machine."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labctl.health import Diagnosis, Verdict, found, lacking, warning
from labctl.hint import Hint
from labctl.i18n import _
from labctl.lab import Lab
from labctl.machine import Machine
from labctl.providers.vagrant.options import VagrantOptions
from labctl.providers.vagrant.virtualbox import vboxmanage

_FIRST_VALUE = re.compile(r"[^:：\n]+[:：][ \t]*(\S.*?)[ \t]*$", re.MULTILINE)


def network_chosen(lab: Lab, options: VagrantOptions, machine: Machine) -> Diagnosis:
    """The network of the hosts, and the other ways that there are."""
    network = lab.network.cidr
    if options.net == "internal":
        why = _(
            "this machine's own network is not touched, even if it has the same addresses; other"
            ' ways in labctl.toml: net = "bridge" (the hosts join the network of this machine), or'
            ' net = "hostonly" with a range that this machine does not use, like'
            ' network = "192.168.56.0/24"'
        )
        text = _('only the hosts are on {network} (net = "internal")', network=network)
        return Diagnosis("net", Verdict.OK, text, why)
    if options.net == "bridge":
        cards = _cards(machine)
        if cards and options.bridge.lower() not in (card.lower() for card in cards):
            return _no_card(options.bridge, cards)
        addresses = ", ".join(str(host.address) for host in lab.hosts)
        return warning(
            "net",
            _("the hosts join this machine's network through {card}", card=options.bridge),
            _("these addresses must be free there: {addresses}", addresses=addresses),
            Hint(_('a network of the hosts alone: net = "internal" in labctl.toml')),
        )
    text = _('the hosts and this machine are on {network} (net = "hostonly")', network=network)
    return found("net", text)


def _cards(machine: Machine) -> list[str]:
    """The network cards that VirtualBox can bridge machines to. Vagrant takes none that is down.

    VirtualBox 7 translates its labels and the word for the state: then all cards are returned.
    """
    program = vboxmanage(machine)
    said = machine.ask(program, "list", "bridgedifs") if program else ""
    blocks = re.split(r"\n\s*\n", said)
    if re.search(r"^Status:", said, re.MULTILINE):
        blocks = [each for each in blocks if re.search(r"^Status:\s+Up\s*$", each, re.MULTILINE)]
    # The first line of a card is its name, whatever the label is.
    named = [_FIRST_VALUE.match(each.strip()) for each in blocks]
    return [match[1] for match in named if match is not None]


def _no_card(name: str, cards: Sequence[str]) -> Diagnosis:
    return lacking(
        "net",
        _("there is no active network card {card}", card=name),
        _("the hosts join this machine's network through it"),
        _("write one of these as bridge in labctl.toml: {cards}", cards=", ".join(cards)),
    )
