"""Starting, restoring and removing machines, also those that something left in a bad state."""

from __future__ import annotations

from collections.abc import Callable

from labctl.errors import LabError
from labctl.home import LabHome
from labctl.lab import Lab
from labctl.parallel import on_each
from labctl.providers.vagrant import virsh, virtualbox
from labctl.providers.vagrant.adapter import Vagrant
from labctl.providers.vagrant.folder import (
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


class Machines:
    """The machines of one lab, one at a time."""

    def __init__(self, lab: Lab, home: LabHome, vagrant: Vagrant, hypervisor: str) -> None:
        self._lab = lab
        self._home = home
        self._vagrant = vagrant
        self._hypervisor = hypervisor

    def exist(self) -> bool:
        """Whether Vagrant or the hypervisor has any machine of the lab."""
        return bool(made_machines(self._home) or self._registered())

    def boot(self, host: str) -> None:
        """Start a machine. If its saved memory cannot be resumed, it boots from its disk."""
        if self._vagrant.state(host) == "aborted-saved":
            self._discard(host)
        self._resume(host)

    def reboot(self, host: str) -> None:
        """Cut the power of a machine that runs but does not answer, and start it again.

        Vagrant does not cut the power in a state such as `stuck`, so VirtualBox is asked first.
        """
        for uuid in self._uuids(host):
            virtualbox.cut_power(uuid)
        self._boot_cold(host)

    def restore(self, host: str, snapshot: str) -> None:
        """Put a machine back to a snapshot and start it, from its memory if that is possible.

        Raises:
            LabError: The machine is not at the snapshot, or does not boot.
        """
        try:
            self._vagrant.restore_snapshot(host, snapshot)
        except PortTaken:
            # The machine is at the snapshot. Restoring it once more would read its memory in vain.
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
        on_virtualbox = self._hypervisor == "virtualbox"
        on_each(left.values(), virtualbox.remove_machine if on_virtualbox else virsh.remove_machine)
        self.make_room()
        if failed is not None and not left:
            raise failed

    def make_room(self) -> None:
        """Remove the folders or disks of machines that the hypervisor does not have."""
        if self._hypervisor == "virtualbox":
            virtualbox.remove_folders(self._titles)
        else:
            virsh.remove_disks(self._titles)

    def _registered(self) -> dict[str, str]:
        if self._hypervisor != "virtualbox":
            return virsh.machines_called(self._titles, machines_folder(self._home))
        return virtualbox.machines_called(self._titles)

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
            for uuid in self._uuids(host):
                virtualbox.discard_state(uuid)

    def _uuids(self, host: str) -> tuple[str, ...]:
        """VirtualBox's name of a machine; empty under libvirt."""
        if self._hypervisor != "virtualbox":
            return ()
        return tuple(virtualbox.machines_called({machine_title(self._lab, host)}).values())

    def _port_freed(self, action: Callable[[], None]) -> None:
        """Do something; if a port was taken, once more without what a killed Vagrant claimed."""
        try:
            action()
        except PortTaken:
            release_ports(self._lab.name)
            action()
