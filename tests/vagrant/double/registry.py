"""The data of the test double: machines, snapshots and host-only interfaces."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# A release that Debian 12's Vagrant accepts.
VERSION, VERSION_VARIABLE = "7.0.20r163906", "VBOX_DOUBLE_VERSION"


class DoubleError(Exception):
    """The text that VBoxManage prints after `VBoxManage: error: `."""


@dataclass
class Nic:
    """A network card; `bridge` is the interface of this machine that it is plugged into."""

    kind: str = "none"
    adapter: str = ""
    mac: str = ""
    bridge: str = ""


@dataclass
class Settings:
    """What `modifyvm` sets and a snapshot brings back."""

    memory: int = 512
    cpus: int = 1
    nics: dict[str, Nic] = field(default_factory=dict)
    forwards: dict[str, str] = field(default_factory=dict)


@dataclass
class Snapshot:
    """`live`: taken from a running machine, so it includes the memory."""

    uuid: str
    name: str
    parent: str
    live: bool
    settings: Settings


@dataclass
class Vm:
    """A machine. `crashed`: its process vanished without the machine being switched off.

    `failed`: its virtual processor stopped at an error of VirtualBox.
    """

    uuid: str
    name: str
    folder: str
    kind: str
    backing: str = ""
    settings: Settings = field(default_factory=Settings)
    snapshots: list[Snapshot] = field(default_factory=list)
    current: str = ""
    resume_from: str = ""
    pid: int = 0
    paused: bool = False
    crashed: bool = False
    failed: bool = False
    unlocked_at: float = 0.0

    @property
    def memory(self) -> int:
        return self.settings.memory

    @property
    def cpus(self) -> int:
        return self.settings.cpus

    @property
    def nics(self) -> dict[str, Nic]:
        return self.settings.nics

    @property
    def forwards(self) -> dict[str, str]:
        return self.settings.forwards

    def wire(self) -> str:
        """The bridge that the second card is plugged into, or ""."""
        nic = self.nics.get("2")
        return nic.bridge if nic is not None and nic.kind != "none" else ""

    @property
    def path(self) -> Path:
        return Path(self.folder)

    @property
    def disk(self) -> Path:
        return self.path / "disk.qcow2"

    def snapshot(self, key: str) -> Snapshot:
        for snapshot in self.snapshots:
            if key in (snapshot.name, snapshot.uuid):
                return snapshot
        raise DoubleError(f"Could not find a snapshot named '{key}'")


@dataclass
class Interface:
    """A host-only interface; `dhcp` says whether VirtualBox's factory DHCP server serves it."""

    name: str
    ip: str = ""
    netmask: str = ""
    dhcp: bool = False


@dataclass
class Network:
    """A host-only network of VirtualBox 7 on macOS."""

    name: str
    netmask: str
    lower: str
    upper: str
    bridge: str


@dataclass
class Behaviour:
    """What a test may choose: which VirtualBox this is, and how it misbehaves.

    The version is that of VBOX_DOUBLE_VERSION, for a whole run of tests with a newer Vagrant.

    `lock_seconds`: how long a machine stays locked after its power was cut. `warning`: text
    that `--version` prints first. `fail`: subcommand to the error that it ends with.
    """

    version: str = field(default_factory=lambda: os.environ.get(VERSION_VARIABLE, VERSION))
    warning: str = ""
    lock_seconds: float = 0.5
    fail: dict[str, str] = field(default_factory=dict)


@dataclass
class Registry:
    vms: dict[str, Vm] = field(default_factory=dict)
    interfaces: list[Interface] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)
    behaviour: Behaviour = field(default_factory=Behaviour)

    def vm(self, key: str) -> Vm:
        """The machine with that name or UUID."""
        for vm in self.vms.values():
            if key in (vm.uuid, vm.name):
                return vm
        raise DoubleError(
            f"Could not find a registered machine named '{key}'\n"
            "VBoxManage: error: Details: code VBOX_E_OBJECT_NOT_FOUND (0x80bb0001), "
            "component VirtualBoxWrap, interface IVirtualBox, callee nsISupports"
        )

    def interface(self, name: str) -> Interface:
        for interface in self.interfaces:
            if interface.name == name:
                return interface
        raise DoubleError(f"The host network interface named '{name}' could not be found")

    def network(self, name: str) -> Network:
        for network in self.networks:
            if network.name == name:
                return network
        raise DoubleError(f"Failed to find host-only network '{name}'")


class Store:
    """The registry's file below `home`, and its lock."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._file = home / "registry.json"

    def read(self) -> Registry:
        with self._locked():
            return self._load()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.home / "registry.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def change(self) -> Iterator[Registry]:
        """Load the registry and write it back unless the block raises."""
        with self._locked():
            registry = self._load()
            yield registry
            temporary = self._file.with_suffix(".new")
            temporary.write_text(json.dumps(asdict(registry), indent=1), encoding="utf-8")
            temporary.replace(self._file)

    def _load(self) -> Registry:
        if not self._file.exists():
            return Registry()
        data: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        return Registry(
            vms={uuid: _vm(fields) for uuid, fields in data["vms"].items()},
            interfaces=[Interface(**fields) for fields in data["interfaces"]],
            networks=[Network(**fields) for fields in data["networks"]],
            behaviour=Behaviour(**data["behaviour"]),
        )


def _vm(fields: dict[str, Any]) -> Vm:
    settings = _settings(fields.pop("settings"))
    snapshots = [
        Snapshot(settings=_settings(each.pop("settings")), **each)
        for each in fields.pop("snapshots")
    ]
    return Vm(settings=settings, snapshots=snapshots, **fields)


def _settings(fields: dict[str, Any]) -> Settings:
    nics = {number: Nic(**nic) for number, nic in fields.pop("nics").items()}
    return Settings(nics=nics, **fields)
