"""The two or three instances of one lab as a group, because every step does the same to each.

It makes, changes, runs and removes them. Their snapshots are in `snapshots`, their user ids in
`userids`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from labctl.errors import CommandFailed, LabError, MachineLacks, WrongState
from labctl.hint import commands
from labctl.i18n import _
from labctl.lab import Network
from labctl.parallel import on_each
from labctl.providers.incus.client import LONG, PATIENCE, Incus
from labctl.providers.incus.identity import OUT_NIC
from labctl.providers.incus.refusals import NotThere
from labctl.providers.incus.shape import MARK, Shape

NEIGHBOUR = "machine"
BOOT_SECONDS = 60.0
HALT_SECONDS = 15
# Not below /run: systemd mounts that a moment after the start.
_LAYER_PATH = "/mnt/labctl-layer"
# Incus notes these for each instance anew.
_OWN = "volatile."
_NOTED = ("volatile.", "image.", "user.")


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

    def remove_all(self) -> None:
        """Remove every instance of the project that labctl made, whatever its name is now.

        Raises:
            WrongState: The project has instances of somebody else, which are left alone.
            MachineLacks: A cluster member with some of them does not answer.
        """
        found = self._incus.get("instances", query={"recursion": "1"})
        ensure_known(self._incus, found)
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


def ensure_known(incus: Incus, found: Iterable[Mapping[str, Any]]) -> None:
    """Raise MachineLacks if Incus knows no more of an instance than its name and its member.

    So it lists the instances of a cluster member that does not answer at that moment.
    """
    silent = sorted({each["location"] for each in found if not each["config"]})
    if silent:
        raise MachineLacks(
            _("a cluster member does not answer: {member}", member=", ".join(silent)),
            hint=commands(incus.server.member_list),
        )
