"""The provider itself: image, layers, network and containers put together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

from labctl.endpoint import Endpoint
from labctl.errors import WrongState
from labctl.hint import commands
from labctl.home import LabHome
from labctl.i18n import N_, _
from labctl.lab import Lab, PackageSet
from labctl.machine import Machine
from labctl.parallel import on_each
from labctl.progress import Progress, silent
from labctl.providers.base import (
    never_made,
    no_checkpoint_to_copy,
    not_running,
    remove_traces,
    unknown_checkpoint,
)
from labctl.providers.checks import Check
from labctl.providers.keys import SSH_PORT, client_key, pin_keys
from labctl.providers.nspawn import checks, many
from labctl.providers.nspawn.container import Container
from labctl.providers.nspawn.identity import write_identity
from labctl.providers.nspawn.lab_limits import LabGroup, lab_id_of
from labctl.providers.nspawn.network import LabNetwork
from labctl.providers.nspawn.options import NspawnOptions
from labctl.providers.nspawn.resolvers import Resolvers, resolvers_for
from labctl.providers.nspawn.revision import revision
from labctl.providers.nspawn.rules import WayOut
from labctl.providers.nspawn.store import LayerStore, Record, Saved, Stack
from labctl.providers.options import ProviderOptions, read_options
from labctl.providers.record import now
from labctl.providers.rootfs import users
from labctl.providers.rootfs.apt import AptSetup, guest_suite, machine_setup
from labctl.providers.rootfs.cgroup import cgroups_called
from labctl.providers.rootfs.image import Image, sweep_if_idle
from labctl.providers.rootfs.mounts import mount_overlay, unmount_below
from labctl.providers.rootfs.recipe import PACKAGE_SETS
from labctl.results import CheckpointInfo, HostState
from labctl.run import run
from labctl.system import CODE_NAMES, System

# A layer with one of these hides what a package set below it would add.
_HIDES_PACKAGES = ("var/lib/dpkg/status", "etc/passwd", "etc/group")


class NspawnProvider:
    """See labctl.providers.base.Provider for what each method promises."""

    name: ClassVar[str] = "nspawn"
    Options: ClassVar[type[ProviderOptions]] = NspawnOptions
    traces: ClassVar[tuple[str, ...]] = ("nspawn.json", "layers", "hosts")
    server_option: ClassVar[str] = ""

    def __init__(self, lab: Lab, home: LabHome) -> None:
        self._lab = lab
        self._home = home
        self._store = LayerStore(home.state)
        self._id = lab_id_of(home.state)
        self._network = LabNetwork(self._id, lab.network)
        self._containers = tuple(
            Container(
                host=host.name,
                number=number,
                address=str(host.address),
                network=self._network,
                root=home.state / "hosts" / host.name,
                log=home.logs / f"{host.name}.console.log",
            )
            for number, host in enumerate(lab.hosts)
        )
        self._group = LabGroup(self._id)

    # -- options and requirements -----------------------------------------------------------

    @cached_property
    def options(self) -> NspawnOptions:
        return read_options(self.name, NspawnOptions, self._lab)

    @property
    def system(self) -> System:
        return CODE_NAMES[guest_suite(self.options.release)]

    @cached_property
    def _apt(self) -> AptSetup:
        return machine_setup(self.options.mirror, self.options.release)

    @cached_property
    def _image(self) -> Image:
        address = str(self._lab.network.machine)
        return Image(self._home.cache / "images", self._lab.edition, self._apt, address)

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(host.name for host in self._lab.hosts)

    @classmethod
    def suits(cls, machine: Machine) -> str | None:
        if machine.system == "linux" and machine.is_root:
            return N_("labctl runs as root on Linux")
        return None

    def checks(self) -> tuple[Check, ...]:
        return checks.checks(self._home.state, self._network, self._to_start, self.disk_check())

    def disk_check(self) -> Check:
        budget = self.options.disk * 1024**3 * len(self._containers)
        return checks.disk_check(self._store.size_of_all, budget)

    def checks_of_many(self, labs: int, to_start: int, to_make: int) -> tuple[Check, ...]:
        hosts = len(self._containers)
        return many.checks_of_many(
            self._home.state, labs * hosts, to_start * hosts, to_make * hosts
        )

    def _to_start(self) -> int:
        return sum(not each.running for each in self._containers)

    def upstream_resolvers(self) -> tuple[str, ...]:
        return self._resolvers.seen

    @cached_property
    def _resolvers(self) -> Resolvers:
        return resolvers_for(self._lab.network.cidr)

    def folders(self) -> Mapping[str, Path]:
        return {
            N_("images"): self._home.cache / "images",
            N_("layers"): self._home.state / "layers",
        }

    # -- making and starting ----------------------------------------------------------------

    def create(self, progress: Progress = silent) -> bool:
        if self._store.read() is not None:
            return False
        layers = self._image.layers(())
        self._image.ensure(layers, progress)
        identity = self._store.new_layer(self._names)
        self._write_identities(identity)
        base = Stack(image=tuple(each.name for each in layers), layers=(identity,))
        record = Record(base=base, top=self._store.new_layer(self._names))
        self._store.write(record.with_checkpoint(self._saved("os", "up", base)))
        return True

    def create_like(self, model: LabHome, checkpoint: str) -> bool:
        if self._store.read() is not None:
            return False
        source = LayerStore(model.state)
        record = source.read()
        saved = record.find(checkpoint) if record is not None else None
        if record is None or saved is None:
            raise no_checkpoint_to_copy(model.name, checkpoint)
        kept = [each for each in record.checkpoints if each.origin == "up"]
        # The identity is the first layer of every stack.
        for layer in dict.fromkeys(each for one in kept for each in one.stack.layers[1:]):
            self._store.link_layer(source, layer)
            self._store.drop_copies(layer, source, record.base.layers[0], self._names)
        identity = self._store.new_layer(self._names)
        self._write_identities(identity)

        def own(stack: Stack) -> Stack:
            return Stack(image=stack.image, layers=(identity, *stack.layers[1:]))

        copied = tuple(each.model_copy(update={"stack": own(each.stack)}) for each in kept)
        top = self._store.new_layer(self._names)
        self._store.write(Record(base=own(saved.stack), top=top, checkpoints=copied))
        return True

    def _write_identities(self, layer: str) -> None:
        login = client_key(self._home.key_file)
        pinned = []
        for host in self._lab.hosts:
            upper = self._store.upper(layer, host.name)
            public = write_identity(upper, self._lab, host, login, self._resolvers.seen)
            pinned.append((str(host.address), SSH_PORT, public))
        pin_keys(self._home, pinned)

    def preinstall(self, packages: PackageSet, progress: Progress = silent) -> bool:
        record = self._record()
        sets = PACKAGE_SETS[: PACKAGE_SETS.index(packages) + 1]
        wanted = self._image.layers(sets)
        names = tuple(layer.name for layer in wanted)
        have = record.base.image
        if names == have[: len(names)] or have != names[: len(have)] or self._hides(record):
            return False
        self._image.ensure(wanted, progress)
        progress("", _("adding the packages of {name}", name=packages))
        on_each(self._containers, Container.halt)
        base = Stack(image=names, layers=record.base.layers)
        self._store.write(record.model_copy(update={"base": base}))
        return True

    def _hides(self, record: Record) -> bool:
        uppers = (
            self._store.upper(layer, host)
            for layer in record.current.layers
            for host in self._names
        )
        return any((upper / name).exists() for upper in uppers for name in _HIDES_PACKAGES)

    def start(self, progress: Progress = silent) -> bool:
        record = self._record()
        for each in self._containers:
            # A labctl that was killed while it saved a checkpoint left them frozen.
            each.cgroup.thaw()
        stopped = [
            each
            for each in self._containers
            if not (each.running and each.mounted) or each.shuts_down
        ]
        if not stopped:
            self._open_network(record, progress)
            on_each(self._containers, Container.ensure_answers)
            return False
        self._end_hosts_of_0_1()
        for container in stopped:
            container.kill()
        self._boot(stopped, record, progress)
        return True

    def _boot(self, stopped: Sequence[Container], record: Record, progress: Progress) -> None:
        """Boot hosts of which nothing is left; the others must answer, too."""
        self._image.ensure_again(record.base.image, progress)
        self._open_network(record, progress)
        lacks = self._group.limit(self.options.limits(len(self._containers)))
        if lacks:
            names = ", ".join(lacks)
            progress("", _("the kernel cannot limit what a lab uses: {names}", names=names))
        for container in stopped:
            progress(container.host, _("booting"))
            self._mount(record, container)
            container.start()
        others = [each for each in self._containers if each not in stopped]
        on_each(others, Container.ensure_answers)
        on_each(self._containers, Container.wait_ready)

    def _open_network(self, record: Record, progress: Progress) -> None:
        if not self._network.create(self._way_out() if record.net_open else None):
            progress("", self._network.why_unreachable())

    def _way_out(self) -> WayOut:
        return WayOut(
            resolvers=self._resolvers.seen,
            ports=self._apt.outward_ports,
            proxy_port=self._apt.machine_proxy_port,
            real_resolver=self._resolvers.real,
        )

    def _mount(self, record: Record, container: Container) -> None:
        lower = [self._store.upper(layer, container.host) for layer in reversed(record.base.layers)]
        lower += [self._image.path(name) for name in reversed(record.base.image)]
        for path in lower:
            if not path.is_dir():
                raise WrongState(
                    _("a layer of {host} is missing", host=container.host),
                    cause=str(path),
                    hint=commands("labctl destroy", "labctl up"),
                )
        upper = self._store.upper(record.top, container.host)
        users.give(upper)
        mount_overlay(container.root, lower, upper, self._store.work(record.top, container.host))

    def set_net(self, is_open: bool) -> None:
        record = self._record()
        self._store.write(record.model_copy(update={"net_open": is_open}))
        self._network.set_filter(self._way_out() if is_open else None)

    # -- looking and stopping ---------------------------------------------------------------

    def endpoints(self, hosts: Collection[str] | None = None) -> Mapping[str, Endpoint]:
        asked = [each for each in self._containers if hosts is None or each.host in hosts]
        for container in asked:
            if not container.running:
                raise not_running(container.host)
        return {
            container.host: Endpoint(
                host=container.host,
                address=container.address,
                port=22,
                user="root",
                key=self._home.key_file,
                known_hosts=self._home.known_hosts,
                netns=self._network.netns,
            )
            for container in asked
        }

    def login(self, host: str, user: str) -> tuple[str, ...]:
        self._lab.host(host)
        container = next(each for each in self._containers if each.host == host)
        return container.login(user)

    def revision(self) -> str:
        try:
            record = self._store.read()
        except WrongState:
            record = None
        if record is None:
            return ""
        return revision(
            (self._store.upper(record.top, each.host), each.cgroup) for each in self._containers
        )

    def status(self) -> Mapping[str, HostState]:
        return {container.host: self._state(container) for container in self._containers}

    def _state(self, container: Container) -> HostState:
        if container.running:
            return HostState.RUNNING if container.mounted else HostState.BROKEN
        if (self._home.state / "nspawn.json").exists():
            return HostState.STOPPED
        return HostState.ABSENT

    def _end_hosts_of_0_1(self) -> None:
        """End what runs of a lab that labctl 0.1 started: a group for each host, and a bridge."""
        for leftover in cgroups_called(f"labctl-{self._id}-"):
            leftover.kill()

    def halt(self, progress: Progress = silent) -> None:
        for container in self._containers:
            progress(container.host, _("stopping"))
        on_each(self._containers, Container.halt)
        self._group.kill()
        self._network.remove()

    def cut_power(self, hosts: Collection[str]) -> None:
        for container in self._containers:
            if container.host in hosts:
                container.kill()

    def destroy(self, progress: Progress = silent) -> None:
        on_each(self._containers, Container.kill)
        self._group.kill()
        self._end_hosts_of_0_1()
        unmount_below(self._home.state)
        self._network.remove()
        sweep_if_idle(self._home.cache / "images")
        remove_traces(self.traces, self._home)

    # -- checkpoints ------------------------------------------------------------------------

    def save(self, checkpoint: str, origin: str = "up") -> None:
        record = self._record()
        running = [each for each in self._containers if each.running]
        copy = self._store.new_layer(self._names)
        with ExitStack() as frozen:
            for container in running:
                # Before it is frozen: Ctrl-C in between must not leave it so.
                frozen.callback(container.cgroup.thaw)
                container.hold_still()
            for host in self._names:
                self._copy(self._store.upper(record.top, host), self._store.upper(copy, host))
        stack = Stack(image=record.base.image, layers=(*record.base.layers, copy))
        self._store.write(record.with_checkpoint(self._saved(checkpoint, origin, stack)))

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        # cp keeps what overlayfs needs: whiteouts and the trusted.overlay attributes.
        run(["cp", "--archive", "--reflink=auto", f"{source}/.", str(target)])

    def restore(self, checkpoint: str, progress: Progress = silent, keep_as: str = "") -> None:
        record = self._record()
        saved = record.find(checkpoint)
        if saved is None:
            raise unknown_checkpoint(checkpoint, record.names)
        for host in self._names:
            progress(host, _("going back to {name}", name=checkpoint))
        self._end_hosts(saved.stack)
        if keep_as:
            record = record.with_checkpoint(self._saved(keep_as, "reset", record.current))
        top = self._store.new_layer(self._names)
        record = record.model_copy(update={"base": saved.stack, "top": top})
        self._store.write(record)
        self._boot(self._containers, record, progress)

    def _end_hosts(self, target: Stack) -> None:
        """Kill the hosts while the target layers are being verified."""
        verify = partial(self._image.look_at, target.image)
        kills = [partial(Container.kill, each) for each in self._containers]
        on_each([verify, *kills], lambda work: work())

    def checkpoints(self, *, measured: bool = False) -> tuple[CheckpointInfo, ...]:
        record = self._store.read()
        if record is None:
            return ()
        found, earlier = [], set[str]()
        for saved in record.checkpoints:
            # After an undo and another reset, the state before it has several layers of its own.
            own = [layer for layer in saved.stack.layers if layer not in earlier]
            earlier.update(own)
            size = sum(self._store.size(layer) for layer in own) if measured else 0
            found.append(saved.info(size))
        return tuple(found)

    def drop(self, checkpoint: str) -> None:
        self._store.write(self._record().without_checkpoint(checkpoint))

    # -- helpers ----------------------------------------------------------------------------

    def _record(self) -> Record:
        record = self._store.read()
        if record is None:
            raise never_made(self._lab.name)
        return record

    @staticmethod
    def _saved(name: str, origin: str, stack: Stack) -> Saved:
        return Saved(name=name, created=now(), origin=origin, stack=stack)
