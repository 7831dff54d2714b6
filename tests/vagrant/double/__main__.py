"""The program `VBoxManage` on the tests' PATH. Its home is the folder VBOX_DOUBLE_HOME."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.vagrant.double import interfaces, machines, snapshots
from tests.vagrant.double.registry import DoubleError, Store


def _list(store: Store, words: list[str]) -> str:
    what = words[0]
    if what == "vms":
        vms = store.read().vms.values()
        return "".join(f'"{vm.name}" {{{vm.uuid}}}\n' for vm in vms)
    if what == "hostonlyifs":
        return interfaces.listing(store)
    if what == "hostonlynets":
        return interfaces.network_listing(store)
    if what == "dhcpservers":
        return interfaces.dhcp_listing(store)
    if what == "systemproperties":
        return f"Default machine folder:          {store.home}/machines\n"
    if what == "bridgedifs":
        # The tests' network namespace has no card to bridge.
        return ""
    raise DoubleError(f"unknown list: {what}")


# How showvminfo calls what a card of each kind is plugged into.
_ADAPTER = {"hostonly": "hostonlyadapter", "hostonlynet": "hostonly-network", "intnet": "intnet"}


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
        f'VMState="{machines.state(vm)}"',
    ]
    for number, nic in sorted(vm.nics.items()):
        if nic.kind in _ADAPTER:
            lines.append(f'{_ADAPTER[nic.kind]}{number}="{nic.adapter}"')
        if nic.kind != "none":
            lines.append(f'macaddress{number}="{nic.mac}"')
        kind = "hostonlynetwork" if nic.kind == "hostonlynet" else nic.kind
        lines.append(f'nic{number}="{kind}"')
        if number == "1":
            rules = enumerate(vm.forwards.values())
            lines += [f'Forwarding({at})="{rule}"' for at, rule in rules]
    return "\n".join(lines) + "\n"


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
    "hostonlynet": interfaces.hostonlynet,
    "guestproperty": _guestproperty,
}


def main(words: list[str]) -> int:
    store = Store(Path(os.environ["VBOX_DOUBLE_HOME"]))
    behaviour = store.read().behaviour
    if words == ["--version"]:
        sys.stdout.write(f"{behaviour.warning}{behaviour.version}\n")
        return 0
    with (store.home / "calls.log").open("a", encoding="utf-8") as log:
        log.write(" ".join(words) + "\n")
    try:
        for begin, error in behaviour.fail.items():
            if " ".join(words).startswith(begin):
                raise DoubleError(error)
        if not words or words[0] not in COMMANDS:
            raise DoubleError(f"Invalid command '{' '.join(words[:1])}'")
        sys.stdout.write(COMMANDS[words[0]](store, words[1:]))
    except (DoubleError, IndexError, KeyError, ValueError) as error:
        sys.stderr.write(f"VBoxManage: error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
