"""A provider whose hosts are in memory. A `World` is what outlives one labctl process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from labctl.endpoint import Endpoint
from labctl.errors import WrongState
from labctl.health import Diagnosis
from labctl.hint import commands
from labctl.home import LabHome
from labctl.lab import Lab, PackageSet
from labctl.machine import Machine
from labctl.managed import ManagedFile
from labctl.progress import Progress, silent
from labctl.providers.base import never_made, remove_traces, unknown_checkpoint
from labctl.providers.checks import Check
from labctl.providers.options import ProviderOptions
from labctl.results import CheckpointInfo, HostState
from labctl.system import DEBIAN_12, System
from tests.fakes.host import FakeHost, FakeRemote

Disk = dict[str, ManagedFile]


@dataclass(frozen=True)
class Kept:
    """A checkpoint: what the disks of all hosts held."""

    info: CheckpointInfo
    disks: Mapping[str, Disk]


@dataclass
class World:
    """The hosts of one lab, its checkpoints, and what is to go wrong.

    `disk` is what the provider says of the lab's files, `lacks` what it says of the machine, if
    anything.
    `done` lists every call and command in order. `set_up` gives a new host its answers.
    """

    hosts: dict[str, FakeHost] = field(default_factory=dict)
    checkpoints: dict[str, Kept] = field(default_factory=dict)
    net_open: bool = True
    disk: Diagnosis | None = None
    lacks: Diagnosis | None = None
    preinstalls: tuple[PackageSet, ...] = ()
    preinstalled: list[PackageSet] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    remotes: list[FakeRemote] = field(default_factory=list)
    set_up: Callable[[FakeHost], None] = lambda _host: None
    _faults: dict[str, BaseException] = field(default_factory=dict)
    _ends_after: int | None = None

    def fail(self, call: str, error: BaseException) -> None:
        """Raise this once, the next time the provider's method of that name is called."""
        self._faults[call] = error

    def end_after(self, calls: int | None) -> None:
        """End labctl as Ctrl-C does after so many more calls and commands."""
        self._ends_after = calls

    def tick(self, what: str) -> None:
        """Note a call or command, or end labctl before it."""
        if self._ends_after is not None:
            if self._ends_after == 0:
                raise KeyboardInterrupt
            self._ends_after -= 1
        self.done.append(what)
        if what in self._faults:
            raise self._faults.pop(what)

    def connect(self, endpoint: Endpoint) -> FakeRemote:
        """Stand in for `Remote`. `remotes` keeps what was made."""
        self.remotes.append(FakeRemote(self.hosts[endpoint.host], endpoint))
        return self.remotes[-1]

    def disks(self) -> dict[str, Disk]:
        """A copy of what is on the hosts' disks now."""
        return {name: dict(host.files) for name, host in self.hosts.items()}


class FakeProvider:
    """See labctl.providers.base.Provider for what each method promises."""

    name: ClassVar[str] = "fake"
    Options: ClassVar[type[ProviderOptions]] = ProviderOptions
    traces: ClassVar[tuple[str, ...]] = ("fake.json",)
    server_option: ClassVar[str] = ""

    def __init__(self, lab: Lab, home: LabHome, world: World) -> None:
        self._lab = lab
        self._home = home
        self._world = world

    @property
    def options(self) -> ProviderOptions:
        return ProviderOptions()

    @property
    def system(self) -> System:
        return DEBIAN_12

    @classmethod
    def suits(cls, machine: Machine) -> str | None:
        return "a test"

    def checks(self) -> tuple[Check, ...]:
        return (Check("machine", self._look_at_machine), self.disk_check())

    def _look_at_machine(self, _machine: Machine) -> Diagnosis | None:
        self._world.tick("look at the machine")
        return self._world.lacks

    def disk_check(self) -> Check:
        return Check("disk-budget", lambda _machine: self._world.disk)

    def create(self, progress: Progress = silent) -> bool:
        self._world.tick("create")
        if "os" in self._world.checkpoints:
            return False
        for host in self._lab.hosts:
            made = FakeHost(host.name, running=False, tick=self._world.tick)
            self._world.set_up(made)
            self._world.hosts[host.name] = made
            self._world.tick(f"make {host.name}")
        self._home.state.mkdir(parents=True, exist_ok=True)
        (self._home.state / "fake.json").touch()
        self._keep("os", "up")
        return True

    def preinstall(self, packages: PackageSet, progress: Progress = silent) -> bool:
        self._world.tick("preinstall")
        self._ensure_made()
        if packages not in self._world.preinstalls or packages in self._world.preinstalled:
            return False
        for host in self._world.hosts.values():
            host.running = False
        self._world.preinstalled.append(packages)
        return True

    def start(self, progress: Progress = silent) -> bool:
        self._world.tick("start")
        self._ensure_made()
        stopped = [host for host in self._world.hosts.values() if not host.running]
        for host in self._world.hosts.values():
            host.frozen = False
        for host in stopped:
            progress(host.name, "booting")
            host.running = True
        return bool(stopped)

    def endpoints(self, hosts: Collection[str] | None = None) -> Mapping[str, Endpoint]:
        asked = {
            host.name: host.address
            for host in self._lab.hosts
            if hosts is None or host.name in hosts
        }
        for name in asked:
            if not self._is_running(name):
                raise WrongState(f"{name} does not run", hint=commands("labctl up"))
        key, known = self._home.key_file, self._home.known_hosts
        return {
            name: Endpoint(name, str(address), 22, "root", key, known)
            for name, address in asked.items()
        }

    def login(self, host: str, user: str) -> tuple[str, ...]:
        if not self._is_running(self._lab.host(host).name):
            raise WrongState(f"{host} does not run", hint=commands("labctl up"))
        return ("sh", "-c", f"stty -echo; echo {user} on {host}; exec cat")

    def revision(self) -> str:
        if not self._world.hosts:
            return ""
        return repr([(each.running, each.files) for each in self._world.hosts.values()])

    def status(self) -> Mapping[str, HostState]:
        return {host.name: self._state(host.name) for host in self._lab.hosts}

    def _state(self, name: str) -> HostState:
        if "os" not in self._world.checkpoints:
            return HostState.ABSENT
        return HostState.RUNNING if self._is_running(name) else HostState.STOPPED

    def halt(self, progress: Progress = silent) -> None:
        self._world.tick("halt")
        for host in self._world.hosts.values():
            progress(host.name, "stopping")
            host.running = False

    def cut_power(self, hosts: Collection[str]) -> None:
        self._world.tick("cut_power")
        for name in hosts:
            self._world.hosts[name].running = False

    def destroy(self, progress: Progress = silent) -> None:
        self._world.tick("destroy")
        self._world.hosts.clear()
        self._world.checkpoints.clear()
        self._world.preinstalled.clear()
        self._world.net_open = True
        remove_traces(self.traces, self._home)

    def save(self, checkpoint: str, origin: str = "up") -> None:
        self._world.tick("save")
        self._ensure_made()
        for host in self._world.hosts.values():
            if host.frozen:
                raise WrongState(f"{host.name} cannot be held still")
        self._keep(checkpoint, origin)

    def restore(self, checkpoint: str, progress: Progress = silent, keep_as: str = "") -> None:
        self._world.tick("restore")
        self._ensure_made()
        found = self._world.checkpoints.get(checkpoint)
        if found is None:
            raise unknown_checkpoint(checkpoint, self._world.checkpoints)
        if keep_as:
            self._keep(keep_as, "reset")
        for name, disk in found.disks.items():
            progress(name, f"going back to {checkpoint}")
            host = self._world.hosts[name]
            host.files = dict(disk)
            host.running, host.frozen = True, False

    def checkpoints(self, *, measured: bool = False) -> tuple[CheckpointInfo, ...]:
        return tuple(kept.info for kept in self._world.checkpoints.values())

    def drop(self, checkpoint: str) -> None:
        self._world.tick("drop")
        self._ensure_made()
        self._world.checkpoints.pop(checkpoint, None)

    def set_net(self, is_open: bool) -> None:
        self._world.tick("set_net")
        self._ensure_made()
        self._world.net_open = is_open

    def upstream_resolvers(self) -> tuple[str, ...]:
        return ("192.0.2.53",)

    def folders(self) -> Mapping[str, Path]:
        return {}

    def _is_running(self, name: str) -> bool:
        return name in self._world.hosts and self._world.hosts[name].running

    def _ensure_made(self) -> None:
        if "os" not in self._world.checkpoints:
            raise never_made(self._lab.name)

    def _keep(self, name: str, origin: str) -> None:
        info = CheckpointInfo(name, "2026-01-01T00:00:00+00:00", 0, origin)
        # The newest is the last, also one that replaces another.
        self._world.checkpoints.pop(name, None)
        self._world.checkpoints[name] = Kept(info, self._world.disks())
