"""The test double's subcommands that create, start and stop machines."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from tests.vagrant.double import qemu
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
        vm = _new(store, registry, name, ovf.parent / "box.qcow2")
        for part in (qemu.KERNEL, qemu.INITRD):
            (vm.path / part).symlink_to(ovf.parent / part)
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
        vm = _new(store, registry, name, master.disk)
        for part in (qemu.KERNEL, qemu.INITRD):
            (vm.path / part).symlink_to((master.path / part).readlink())
    return f'Machine has been successfully cloned as "{name}"\n'


def _new(store: Store, registry: Registry, name: str, backing: Path) -> Vm:
    key = str(uuid.uuid4())
    folder = store.home / "machines" / key
    folder.mkdir(parents=True)
    vm = Vm(uuid=key, name=name, folder=str(folder))
    vm.nics = {
        number: Nic(kind="nat" if number == "1" else "none", mac=_new_mac())
        for number in map(str, range(1, 9))
    }
    qemu.make_disk(vm.disk, backing)
    registry.vms[key] = vm
    return vm


def _new_mac() -> str:
    return f"080027{os.urandom(3).hex().upper()}"


def modifyvm(store: Store, words: list[str]) -> str:
    with store.change() as registry:
        vm = registry.vm(words[0])
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
        vm.nics[number].adapter = registry.interface(value).name
    elif name == "--macaddress":
        vm.nics[number].mac = _new_mac() if value == "auto" else value
    elif option == "--name":
        _rename(registry, vm, value)
    elif option == "--memory":
        vm.memory = int(value)
    elif option == "--cpus":
        vm.cpus = int(value)
    elif name not in _NO_EFFECT:
        raise DoubleError(f"unknown option of modifyvm: {option}")
    return 2


def _rename(registry: Registry, vm: Vm, name: str) -> None:
    if any(other.name == name for other in registry.vms.values() if other is not vm):
        raise DoubleError(f"VERR_ALREADY_EXISTS: there is a machine named '{name}'")
    vm.name = name


def startvm(store: Store, words: list[str]) -> str:
    if words[1:] != ["--type", "headless"]:
        raise DoubleError(f"the test double has no screen: {words[1:]}")
    with store.change() as registry:
        vm = registry.vm(words[0])
        if qemu.running(vm):
            raise DoubleError(f"The machine '{vm.name}' is already locked by a session")
        qemu.start(vm)
        vm.resume_from = ""
    return f'VM "{vm.name}" has been successfully started.\n'


def controlvm(store: Store, words: list[str]) -> str:
    if words[1:] != ["poweroff"]:
        raise DoubleError(f"unknown controlvm action: {words[1:]}")
    with store.change() as registry:
        vm = registry.vm(words[0])
        if not qemu.running(vm):
            raise DoubleError(f"Machine '{vm.name}' is not currently running")
        qemu.stop(vm)
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
        if qemu.running(vm):
            raise DoubleError(f"Cannot unregister the machine '{vm.name}' while it is locked")
        shutil.rmtree(vm.path)
        del registry.vms[vm.uuid]
    return "0%...100%\n"
