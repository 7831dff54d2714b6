"""What a lab file can say to the containers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from labctl.providers.nspawn.lab_limits import Limits
from labctl.providers.options import Memory, ProviderOptions
from labctl.providers.rootfs.mirror import Mirror


class NspawnOptions(ProviderOptions):
    """What the containers of a lab may use, and what they are made from.

    `mirror` is where Debian packages come from; None for this machine's own apt sources.
    `release` is the code name of the hosts' Debian; None for this machine's own release.
    `memory` (MiB) and `processes` are limits per host: the hosts of a lab share their sum.
    `weight` is the lab's share of a busy machine's processors, 100 for an equal one. `disk` is
    what a host's files should not exceed, in GiB. A change of these four makes no other lab, so
    they are not part of its description.
    """

    mirror: Mirror | None = None
    release: Literal["bookworm", "trixie"] | None = None
    memory: Memory = Field(768, exclude=True)
    processes: int = Field(1000, ge=100, le=100_000, exclude=True)
    weight: int = Field(100, ge=1, le=10000, exclude=True)
    disk: int = Field(4, ge=2, le=1024, exclude=True)

    def limits(self, hosts: int) -> Limits:
        """The limits of a lab with this number of hosts."""
        return Limits(self.memory * 1024**2 * hosts, self.processes * hosts, self.weight)
