"""Containers, mounts and network in memory, below the real NspawnProvider.

The layers are real folders. A host sees their files as overlayfs shows them: the top layer
first, and what it writes goes there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from labctl.endpoint import Endpoint
from labctl.managed import ManagedFile
from labctl.progress import Progress
from labctl.providers.nspawn.container import Container
from labctl.providers.nspawn.resolvers import Resolvers
from labctl.providers.rootfs.recipe import Layer
from tests.fakes.host import FakeHost, FakeRemote

_PROVIDER = "labctl.providers.nspawn.provider"


class Overlay(MutableMapping[str, ManagedFile]):
    """The files of a host: `layers` are folders, the writable one first."""

    def __init__(self, layers: Sequence[Path]) -> None:
        self.layers = layers

    def __getitem__(self, path: str) -> ManagedFile:
        for layer in self.layers:
            file = layer / path.lstrip("/")
            if file.is_file():
                return ManagedFile(**json.loads(file.read_text()))
        raise KeyError(path)

    def __setitem__(self, path: str, file: ManagedFile) -> None:
        target = self.layers[0] / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(asdict(file)))

    def __delitem__(self, path: str) -> None:
        (self.layers[0] / path.lstrip("/")).unlink()

    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError


@dataclass
class Kernel:
    """What the machine has of the labs. `calls` lists what was asked of it, in order."""

    running: set[str] = field(default_factory=set)
    frozen: set[str] = field(default_factory=set)
    mounts: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    built: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    fails: dict[str, BaseException] = field(default_factory=dict)
    withheld: list[str] = field(default_factory=list)
    network: bool = False
    reachable: bool = True
    filters: list[object] = field(default_factory=list)

    def connect(self, endpoint: Endpoint) -> FakeRemote:
        """Stand in for `Remote`."""
        host = FakeHost(endpoint.host, running=endpoint.host in self.running)
        host.files = Overlay(self.mounts[endpoint.host])
        return FakeRemote(host, endpoint)

    def call(self, what: str) -> None:
        self.calls.append(what)
        if what in self.fails:
            raise self.fails[what]

    def kill(self, host: str) -> None:
        self.call(f"kill {host}")
        self.running.discard(host)
        self.frozen.discard(host)
        self.mounts.pop(host, None)

    def start(self, host: str) -> None:
        self.call(f"start {host}")
        assert host in self.mounts, "a container is started on its root"
        assert self.network, "a container is started on its bridge"
        self.running.add(host)

    def hold_still(self, host: str) -> None:
        self.call(f"freeze {host}")
        self.frozen.add(host)

    def thaw(self, host: str) -> None:
        self.frozen.discard(host)


@dataclass(frozen=True)
class _Cgroup:
    kernel: Kernel
    host: str

    def thaw(self) -> None:
        self.kernel.thaw(self.host)

    def kill(self) -> None:
        self.kernel.kill(self.host)

    def init_pid(self) -> int | None:
        return 100 if self.host in self.kernel.running else None

    def services(self) -> list[str]:
        return [f"ssh.service {self.host}"] if self.host in self.kernel.running else []

    def below(self, _name: str) -> _Cgroup:
        return self

    def entering(self, argv: Sequence[str]) -> list[str]:
        return list(argv)


class _Image:
    """Image layers by their titles, made of empty folders."""

    kernel: Kernel

    def __init__(self, folder: Path, *_rest: object) -> None:
        self.folder = folder

    def layers(self, sets: Iterable[str]) -> tuple[Layer, ...]:
        return tuple(Layer(title, "1") for title in ("os", *sets))

    def path(self, name: str) -> Path:
        return self.folder / name

    def ensure(self, layers: tuple[Layer, ...], progress: Progress) -> None:
        for layer in layers:
            if not self.path(layer.name).is_dir():
                self.path(layer.name).mkdir(parents=True)
                self.kernel.built.append(layer.name)
                progress("", f"building {layer.name}")

    def ensure_again(self, names: tuple[str, ...], progress: Progress) -> None:
        self.kernel.call("image " + " ".join(names))

    def look_at(self, names: tuple[str, ...]) -> None:
        self.kernel.call("look " + " ".join(names))


def nspawn_in_memory(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """No lab yet; until the test ends, containers and networks are these."""
    kernel = Kernel()
    monkeypatch.setattr(_Image, "kernel", kernel, raising=False)
    monkeypatch.setattr(f"{_PROVIDER}.Image", _Image)
    _replace_containers(monkeypatch, kernel)
    _replace_network(monkeypatch, kernel)

    def mount(target: Path, lower: Sequence[Path], upper: Path, _work: Path) -> None:
        kernel.call(f"mount {target.name}")
        assert target.name not in kernel.mounts, "a root is mounted once"
        kernel.mounts[target.name] = (upper, *lower)

    monkeypatch.setattr(f"{_PROVIDER}.mount_overlay", mount)
    monkeypatch.setattr(f"{_PROVIDER}.unmount_below", lambda _path: kernel.mounts.clear())
    monkeypatch.setattr(f"{_PROVIDER}.users.give", lambda _path: None)
    monkeypatch.setattr(f"{_PROVIDER}.sweep_if_idle", lambda _path: kernel.call("sweep"))
    monkeypatch.setattr(f"{_PROVIDER}.NspawnProvider.checks", lambda _self: ())
    monkeypatch.setattr(f"{_PROVIDER}.write_identity", _write_identity)
    return kernel


def _write_identity(upper: Path, _lab: object, _host: object, login: str, *_rest: object) -> str:
    (upper / "login").write_text(login)
    return "ssh-ed25519 AAAA\n"


def _replace_containers(monkeypatch: pytest.MonkeyPatch, kernel: Kernel) -> None:
    def halt(container: Container) -> None:
        kernel.call(f"halt {container.host}")
        kernel.kill(container.host)

    methods = {
        "cgroup": property(lambda container: _Cgroup(kernel, container.host)),
        "running": property(lambda container: container.host in kernel.running),
        "mounted": property(lambda container: container.host in kernel.mounts),
        "start": lambda container: kernel.start(container.host),
        "wait_ready": lambda container: kernel.call(f"wait {container.host}"),
        "ensure_answers": lambda container: kernel.call(f"ask {container.host}"),
        "hold_still": lambda container: kernel.hold_still(container.host),
        "kill": lambda container: kernel.kill(container.host),
        "halt": halt,
    }
    for name, method in methods.items():
        monkeypatch.setattr(Container, name, method)
    monkeypatch.setattr(
        f"{_PROVIDER}.cgroups_called",
        lambda _prefix: [_Cgroup(kernel, host) for host in sorted(kernel.lost)],
    )


def _replace_network(monkeypatch: pytest.MonkeyPatch, kernel: Kernel) -> None:
    def create(_network: object, way_out: object) -> bool:
        kernel.call("network")
        kernel.network = True
        kernel.filters.append(way_out)
        return kernel.reachable

    def set_filter(_network: object, way_out: object) -> None:
        if kernel.network:
            kernel.filters.append(way_out)

    def remove(_network: object) -> None:
        kernel.call("no network")
        kernel.network = False

    def limit(_group: object, _limits: object) -> list[str]:
        kernel.call("limit")
        return kernel.withheld

    methods = {
        "create": create,
        "set_filter": set_filter,
        "remove": remove,
        "why_unreachable": lambda _network: "another network has these addresses",
    }
    for name, method in methods.items():
        monkeypatch.setattr(f"{_PROVIDER}.LabNetwork.{name}", method)
    monkeypatch.setattr(f"{_PROVIDER}.LabGroup.limit", limit)
    monkeypatch.setattr(f"{_PROVIDER}.LabGroup.kill", lambda _group: kernel.call("kill the rest"))
    resolvers = Resolvers(seen=("192.0.2.53",), real=None)
    monkeypatch.setattr(f"{_PROVIDER}.resolvers_for", lambda *_args: resolvers)
    monkeypatch.setattr(f"{_PROVIDER}.machine_setup", lambda _mirror, _release: _Apt())


@dataclass(frozen=True)
class _Apt:
    outward_ports: tuple[int, ...] = (80, 443)
    machine_proxy_port: int | None = None
