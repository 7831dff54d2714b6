"""What an edition and a lab file can say to Vagrant."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from labctl.i18n import _
from labctl.mistakes import WrongValue
from labctl.providers.options import Cpus, Memory, ProviderOptions


class VagrantOptions(ProviderOptions):
    """The box of the machines, their size, and what Vagrant makes them with.

    `net` is the network between the hosts. `hostonly`: this machine has an address on it.
    `internal`: only the hosts are on it, so the range may be one that this machine uses itself.
    `bridge`: the hosts are on this machine's own network, through the card that `bridge` names.
    """

    box: str
    version: str
    memory: Memory = 1024
    cpus: Cpus = 1
    hypervisor: Literal["virtualbox", "libvirt"] = "virtualbox"
    net: Literal["hostonly", "internal", "bridge"] = "hostonly"
    bridge: str = ""

    @model_validator(mode="after")
    def _bridge_is_named(self) -> Self:
        if self.net == "bridge" and not self.bridge:
            text = _('the name of a network card is missing, which net = "bridge" needs')
            raise WrongValue("bridge", text)
        return self
