"""The provider itself: project, network, instances and checkpoints put together."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from labctl.endpoint import Endpoint
from labctl.errors import LabError, MachineLacks, WrongState
from labctl.hint import commands
from labctl.home import LabHome
from labctl.i18n import N_, _
from labctl.lab import Host, Lab, PackageSet
from labctl.machine import Machine, ThisMachine
from labctl.parallel import on_each
from labctl.progress import Progress, silent
from labctl.providers.base import incomplete_checkpoint, never_made, unknown_checkpoint
from labctl.providers.checks import Check, ensure
from labctl.providers.incus import checks, many, network
from labctl.providers.incus.book import (
    OWNER,
    Book,
    Place,
    Saved,
    now,
    owner_of,
    read_book,
    read_place,
    write_book,
    write_place,
)
from labctl.providers.incus.client import PATIENCE, Incus
from labctl.providers.incus.copies import find_model
from labctl.providers.incus.identity import (
    make_identities,
    read_identities,
    write_first_files,
    write_own_files,
)
from labctl.providers.incus.image import Library, alias_of
from labctl.providers.incus.instances import NEIGHBOUR, Instances, Shape, snapshot_name
from labctl.providers.incus.options import IncusOptions
from labctl.providers.incus.placement import all_members, choose_member
from labctl.providers.incus.refusals import NotThere
from labctl.providers.options import ProviderOptions, read_options
from labctl.providers.rootfs.apt import guest_suite
from labctl.providers.rootfs.build import can_build
from labctl.results import CheckpointInfo, HostState
from labctl.scripts import Script
from labctl.system import CODE_NAMES, System

_USABLE = ("Running", "Stopped", "Frozen")
_STATES = {"Running": HostState.RUNNING, "Stopped": HostState.STOPPED}
# Without this limit, the first request to a member that failed takes 10 s.
_STATUS_SECONDS = 2.0
_FEATURES = {
    # Images and package sets are shared by all labs, and so are the networks' names.
    "features.images": "false",
    "features.networks": "false",
    "features.storage.volumes": "false",
    "features.storage.buckets": "false",
    "features.profiles": "true",
}


class IncusProvider:
    """See labctl.providers.base.Provider for what each method promises."""

    name: ClassVar[str] = "incus"
    traces: ClassVar[tuple[str, ...]] = ("incus.json", "incus-keys.json")
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

    def checks_of_many(self, labs: int, to_start: int) -> tuple[Check, ...]:
        edition = self._lab.edition.edition
        return many.checks_of_many(self._incus.of(""), self.options, edition, labs, to_start)

    def ensure_usable(self) -> None:
        ensure(self.checks(), ThisMachine())

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
    def _library(self) -> Library:
        return Library(self._incus, self._lab, self._home, self.options.mirror)

    def upstream_resolvers(self) -> tuple[str, ...]:
        place = self._place()
        return place.resolvers if place is not None else ()

    def folders(self) -> Mapping[str, Path]:
        return {N_("images"): self._home.cache / "images"}

    # -- making and starting ----------------------------------------------------------------

    def create(self, progress: Progress = silent) -> bool:
        if self._book_or_none() is not None:
            return False
        self._begin()
        layer = self._library.ensure_image(progress)
        book, resolvers = self._make_networks(self._pool(), (layer,), progress)
        # A labctl that was killed here left some of them.
        self._instances.remove_all()
        for host in self._names:
            progress(host, _("creating"))
        self._instances.create(alias_of(layer), self._shape(book), book.member)
        book = self._complete_instances(book)
        identities = make_identities(self._lab, self._home)
        write_first_files(self._incus, self._lab, self._home, identities, resolvers)
        saved = self._saved("os", "up", book)
        self._instances.snapshot(saved.snapshot)
        self._write(book.with_checkpoint(saved))
        return True

    def create_like(self, model: LabHome, checkpoint: str) -> bool:
        if self._book_or_none() is not None:
            return False
        source = find_model(model, checkpoint, self._incus.remote)
        self._begin()
        book, _resolvers = self._make_networks(source.book.pool, source.saved.layers, silent)
        self._instances.remove_all()
        sources = source.sources_on(book.member, self._names, silent)
        self._instances.copy(sources, source.incus.project, book.member)
        book = self._complete_instances(book)
        make_identities(self._lab, self._home)
        changes = {"checkpoints": source.checkpoints, "restoring": source.saved}
        # Puts the copies to the checkpoint, with their own keys: now, or after a kill.
        self._write(book.model_copy(update=changes))
        self._sweep(self._settled())
        return True

    def _begin(self) -> None:
        # Before anything is made: whenever labctl is killed, `destroy` finds the rest.
        owner = owner_of(self._home)
        place = Place(remote=self._incus.remote, project=self._incus.project, owner=owner)
        write_place(self._home, place)
        self._claim_project()

    def _make_networks(
        self, pool: str, layers: tuple[str, ...], progress: Progress
    ) -> tuple[Book, tuple[str, ...]]:
        """Choose the member and make the networks.

        Returns:
            The book of a lab without hosts, and the addresses of name servers.
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
        return Book(network=bridge, pool=pool, member=member, layers=layers), resolvers

    def _complete_instances(self, book: Book) -> Book:
        """Put new hosts in shape and make the machine beside them; returns the book with ids."""
        shape = self._instances.settle_ids(self._shape(book))
        image = alias_of(book.layers[0])
        self._instances.create_neighbour(image, shape, self._lab.network, book.member)
        return book.model_copy(update={"first_ids": dict(shape.first_ids)})

    def _claim_project(self) -> None:
        """The lab's project, new or left by a killed labctl; WrongState if it is another's."""
        server, project = self._incus.of(""), self._incus.project
        owner = owner_of(self._home)
        try:
            found = server.get("projects", project)["config"].get(OWNER)
        except NotThere:
            config = {**_FEATURES, OWNER: owner}
            server.send("POST", "projects", data={"name": project, "config": config})
            return
        if found != owner:
            raise WrongState(
                _("the project {project} is not this lab's", project=project),
                cause=_("somebody else made it, or this lab's folder was moved"),
                hint=_("set project_prefix in labctl.toml, or take another --name"),
            )

    def _pool(self) -> str:
        if self.options.pool is not None:
            return self.options.pool
        pools = self._incus.of("").get("storage-pools", query={"recursion": "1"})
        names = [each["name"] for each in pools if each["status"] == "Created"]
        # One pool is an answer; with more, the one that `incus admin init` makes.
        if len(names) == 1:
            return str(names[0])
        if "default" in names:
            return "default"
        raise MachineLacks(
            _("it is not clear which storage pool of Incus the lab is to use"),
            cause=", ".join(names),
            hint=_("set pool in the table [incus] of labctl.toml"),
        )

    def _shape(self, book: Book) -> Shape:
        return Shape(
            self.options,
            book.pool,
            book.network,
            book.net_open,
            book.first_ids,
            major=self._incus.major_version,
        )

    def preinstall(self, packages: PackageSet, progress: Progress = silent) -> bool:
        book = self._settled()
        if any(layer.startswith(f"{packages}-") for layer in book.layers):
            return False
        layer = self._library.ensure_volume(packages, book.layers, book.pool, book.member, progress)
        if layer is None:
            return False
        self._ensure_there(self._states())
        progress("", _("adding the packages of {name}", name=packages))
        booted = self._running()
        self._instances.start([name for name in self._names if name not in booted])
        added = self._instances.add_layer(alias_of(layer), book.pool)
        if added:
            self._write(book.model_copy(update={"layers": (*book.layers, layer)}))
        # The new services begin with the next boot. A host that was off has nothing to end well.
        self._instances.halt(booted)
        self._instances.kill([name for name in self._names if name not in booted])
        return added

    def start(self, progress: Progress = silent) -> bool:
        book = self._settled()
        states = self._states()
        # A labctl that was killed while it saved a checkpoint left them frozen.
        self._instances.thaw(name for name in self._names if states.get(name) == "Frozen")
        stopped = [name for name in self._names if states.get(name) == "Stopped"]
        self._ensure_there(states)
        # The lab file may have other limits by now.
        self._instances.put_in_shape(self._shape(book))
        for host in stopped:
            progress(host, _("booting"))
        # The neighbour is there at once: its only process sleeps.
        self._instances.start([*stopped, *self._idle_neighbour(states)])
        on_each(self._names, self._instances.await_boot)
        return bool(stopped)

    @staticmethod
    def _idle_neighbour(states: Mapping[str, str]) -> list[str]:
        return [NEIGHBOUR] if states.get(NEIGHBOUR) == "Stopped" else []

    def _ensure_there(self, states: Mapping[str, str]) -> None:
        absent = [name for name in self._names if name not in states]
        if absent:
            raise WrongState(
                _(
                    "{hosts} of the lab is not on the Incus server any more",
                    hosts=", ".join(absent),
                ),
                cause=_(
                    "in the project {project}: {names}",
                    project=self._incus.project,
                    names=", ".join(states),
                ),
                hint=commands(
                    "labctl destroy",
                    "labctl up",
                    text=_(
                        "if somebody renamed it, give it back its name; else make the lab again"
                    ),
                ),
            )
        wrong = {n: s for n, s in states.items() if n in self._names and s not in _USABLE}
        if wrong:
            raise WrongState(
                _("a host of the lab cannot be used"),
                cause=", ".join(f"{name}: {state}" for name, state in wrong.items()),
                hint=commands(
                    f"incus list {self._incus.name()} --project {self._incus.project}",
                    text=_("the member that it is on may be down"),
                ),
            )

    def set_net(self, is_open: bool) -> None:
        book = self._settled().model_copy(update={"net_open": is_open})
        self._ensure_there(self._states())
        self._write(book)
        self._instances.put_in_shape(self._shape(book))
        self._instances.net_changed(self._running())

    # -- looking and stopping ---------------------------------------------------------------

    def endpoints(self, hosts: Collection[str] | None = None) -> Mapping[str, Endpoint]:
        if self._place() is None:
            raise never_made(self._lab.name)
        running = self._running()
        asked = [each for each in self._lab.hosts if hosts is None or each.name in hosts]
        for host in asked:
            if host.name not in running:
                raise WrongState(
                    _("{host} does not run", host=host.name), hint=commands("labctl up")
                )
        return {host.name: self._endpoint(host) for host in asked}

    def _endpoint(self, host: Host) -> Endpoint:
        # Its last line is the command; the others are comments.
        script = Script("labctl.providers.incus", "sshd.sh").text.strip().splitlines()[-1]
        return Endpoint(
            host=host.name,
            address=str(host.address),
            port=22,
            user="root",
            key=self._home.key_file,
            known_hosts=self._home.known_hosts,
            proxy_command=(
                "incus", "exec", self._incus.name(host.name), "--project", self._incus.project,
                "-T", "--", "sh", "-euc", script,
            ),
            neighbour=(
                "incus", "exec", self._incus.name(NEIGHBOUR), "--project", self._incus.project,
                "-T", "--",
            ),
        )  # fmt: skip

    def _states(self, patience: float = PATIENCE) -> dict[str, str]:
        """Incus's word for the state of each instance.

        Args:
            patience: seconds to wait for the answer.

        Raises:
            NotThere: there is no such project.
            MachineLacks: the server, or the cluster member with the lab, does not answer in time.
        """
        place = self._place()
        member = place.member if place is not None else ""
        if not member:
            return self._instances.states(patience)
        try:
            states = self._instances.states(patience)
        except MachineLacks as error:
            raise self._silent(member, error.cause) from error
        if any(states.get(name) == "Error" for name in self._names):
            raise self._silent(member, "")
        return states

    def _silent(self, member: str, cause: str) -> MachineLacks:
        return MachineLacks(
            _("the cluster member {member} with this lab does not answer", member=member),
            cause=cause,
            hint=commands(self._incus.server.member_list),
        )

    def login(self, host: str, user: str) -> tuple[str, ...]:
        if host not in self._running():
            raise WrongState(_("{host} does not run", host=host), hint=commands("labctl up"))
        return (
            "incus", "exec", self._incus.name(host), "--project", self._incus.project,
            "--force-interactive", "--env", "LANG=C.UTF-8", "--",
            "su", "--login", "--whitelist-environment=LANG", user,
        )  # fmt: skip

    def revision(self) -> str:
        return ""

    def _running(self) -> list[str]:
        with suppress(NotThere):
            states = self._states()
            return [name for name in self._names if states.get(name) == "Running"]
        return []

    def status(self) -> Mapping[str, HostState]:
        absent = dict.fromkeys(self._names, HostState.ABSENT)
        try:
            if self._place() is None:
                return absent
            states = self._states(_STATUS_SECONDS)
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
        self._instances.halt(self._running())
        self._instances.kill([NEIGHBOUR] if states.get(NEIGHBOUR) == "Running" else [])

    def cut_power(self, hosts: Collection[str]) -> None:
        self._instances.kill(name for name in self._names if name in hosts)

    def destroy(self, progress: Progress = silent) -> None:
        try:
            projects = self._own_projects()
        except MachineLacks as error:
            raise self._kept(error) from error
        for project in projects:
            Instances(self._incus.of(project), self._names).remove_all()
            network.remove_bridge(self._incus, network.bridge_of(self._incus.project))
            # Last: a labctl that was killed before finds the rest by it.
            self._incus.of("").send("DELETE", "projects", project)
        shutil.rmtree(self._home.state, ignore_errors=True)

    def _kept(self, error: MachineLacks) -> MachineLacks:
        """The error of a `destroy` that reaches no server: nothing was forgotten."""
        text = _("if the server is gone for good, remove {folder}", folder=self._home.state)
        return MachineLacks(
            error.message, cause=error.cause, hint=commands(*error.hint.commands, text=text)
        )

    def _own_projects(self) -> list[str]:
        """The lab's project, also if somebody renamed it."""
        found = self._incus.of("").get("projects", query={"recursion": "1"})
        owner = owner_of(self._home)
        return [each["name"] for each in found if each["config"].get(OWNER) == owner]

    # -- checkpoints ------------------------------------------------------------------------

    def save(self, checkpoint: str, origin: str = "up") -> None:
        book = self._settled()
        self._ensure_there(self._states())
        saved = self._saved(checkpoint, origin, book)
        with self._held_still():
            self._instances.snapshot(saved.snapshot)
        book = book.with_checkpoint(saved)
        self._write(book)
        self._sweep(book)

    @contextmanager
    def _held_still(self) -> Iterator[None]:
        """The running hosts do nothing, so that what is saved is of one instant."""
        running = self._running()
        try:
            self._instances.freeze(running)
            yield
        finally:
            self._instances.thaw(running)

    def restore(self, checkpoint: str, progress: Progress = silent, keep_as: str = "") -> None:
        book = self._settled()
        saved = book.find(checkpoint)
        if saved is None:
            raise unknown_checkpoint(checkpoint, (each.name for each in book.checkpoints))
        self._ensure_there(self._states())
        self._ensure_snapshot(saved)
        for host in self._names:
            progress(host, _("going back to {name}", name=checkpoint))
        self._instances.kill(self._names)
        if keep_as:
            kept = self._saved(keep_as, "reset", book)
            self._instances.snapshot(kept.snapshot)
            book = book.with_checkpoint(kept)
        # Written first: a labctl that is killed from here on is finished by the next command.
        self._write(book.model_copy(update={"restoring": saved}))
        self._settled()
        self.start(progress)

    def _ensure_snapshot(self, saved: Saved) -> None:
        """Every host has the snapshot, or none is touched."""
        lack = self._instances.missing(saved.snapshot)
        if lack:
            hint = commands("labctl status", text=_("go back to another checkpoint"))
            raise incomplete_checkpoint(saved.name, saved.snapshot, lack, hint)

    def _settled(self) -> Book:
        """The book, after what a killed labctl began is finished: a restore or a move."""
        book = self._book()
        if book.restoring is not None:
            book = self._finish_restore(book, book.restoring)
        if book.moving:
            book = self._finish_move(book)
        return book

    def _finish_restore(self, book: Book, saved: Saved) -> Book:
        """Put every host back and leave it stopped.

        A snapshot also brings back the limits and the network devices of its time; the lab's
        present ones are set again.
        """
        self._instances.kill(self._names)
        self._instances.restore(saved.snapshot)
        self._instances.put_in_shape(self._shape(book))
        identities = read_identities(self._home)
        if saved.copied and identities is not None:
            write_own_files(self._incus, self._lab, self._home, identities)
        book = book.model_copy(update={"restoring": None, "layers": saved.layers})
        self._write(book)
        return book

    # -- members of a cluster ---------------------------------------------------------------

    def move(self, to: str, progress: Progress = silent) -> bool:
        book = self._settled()
        member = choose_member(self._incus, to)
        if member == book.member:
            return False
        self._ensure_there(self._states())
        running = self._running()
        self.halt(progress)
        progress("", _("moving to {member}", member=member))
        book = book.model_copy(update={"moving": member})
        self._write(book)
        self._finish_move(book)
        if running:
            self.start(progress)
        return True

    def _finish_move(self, book: Book) -> Book:
        hosts = (*self._names, NEIGHBOUR)
        self._instances.kill(hosts)
        for name, member in self._instances.locations().items():
            if name in hosts and member != book.moving:
                self._instances.move(name, book.moving)
        self._instances.put_in_shape(self._shape(book))
        place = self._place()
        if place is not None:
            write_place(self._home, place.model_copy(update={"member": book.moving}))
        book = book.model_copy(update={"member": book.moving, "moving": ""})
        self._write(book)
        return book

    def checkpoints(self, *, measured: bool = False) -> tuple[CheckpointInfo, ...]:
        book = self._book_or_none()
        if book is None:
            return ()
        sizes = self._sizes() if measured else {}
        return tuple(
            CheckpointInfo(
                name=saved.name,
                created=saved.created,
                size=sizes.get(saved.snapshot, 0),
                origin=saved.origin,
            )
            for saved in book.checkpoints
        )

    def _sizes(self) -> Mapping[str, int]:
        """Empty if the member with the hosts does not answer: the list is known without it."""
        if self._is_silent:
            return {}
        try:
            return self._instances.sizes()
        except LabError:
            return {}

    def drop(self, checkpoint: str) -> None:
        book = self._settled().without_checkpoint(checkpoint)
        self._write(book)
        self._sweep(book)

    def _sweep(self, book: Book) -> None:
        self._instances.sweep(saved.snapshot for saved in book.checkpoints)

    # -- the book ---------------------------------------------------------------------------

    def _book_or_none(self) -> Book | None:
        if self._place() is None:
            return None
        with suppress(NotThere):
            return read_book(self._incus)
        return None

    def _book(self) -> Book:
        book = self._book_or_none()
        if book is None:
            raise never_made(self._lab.name)
        return book

    def _write(self, book: Book) -> None:
        write_book(self._incus, book)

    @staticmethod
    def _saved(name: str, origin: str, book: Book) -> Saved:
        return Saved(
            name=name,
            created=now(),
            origin=origin,
            snapshot=snapshot_name(name, secrets.token_hex(3)),
            layers=book.layers,
        )
