"""Start, stop and save a machine of the test double with QEMU."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.vagrant.double.registry import DoubleError, Vm

CMDLINE = "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off"
# The box contains one disk image and its guest kernel. Linked clones use those of their master.
KERNEL, INITRD, DISK = "vmlinuz", "initrd", "box.qcow2"


class Qemu:
    """See tests.vagrant.double.guests.Guest."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm

    def fill(self, box: Path) -> None:
        self._make(box / DISK, box)

    def clone(self, master: Vm) -> None:
        self._make(master.disk, (master.path / KERNEL).readlink().parent)

    def _make(self, backing: Path, box: Path) -> None:
        self._vm.backing = str(backing)
        image("create", "-f", "qcow2", "-b", str(backing), "-F", "qcow2", str(self._vm.disk))
        for part in (KERNEL, INITRD):
            (self._vm.path / part).symlink_to(box / part)

    def running(self) -> bool:
        try:
            return self._vm.uuid.encode() in Path(f"/proc/{self._vm.pid}/cmdline").read_bytes()
        except OSError:
            return False

    def start(self, resume_from: str) -> None:
        vm = self._vm
        (vm.path / "qmp").unlink(missing_ok=True)
        with (vm.path / "qemu.log").open("wb") as log:
            process = subprocess.Popen(
                _command(vm, resume_from),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        vm.pid = process.pid
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if process.poll() is not None:
                said = (vm.path / "qemu.log").read_text(errors="replace")
                raise DoubleError(f"The virtual machine '{vm.name}' has terminated: {said}")
            try:
                Monitor(vm).close()
                return
            except OSError:
                time.sleep(0.05)
        raise DoubleError(f"The virtual machine '{vm.name}' does not start")

    def stop(self) -> None:
        if self.running():
            os.kill(self._vm.pid, signal.SIGKILL)
        while self.running():
            time.sleep(0.02)
        self._vm.pid = 0

    def pause(self, on: bool) -> None:
        monitor(self._vm, "stop" if on else "cont")

    def save(self, key: str) -> None:
        if self.running():
            monitor(self._vm, f"savevm {key}")
        else:
            image("snapshot", "-c", key, str(self._vm.disk))

    def restore(self, key: str) -> None:
        image("snapshot", "-a", key, str(self._vm.disk))

    def forget(self, key: str) -> None:
        if self.running():
            monitor(self._vm, f"delvm {key}")
        else:
            image("snapshot", "-d", key, str(self._vm.disk))


def image(*words: str) -> None:
    done = subprocess.run(["qemu-img", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DoubleError(f"qemu-img: {done.stderr.strip()}")


def _command(vm: Vm, resume_from: str) -> list[str]:
    nat, lab, wire = vm.nics["1"], vm.nics.get("2"), vm.wire()
    words = [
        "qemu-system-x86_64",
        *("-uuid", vm.uuid, "-machine", "pc", "-accel", "tcg,tb-size=128", "-cpu", "qemu64"),
        *("-m", str(vm.memory), "-smp", str(vm.cpus), "-display", "none"),
        *(
            "-serial",
            f"file:{vm.path / 'console.log'}",
            "-qmp",
            f"unix:{vm.path}/qmp,server,nowait",
        ),
        *("-kernel", str(vm.path / KERNEL), "-initrd", str(vm.path / INITRD), "-append", CMDLINE),
        *("-drive", f"file={vm.disk},if=virtio,cache=unsafe", "-device", "virtio-rng-pci"),
        *("-netdev", "user,id=nat" + "".join(_forward(rule) for rule in vm.forwards.values())),
        *("-device", f"virtio-net-pci,netdev=nat,mac={_mac(nat.mac)}"),
    ]
    if lab is not None and wire:
        script = _bridge_script(vm, wire)
        words += [
            *("-netdev", f"tap,id=lab,script={script},downscript=no"),
            *("-device", f"virtio-net-pci,netdev=lab,mac={_mac(lab.mac)}"),
        ]
    if resume_from:
        words += ["-loadvm", resume_from]
    return words


def _forward(rule: str) -> str:
    """VirtualBox's `ssh,tcp,127.0.0.1,2222,,22` in QEMU's syntax."""
    _name, protocol, address, port, _guest, guest_port = rule.split(",")
    return f",hostfwd={protocol}:{address}:{port}-:{guest_port}"


def _bridge_script(vm: Vm, bridge: str) -> Path:
    script = vm.path / "ifup"
    script.write_text(f'#!/bin/sh\nexec ip link set dev "$1" master {bridge} up\n')
    script.chmod(0o755)
    return script


def _mac(digits: str) -> str:
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2)).lower()


class Monitor:
    """QEMU's control socket. Raises OSError if the machine does not listen (yet)."""

    def __init__(self, vm: Vm) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(300)
        self._socket.connect(str(vm.path / "qmp"))
        self._stream = self._socket.makefile("rwb")
        self._stream.readline()
        self._ask("qmp_capabilities")

    def human(self, line: str) -> str:
        """The answer to a command of the human monitor. It is empty on success."""
        return str(self._ask("human-monitor-command", **{"command-line": line}))

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def _ask(self, command: str, **arguments: Any) -> Any:
        request = {"execute": command, "arguments": arguments}
        self._stream.write(json.dumps(request).encode() + b"\n")
        self._stream.flush()
        while line := self._stream.readline():
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise DoubleError(str(answer["error"]))
        raise OSError("QEMU closed its control socket")


def monitor(vm: Vm, line: str) -> None:
    """Send a command to the running machine. Raises DoubleError if it returns an answer."""
    control = Monitor(vm)
    try:
        if said := control.human(line).strip():
            raise DoubleError(said)
    finally:
        control.close()
