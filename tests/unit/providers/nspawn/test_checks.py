"""What the nspawn provider says of machines of all kinds."""

from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from stat import ST_UID
from typing import ClassVar

import pytest

from labctl.errors import MachineLacks
from labctl.health import Diagnosis, Verdict
from labctl.lab import load_edition
from labctl.providers.checks import Check, run_checks
from labctl.providers.nspawn import NspawnProvider, checks
from labctl.providers.nspawn.addresses import Used
from labctl.providers.nspawn.network import LabNetwork
from labctl.providers.nspawn.store import Size
from labctl.providers.rootfs import users
from tests.fakes.machine import OtherMachine

# The fixture below replaces it.
count_in_use = checks.inotify_in_use
STATE = Path("/state")
NETWORK = LabNetwork("00000000", load_edition("ubuntu-example").network)
NAMESPACES = {f"/proc/self/ns/{kind}": "" for kind in ("user", "mnt", "net", "pid", "uts", "ipc")}
FILES = {
    **NAMESPACES,
    "/proc/filesystems": "nodev\tproc\nnodev\toverlay\n",
    "/proc/sys/fs/inotify/max_user_instances": "128\n",
}
FIT = OtherMachine(is_root=True, programs=tuple(checks.PROGRAMS), files=FILES)


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else on this machine has inotify instances, ids or addresses of the lab."""
    monkeypatch.setattr(checks, "inotify_in_use", lambda: 20)
    monkeypatch.setattr(users, "ensure_free", lambda: None)
    monkeypatch.setattr(LabNetwork, "rivals", lambda _self: [])
    monkeypatch.setattr(checks, "missing_controllers", lambda: [])


def every_check(hosts: int = 2, size: int = 0) -> tuple[Check, ...]:
    disk = checks.disk_check(lambda: Size(size), 1024**3)
    return checks.checks(STATE, NETWORK, lambda: hosts, disk)


def diagnosed(machine: OtherMachine, code: str, hosts: int = 2) -> Diagnosis:
    every = every_check(hosts)
    return next(each for each in run_checks(every, machine) if each.code == code)


def test_a_machine_that_has_everything() -> None:
    every = every_check()
    assert {each.verdict for each in run_checks(every, FIT)} == {Verdict.OK}
    assert {check.code for check in every if not check.quick} == {
        "kernel-limits",
        "controllers",
        "disk-budget",
    }


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_are_told_only_that_they_are_not_linux(system: str) -> None:
    every = every_check()
    (said,) = run_checks(every, replace(FIT, system=system))
    assert (said.code, said.verdict, said.what) == (
        "linux-root", Verdict.LACKING, "containers need Linux",
    )  # fmt: skip
    assert NspawnProvider.suits(replace(FIT, system=system)) is None


def test_without_root_it_says_how_to_get_it_and_what_cannot_be_known() -> None:
    machine = replace(FIT, is_root=False)
    said = diagnosed(machine, "linux-root")
    assert (said.verdict, str(said.mend)) == (Verdict.LACKING, "sudo labctl up")
    assert diagnosed(machine, "inotify").verdict is Verdict.UNKNOWN
    assert NspawnProvider.suits(machine) is None
    assert NspawnProvider.suits(FIT)


def test_missing_programs_are_told_with_the_command_that_installs_them() -> None:
    said = diagnosed(replace(FIT, programs=("ip", "ssh", "nsenter", "nft")), "programs")
    assert (said.verdict, said.why) == (Verdict.LACKING, "mmdebstrap, systemd-container")
    assert said.mend.commands == (
        ("sudo", "apt-get", "install", "mmdebstrap", "systemd-container"),
    )


@pytest.mark.parametrize(
    ("gone", "what", "mend"),
    [
        *(
            (f"/proc/self/ns/{kind}", f"the kernel has no {kind} namespaces", "boot a kernel")
            for kind in ("user", "mnt", "net", "pid", "uts", "ipc")
        ),
        ("/proc/filesystems", "the kernel has no overlayfs", "sudo modprobe overlay"),
    ],
)
def test_a_kernel_without_namespaces_or_overlayfs(gone: str, what: str, mend: str) -> None:
    files = {name: text for name, text in FILES.items() if name != gone}
    said = diagnosed(replace(FIT, files=files), "kernel")
    assert (said.verdict, said.what) == (Verdict.LACKING, what)
    assert mend in str(said.mend)
    assert said.why


class Loading(OtherMachine):
    """A machine whose kernel has overlayfs once `modprobe overlay` was run."""

    loaded: ClassVar[bool] = False

    def ask(self, *argv: str) -> str:
        Loading.loaded |= argv == ("modprobe", "overlay")
        return ""

    def read(self, path: str) -> str | None:
        if path == "/proc/filesystems" and not self.loaded:
            return "nodev\tproc\n"
        return super().read(path)


def test_overlayfs_is_a_module_that_nobody_has_loaded_yet() -> None:
    Loading.loaded = False
    machine = Loading(is_root=True, programs=tuple(checks.PROGRAMS), files=FILES)
    assert checks.kernel_fits(machine).verdict is Verdict.OK
    assert Loading.loaded


def test_too_little_disk() -> None:
    said = diagnosed(replace(FIT, disk=299 * 1024**2), "disk")
    assert (said.verdict, said.why) == (Verdict.LACKING, f"{STATE}: 299 MiB < 300 MiB")
    assert "XDG_STATE_HOME" in said.mend.text
    said = diagnosed(replace(FIT, disk=300 * 1024**2), "disk")
    assert (said.verdict, said.what) == (Verdict.OK, f"0.3 GiB free in {STATE}")


@pytest.mark.parametrize(
    ("hosts", "verdict"), [(2, Verdict.OK), (9, Verdict.OK), (10, Verdict.LACKING)]
)
def test_inotify_instances_are_counted_for_the_hosts_to_come(hosts: int, verdict: Verdict) -> None:
    said = diagnosed(FIT, "inotify", hosts)
    assert said.verdict is verdict
    if verdict is Verdict.LACKING:
        assert str(said.mend) == "sudo sysctl fs.inotify.max_user_instances=1024"


def test_how_many_inotify_instances_are_in_use_is_told_either_way() -> None:
    told = "fs.inotify.max_user_instances = 128, 20 in use"
    assert diagnosed(FIT, "inotify", hosts=9).what == told
    said = diagnosed(FIT, "inotify", hosts=10)
    assert (said.what, said.why) == ("too few inotify instances; hosts to start: 10", told)


def test_a_lab_that_runs_needs_no_look_at_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "inotify_in_use", None)
    said = diagnosed(FIT, "inotify", hosts=0)
    assert (said.verdict, said.what) == (Verdict.OK, "fs.inotify.max_user_instances = 128")


class Processes:
    """A folder /proc: who owns which process, and what it has open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.owners: dict[int, int] = {}

    def add(self, number: int, owner: int, *opened: str) -> None:
        self.owners[number] = owner
        (self.folder / str(number) / "fd").mkdir(parents=True)
        for place, what in enumerate(opened):
            (self.folder / str(number) / "fd" / str(place)).symlink_to(what)


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Processes:
    """Without root, a test cannot give a folder to somebody else."""
    found = Processes(tmp_path / "proc")
    real = Path.stat

    def stat(path: Path, **how: bool) -> os.stat_result:
        values = list(real(path, **how))
        if path.parent == found.folder:
            values[ST_UID] = found.owners[int(path.name)]
        return os.stat_result(values)

    monkeypatch.setattr(Path, "stat", stat)
    monkeypatch.setattr(checks, "Path", lambda text: tmp_path / text.lstrip("/"))
    return found


@pytest.mark.posix
def test_instances_of_root_and_of_the_hosts_users_count_together(processes: Processes) -> None:
    notify = "anon_inode:inotify"
    processes.add(1, 0, "/dev/null", notify, notify)
    processes.add(20, users.FIRST + 1000, notify, "socket:[1]")
    processes.add(300, 1000, notify)
    processes.add(4000, users.FIRST)
    assert count_in_use() == 3


@pytest.mark.posix
def test_a_process_that_ends_meanwhile_counts_for_nothing(processes: Processes) -> None:
    processes.add(1, 0, "anon_inode:inotify")
    processes.add(20, 0)
    (processes.folder / "20" / "fd").rmdir()
    processes.add(300, 0, "anon_inode:inotify")
    assert count_in_use() == 2


def test_user_ids_of_somebody_else_are_told_by_doctor_and_up_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def taken() -> None:
        raise MachineLacks("in use", cause="eve: 1–2", hint="remove it")

    monkeypatch.setattr(users, "ensure_free", taken)
    said = diagnosed(FIT, "user-ids")
    assert (said.verdict, said.what, said.why) == (Verdict.LACKING, "in use", "eve: 1–2")
    assert str(said.mend) == "remove it"


def test_addresses_in_use_are_a_warning_because_the_lab_runs_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rival = Used("vboxnet0", IPv4Network("192.168.56.0/24"))
    monkeypatch.setattr(LabNetwork, "rivals", lambda _self: [rival])
    said = diagnosed(FIT, "range-free")
    assert (said.verdict, said.why) == (Verdict.WARNING, "vboxnet0: 192.168.56.0/24")
    assert "vboxnet0" in said.what
    assert said.mend.text


def test_free_addresses_are_named() -> None:
    assert diagnosed(FIT, "range-free").what == "192.168.56.0/24 is free"


def test_without_ip_nobody_knows_which_addresses_are_taken() -> None:
    programs = tuple(name for name in checks.PROGRAMS if name != "ip")
    assert diagnosed(replace(FIT, programs=programs), "range-free").verdict is Verdict.UNKNOWN


def test_a_class_is_told_of_the_one_file_that_mends_the_kernels_limits() -> None:
    said = diagnosed(FIT, "kernel-limits", hosts=60)
    assert said.verdict is Verdict.WARNING
    assert said.what == "limits of the kernel are too low for 60 more hosts"
    assert said.why == "fs.inotify.max_user_instances = 128 < 760"
    assert "/etc/sysctl.d/90-labctl.conf" in said.mend.text
    assert "fs.inotify.max_user_instances = 1024" in said.mend.file
    assert said.mend.commands == (("sudo", "sysctl", "--system"),)


def test_too_little_memory_is_a_warning() -> None:
    said = diagnosed(replace(FIT, memory=100 * 1024**2), "kernel-limits")
    assert (said.verdict, said.why) == (Verdict.WARNING, "100 MiB < 112 MiB")
    assert said.what == "there may be too little memory for 2 more hosts"
    assert said.mend.text


@pytest.mark.parametrize("running", [0, 1, 2])
def test_the_doctor_counts_a_whole_lab_even_if_its_hosts_run(running: int) -> None:
    """`labctl destroy` and `up` must work after it said so."""
    said = diagnosed(FIT, "kernel-limits", hosts=2 - running)
    assert said.what == "memory and the kernel's limits suffice for 2 more hosts"


def test_limits_that_the_kernel_cannot_enforce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "missing_controllers", lambda: ["memory"])
    said = diagnosed(FIT, "controllers")
    assert said.verdict is Verdict.WARNING
    assert "memory" in said.what
    assert said.why and said.mend.text


def test_several_limits_that_the_kernel_cannot_enforce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "missing_controllers", lambda: ["memory", "cpu"])
    assert diagnosed(FIT, "controllers").what.endswith(": memory, cpu")


def test_a_lab_within_its_budget_of_disk() -> None:
    (said,) = run_checks([each for each in every_check(size=5) if each.code == "disk-budget"], FIT)
    assert said.verdict is Verdict.OK
    assert said.measured == {"used": 5, "allowed": 1024**3}


def test_a_lab_with_too_many_files_to_measure() -> None:
    check = checks.disk_check(lambda: Size(5 * 1024**2, is_whole=False), 1024**3)
    (said,) = run_checks([check], FIT)
    assert said.verdict is Verdict.WARNING
    assert said.what == "the lab's files are more than 5 MiB"
    assert said.why == "labctl measures 200000 files, and there are more"


def test_a_lab_over_its_budget_of_disk() -> None:
    every = every_check(size=2 * 1024**3)
    (said,) = run_checks([each for each in every if each.code == "disk-budget"], FIT)
    assert (said.code, said.verdict) == ("disk-budget", Verdict.WARNING)
    assert said.what == "the lab's files are 2048 MiB"
    assert said.why == "the lab file allows 1024 MiB"
    assert said.measured == {"used": 2 * 1024**3, "allowed": 1024**3}
    remove = ("labctl", "checkpoints", "--remove", "NAME")
    assert said.mend.commands == (("labctl", "checkpoints"), remove)
