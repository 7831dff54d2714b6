"""The provider itself: project, network, instances, states and checkpoints put together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from labctl.endpoint import Endpoint
from labctl.errors import LabError, MachineLacks
from labctl.hint import commands
from labctl.home import LabHome
from labctl.i18n import N_, _
from labctl.lab import Host, Lab, PackageSet
from labctl.machine import Machine
from labctl.parallel import on_each
from labctl.progress import Progress, silent
from labctl.providers.base import (
    never_made,
    not_running,
    remove_traces,
)
from labctl.providers.checks import Check
from labctl.providers.incus import checks, many, network
from labctl.providers.incus.checkpoints import Checkpoints
from labctl.providers.incus.client import Incus
from labctl.providers.incus.copies import find_model
from labctl.providers.incus.identity import (
    make_identities,
    write_first_files,
)
from labctl.providers.incus.image import Library, alias_of
from labctl.providers.incus.instances import NEIGHBOUR, Instances
from labctl.providers.incus.options import IncusOptions
from labctl.providers.incus.placement import all_members, choose_member, choose_pool
from labctl.providers.incus.project import claim_project, is_of_another, own_projects
from labctl.providers.incus.record import (
    Place,
    Record,
    owner_of,
    read_place,
    read_record,
    write_place,
    write_record,
)
from labctl.providers.incus.refusals import NotThere
from labctl.providers.incus.shape import Shape
from labctl.providers.incus.states import States
from labctl.providers.incus.userids import settle_ids
from labctl.providers.options import ProviderOptions, read_options
from labctl.providers.rootfs.apt import guest_suite
from labctl.providers.rootfs.build import can_build
from labctl.results import CheckpointInfo, HostState
from labctl.scripts import Script
from labctl.system import CODE_NAMES, System

_SSHD = Script("labctl.providers.incus", "sshd.sh")
_STATES = {"Running": HostState.RUNNING, "Stopped": HostState.STOPPED}
# Without this limit, the first request to a member that failed takes 10 s.
_STATUS_SECONDS = 2.0


class IncusProvider:
    """See labctl.providers.base.Provider for what each method promises."""

    name: ClassVar[str] = "incus"
    traces: ClassVar[tuple[str, ...]] = ("incus.json", "incus-keys.json")
    server_option: ClassVar[str] = "remote"
    Options: ClassVar[type[ProviderOptions]] = IncusOptions

    def __init__(self, lab: Lab, home: LabHome) -> None:
        self._lab = lab
        self._home = home
        self._names = tuple(host.name for host in lab.hosts)
        # `status` found that the server does not answer. Do not wait for it again.
        self._is_silent = False

    @classmethod
    def suits(cls, machine: Machine) -> str | None:
        """Never the default: a server has to be chosen."""
        return None

    @cached_property
    def options(self) -> IncusOptions:
        return read_options(self.name, IncusOptions, self._lab)

    # -- options and requirements -----------------------------------------------------------

    @property
    def system(self) -> System:
        place = self._place()
        release = place.release if place is not None else ""
        if not release and not can_build():
            release = self._library.newest_release()
        return CODE_NAMES[release or guest_suite(None)]

    def checks(self) -> tuple[Check, ...]:
        return checks.checks(self._incus.of(""), self.options, self._lab.edition.edition)

    def checks_of_many(self, labs: int, to_start: int, to_make: int) -> tuple[Check, ...]:
        edition = self._lab.edition.edition
        return many.checks_of_many(
            self._incus.of(""), self.options, edition, labs, to_start=to_start, to_make=to_make
        )

    def _place(self) -> Place | None:
        return read_place(self._home)

    @cached_property
    def _incus(self) -> Incus:
        place = self._place()
        if place is not None:
            return Incus(place.remote, place.project)
        return Incus(self.options.remote or "", self.options.project_prefix + self._lab.name)

    @cached_property
    def _instances(self) -> Instances:
        return Instances(self._incus, self._names)

    @cached_property
    def _states(self) -> States:
        return States(self._incus, self._instances, self._home)

    @cached_property
    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(
            self._lab, self._home, self._incus, self._instances, self._states, self._shape
        )

    @cached_property
    def _library(self) -> Library:
        return Library(self._incus, self._lab, self._home, self.options.mirror)

    def upstream_resolvers(self) -> tuple[str, ...]:
        place = self._place()
        return place.resolvers if place is not None else ()

    def folders(self) -> Mapping[str, Path]:
        return {N_("images"): self._home.cache / "images"}

    # -- making and starting ----------------------------------------------------------------

    def create(self, progress: Progress = silent) -> bool:
        if self._record_or_none() is not None:
            return False
        self._begin()
        layer = self._library.ensure_image(progress)
        pool = choose_pool(self._incus, self.options.pool)
        record, resolvers = self._make_networks(pool, (layer,), progress)
        # A labctl that was killed here left some of them.
        self._instances.remove_all()
        for host in self._names:
            progress(host, _("creating"))
        self._instances.create(alias_of(layer), self._shape(record), record.member)
        record = self._complete_instances(record)
        identities = make_identities(self._lab, self._home)
        write_first_files(self._incus, self._lab, self._home, identities, resolvers)
        self._write(self._checkpoints.take(record, "os", "up"))
        return True

    def create_like(self, model: LabHome, checkpoint: str) -> bool:
        if self._record_or_none() is not None:
            return False
        source = find_model(model, checkpoint, self._incus.remote)
        self._begin()
        record, _resolvers = self._make_networks(source.record.pool, source.saved.layers, silent)
        self._instances.remove_all()
        sources = source.sources_on(record.member, self._names, silent)
        self._instances.copy(sources, source.incus.project, record.member)
        record = self._complete_instances(record)
        make_identities(self._lab, self._home)
        changes = {"checkpoints": source.checkpoints, "restoring": source.saved}
        # Puts the copies to the checkpoint, with their own keys: now, or after a kill.
        self._write(record.model_copy(update=changes))
        self._checkpoints.sweep(self._settled())
        return True

    def _begin(self) -> None:
        # Before anything is made: whenever labctl is killed, `destroy` finds the rest.
        owner = owner_of(self._home)
        place = Place(remote=self._incus.remote, project=self._incus.project, owner=owner)
        write_place(self._home, place)
        claim_project(self._incus, owner)

    def _make_networks(
        self, pool: str, layers: tuple[str, ...], progress: Progress
    ) -> tuple[Record, tuple[str, ...]]:
        """Choose the member and make the networks.

        Returns:
            The record of a lab without hosts, and the addresses of name servers.
        """
        member = choose_member(self._incus, self.options.target)
        members = all_members(self._incus)
        progress("", _("creating the networks"))
        resolvers = network.ensure_way_out(self._incus, self.options.way_out, members)
        bridge = network.create_bridge(self._incus, self._incus.project, members)
        place = Place(
            remote=self._incus.remote,
            project=self._incus.project,
            member=member,
            release=self._library.release_of(layers[0]),
            resolvers=resolvers,
            owner=owner_of(self._home),
        )
        write_place(self._home, place)
        return Record(network=bridge, pool=pool, member=member, layers=layers), resolvers

    def _complete_instances(self, record: Record) -> Record:
        """Put new hosts in shape and make the machine beside them; returns the record with ids."""
        shape = settle_ids(self._incus, self._instances, self._shape(record))
        image = alias_of(record.layers[0])
        self._instances.create_neighbour(image, shape, self._lab.network, record.member)
        return record.model_copy(update={"first_ids": dict(shape.first_ids)})

    def _shape(self, record: Record) -> Shape:
        return Shape(
            self.options,
            record.pool,
            record.network,
            record.net_open,
            record.first_ids,
            major=self._incus.major_version,
        )

    def preinstall(self, packages: PackageSet, progress: Progress = silent) -> bool:
        record = self._settled()
        if any(layer.startswith(f"{packages}-") for layer in record.layers):
            return False
        layer = self._library.ensure_volume(
            packages, record.layers, record.pool, record.member, progress
        )
        if layer is None:
            return False
        self._states.ensure_there(self._states.read())
        progress("", _("adding the packages of {name}", name=packages))
        booted = self._states.running()
        self._instances.start([name for name in self._names if name not in booted])
        added = self._instances.add_layer(alias_of(layer), record.pool)
        if added:
            self._write(record.model_copy(update={"layers": (*record.layers, layer)}))
        # The new services begin with the next boot. A host that was off has nothing to end well.
        self._instances.halt(booted)
        self._instances.kill([name for name in self._names if name not in booted])
        return added

    def start(self, progress: Progress = silent) -> bool:
        record = self._settled()
        states = self._states.read()
        # A labctl that was killed while it saved a checkpoint left them frozen.
        self._instances.thaw(name for name in self._names if states.get(name) == "Frozen")
        stopped = [name for name in self._names if states.get(name) == "Stopped"]
        self._states.ensure_there(states)
        # The lab file may have other limits by now.
        self._instances.put_in_shape(self._shape(record))
        for host in stopped:
            progress(host, _("booting"))
        # The neighbour is there at once: its only process sleeps.
        self._instances.start([*stopped, *self._idle_neighbour(states)])
        on_each(self._names, self._instances.await_boot)
        return bool(stopped)

    @staticmethod
    def _idle_neighbour(states: Mapping[str, str]) -> list[str]:
        return [NEIGHBOUR] if states.get(NEIGHBOUR) == "Stopped" else []

    def set_net(self, is_open: bool) -> None:
        record = self._settled().model_copy(update={"net_open": is_open})
        self._states.ensure_there(self._states.read())
        self._write(record)
        self._instances.put_in_shape(self._shape(record))
        self._instances.net_changed(self._states.running())

    # -- looking and stopping ---------------------------------------------------------------

    def endpoints(self, hosts: Collection[str] | None = None) -> Mapping[str, Endpoint]:
        if self._place() is None:
            raise never_made(self._lab.name)
        running = self._states.running()
        asked = [each for each in self._lab.hosts if hosts is None or each.name in hosts]
        for host in asked:
            if host.name not in running:
                raise not_running(host.name)
        return {host.name: self._endpoint(host) for host in asked}

    def _endpoint(self, host: Host) -> Endpoint:
        return Endpoint(
            host=host.name,
            address=str(host.address),
            port=22,
            user="root",
            key=self._home.key_file,
            known_hosts=self._home.known_hosts,
            proxy_command=(*self._incus.line_in(host.name, "-T"), "sh", "-euc", _SSHD.line),
            neighbour=self._incus.line_in(NEIGHBOUR, "-T"),
        )

    def login(self, host: str, user: str) -> tuple[str, ...]:
        if host not in self._states.running():
            raise not_running(host)
        line = self._incus.line_in(host, "--force-interactive", "--env", "LANG=C.UTF-8")
        return (*line, "su", "--login", "--whitelist-environment=LANG", user)

    def revision(self) -> str:
        return ""

    def status(self) -> Mapping[str, HostState]:
        absent = dict.fromkeys(self._names, HostState.ABSENT)
        try:
            if self._place() is None:
                return absent
            states = self._states.read(_STATUS_SECONDS)
        except NotThere:
            return absent
        except LabError:
            self._is_silent = True
            return dict.fromkeys(self._names, HostState.BROKEN)
        return {
            name: _STATES.get(states[name], HostState.BROKEN) if name in states else absent[name]
            for name in self._names
        }

    def halt(self, progress: Progress = silent) -> None:
        self._settled()
        for host in self._names:
            progress(host, _("stopping"))
        states = self._instances.states()
        self._instances.thaw(name for name in self._names if states.get(name) == "Frozen")
        self._instances.halt(self._states.running())
        self._instances.kill([NEIGHBOUR] if states.get(NEIGHBOUR) == "Running" else [])

    def cut_power(self, hosts: Collection[str]) -> None:
        self._instances.kill(name for name in self._names if name in hosts)

    def destroy(self, progress: Progress = silent) -> None:
        owner = owner_of(self._home)
        try:
            projects = own_projects(self._incus, owner)
        except MachineLacks as error:
            raise self._kept(error) from error
        for project in projects:
            Instances(self._incus.of(project), self._names).remove_all()
        # Also if somebody removed the project by hand.
        if not is_of_another(self._incus, owner):
            network.remove_bridge(self._incus, self._incus.project)
        for project in projects:
            # Last: a labctl that was killed before finds the rest by it.
            self._incus.of("").send("DELETE", "projects", project)
        remove_traces(self.traces, self._home)

    def _kept(self, error: MachineLacks) -> MachineLacks:
        """The error of a `destroy` that reaches no server: nothing was forgotten."""
        text = _("if the server is gone for good, remove {folder}", folder=self._home.state)
        return MachineLacks(
            error.message, cause=error.cause, hint=commands(*error.hint.commands, text=text)
        )

    # -- checkpoints ------------------------------------------------------------------------

    def save(self, checkpoint: str, origin: str = "up") -> None:
        record = self._settled()
        self._checkpoints.save(record, checkpoint, origin)

    def restore(self, checkpoint: str, progress: Progress = silent, keep_as: str = "") -> None:
        record = self._settled()
        self._checkpoints.begin_restore(record, checkpoint, progress, keep_as)
        self._settled()
        self.start(progress)

    def checkpoints(self, *, measured: bool = False) -> tuple[CheckpointInfo, ...]:
        record = self._record_or_none()
        if record is None:
            return ()
        sizes = self._checkpoints.sizes() if measured and not self._is_silent else {}
        return tuple(saved.info(sizes.get(saved.snapshot, 0)) for saved in record.checkpoints)

    def drop(self, checkpoint: str) -> None:
        record = self._settled().without_checkpoint(checkpoint)
        self._write(record)
        self._checkpoints.sweep(record)

    def _settled(self) -> Record:
        """The record, after what a killed labctl began is finished: a restore or a move."""
        record = self._record()
        if record.restoring is not None:
            record = self._checkpoints.finish_restore(record, record.restoring)
        if record.moving:
            record = self._finish_move(record)
        return record

    # -- members of a cluster ---------------------------------------------------------------

    def move(self, to: str, progress: Progress = silent) -> bool:
        record = self._settled()
        member = choose_member(self._incus, to)
        if member == record.member:
            return False
        self._states.ensure_there(self._states.read())
        running = self._states.running()
        self.halt(progress)
        progress("", _("moving to {member}", member=member))
        record = record.model_copy(update={"moving": member})
        self._write(record)
        self._finish_move(record)
        if running:
            self.start(progress)
        return True

    def _finish_move(self, record: Record) -> Record:
        hosts = (*self._names, NEIGHBOUR)
        self._instances.kill(hosts)
        for name, member in self._instances.locations().items():
            if name in hosts and member != record.moving:
                self._instances.move(name, record.moving)
        self._instances.put_in_shape(self._shape(record))
        place = self._place()
        if place is not None:
            write_place(self._home, place.model_copy(update={"member": record.moving}))
        record = record.model_copy(update={"member": record.moving, "moving": ""})
        self._write(record)
        return record

    # -- the record ---------------------------------------------------------------------------

    def _record_or_none(self) -> Record | None:
        if self._place() is None:
            return None
        with suppress(NotThere):
            return read_record(self._incus)
        return None

    def _record(self) -> Record:
        record = self._record_or_none()
        if record is None:
            raise never_made(self._lab.name)
        return record

    def _write(self, record: Record) -> None:
        write_record(self._incus, record)
