"""The program `VBoxManage` on the tests' PATH. Its home is the folder VBOX_DOUBLE_HOME."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.vagrant.double import interfaces, machines, qemu, snapshots
from tests.vagrant.double.registry import DoubleError, Store, Vm

# A release that Debian's Vagrant accepts.
VERSION = "7.0.20r163906"


def _list(store: Store, words: list[str]) -> str:
    what = words[0]
    if what == "vms":
        vms = store.read().vms.values()
        return "".join(f'"{vm.name}" {{{vm.uuid}}}\n' for vm in vms)
    if what == "hostonlyifs":
        return interfaces.listing(store)
    if what == "systemproperties":
        return f"Default machine folder:          {store.home}/machines\n"
    if what in ("bridgedifs", "dhcpservers"):
        # The tests' network namespace has no card to bridge and no DHCP server.
        return ""
    raise DoubleError(f"unknown list: {what}")


def _showvminfo(store: Store, words: list[str]) -> str:
    # Without the option, Vagrant uses only the exit status: whether the machine exists.
    if words[1:] not in ([], ["--machinereadable"]):
        raise DoubleError(f"unknown options of showvminfo: {words[1:]}")
    vm = store.read().vm(words[0])
    lines = [
        f'name="{vm.name}"',
        f'UUID="{vm.uuid}"',
        f'CfgFile="{vm.path}/{vm.name}.vbox"',
        f"memory={vm.memory}",
        f"cpus={vm.cpus}",
        f'VMState="{_state(vm)}"',
    ]
    for number, nic in sorted(vm.nics.items()):
        if nic.kind == "hostonly":
            lines.append(f'hostonlyadapter{number}="{nic.adapter}"')
        if nic.kind != "none":
            lines.append(f'macaddress{number}="{nic.mac}"')
        lines.append(f'nic{number}="{nic.kind}"')
        if number == "1":
            rules = enumerate(vm.forwards.values())
            lines += [f'Forwarding({at})="{rule}"' for at, rule in rules]
    return "\n".join(lines) + "\n"


def _state(vm: Vm) -> str:
    if qemu.running(vm):
        return "running"
    return "saved" if vm.resume_from else "poweroff"


def _guestproperty(_store: Store, words: list[str]) -> str:
    if words[0] != "get":
        raise DoubleError(f"unknown guestproperty action: {words[0]}")
    return "No value set!\n"


COMMANDS: dict[str, Callable[[Store, list[str]], str]] = {
    "list": _list,
    "showvminfo": _showvminfo,
    "import": machines.import_,
    "clonevm": machines.clonevm,
    "modifyvm": machines.modifyvm,
    "startvm": machines.startvm,
    "controlvm": machines.controlvm,
    "discardstate": machines.discardstate,
    "unregistervm": machines.unregistervm,
    "snapshot": snapshots.snapshot,
    "hostonlyif": interfaces.hostonlyif,
    "guestproperty": _guestproperty,
}


def main(words: list[str]) -> int:
    if words == ["--version"]:
        sys.stdout.write(f"{VERSION}\n")
        return 0
    store = Store(Path(os.environ["VBOX_DOUBLE_HOME"]))
    with (store.home / "calls.log").open("a", encoding="utf-8") as log:
        log.write(" ".join(words) + "\n")
    try:
        if not words or words[0] not in COMMANDS:
            raise DoubleError(f"Invalid command '{' '.join(words[:1])}'")
        sys.stdout.write(COMMANDS[words[0]](store, words[1:]))
    except (DoubleError, IndexError, KeyError, ValueError) as error:
        sys.stderr.write(f"VBoxManage: error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
