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
KERNEL, INITRD = "vmlinuz", "initrd"


def make_disk(disk: Path, backing: Path) -> None:
    image("create", "-f", "qcow2", "-b", str(backing), "-F", "qcow2", str(disk))


def image(*words: str) -> None:
    done = subprocess.run(["qemu-img", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DoubleError(f"qemu-img: {done.stderr.strip()}")


def running(vm: Vm) -> bool:
    """Whether the machine's process runs, and not another process with the same id."""
    try:
        return vm.uuid.encode() in Path(f"/proc/{vm.pid}/cmdline").read_bytes()
    except OSError:
        return False


def start(vm: Vm) -> None:
    """Start the machine, from its saved memory if a snapshot was restored. Sets its pid."""
    (vm.path / "qmp").unlink(missing_ok=True)
    with (vm.path / "qemu.log").open("wb") as log:
        process = subprocess.Popen(
            _command(vm),
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


def _command(vm: Vm) -> list[str]:
    nat, hostonly = vm.nics["1"], vm.nics.get("2")
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
    if hostonly is not None and hostonly.kind == "hostonly":
        words += [
            *("-netdev", f"tap,id=hostonly,script={_bridge_script(vm, hostonly.adapter)}"),
            *("-device", f"virtio-net-pci,netdev=hostonly,mac={_mac(hostonly.mac)}"),
        ]
        words[-3] += ",downscript=no"
    if vm.resume_from:
        words += ["-loadvm", vm.resume_from]
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


def stop(vm: Vm) -> None:
    """End the machine at once."""
    if running(vm):
        os.kill(vm.pid, signal.SIGKILL)
    while running(vm):
        time.sleep(0.02)
    vm.pid = 0


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
