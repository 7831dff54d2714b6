"""The provider itself: Vagrant's machines, their snapshots and the pinned way to them."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from labctl.endpoint import Endpoint
from labctl.errors import LabError, WrongState
from labctl.home import LabHome
from labctl.i18n import N_, _
from labctl.lab import Host, Lab, PackageSet
from labctl.machine import Machine as LocalMachine
from labctl.machine import ThisMachine
from labctl.parallel import on_each
from labctl.progress import Progress, silent
from labctl.providers.base import unknown_checkpoint
from labctl.providers.checks import Check, ensure
from labctl.providers.keys import client_key
from labctl.providers.options import ProviderOptions, read_options
from labctl.providers.vagrant import checks, guest, virtualbox
from labctl.providers.vagrant.adapter import SshAddress, Vagrant
from labctl.providers.vagrant.book import Book, Machine, Saved, now, read_book, write_book
from labctl.providers.vagrant.folder import (
    machine_title,
    machines_folder,
    made_machines,
    write_folder,
)
from labctl.providers.vagrant.options import VagrantOptions
from labctl.providers.vagrant.probe import answers
from labctl.results import CheckpointInfo, HostState

_RUNNING = {"running", "restoring"}


class VagrantProvider:
    """See labctl.providers.base.Provider for what each method promises."""

    name: ClassVar[str] = "vagrant"
    Options: ClassVar[type[ProviderOptions]] = VagrantOptions
    traces: ClassVar[tuple[str, ...]] = ("vagrant.json", "vagrant")

    def __init__(self, lab: Lab, home: LabHome) -> None:
        self._lab = lab
        self._home = home
        self._names = tuple(host.name for host in lab.hosts)

    @cached_property
    def options(self) -> VagrantOptions:
        return read_options(self.name, VagrantOptions, self._lab)

    @cached_property
    def _hypervisor(self) -> str:
        """Vagrant's name for it: what the lab was made with, else the option.

        Every call to Vagrant names it: else Vagrant may pick another one.
        """
        book = read_book(self._home)
        return book.hypervisor if book is not None else self.options.hypervisor

    @cached_property
    def _vagrant(self) -> Vagrant:
        folder = write_folder(self._lab, self.options, self._home)
        return Vagrant(folder, self._hypervisor, self._home.logs)

    @classmethod
    def suits(cls, machine: LocalMachine) -> str | None:
        return _("VirtualBox is installed") if virtualbox.vboxmanage(machine) else None

    def checks(self) -> tuple[Check, ...]:
        return checks.checks(self._lab, self.options, self._hypervisor)

    def ensure_usable(self) -> None:
        ensure(self.checks(), ThisMachine())

    def upstream_resolvers(self) -> tuple[str, ...]:
        book = read_book(self._home)
        # Before the first boot: VirtualBox's own name server for machines behind its NAT.
        return book.resolvers if book is not None else ("10.0.2.3",)

    def folders(self) -> Mapping[str, Path]:
        return {N_("machines"): machines_folder(self._home)}

    # -- making and starting ----------------------------------------------------------------

    def create(self, progress: Progress = silent) -> bool:
        book = read_book(self._home)
        if book is not None and book.find("os") is not None:
            return False
        progress("", _("making the machines (the first time, their box is downloaded)"))
        self._vagrant.boot()
        for host in self._names:
            progress(host, _("preparing"))
        login = client_key(self._home.key_file).strip()
        prepared = on_each(self._lab.hosts, lambda host: self._prepare(host, login))
        addresses = self._vagrant.ssh_addresses()
        book = self._pin(addresses, dict(zip(self._names, prepared, strict=True)))
        self._settle(book, clock=False)
        self.save("os")
        return True

    def _prepare(self, host: Host, login: str) -> guest.Prepared:
        values = (self._lab.edition.admin, str(host.address), host.fqdn, host.name, login)
        output = self._vagrant.shell(host.name, guest.PREPARE, *guest.quoted(*values))
        prepared = guest.read_prepared(output)
        if not prepared.host_keys:
            raise WrongState(_("{host} showed no host key", host=host.name), cause=output[-400:])
        return prepared

    def _pin(
        self, addresses: Mapping[str, SshAddress], prepared: Mapping[str, guest.Prepared]
    ) -> Book:
        machines = {
            host: Machine(
                address=addresses[host].address,
                port=addresses[host].port,
                host_keys=prepared[host].host_keys,
            )
            for host in self._names
        }
        resolvers = prepared[self._names[0]].resolvers
        book = Book(hypervisor=self._hypervisor, machines=machines, resolvers=resolvers)
        write_book(self._home, book)
        return book

    def preinstall(self, packages: PackageSet, progress: Progress = silent) -> bool:
        """Boxes come without the packages: the step installs them by apt."""
        return False

    def start(self, progress: Progress = silent) -> bool:
        book = self._book()
        silent_ones = self._silent(book)
        if not silent_ones:
            return False
        self._ensure_there()
        for host in silent_ones:
            progress(host, _("booting"))
        on_each(silent_ones, self._vagrant.boot)
        book = self._with_addresses(book)
        on_each(self._endpoints(book).values(), guest.await_booted)
        return True

    def _silent(self, book: Book) -> list[str]:
        heard = on_each(self._names, lambda host: answers(book.machines[host]))
        return [host for host, does in zip(self._names, heard, strict=True) if not does]

    def _ensure_there(self) -> None:
        """Vagrant would make a missing machine anew, bare and unlike the other one."""
        states = self._vagrant.states()
        gone = [host for host in self._names if states.get(host) == "not_created"]
        if gone:
            raise WrongState(
                _("the machine of {hosts} is gone", hosts=", ".join(gone)),
                cause=_("it was removed in VirtualBox or by vagrant destroy"),
                hint=_("labctl destroy, then labctl up"),
            )

    def _with_addresses(self, book: Book) -> Book:
        """The book with where SSH answers now: forwarded ports may change at a start."""
        addresses = self._vagrant.ssh_addresses()
        machines = {
            host: machine.model_copy(
                update={"address": addresses[host].address, "port": addresses[host].port}
            )
            for host, machine in book.machines.items()
        }
        book = book.model_copy(update={"machines": machines})
        write_book(self._home, book)
        return book

    def set_net(self, is_open: bool) -> None:
        book = self._book().model_copy(update={"net_open": is_open})
        if not self._silent(book):
            self._settle(book, clock=False)
        write_book(self._home, book)

    def _settle(self, book: Book, *, clock: bool) -> None:
        network = self._lab.network.cidr
        on_each(
            self._endpoints(book).values(),
            lambda endpoint: guest.settle(endpoint, network, book.net_open, clock=clock),
        )

    # -- looking and stopping ---------------------------------------------------------------

    def endpoints(self) -> Mapping[str, Endpoint]:
        book = self._book()
        if silent_ones := self._silent(book):
            raise WrongState(
                _("{host} does not answer", host=", ".join(silent_ones)), hint=_("labctl up")
            )
        return self._endpoints(book)

    def _endpoints(self, book: Book) -> dict[str, Endpoint]:
        return {
            host: Endpoint(
                host=host,
                address=machine.address,
                port=machine.port,
                user="root",
                key=self._home.key_file,
                known_hosts=self._home.known_hosts,
            )
            for host, machine in book.machines.items()
        }

    def status(self) -> Mapping[str, HostState]:
        try:
            book = read_book(self._home)
        except WrongState:
            book = None
        if book is not None and not self._silent(book):
            return dict.fromkeys(self._names, HostState.RUNNING)
        if not made_machines(self._home):
            return dict.fromkeys(self._names, HostState.ABSENT)
        try:
            states = self._vagrant.states()
        except LabError:
            return dict.fromkeys(self._names, HostState.BROKEN)
        heard = set(self._names) - set(self._silent(book)) if book is not None else set()
        return {host: _host_state(states.get(host), host in heard) for host in self._names}

    def halt(self, progress: Progress = silent) -> None:
        self._book()
        for host in self._names:
            progress(host, _("stopping"))
        on_each(self._names, self._vagrant.halt)

    def cut_power(self, hosts: Collection[str]) -> None:
        self._book()
        on_each(hosts, lambda host: self._vagrant.halt(host, force=True))

    def destroy(self, progress: Progress = silent) -> None:
        if made_machines(self._home):
            for host in self._names:
                progress(host, _("removing"))
            self._vagrant.destroy()
        # A machine that Vagrant lost sight of still has the lab's name in VirtualBox.
        titles = {machine_title(self._lab, host) for host in self._names}
        on_each(virtualbox.machines_called(titles).values(), virtualbox.remove_machine)
        shutil.rmtree(self._home.state, ignore_errors=True)

    # -- checkpoints ------------------------------------------------------------------------

    def save(self, checkpoint: str, origin: str = "up") -> None:
        book = self._book()
        snapshot = f"labctl-{checkpoint}-{secrets.token_hex(3)}"
        try:
            on_each(self._names, lambda host: self._vagrant.save_snapshot(host, snapshot))
        except LabError:
            self._delete(snapshot)
            raise
        saved = Saved(name=checkpoint, created=now(), origin=origin, snapshot=snapshot)
        book = book.with_checkpoint(saved)
        write_book(self._home, book)
        self._sweep(book)

    def _delete(self, snapshot: str) -> bool:
        """Removes a snapshot from every machine that has it; False where one kept it.

        VirtualBox refuses while two later snapshots stand on it: then it goes later.
        """

        def delete(host: str) -> bool:
            try:
                if snapshot in self._vagrant.snapshots(host):
                    self._vagrant.delete_snapshot(host, snapshot)
            except LabError:
                return False
            return True

        return all(on_each(self._names, delete))

    def _sweep(self, book: Book) -> None:
        if book.stale:
            kept = tuple(name for name in reversed(book.stale) if not self._delete(name))
            write_book(self._home, book.model_copy(update={"stale": tuple(reversed(kept))}))

    def restore(self, checkpoint: str, progress: Progress = silent, keep_as: str = "") -> None:
        book = self._book()
        saved = book.find(checkpoint)
        if saved is None:
            raise unknown_checkpoint(checkpoint, (each.name for each in book.checkpoints))
        self._ensure_snapshot(saved)
        if keep_as:
            self.save(keep_as, origin="reset")
        for host in self._names:
            progress(host, _("going back to {name}", name=checkpoint))
        on_each(self._names, lambda host: self._vagrant.restore_snapshot(host, saved.snapshot))
        book = self._with_addresses(self._book())
        self._settle(book, clock=True)

    def _ensure_snapshot(self, saved: Saved) -> None:
        """All machines have it, or none is touched."""
        self._ensure_there()
        found = on_each(self._names, self._vagrant.snapshots)
        lack = [
            host
            for host, names in zip(self._names, found, strict=True)
            if saved.snapshot not in names
        ]
        if lack:
            raise WrongState(
                _(
                    "checkpoint {name} is missing on {hosts}",
                    name=saved.name,
                    hosts=", ".join(lack),
                ),
                cause=_("its snapshot {snapshot} was removed", snapshot=saved.snapshot),
                hint=_("another checkpoint, or labctl destroy, then labctl up"),
            )

    def checkpoints(self, *, measured: bool = False) -> tuple[CheckpointInfo, ...]:
        """The saved states; a hypervisor does not say how large a snapshot is, so size is 0."""
        book = read_book(self._home)
        # As they were saved, not by their times: the clock may have been set back.
        saved = book.checkpoints if book is not None else ()
        return tuple(CheckpointInfo(one.name, one.created, 0, one.origin) for one in saved)

    def drop(self, checkpoint: str) -> None:
        book = self._book().without_checkpoint(checkpoint)
        write_book(self._home, book)
        self._sweep(book)

    def _book(self) -> Book:
        book = read_book(self._home)
        if book is None:
            raise WrongState(_("the lab was never brought up"), hint=_("labctl up"))
        return book


def _host_state(word: str | None, heard: bool) -> HostState:
    if word is None or word == "not_created":
        return HostState.ABSENT
    if word in _RUNNING:
        return HostState.RUNNING if heard else HostState.BROKEN
    return HostState.STOPPED if word in {"poweroff", "saved", "shutoff"} else HostState.BROKEN
