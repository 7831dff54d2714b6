"""What an edition and a lab file can say to Vagrant."""

from __future__ import annotations

from typing import Literal

from labctl.providers.options import Cpus, Memory, ProviderOptions


class VagrantOptions(ProviderOptions):
    """The box of the machines, their size, and what Vagrant makes them with."""

    box: str
    version: str
    memory: Memory = 1024
    cpus: Cpus = 1
    hypervisor: Literal["virtualbox", "libvirt"] = "virtualbox"
