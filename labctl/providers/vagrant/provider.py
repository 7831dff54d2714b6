"""The Vagrant provider: machines, snapshots and connections with pinned keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from labctl.endpoint import Endpoint
from labctl.errors import LabError, WrongState
from labctl.hint import commands
from labctl.home import LabHome
from labctl.i18n import N_, _
from labctl.lab import Host, Lab, PackageSet
from labctl.machine import Machine, ThisMachine
from labctl.parallel import on_each
from labctl.progress import Progress, silent
from labctl.providers.base import (
    never_made,
    remove_traces,
    unknown_checkpoint,
)
from labctl.providers.checks import Check
from labctl.providers.keys import client_key
from labctl.providers.options import ProviderOptions, read_options
from labctl.providers.vagrant import checks, guest, virtualbox
from labctl.providers.vagrant.adapter import SshAddress, Vagrant
from labctl.providers.vagrant.checkpoints import Checkpoints
from labctl.providers.vagrant.connections import Connections
from labctl.providers.vagrant.lab_folder import (
    emulate,
    is_emulated,
    machines_folder,
    made_machines,
    write_folder,
)
from labctl.providers.vagrant.machines import RUNNING, Machines
from labctl.providers.vagrant.meaning import NoBoot
from labctl.providers.vagrant.network_mode import network_chosen
from labctl.providers.vagrant.options import VagrantOptions
from labctl.providers.vagrant.record import (
    KnownMachine,
    Record,
    read_record,
    write_record,
)
from labctl.results import CheckpointInfo, HostState
from labctl.shell import ssh_command
from labctl.system import System

# What `labctl up` starts again, in the words of VirtualBox and of libvirt. A machine is aborted if
# the PC was switched off while it ran.
_STOPPED = {"poweroff", "saved", "aborted", "aborted-saved", "paused"}
_STOPPED |= {"shutoff", "crashed", "pmsuspended"}
KVM = Path("/dev/kvm")
# With a KVM that works, machines boot in half a minute.
KVM_SECONDS = 120.0


class VagrantProvider:
    """See labctl.providers.base.Provider for what each method promises."""

    name: ClassVar[str] = "vagrant"
    Options: ClassVar[type[ProviderOptions]] = VagrantOptions
    traces: ClassVar[tuple[str, ...]] = ("vagrant.json", "vagrant")
    server_option: ClassVar[str] = ""

    def __init__(self, lab: Lab, home: LabHome) -> None:
        self._lab = lab
        self._home = home
        self._names = tuple(host.name for host in lab.hosts)

    @cached_property
    def options(self) -> VagrantOptions:
        return read_options(self.name, VagrantOptions, self._lab)

    @property
    def system(self) -> System:
        return self._lab.edition.system

    @cached_property
    def _hypervisor(self) -> str:
        """Vagrant's name of the hypervisor: the one of the lab, otherwise the option.

        Every call names it, because Vagrant could select another one.
        """
        record = read_record(self._home)
        return record.hypervisor if record is not None else self.options.hypervisor

    @cached_property
    def _vagrant(self) -> Vagrant:
        folder = write_folder(self._lab, self.options, self._home)
        return Vagrant(folder, self._hypervisor, self._home.logs)

    @cached_property
    def _machines(self) -> Machines:
        return Machines(self._lab, self._home, self._vagrant, self._hypervisor)

    @cached_property
    def _connections(self) -> Connections:
        return Connections(self._lab, self._home, lambda: self.options.net)

    @cached_property
    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(
            self._names, self._home, self._vagrant, self._machines, self._connections
        )

    @classmethod
    def suits(cls, machine: Machine) -> str | None:
        return N_("VirtualBox is installed") if virtualbox.vboxmanage(machine) else None

    def checks(self) -> tuple[Check, ...]:
        exists = bool(made_machines(self._home))
        return checks.checks(self._lab, self.options, self._hypervisor, exists=exists)

    def upstream_resolvers(self) -> tuple[str, ...]:
        record = read_record(self._home)
        # Before the first boot: VirtualBox's own name server for machines behind its NAT.
        return record.resolvers if record is not None else (guest.NAT_RESOLVER,)

    def folders(self) -> Mapping[str, Path]:
        return {N_("machines"): machines_folder(self._home)}

    # -- making and starting ----------------------------------------------------------------

    def create(self, progress: Progress = silent) -> bool:
        record = read_record(self._home)
        if record is not None and record.find("os") is not None:
            return False
        if self._machines.exist():
            # Vagrant sets nothing up on a machine that an interrupted `up` left running.
            progress("", _("removing the machines of an incomplete up"))
            self._machines.remove()
        self._machines.make_room()
        self._tell_network(progress)
        progress("", _("creating the machines (the first time, Vagrant downloads the box)"))
        self._boot_first(progress)
        for host in self._names:
            progress(host, _("preparing"))
        login = client_key(self._home.key_file).strip()
        prepared = on_each(self._lab.hosts, lambda host: self._prepare(host, login))
        addresses = self._vagrant.ssh_addresses()
        record = self._pin(addresses, dict(zip(self._names, prepared, strict=True)))
        self._connections.set_way_out(record, clock=False)
        self.save("os")
        return True

    def _tell_network(self, progress: Progress) -> None:
        """Say where the hosts are, unless they are on a host-only network as usual."""
        if self.options.net != "hostonly":
            chosen = network_chosen(self._lab, self.options, ThisMachine())
            progress("", f"{chosen.what}: {chosen.why}")

    def _boot_first(self, progress: Progress) -> None:
        """Make and boot the machines; under libvirt without KVM if KVM runs none of them."""
        if self._hypervisor != "libvirt" or is_emulated(self._home) or not KVM.exists():
            self._vagrant.boot()
            return
        try:
            self._vagrant.boot(limit=KVM_SECONDS)
        except NoBoot:
            progress(
                "", _("KVM cannot run a machine here: the machines are emulated, which is slow")
            )
            self._machines.remove()
            emulate(self._home)
            write_folder(self._lab, self.options, self._home)
            self._vagrant.boot()

    def _prepare(self, host: Host, login: str) -> guest.Prepared:
        script, words = guest.preparation(self._lab.edition.admin, host, login)
        output = self._vagrant.shell(host.name, script, *words)
        prepared = guest.read_prepared(output)
        guest.ensure_prepared(host, prepared, output)
        return prepared

    def _pin(
        self, addresses: Mapping[str, SshAddress], prepared: Mapping[str, guest.Prepared]
    ) -> Record:
        machines = {
            host: KnownMachine(
                address=addresses[host].address,
                port=addresses[host].port,
                host_keys=prepared[host].host_keys,
            )
            for host in self._names
        }
        resolvers = prepared[self._names[0]].resolvers
        record = Record(hypervisor=self._hypervisor, machines=machines, resolvers=resolvers)
        write_record(self._home, record)
        return record

    def preinstall(self, packages: PackageSet, progress: Progress = silent) -> bool:
        """Do nothing: the boxes contain no packages, so the step installs them."""
        return False

    def start(self, progress: Progress = silent) -> bool:
        record = self._record()
        if record.unfinished is not None:
            self._checkpoints.finish(record, progress)
            return True
        silent_ones = self._connections.silent(record)
        if not silent_ones:
            return False
        states = self._machines.ensure_there()
        on_each(silent_ones, lambda host: self._start(host, states[host], record, progress))
        record = self._connections.with_addresses(record, self._vagrant.ssh_addresses())
        self._connections.await_answers(record)
        on_each(self._connections.endpoints(record).values(), guest.await_booted)
        return True

    def _start(self, host: str, state: str, record: Record, progress: Progress) -> None:
        if state in RUNNING:
            # It may still be booting. If not, it hangs, and Vagrant would leave it as it is.
            progress(host, _("waiting for SSH"))
            if self._connections.await_answer(record, host):
                return
        progress(host, _("booting"))
        if state in _STOPPED:
            self._machines.boot(host)
        else:
            self._machines.reboot(host)

    def set_net(self, is_open: bool) -> None:
        record = self._record().model_copy(update={"net_open": is_open})
        if not self._connections.silent(record):
            self._connections.set_way_out(record, clock=False)
        write_record(self._home, record)

    # -- looking and stopping ---------------------------------------------------------------

    def endpoints(self, hosts: Collection[str] | None = None) -> Mapping[str, Endpoint]:
        record = self._record()
        if record.unfinished is not None:
            record = self._checkpoints.finish(record, silent)
        asked = [host for host in self._names if hosts is None or host in hosts]
        if silent_ones := [host for host in self._connections.silent(record) if host in asked]:
            raise WrongState(
                _("{host} does not answer", host=", ".join(silent_ones)), hint=commands("labctl up")
            )
        endpoints = self._connections.endpoints(record)
        return {host: endpoints[host] for host in asked}

    def login(self, host: str, user: str) -> tuple[str, ...]:
        return tuple(ssh_command(self.endpoints([host])[host], user, (), terminal=True))

    def revision(self) -> str:
        return ""

    def status(self) -> Mapping[str, HostState]:
        try:
            record = read_record(self._home)
        except WrongState:
            record = None
        if record is not None and not self._connections.silent(record):
            return dict.fromkeys(self._names, HostState.RUNNING)
        if not made_machines(self._home):
            return dict.fromkeys(self._names, HostState.ABSENT)
        try:
            states = self._vagrant.states()
        except LabError:
            return dict.fromkeys(self._names, HostState.BROKEN)
        silent_ones = self._connections.silent(record) if record is not None else self._names
        heard = set(self._names) - set(silent_ones)
        return {host: _host_state(states.get(host), host in heard) for host in self._names}

    def halt(self, progress: Progress = silent) -> None:
        self._record()
        for host in self._names:
            progress(host, _("stopping"))
        on_each(self._names, self._vagrant.halt)

    def cut_power(self, hosts: Collection[str]) -> None:
        self._record()
        on_each(hosts, lambda host: self._vagrant.halt(host, force=True))

    def destroy(self, progress: Progress = silent) -> None:
        if self._machines.exist():
            for host in self._names:
                progress(host, _("removing"))
        self._machines.remove()
        remove_traces(self.traces, self._home)

    # -- checkpoints ------------------------------------------------------------------------

    def save(self, checkpoint: str, origin: str = "up") -> None:
        record = self._record()
        self._checkpoints.save(record, checkpoint, origin)

    def restore(self, checkpoint: str, progress: Progress = silent, keep_as: str = "") -> None:
        record = self._record()
        saved = record.find(checkpoint)
        if saved is None:
            raise unknown_checkpoint(checkpoint, record.names)
        self._checkpoints.ensure_snapshot(saved)
        if keep_as:
            self.save(keep_as, origin="reset")
        self._checkpoints.restore(self._record(), saved, progress)

    def checkpoints(self, *, measured: bool = False) -> tuple[CheckpointInfo, ...]:
        """The checkpoints. The size is 0, because hypervisors do not report it."""
        record = read_record(self._home)
        # In the order of saving, not by time, because the clock may have been set back.
        saved = record.checkpoints if record is not None else ()
        return tuple(each.info() for each in saved)

    def drop(self, checkpoint: str) -> None:
        record = self._record().without_checkpoint(checkpoint)
        write_record(self._home, record)
        self._checkpoints.sweep(record)

    def _record(self) -> Record:
        record = read_record(self._home)
        if record is None:
            raise never_made(self._lab.name)
        return record


def _host_state(word: str | None, heard: bool) -> HostState:
    """From Vagrant's word for a machine, and whether its SSH answers."""
    if word is None or word == "not_created":
        return HostState.ABSENT
    if word in RUNNING:
        return HostState.RUNNING if heard else HostState.BROKEN
    return HostState.STOPPED if word in _STOPPED else HostState.BROKEN
