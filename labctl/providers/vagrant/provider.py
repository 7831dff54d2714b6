"""The Vagrant provider: machines, snapshots and connections with pinned keys."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from labctl.endpoint import Endpoint
from labctl.errors import LabError, WrongState
from labctl.hint import commands
from labctl.home import LabHome, remove_folder
from labctl.i18n import N_, _
from labctl.lab import Host, Lab, PackageSet
from labctl.machine import Machine as LocalMachine
from labctl.machine import ThisMachine
from labctl.parallel import on_each
from labctl.progress import Progress, silent
from labctl.providers.base import incomplete_checkpoint, never_made, unknown_checkpoint
from labctl.providers.checks import Check, ensure
from labctl.providers.keys import client_key
from labctl.providers.options import ProviderOptions, read_options
from labctl.providers.vagrant import checks, guest, peer, virtualbox
from labctl.providers.vagrant.adapter import SshAddress, Vagrant
from labctl.providers.vagrant.book import (
    Book,
    Machine,
    Saved,
    Unfinished,
    now,
    read_book,
    write_book,
)
from labctl.providers.vagrant.folder import (
    emulate,
    is_emulated,
    machines_folder,
    made_machines,
    write_folder,
)
from labctl.providers.vagrant.machines import RUNNING, Machines
from labctl.providers.vagrant.meaning import NoBoot
from labctl.providers.vagrant.options import VagrantOptions
from labctl.providers.vagrant.placement import network_chosen
from labctl.providers.vagrant.probe import answers
from labctl.results import CheckpointInfo, HostState
from labctl.shell import ssh_command
from labctl.system import System
from labctl.waiting import wait_until

# What `labctl up` starts again, in the words of VirtualBox and of libvirt. A machine is aborted if
# the PC was switched off while it ran.
_STOPPED = {"poweroff", "saved", "aborted", "aborted-saved", "paused"}
_STOPPED |= {"shutoff", "crashed", "pmsuspended"}
KVM = Path("/dev/kvm")
# With a KVM that works, machines boot in half a minute.
KVM_SECONDS = 120.0
# How long a host may take to answer after its machine was resumed.
ANSWER_SECONDS = 60.0


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

    @property
    def system(self) -> System:
        return self._lab.edition.system

    @cached_property
    def _hypervisor(self) -> str:
        """Vagrant's name of the hypervisor: the one of the lab, otherwise the option.

        Every call names it, because Vagrant could select another one.
        """
        book = read_book(self._home)
        return book.hypervisor if book is not None else self.options.hypervisor

    @cached_property
    def _vagrant(self) -> Vagrant:
        folder = write_folder(self._lab, self.options, self._home)
        return Vagrant(folder, self._hypervisor, self._home.logs)

    @cached_property
    def _machines(self) -> Machines:
        return Machines(self._lab, self._home, self._vagrant, self._hypervisor)

    @classmethod
    def suits(cls, machine: LocalMachine) -> str | None:
        return _("VirtualBox is installed") if virtualbox.vboxmanage(machine) else None

    def checks(self) -> tuple[Check, ...]:
        exists = bool(made_machines(self._home))
        return checks.checks(self._lab, self.options, self._hypervisor, exists=exists)

    def ensure_usable(self) -> None:
        ensure(self.checks(), ThisMachine())

    def upstream_resolvers(self) -> tuple[str, ...]:
        book = read_book(self._home)
        # Before the first boot: VirtualBox's own name server for machines behind its NAT.
        return book.resolvers if book is not None else (guest.NAT_RESOLVER,)

    def folders(self) -> Mapping[str, Path]:
        return {N_("machines"): machines_folder(self._home)}

    # -- making and starting ----------------------------------------------------------------

    def create(self, progress: Progress = silent) -> bool:
        book = read_book(self._home)
        if book is not None and book.find("os") is not None:
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
        book = self._pin(addresses, dict(zip(self._names, prepared, strict=True)))
        self._settle(book, clock=False)
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
        """Do nothing: the boxes contain no packages, so the step installs them."""
        return False

    def start(self, progress: Progress = silent) -> bool:
        book = self._book()
        if book.unfinished is not None:
            self._finish(book, progress)
            return True
        silent_ones = self._silent(book)
        if not silent_ones:
            return False
        states = self._ensure_there()
        on_each(silent_ones, lambda host: self._start(host, states[host], book, progress))
        book = self._with_addresses(book)
        self._await_answers(book)
        on_each(self._endpoints(book).values(), guest.await_booted)
        return True

    def _start(self, host: str, state: str, book: Book, progress: Progress) -> None:
        if state in RUNNING:
            # It may still be booting. If not, it hangs, and Vagrant would leave it as it is.
            progress(host, _("waiting for SSH"))
            if wait_until(ANSWER_SECONDS, lambda: answers(book.machines[host])):
                return
        progress(host, _("booting"))
        if state in _STOPPED:
            self._machines.boot(host)
        else:
            self._machines.reboot(host)

    def _await_answers(self, book: Book) -> None:
        """Wait for SSH on every host: a resumed machine answers some seconds later."""
        wait_until(ANSWER_SECONDS, lambda: not self._silent(book))

    def _silent(self, book: Book) -> list[str]:
        heard = on_each(self._names, lambda host: answers(book.machines[host]))
        return [host for host, does in zip(self._names, heard, strict=True) if not does]

    def _ensure_there(self) -> dict[str, str]:
        """Vagrant's word for each machine; WrongState if one is missing.

        Vagrant would make a missing machine anew, without anything that was set up on it.
        """
        states = self._vagrant.states()
        gone = [host for host in self._names if states.get(host) == "not_created"]
        if gone:
            raise WrongState(
                _("the machine of {hosts} does not exist any more", hosts=", ".join(gone)),
                cause=_("it was removed in VirtualBox or by vagrant destroy"),
                hint=commands("labctl destroy", "labctl up"),
            )
        return states

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

    def _settle(self, book: Book, *, clock: bool) -> bool:
        """Set the clock and the internet access of every host.

        Returns True, because `wait_until` waits for a result.
        """
        network = self._lab.network.cidr
        on_each(
            self._endpoints(book).values(),
            lambda endpoint: guest.settle(endpoint, network, book.net_open, clock=clock),
        )
        return True

    # -- looking and stopping ---------------------------------------------------------------

    def endpoints(self, hosts: Collection[str] | None = None) -> Mapping[str, Endpoint]:
        book = self._book()
        if book.unfinished is not None:
            book = self._finish(book, silent)
        asked = [host for host in self._names if hosts is None or host in hosts]
        if silent_ones := [host for host in self._silent(book) if host in asked]:
            raise WrongState(
                _("{host} does not answer", host=", ".join(silent_ones)), hint=commands("labctl up")
            )
        endpoints = self._endpoints(book)
        return {host: endpoints[host] for host in asked}

    def _endpoints(self, book: Book) -> dict[str, Endpoint]:
        found = self._direct_endpoints(book)
        if self.options.net != "internal":
            return found
        # Only the hosts are on that network: each is dialled by the next one.
        following = [*self._names[1:], self._names[0]]
        return {
            host: replace(found[host], neighbour=peer.command(found[other]))
            for host, other in zip(self._names, following, strict=True)
        }

    def _direct_endpoints(self, book: Book) -> dict[str, Endpoint]:
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

    def login(self, host: str, user: str) -> tuple[str, ...]:
        return tuple(ssh_command(self.endpoints([host])[host], user, (), terminal=True))

    def revision(self) -> str:
        return ""

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
        if self._machines.exist():
            for host in self._names:
                progress(host, _("removing"))
        self._machines.remove()
        remove_folder(self._home.state)

    # -- checkpoints ------------------------------------------------------------------------

    def save(self, checkpoint: str, origin: str = "up") -> None:
        book = self._book()
        snapshot = f"labctl-{checkpoint}-{secrets.token_hex(3)}"
        # A machine may one day boot from the snapshot's disk without its memory.
        silent_ones = self._silent(book)
        endpoints = self._endpoints(book)
        on_each([each for each in endpoints.values() if each.host not in silent_ones], guest.flush)
        # If labctl is killed meanwhile, the next save removes what this one left.
        write_book(self._home, book.with_stale(snapshot))
        try:
            on_each(self._names, lambda host: self._vagrant.save_snapshot(host, snapshot))
        except LabError:
            self._sweep(book.with_stale(snapshot))
            raise
        saved = Saved(name=checkpoint, created=now(), origin=origin, snapshot=snapshot)
        book = book.with_checkpoint(saved)
        write_book(self._home, book)
        self._sweep(book)

    def _delete(self, snapshot: str) -> bool:
        """Remove a snapshot from every machine. Returns False if one still has it.

        VirtualBox refuses while two later snapshots depend on it. Then labctl removes it later.
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
        unfinished = Unfinished(snapshot=saved.snapshot)
        book = self._book().model_copy(update={"unfinished": unfinished})
        write_book(self._home, book)
        self._finish(book, progress)

    def _finish(self, book: Book, progress: Progress) -> Book:
        """Bring a restore to its end, one that a failure or Ctrl-C interrupted too."""
        assert book.unfinished is not None
        book = self._put_back(book, book.unfinished)
        book = self._with_addresses(book)
        for host in self._names:
            progress(host, _("waiting for SSH"))
        self._await_answers(book)
        wait_until(ANSWER_SECONDS, lambda: self._settle(book, clock=True))
        book = book.model_copy(update={"unfinished": None})
        write_book(self._home, book)
        return book

    def _put_back(self, book: Book, unfinished: Unfinished) -> Book:
        # A machine that was switched off since is put back once more: that also starts it.
        done = [host for host in unfinished.restored if answers(book.machines[host])]

        def back(host: str) -> None:
            self._machines.restore(host, unfinished.snapshot)
            done.append(host)

        try:
            on_each([host for host in self._names if host not in done], back)
        finally:
            reached = unfinished.model_copy(update={"restored": tuple(done)})
            book = book.model_copy(update={"unfinished": reached})
            write_book(self._home, book)
        return book

    def _ensure_snapshot(self, saved: Saved) -> None:
        """Ensure that all machines have the snapshot before any of them changes."""
        self._ensure_there()
        found = on_each(self._names, self._vagrant.snapshots)
        lack = [
            host
            for host, names in zip(self._names, found, strict=True)
            if saved.snapshot not in names
        ]
        if lack:
            hint = commands(
                "labctl destroy", "labctl up", text=_("use another checkpoint, or rebuild the lab")
            )
            raise incomplete_checkpoint(saved.name, saved.snapshot, lack, hint)

    def checkpoints(self, *, measured: bool = False) -> tuple[CheckpointInfo, ...]:
        """The checkpoints. The size is 0, because hypervisors do not report it."""
        book = read_book(self._home)
        # In the order of saving, not by time, because the clock may have been set back.
        saved = book.checkpoints if book is not None else ()
        return tuple(CheckpointInfo(one.name, one.created, 0, one.origin) for one in saved)

    def drop(self, checkpoint: str) -> None:
        book = self._book().without_checkpoint(checkpoint)
        write_book(self._home, book)
        self._sweep(book)

    def _book(self) -> Book:
        book = read_book(self._home)
        if book is None:
            raise never_made(self._lab.name)
        return book


def _host_state(word: str | None, heard: bool) -> HostState:
    """From Vagrant's word for a machine, and whether its SSH answers."""
    if word is None or word == "not_created":
        return HostState.ABSENT
    if word in RUNNING:
        return HostState.RUNNING if heard else HostState.BROKEN
    return HostState.STOPPED if word in _STOPPED else HostState.BROKEN
