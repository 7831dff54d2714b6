"""Starting, restoring and removing machines, also those that something left in a bad state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from labctl.errors import LabError, WrongState
from labctl.hint import commands
from labctl.home import LabHome
from labctl.i18n import _
from labctl.lab import Lab
from labctl.parallel import on_each
from labctl.providers.vagrant import libvirt, virtualbox
from labctl.providers.vagrant.adapter import Vagrant
from labctl.providers.vagrant.lab_folder import (
    machine_title,
    machines_folder,
    made_machines,
    release_ports,
)
from labctl.providers.vagrant.meaning import Locked, NoBoot, PortTaken

# Vagrant's words for a machine with saved memory. VirtualBox calls it aborted-saved if its process
# died before the memory was read; Vagrant then tries to boot it and fails.
_SAVED = {"saved", "aborted-saved"}
RUNNING = {"running", "restoring"}


class Hypervisor(Protocol):
    """What Vagrant does not do with machines. The modules virtualbox and libvirt implement it.

    Machines have an id, which is a UUID or a name.
    """

    def machines_called(self, titles: set[str], folder: Path, /) -> dict[str, str]:
        """The ids of the machines with one of these names that a Vagrant folder made, by name."""

    def remove_machine(self, machine: str, /) -> None:
        """Stop a machine and remove it with its disks."""

    def cut_power(self, machine: str, /) -> None:
        """Cut the power of a machine in a state in which Vagrant does not."""

    def discard_state(self, machine: str, /) -> None:
        """Remove saved memory that Vagrant does not discard, so that the machine boots anew."""

    def make_room(self, titles: set[str], /) -> None:
        """Remove what is left of machines with these names that the hypervisor does not have."""


# By Vagrant's name of the hypervisor.
_HYPERVISORS: dict[str, Hypervisor] = {"virtualbox": virtualbox, "libvirt": libvirt}


class Machines:
    """The machines of one lab, one at a time."""

    def __init__(self, lab: Lab, home: LabHome, vagrant: Vagrant, hypervisor: str) -> None:
        self._lab = lab
        self._home = home
        self._vagrant = vagrant
        self._hypervisor = _HYPERVISORS[hypervisor]

    def exist(self) -> bool:
        """Whether Vagrant or the hypervisor has any machine of the lab."""
        return bool(made_machines(self._home) or self._registered())

    def ensure_there(self) -> dict[str, str]:
        """Vagrant's word for each machine; WrongState if one is missing.

        Vagrant would make a missing machine anew, without anything that was set up on it.
        """
        states = self._vagrant.states()
        names = [host.name for host in self._lab.hosts]
        gone = [host for host in names if states.get(host) == "not_created"]
        if gone:
            raise WrongState(
                _("the machine of {hosts} does not exist any more", hosts=", ".join(gone)),
                cause=_("it was removed outside labctl, for example by vagrant destroy"),
                hint=commands("labctl destroy", "labctl up"),
            )
        return states

    def boot(self, host: str) -> None:
        """Start a machine. If its saved memory cannot be resumed, it boots from its disk."""
        if self._vagrant.state(host) == "aborted-saved":
            self._discard(host)
        self._resume(host)

    def reboot(self, host: str) -> None:
        """Cut the power of a machine that runs but does not answer, and start it again.

        Vagrant does not cut the power in a state such as `stuck`, so the hypervisor comes first.
        """
        for machine in self._ids(host):
            self._hypervisor.cut_power(machine)
        self._boot_cold(host)

    def restore(self, host: str, snapshot: str) -> None:
        """Put a machine back to a snapshot and start it, from its memory if that is possible.

        Raises:
            LabError: The machine is not at the snapshot, or does not boot.
        """
        try:
            self._vagrant.restore_snapshot(host, snapshot)
        except PortTaken:
            # The machine is at the snapshot. Another restore would only read its memory again.
            release_ports(self._lab.name)
            self._resume(host)
        except NoBoot:
            self._boot_cold(host)
        except Locked:
            raise
        except LabError:
            if not self._is_saved(host):
                raise
            self._boot_cold(host)

    def remove(self) -> None:
        """Remove every machine that Vagrant or the hypervisor has of the lab, with its disks."""
        failed = None
        if made_machines(self._home):
            try:
                self._vagrant.destroy()
            except LabError as error:
                failed = error
        # A machine that Vagrant lost sight of still has the lab's name in the hypervisor.
        left = self._registered()
        on_each(left.values(), self._hypervisor.remove_machine)
        self.make_room()
        if failed is not None and not left:
            raise failed

    def make_room(self) -> None:
        """Remove the folders or disks of machines that the hypervisor does not have."""
        self._hypervisor.make_room(self._titles)

    def _registered(self) -> dict[str, str]:
        return self._hypervisor.machines_called(self._titles, machines_folder(self._home))

    @property
    def _titles(self) -> set[str]:
        return {machine_title(self._lab, host.name) for host in self._lab.hosts}

    def _resume(self, host: str) -> None:
        """Start a machine from its saved memory if it has any, and from its disk if that fails."""
        try:
            self._port_freed(lambda: self._vagrant.boot(host))
        except Locked:
            raise
        except LabError:
            if not self._is_saved(host):
                raise
            self._boot_cold(host)

    def _is_saved(self, host: str) -> bool:
        return self._vagrant.state(host) in _SAVED

    def _boot_cold(self, host: str) -> None:
        self._discard(host)
        self._vagrant.halt(host, force=True)
        self._port_freed(lambda: self._vagrant.boot(host))

    def _discard(self, host: str) -> None:
        """Remove the saved memory of a state that Vagrant itself does not discard."""
        if self._vagrant.state(host) == "aborted-saved":
            for machine in self._ids(host):
                self._hypervisor.discard_state(machine)

    def _ids(self, host: str) -> tuple[str, ...]:
        """The hypervisor's id of a machine; empty if it does not have the machine."""
        titles, folder = {machine_title(self._lab, host)}, machines_folder(self._home)
        return tuple(self._hypervisor.machines_called(titles, folder).values())

    def _port_freed(self, action: Callable[[], None]) -> None:
        """Do something; if a port was taken, once more without what a killed Vagrant claimed."""
        try:
            action()
        except PortTaken:
            release_ports(self._lab.name)
            action()
