"""On which network of VirtualBox the hosts are, and what follows for this machine."""

from __future__ import annotations

from labctl.diagnosis import Diagnosis, Verdict, found, warning
from labctl.hint import Hint
from labctl.i18n import _
from labctl.lab import Lab
from labctl.machine import Machine
from labctl.providers.vagrant.options import VagrantOptions


def network_chosen(lab: Lab, options: VagrantOptions, _machine: Machine) -> Diagnosis:
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
        addresses = ", ".join(str(host.address) for host in lab.hosts)
        return warning(
            "net",
            _("the hosts join this machine's network through {card}", card=options.bridge),
            _("these addresses must be free there: {addresses}", addresses=addresses),
            Hint(_('a network of the hosts alone: net = "internal" in labctl.toml')),
        )
    text = _('the hosts and this machine are on {network} (net = "hostonly")', network=network)
    return found("net", text)
