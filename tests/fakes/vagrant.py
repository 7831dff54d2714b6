"""Vagrant and a hypervisor in memory, below the real VagrantProvider.

The machines are `FakeHost`s. `Boxes` is what outlives one labctl process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from labctl.endpoint import Endpoint
from labctl.errors import CommandFailed, LabError
from labctl.managed import ManagedFile
from labctl.providers.vagrant.adapter import SshAddress
from labctl.providers.vagrant.meaning import NoBoot, PortTaken
from labctl.providers.vagrant.record import KnownMachine
from tests.fakes.host import FakeHost, FakeRemote, Reply

KEY = "ssh-ed25519 AAAA"


@dataclass
class Boxes:
    """The machines and their faults.

    `refuses` are the calls that fail, `ports_taken` is the number of starts that fail because a
    forwarded port is in use. Such a machine keeps its saved memory. `trouble` are the errors of
    the next starts. After `left` more calls labctl
    is killed, if it is a number.
    """

    hosts: dict[str, FakeHost] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    snapshots: dict[str, dict[str, dict[str, ManagedFile]]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    interrupts: set[str] = field(default_factory=set)
    unregistered: set[str] = field(default_factory=set)
    ports_taken: int = 0
    trouble: list[LabError] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)
    port: int = 2200
    left: int | None = None

    def connect(self, endpoint: Endpoint) -> FakeRemote:
        """Stand in for `Remote`."""
        return FakeRemote(self.hosts[endpoint.host], endpoint)

    def answers(self, machine: KnownMachine) -> bool:
        """Stand in for the probe: whether a machine with that port runs."""
        name = next(name for name in self.hosts if self.address(name).port == machine.port)
        return self.hosts[name].running and machine.host_keys == (f"{KEY}{name}",)

    def called(self, titles: set[str], _folder: Path) -> dict[str, str]:
        """VirtualBox's machines with these names. Here a name is a UUID, too."""
        there = {f"labctl-default-{name}" for name in self.hosts} | self.unregistered
        return {name: name for name in sorted(there & titles)}

    def cut_power(self, uuid: str) -> None:
        name = uuid.rpartition("-")[2]
        self.calls.append(f"controlvm {name} poweroff")
        self.hosts[name].running = False
        self.states[name] = "poweroff"

    def address(self, name: str) -> SshAddress:
        return SshAddress("127.0.0.1", self.port + int(name[-1]), Path("key"))

    def call(self, *words: str) -> None:
        line = " ".join(words)
        self.calls.append(line)
        if self.left is not None:
            self.left -= 1
        if line in self.interrupts or (self.left is not None and self.left < 0):
            raise KeyboardInterrupt
        if any(line.startswith(refused) for refused in self.refuses):
            raise CommandFailed(f"vagrant {line}", 1, "refused\n")


class FakeVagrant:
    """See labctl.providers.vagrant.adapter.Vagrant."""

    boxes: Boxes

    def __init__(self, folder: Path, hypervisor: str, logs: Path) -> None:
        self._folder = folder
        self.hypervisor = hypervisor

    def boot(self, machine: str | None = None, limit: float = 0) -> None:
        self.boxes.call("up", *([machine] if machine else []))
        for name in [machine] if machine else ["host1", "host2"]:
            if name not in self.boxes.hosts:
                host = FakeHost(name, running=False)
                host.says("systemctl", "is-system-running", stdout="running\n")
                # The script that sets the clock and the way out.
                host.otherwise = lambda _ran: Reply()
                self.boxes.hosts[name] = host
                self.boxes.snapshots[name] = {}
                identity = self._folder / ".vagrant" / "machines" / name / self.hypervisor / "id"
                identity.parent.mkdir(parents=True, exist_ok=True)
                identity.write_text(name)
            self._run(name)

    def _run(self, name: str) -> None:
        if self.boxes.ports_taken:
            self.boxes.ports_taken -= 1
            raise PortTaken("a port is in use")
        if self.boxes.trouble:
            raise self.boxes.trouble.pop(0)
        self.boxes.hosts[name].running = True
        self.boxes.states[name] = "running"

    def states(self) -> dict[str, str]:
        self.boxes.call("status")
        made = dict.fromkeys(("host1", "host2"), "not_created")
        return {**made, **self.boxes.states}

    def state(self, machine: str) -> str:
        self.boxes.call("status", machine)
        return self.boxes.states.get(machine, "not_created")

    def ssh_addresses(self) -> dict[str, SshAddress]:
        self.boxes.call("ssh-config")
        if not all(host.running for host in self.boxes.hosts.values()):
            raise NoBoot("a machine did not boot in time", cause="SSHNotReady")
        return {name: self.boxes.address(name) for name in self.boxes.hosts}

    def shell(self, machine: str, script: str, *args: str) -> str:
        self.boxes.call("ssh", machine)
        address = args[1]
        return (
            f"labctl-hostkey {KEY}{machine}\nlabctl-resolver 10.0.2.3\nlabctl-address {address}\n"
        )

    def halt(self, machine: str, force: bool = False) -> None:
        self.boxes.call("halt", machine, *(["--force"] if force else []))
        if machine in self.boxes.hosts:
            self.boxes.hosts[machine].running = False
            self.boxes.states[machine] = "poweroff"

    def destroy(self) -> None:
        self.boxes.call("destroy")
        for identity in self._folder.glob(".vagrant/machines/*/*/id"):
            identity.unlink()
        self.boxes.hosts.clear()
        self.boxes.states.clear()
        self.boxes.snapshots.clear()

    def save_snapshot(self, machine: str, name: str) -> None:
        self.boxes.call("snapshot save", machine, name)
        self.boxes.snapshots[machine][name] = dict(self.boxes.hosts[machine].files)

    def restore_snapshot(self, machine: str, name: str) -> None:
        self.boxes.call("snapshot restore", machine, name)
        self.boxes.hosts[machine].files = dict(self.boxes.snapshots[machine][name])
        self.boxes.hosts[machine].running = False
        self.boxes.states[machine] = "saved"
        self._run(machine)

    def delete_snapshot(self, machine: str, name: str) -> None:
        self.boxes.call("snapshot delete", machine, name)
        del self.boxes.snapshots[machine][name]

    def snapshots(self, machine: str) -> set[str]:
        self.boxes.call("snapshot list", machine)
        return set(self.boxes.snapshots[machine])


def vagrant_in_memory(monkeypatch: pytest.MonkeyPatch) -> Boxes:
    """No machine yet; until the test ends, Vagrant's machines are these."""
    boxes = Boxes()
    provider = "labctl.providers.vagrant.provider"
    monkeypatch.setattr(FakeVagrant, "boxes", boxes, raising=False)
    monkeypatch.setattr(f"{provider}.Vagrant", FakeVagrant)
    monkeypatch.setattr("labctl.providers.vagrant.connections.answers", boxes.answers)
    monkeypatch.setattr(f"{provider}.VagrantProvider.checks", lambda _self: ())
    for module in ("guest", "way_out"):
        monkeypatch.setattr(f"labctl.providers.vagrant.{module}.Remote", boxes.connect)
    virtualbox = "labctl.providers.vagrant.virtualbox"
    monkeypatch.setattr(f"{virtualbox}.machines_called", boxes.called)
    monkeypatch.setattr(f"{virtualbox}.remove_machine", boxes.unregistered.discard)
    monkeypatch.setattr(f"{virtualbox}.cut_power", boxes.cut_power)
    monkeypatch.setattr(f"{virtualbox}.discard_state", boxes.discarded.append)
    monkeypatch.setattr(f"{virtualbox}.make_room", lambda _titles: None)
    # The real libvirt of this machine is none of the tests' business.
    libvirt = "labctl.providers.vagrant.libvirt"
    monkeypatch.setattr(f"{libvirt}.machines_called", lambda _titles, _folder: {})
    monkeypatch.setattr(f"{libvirt}.remove_machine", lambda _name: None)
    monkeypatch.setattr(f"{libvirt}.make_room", lambda _titles: None)
    return boxes
