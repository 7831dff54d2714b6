"""The test double's subcommands that create, start and stop machines."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from pathlib import Path

from tests.vagrant.double.guests import guest, kind_of
from tests.vagrant.double.interfaces import internal_bridge
from tests.vagrant.double.registry import DoubleError, Nic, Registry, Store, Vm

# Options without an effect on the guests of the tests.
_NO_EFFECT = (
    "--nictype",
    "--cableconnected",
    "--rtcuseutc",
    "--natdnsproxy",
    "--natdnshostresolver",
)


def import_(store: Store, words: list[str]) -> str:
    if words[0] == "-n":
        return _dry_run(Path(words[1]), store.home)
    ovf, options = Path(words[0]), words[1:]
    name = options[options.index("--vmname") + 1]
    with store.change() as registry:
        vm = _new(store, registry, name, kind_of(ovf.parent))
        guest(vm).fill(ovf.parent)
    return "0%...10%...100%\nOK.\n"


def _dry_run(ovf: Path, home: Path) -> str:
    if not ovf.exists():
        raise DoubleError(f"Could not open '{ovf}'")
    folder = home / "machines" / "test-box"
    return (
        "Virtual system 0:\n"
        ' 0: Suggested OS type: "Debian_64"\n'
        ' 1: Suggested VM name "test-box"\n'
        f' 2: Suggested VM settings file name "{folder}/test-box.vbox"\n'
        f" 7: Hard disk image: source image=box.qcow2, target path={folder}/box.qcow2, "
        "controller=6;channel=0\n"
    )


def clonevm(store: Store, words: list[str]) -> str:
    master_key, options = words[0], words[1:]
    if "--register" not in options or options[-2:] != ["--options", "link"]:
        raise DoubleError(f"the test double only makes linked clones: {options}")
    name = options[options.index("--name") + 1]
    with store.change() as registry:
        master = registry.vm(master_key)
        master.snapshot(options[options.index("--snapshot") + 1])
        vm = _new(store, registry, name, master.kind)
        guest(vm).clone(master)
    return f'Machine has been successfully cloned as "{name}"\n'


def _new(store: Store, registry: Registry, name: str, kind: str) -> Vm:
    key = str(uuid.uuid4())
    folder = store.home / "machines" / key
    folder.mkdir(parents=True)
    # Vagrant removes folders without any file.
    (folder / f"{name}.vbox").write_text("<VirtualBox/>\n")
    vm = Vm(uuid=key, name=name, folder=str(folder), kind=kind)
    vm.settings.nics = {
        number: Nic(kind="nat" if number == "1" else "none", mac=_new_mac())
        for number in map(str, range(1, 9))
    }
    registry.vms[key] = vm
    return vm


def _new_mac() -> str:
    return f"080027{os.urandom(3).hex().upper()}"


def modifyvm(store: Store, words: list[str]) -> str:
    with store.change() as registry:
        vm = registry.vm(words[0])
        ensure_unlocked(vm)
        rest = words[1:]
        while rest:
            used = _modify(registry, vm, rest)
            rest = rest[used:]
    return ""


def _modify(registry: Registry, vm: Vm, words: list[str]) -> int:
    """Apply the first option of `words`. Returns the number of words that it used."""
    option, value = words[0], words[1]
    name = option.rstrip("0123456789")
    number = option[len(name) :]
    if name == "--natpf":
        if value == "delete":
            del vm.forwards[words[2]]
            return 3
        vm.forwards[value.split(",")[0]] = value
    elif name == "--nic":
        vm.nics[number].kind = value
    elif name == "--hostonlyadapter":
        vm.nics[number].adapter = vm.nics[number].bridge = registry.interface(value).name
    elif name == "--host-only-net":
        network = registry.network(value)
        vm.nics[number].adapter, vm.nics[number].bridge = network.name, network.bridge
    elif name == "--intnet":
        vm.nics[number].adapter, vm.nics[number].bridge = value, internal_bridge(value)
    elif name == "--macaddress":
        vm.nics[number].mac = _new_mac() if value == "auto" else value
    elif option == "--name":
        _rename(registry, vm, value)
    elif option == "--memory":
        vm.settings.memory = int(value)
    elif option == "--cpus":
        vm.settings.cpus = int(value)
    elif name not in _NO_EFFECT:
        raise DoubleError(f"unknown option of modifyvm: {option}")
    return 2


def _rename(registry: Registry, vm: Vm, name: str) -> None:
    if any(other.name == name for other in registry.vms.values() if other is not vm):
        raise DoubleError(f"A machine named '{name}' is already registered")
    target = vm.path.with_name(name)
    if target.exists():
        raise DoubleError(
            f"Could not rename the directory '{vm.path}' to '{target}' to save the settings file "
            "(VERR_ALREADY_EXISTS)"
        )
    vm.path.rename(target)
    (target / f"{vm.name}.vbox").rename(target / f"{name}.vbox")
    vm.name, vm.folder = name, str(target)


def startvm(store: Store, words: list[str]) -> str:
    if words[1:] != ["--type", "headless"]:
        raise DoubleError(f"the test double has no screen: {words[1:]}")
    with store.change() as registry:
        vm = registry.vm(words[0])
        ensure_unlocked(vm)
        own = guest(vm)
        if own.running():
            raise DoubleError(f"The machine '{vm.name}' is already locked by a session")
        own.stop()
        own.start(vm.resume_from)
        vm.resume_from, vm.crashed = "", False
    return f'VM "{vm.name}" has been successfully started.\n'


def ensure_unlocked(vm: Vm) -> None:
    """VirtualBox lets go of a machine some time after its power was cut."""
    if time.time() < vm.unlocked_at:
        raise DoubleError(
            f"The machine '{vm.name}' is already locked for a session (or being unlocked)\n"
            "VBoxManage: error: Details: code VBOX_E_INVALID_OBJECT_STATE (0x80bb0007), "
            "component MachineWrap, interface IMachine, callee nsISupports"
        )


def state(vm: Vm) -> str:
    """VirtualBox's word for what the machine does."""
    if guest(vm).running():
        return "gurumeditation" if vm.failed else "paused" if vm.paused else "running"
    died = "aborted-saved" if vm.resume_from else "aborted"
    return died if vm.crashed else "saved" if vm.resume_from else "poweroff"


_SAVED_STATE = "saved-state"


def controlvm(store: Store, words: list[str]) -> str:
    actions = ("poweroff", "pause", "resume", "savestate")
    if len(words) != 2 or words[1] not in actions:
        raise DoubleError(f"unknown controlvm action: {words[1:]}")
    with store.change() as registry:
        vm, action = registry.vm(words[0]), words[1]
        own = guest(vm)
        if not own.running():
            raise DoubleError(f"Machine '{vm.name}' is not currently running")
        if action in ("pause", "resume"):
            vm.paused = action == "pause"
            own.pause(vm.paused)
        else:
            if action == "savestate":
                own.save(_SAVED_STATE)
                vm.resume_from = _SAVED_STATE
            own.stop()
            vm.paused = vm.failed = False
            vm.unlocked_at = time.time() + registry.behaviour.lock_seconds
    return "0%...100%\n"


def discardstate(store: Store, words: list[str]) -> str:
    with store.change() as registry:
        registry.vm(words[0]).resume_from = ""
    return ""


def unregistervm(store: Store, words: list[str]) -> str:
    if words[1:] != ["--delete"]:
        raise DoubleError(f"the test double only unregisters with --delete: {words[1:]}")
    with store.change() as registry:
        vm = registry.vm(words[0])
        ensure_unlocked(vm)
        if guest(vm).running():
            raise DoubleError(f"Cannot unregister the machine '{vm.name}' while it is locked")
        shutil.rmtree(vm.path)
        del registry.vms[vm.uuid]
    return "0%...100%\n"
