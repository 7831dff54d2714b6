"""The data of the test double: machines, snapshots and host-only interfaces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock


class DoubleError(Exception):
    """The text that VBoxManage prints after `VBoxManage: error: `."""


@dataclass
class Snapshot:
    """`live`: taken from a running machine, so it includes the memory."""

    uuid: str
    name: str
    parent: str
    live: bool


@dataclass
class Nic:
    kind: str = "none"
    adapter: str = ""
    mac: str = ""


@dataclass
class Vm:
    uuid: str
    name: str
    folder: str
    memory: int = 512
    cpus: int = 1
    nics: dict[str, Nic] = field(default_factory=dict)
    forwards: dict[str, str] = field(default_factory=dict)
    snapshots: list[Snapshot] = field(default_factory=list)
    current: str = ""
    resume_from: str = ""
    pid: int = 0

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
    name: str
    ip: str = ""
    netmask: str = ""


@dataclass
class Registry:
    vms: dict[str, Vm] = field(default_factory=dict)
    interfaces: list[Interface] = field(default_factory=list)

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


class Store:
    """The registry's file below `home`, and its lock."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._file = home / "registry.json"
        self._lock = FileLock(home / "registry.lock")

    def read(self) -> Registry:
        with self._lock:
            return self._load()

    @contextmanager
    def change(self) -> Iterator[Registry]:
        """Load the registry and write it back unless the block raises."""
        with self._lock:
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
        )


def _vm(fields: dict[str, Any]) -> Vm:
    nics = {number: Nic(**nic) for number, nic in fields.pop("nics").items()}
    snapshots = [Snapshot(**snapshot) for snapshot in fields.pop("snapshots")]
    return Vm(nics=nics, snapshots=snapshots, **fields)
