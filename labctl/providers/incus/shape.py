"""What an instance is made of besides its files: limits and devices.

It is data that needs no server, so that a lab can be put in shape again whenever its lab file
changes or a snapshot brings back older limits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from labctl.providers.incus.identity import OUT_NIC
from labctl.providers.incus.options import IncusOptions
from labctl.providers.rootfs.identity import LAB_NIC

# On every instance that labctl makes.
MARK = "user.labctl.made"


@dataclass(frozen=True)
class Shape:
    """What an instance is made of besides its files: limits and devices."""

    options: IncusOptions
    pool: str
    bridge: str
    net_open: bool
    # The first user id of each instance on the server, once it is known.
    first_ids: Mapping[str, int] = field(default_factory=dict)
    # The first number of the server's version.
    major: int = 6

    def config(self, name: str) -> dict[str, str]:
        # Each instance has user ids of its own: root in one is nobody in all others.
        ids = {"security.idmap.isolated": "true"}
        if name in self.first_ids:
            base = {"security.idmap.base": str(self.first_ids[name])}
            # Incus 7 refuses both. Incus 6 takes no notice of a base without the other key.
            ids = base if self.major >= 7 else {**ids, **base}
        return {
            **ids,
            MARK: "true",
            "security.guestapi": "false",
            "limits.memory": f"{self.options.memory}MiB",
            "limits.processes": str(self.options.processes),
            # A planned evacuation of the member stops the lab instead of splitting it.
            "cluster.evacuate": "stop",
        }

    def devices(self, name: str) -> dict[str, dict[str, str]]:
        root = {"type": "disk", "path": "/", "pool": self.pool}
        if self.options.disk is not None:
            # On btrfs Incus turns on quotas for the whole pool, whose accounting makes each
            # snapshot of a class take seconds. So there is no limit unless it is asked for.
            root["size"] = f"{self.options.disk}GiB"
        found = {
            "root": root,
            "lab": {
                "type": "nic",
                "network": self.bridge,
                "name": LAB_NIC,
                "hwaddr": self._mac(name, LAB_NIC),
            },
        }
        if self.net_open:
            found["out"] = {
                "type": "nic",
                "network": self.options.way_out,
                "name": OUT_NIC,
                "hwaddr": self._mac(name, OUT_NIC),
                "security.port_isolation": "true",
                "security.mac_filtering": "true",
                "security.ipv4_filtering": "true",
            }
        return found

    def _mac(self, name: str, nic: str) -> str:
        """The address of an interface, different in every lab: all labs share the way out.

        Incus would take the address from a copied snapshot.
        """
        digits = hashlib.sha256(f"{self.bridge}/{name}/{nic}".encode()).hexdigest()
        # The first byte marks an address that no manufacturer assigned (IEEE 802).
        return ":".join(["02", *(digits[n : n + 2] for n in range(0, 10, 2))])
