"""The two or three instances of one lab: their states, shapes and snapshots."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from labctl.errors import CommandFailed, LabError, MachineLacks, WrongState
from labctl.hint import commands
from labctl.i18n import _
from labctl.lab import Network
from labctl.parallel import on_each
from labctl.providers.incus.client import LONG, PATIENCE, Incus
from labctl.providers.incus.identity import LAB_NIC, OUT_NIC
from labctl.providers.incus.options import IncusOptions
from labctl.providers.incus.refusals import NotThere

NEIGHBOUR = "machine"
# On every instance that labctl makes.
MARK = "user.labctl.made"
BOOT_SECONDS = 60.0
HALT_SECONDS = 15
# Only labctl's own snapshots are ever removed.
_SNAPSHOT = "labctl-"
# Not below /run: systemd mounts that a moment after the start.
_LAYER_PATH = "/mnt/labctl-layer"


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


class Instances:
    """The instances called `names` in the client's project."""

    def __init__(self, incus: Incus, names: Sequence[str]) -> None:
        self._incus = incus
        self.names = tuple(names)

    def states(self, patience: float = PATIENCE) -> dict[str, str]:
        """Incus's word for the state of each instance of the project, by name.

        Args:
            patience: seconds to wait for the answer.
        """
        found = self._incus.get("instances", query={"recursion": "1"}, timeout=patience)
        return {each["name"]: each["status"] for each in found}

    def locations(self) -> dict[str, str]:
        """The cluster member of each instance of the project, by name."""
        found = self._incus.get("instances", query={"recursion": "1"})
        return {each["name"]: each["location"] for each in found}

    def create(self, image: str, shape: Shape, member: str) -> None:
        target = {"target": member} if member else {}

        def make(name: str) -> None:
            data = {
                "name": name,
                "type": "container",
                "profiles": [],
                "source": {"type": "image", "alias": image},
                "config": shape.config(name),
                "devices": shape.devices(name),
            }
            self._incus.send("POST", "instances", data=data, query=target, timeout=300)

        # The first one unpacks the image; the second one copies what is unpacked then.
        for name in self.names:
            make(name)

    def copy(self, sources: Mapping[str, str], project: str, member: str) -> None:
        """Copy instances of another project, with their snapshots, as they are.

        Args:
            sources: the names there, by the names that the copies get.
            member: where the copies go; "" without a cluster.
        """
        target = {"target": member} if member else {}

        def make(name: str) -> None:
            found = self._incus.of(project).get("instances", sources[name])
            data = {
                "name": name,
                "type": "container",
                "profiles": [],
                "source": {"type": "copy", "source": sources[name], "project": project},
                # A copy on another member gets none of it by itself.
                "config": {k: v for k, v in found["config"].items() if not k.startswith(_OWN)},
                # Incus asks for it if the copy goes to another member.
                "architecture": found["architecture"],
            }
            self._incus.send("POST", "instances", data=data, query=target, timeout=LONG)

        on_each(list(sources), make)

    def move(self, name: str, member: str) -> None:
        """Move a stopped instance to another member of the cluster, with its snapshots."""
        data = {"name": name, "migration": True}
        self._incus.send(
            "POST", "instances", name, data=data, query={"target": member}, timeout=LONG
        )

    def create_neighbour(self, image: str, shape: Shape, network: Network, member: str) -> None:
        """The machine in the lab's network from which labctl dials; see labctl.neighbour.

        It has the address that the edition gives to the machine of labctl, the same image, and
        no process but one that sleeps: it costs next to no memory.
        """
        address = f"{network.machine}/{network.cidr.prefixlen}"
        raw = f"lxc.init.cmd = /bin/sleep infinity\nlxc.net.0.ipv4.address = {address}\n"
        closed = replace(shape, net_open=False)
        data = {
            "name": NEIGHBOUR,
            "type": "container",
            "profiles": [],
            "source": {"type": "image", "alias": image},
            "config": {**closed.config(NEIGHBOUR), "raw.lxc": raw},
            "devices": closed.devices(NEIGHBOUR),
        }
        target = {"target": member} if member else {}
        self._incus.send("POST", "instances", data=data, query=target, timeout=300)

    def put_in_shape(self, shape: Shape) -> None:
        """Set limits and devices; what Incus notes itself (volatile.*, image.*) stays."""

        def put(name: str) -> None:
            found = self._incus.get("instances", name)
            kept = {k: v for k, v in found["config"].items() if k.startswith(_NOTED)}
            wanted = {
                "architecture": found["architecture"],
                "config": {**kept, **shape.config(name)},
                "devices": shape.devices(name),
                "ephemeral": False,
                "profiles": [],
                "description": found["description"],
            }
            if any(wanted[key] != found[key] for key in ("config", "devices", "profiles")):
                self._incus.send("PUT", "instances", name, data=wanted)

        on_each(self.names, put)

    def unplug(self) -> None:
        """Remove the network interfaces of stopped instances."""

        def unplug(name: str) -> None:
            found = self._incus.get("instances", name)
            disks = {k: v for k, v in found["devices"].items() if v["type"] != "nic"}
            self._incus.send("PUT", "instances", name, data={**found, "devices": disks})

        on_each(self.names, unplug)

    def write_setting(self, key: str, value: str) -> None:
        """Set a configuration key of every instance."""
        data = {"config": {key: value}}
        on_each(self.names, lambda name: self._incus.send("PATCH", "instances", name, data=data))

    def setting(self, name: str, key: str) -> str:
        """The value of a configuration key; "" if it is not set or there is no such instance."""
        with suppress(NotThere):
            return str(self._incus.get("instances", name)["config"].get(key, ""))
        return ""

    def settle_ids(self, shape: Shape) -> Shape:
        """Put the hosts in shape with user ids that no other instance on the server has.

        Incus picks ids when an instance is made. Copies have the ids of their model, and two
        instances that are made at once may get the same. Another labctl may pick at the same time,
        so the ids are read again after they are set.

        Returns:
            The shape with the ids.
        """
        for _attempt in range(_ID_ATTEMPTS):
            mine, taken = self._first_ids()
            clashes = False
            for name, first in mine.items():
                # Two hosts of this lab may have the same, too.
                if not first or first in taken:
                    mine[name] = _free_range(taken)
                    clashes = True
                taken.add(mine[name])
            shape = replace(shape, first_ids=mine)
            self.put_in_shape(shape)
            if not clashes:
                self._ensure_ids(mine)
                return shape
        raise LabError(_("Incus has no free user ids for the lab"))

    def _ensure_ids(self, first_ids: Mapping[str, int]) -> None:
        """Raise LabError unless Incus uses these ids: never share a range by mistake."""
        for name, first in first_ids.items():
            found = json.loads(self._incus.get("instances", name)["config"]["volatile.idmap.next"])
            used = {(each["Hostid"], each["Maprange"]) for each in found}
            if used != {(first, _IDS)}:
                raise LabError(_("Incus has no free user ids for the lab"), cause=str(found))

    def _first_ids(self) -> tuple[dict[str, int], set[int]]:
        """The first user id of each host of the lab, and those of all other instances."""
        found = self._incus.of("").get(
            "instances", query={"recursion": "1", "all-projects": "true"}
        )
        mine: dict[str, int] = {}
        taken = set()
        self._ensure_known(found)
        for each in found:
            config = each["config"]
            first = int(config.get("security.idmap.base") or config.get("volatile.idmap.base") or 0)
            if each["project"] == self._incus.project and each["name"] in self.names:
                mine[each["name"]] = first
            elif first:
                taken.add(first)
        return mine, taken

    def remove_all(self) -> None:
        """Remove every instance of the project that labctl made, whatever its name is now.

        Raises:
            WrongState: The project has instances of somebody else, which are left alone.
            MachineLacks: A cluster member with some of them does not answer.
        """
        found = self._incus.get("instances", query={"recursion": "1"})
        self._ensure_known(found)
        ours = [each["name"] for each in found if MARK in each["config"]]
        others = [each["name"] for each in found if MARK not in each["config"]]
        self.remove(ours)
        if others:
            raise WrongState(
                _(
                    "the project {project} has instances that labctl did not make",
                    project=self._incus.project,
                ),
                cause=", ".join(others),
                hint=commands(
                    *(
                        f"incus move {self._incus.name(name)} --project {self._incus.project}"
                        " --target-project default"
                        for name in others
                    ),
                    text=_("move them to another project, or delete them"),
                ),
            )

    def _ensure_known(self, found: Iterable[Mapping[str, Any]]) -> None:
        """Raise MachineLacks if Incus knows no more of an instance than its name and its member.

        So it lists the instances of a cluster member that does not answer at that moment.
        """
        silent = sorted({each["location"] for each in found if not each["config"]})
        if silent:
            raise MachineLacks(
                _("a cluster member does not answer: {member}", member=", ".join(silent)),
                hint=commands(self._incus.server.member_list),
            )

    def remove(self, names: Iterable[str]) -> None:
        """End and delete instances, whichever are there."""

        def delete(name: str) -> None:
            with suppress(NotThere):
                self._stop(name)
                self._incus.send("DELETE", "instances", name, timeout=120)

        on_each(names, delete)

    # -- running ----------------------------------------------------------------------------

    def start(self, names: Iterable[str]) -> None:
        on_each(names, lambda name: self._change(name, "start"))

    def freeze(self, names: Iterable[str]) -> None:
        on_each(names, lambda name: self._change(name, "freeze"))

    def thaw(self, names: Iterable[str]) -> None:
        on_each(names, lambda name: self._change(name, "unfreeze"))

    def kill(self, names: Iterable[str]) -> None:
        """End instances like pulled plugs; one that does not run is left alone."""
        on_each(names, self._stop)

    def halt(self, names: Iterable[str]) -> None:
        """Shut instances down; whichever does not end in time is ended by force."""

        def halt(name: str) -> None:
            with suppress(LabError):
                self._change(name, "stop", timeout=HALT_SECONDS)
                return
            self._stop(name)

        on_each(names, halt)

    def await_boot(self, name: str) -> None:
        """Wait until systemd has booted; raises LabError with the console's last lines."""
        try:
            self._incus.script_in(name, "await-boot.sh", timeout=BOOT_SECONDS)
        except CommandFailed as error:
            raise LabError(
                _("{host} did not boot", host=name),
                cause=self._console(name) or error.cause,
                hint=commands("labctl down", "labctl up"),
            ) from error

    def _console(self, name: str, keep: int = 6) -> str:
        with suppress(LabError):
            words = ["console", self._incus.name(name), "--show-log"]
            lines = self._incus.command(*words).stdout.strip().splitlines()
            return "\n".join(lines[-keep:])
        return ""

    def _stop(self, name: str) -> None:
        try:
            self._change(name, "stop", force=True)
        except NotThere:
            raise
        except LabError:
            if self.states().get(name) != "Stopped":
                raise

    def _change(self, name: str, action: str, **more: object) -> None:
        data = {"action": action, **more}
        self._incus.send("PUT", "instances", name, "state", data=data, timeout=60)

    # -- the network ------------------------------------------------------------------------

    def net_changed(self, names: Iterable[str]) -> None:
        """Let running hosts take up or forget the way out, which was plugged or pulled."""
        # A host whose networkd is broken keeps what it has: checks tell of that.
        on_each(
            names, lambda name: self._incus.script_in(name, "net-changed.sh", OUT_NIC, check=False)
        )

    # -- package sets -----------------------------------------------------------------------

    def add_layer(self, volume: str, pool: str) -> bool:
        """Copy a package set into the running hosts; False if a host hides it."""
        device = {
            "type": "disk",
            "pool": pool,
            "source": volume,
            "path": _LAYER_PATH,
            "readonly": "true",
        }

        def add(name: str) -> bool:
            self._incus.send("PATCH", "instances", name, data={"devices": {"layer": device}})
            try:
                done = self._incus.script_in(name, "add-layer.sh", _LAYER_PATH, timeout=300)
            finally:
                self._incus.command("config", "device", "remove", self._incus.name(name), "layer")
                self._incus.run_in(name, ["rmdir", _LAYER_PATH], check=False)
            return "hidden" not in done.stdout

        return all(on_each(self.names, add))

    # -- snapshots --------------------------------------------------------------------------

    def snapshot(self, snapshot: str) -> None:
        on_each(
            self.names,
            lambda name: self._incus.send(
                "POST", "instances", name, "snapshots", data={"name": snapshot}, timeout=300
            ),
        )

    def restore(self, snapshot: str) -> None:
        """Put the stopped instances back, with their limits and devices of then."""
        on_each(
            self.names,
            lambda name: self._incus.send(
                "PUT", "instances", name, data={"restore": snapshot}, timeout=300
            ),
        )

    def sizes(self) -> Mapping[str, int]:
        """Bytes that each snapshot alone takes, all hosts together; 0 if Incus does not know."""
        sizes: dict[str, int] = {}
        for found in on_each(self.names, self._snapshots):
            for each in found:
                sizes[each["name"]] = sizes.get(each["name"], 0) + max(0, each.get("size") or 0)
        return sizes

    def sweep(self, kept: Iterable[str]) -> None:
        """Remove labctl's own snapshots but these."""
        wanted = set(kept)

        def clean(name: str) -> None:
            for each in self._snapshots(name):
                if each["name"].startswith(_SNAPSHOT) and each["name"] not in wanted:
                    with suppress(NotThere):
                        self._incus.send(
                            "DELETE", "instances", name, "snapshots", each["name"], timeout=300
                        )

        on_each(self.names, clean)

    def snapshot_again(self, snapshot: str) -> None:
        """Replace a snapshot of stopped instances by one of their present state."""
        on_each(
            self.names,
            lambda name: self._incus.send(
                "DELETE", "instances", name, "snapshots", snapshot, timeout=300
            ),
        )
        self.snapshot(snapshot)

    def missing(self, snapshot: str) -> list[str]:
        """The hosts that do not have a snapshot."""
        found = on_each(self.names, self._snapshots)
        return [
            name
            for name, there in zip(self.names, found, strict=True)
            if snapshot not in {each["name"] for each in there}
        ]

    def _snapshots(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._incus.get(
            "instances", name, "snapshots", query={"recursion": "1"}
        )
        return found


def _free_range(taken: Collection[int]) -> int:
    """A first id that is not taken, in the grid of Incus's own choices.

    It is chosen at random, because another labctl may choose at the same time, but close to the
    ids that are taken: root's range in subuid(5) has an end that a client does not know.
    """
    lowest = min(taken, default=_FIRST_ID)
    free = (lowest + n * _IDS for n in range(len(taken) + _SPARE) if lowest + n * _IDS not in taken)
    return secrets.choice(list(free))


_IDS = 65_536
_FIRST_ID = 1_000_000 + _IDS
# So many ranges more than there are instances.
_SPARE = 256
_ID_ATTEMPTS = 10
# Incus notes these for each instance anew.
_OWN = "volatile."
_NOTED = ("volatile.", "image.", "user.")


def snapshot_name(checkpoint: str, unique: str) -> str:
    return f"{_SNAPSHOT}{checkpoint}-{unique}"
