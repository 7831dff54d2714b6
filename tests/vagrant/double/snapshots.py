"""The test double's `snapshot` subcommand."""

from __future__ import annotations

import copy
import uuid

from tests.vagrant.double.guests import guest
from tests.vagrant.double.machines import ensure_unlocked
from tests.vagrant.double.registry import DoubleError, Snapshot, Store, Vm


def snapshot(store: Store, words: list[str]) -> str:
    machine, action, rest = words[0], words[1], words[2:]
    if action == "list":
        if rest != ["--machinereadable"]:
            raise DoubleError("the test double lists snapshots with --machinereadable only")
        return _list(store.read().vm(machine))
    actions = {"take": _take, "restore": _restore, "delete": _delete}
    if action not in actions:
        raise DoubleError(f"unknown snapshot action: {action}")
    with store.change() as registry:
        return actions[action](registry.vm(machine), rest[0])


def _list(vm: Vm) -> str:
    if not vm.snapshots:
        # VBoxManage prints this on stdout and ends with status 1.
        raise DoubleError("This machine does not have any snapshots")
    lines = []
    for number, each in enumerate(vm.snapshots):
        suffix = "" if number == 0 else f"-{number}"
        lines += [f'SnapshotName{suffix}="{each.name}"', f'SnapshotUUID{suffix}="{each.uuid}"']
    return "\n".join([*lines, f'CurrentSnapshotUUID="{vm.current}"']) + "\n"


def _take(vm: Vm, name: str) -> str:
    own = guest(vm)
    settings = copy.deepcopy(vm.settings)
    taken = Snapshot(str(uuid.uuid4()), name, vm.current, own.running(), settings)
    own.save(taken.uuid)
    vm.snapshots.append(taken)
    vm.current = taken.uuid
    return f"0%...100%\nSnapshot taken. UUID: {taken.uuid}\n"


def _restore(vm: Vm, key: str) -> str:
    wanted = vm.snapshot(key)
    ensure_unlocked(vm)
    if guest(vm).running():
        raise DoubleError(f"The machine '{vm.name}' is already locked by a session")
    guest(vm).restore(wanted.uuid)
    vm.resume_from = wanted.uuid if wanted.live else ""
    # The forwarded ports and all other settings come back with the disk.
    vm.settings = copy.deepcopy(wanted.settings)
    vm.current = wanted.uuid
    vm.crashed = False
    return f"Restoring snapshot '{wanted.name}' ({wanted.uuid})\n0%...100%\n"


def _delete(vm: Vm, key: str) -> str:
    wanted = vm.snapshot(key)
    children = [each for each in vm.snapshots if each.parent == wanted.uuid]
    if len(children) > 1:
        raise DoubleError(
            f"Snapshot '{wanted.name}' of the machine '{vm.name}' cannot be deleted, "
            f"because it has {len(children)} child snapshots"
        )
    guest(vm).forget(wanted.uuid)
    for child in children:
        child.parent = wanted.parent
    if vm.current == wanted.uuid:
        vm.current = wanted.parent
    vm.snapshots.remove(wanted)
    return "0%...100%\n"
