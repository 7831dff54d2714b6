"""Control groups over a folder: the test plays the kernel's part in its files (cgroups(7))."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.errors import LabError
from labctl.providers.nspawn.lab_limits import LabGroup, Limits, lab_id_of, missing_controllers
from labctl.providers.rootfs import cgroup
from labctl.providers.rootfs.cgroup import Cgroup, Hierarchies, cgroups_called, parse_hierarchies
from labctl.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containers are Linux's")

HYBRID = """\
24 30 0:22 / /proc rw,nosuid - proc proc rw
31 23 0:27 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
32 23 0:28 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,xattr,name=systemd
33 23 0:29 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory
34 23 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
"""


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hierarchies:
    """A hybrid machine: processes are counted in `pids` of version 2, memory in version 1."""
    found = Hierarchies(tmp_path / "unified", tmp_path / "systemd", {"memory": tmp_path / "memory"})
    found.unified.mkdir()
    for module in ("rootfs.cgroup", "nspawn.lab_limits"):
        monkeypatch.setattr(f"labctl.providers.{module}.hierarchies", lambda: found)
    return found


def events(group: Path, *, populated: int, frozen: int = 0) -> None:
    """What the kernel says of a group."""
    group.mkdir(parents=True, exist_ok=True)
    (group / "cgroup.events").write_text(f"populated {populated}\nfrozen {frozen}\n")


def test_the_hierarchies_are_where_the_machine_mounted_them() -> None:
    found = parse_hierarchies(HYBRID)
    assert found.unified == Path("/sys/fs/cgroup/unified")
    assert found.named == Path("/sys/fs/cgroup/systemd")
    assert found.controllers["memory"] == Path("/sys/fs/cgroup/memory")
    assert found.controllers["cpu"] == Path("/sys/fs/cgroup/cpu,cpuacct")


def test_a_machine_with_one_hierarchy_has_no_other() -> None:
    line = "31 23 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    assert parse_hierarchies(line) == Hierarchies(Path("/sys/fs/cgroup"), None)


def test_a_command_enters_every_hierarchy_before_it_runs(mounted: Hierarchies) -> None:
    memory = mounted.controllers["memory"] / "labctl-1"
    group = Cgroup("labctl-1/host1", (memory / "host1",)).below("keeper")
    done = subprocess.run(
        group.entering(["echo", "two words", "--"]), capture_output=True, text=True, check=True
    )
    assert done.stdout == "two words --\n"
    assert mounted.named is not None
    folders = [mounted.unified / "labctl-1", mounted.named / "labctl-1", memory]
    for folder in folders:
        assert (folder / "host1" / "keeper" / "cgroup.procs").read_text() == "0\n"


def test_a_group_is_populated_if_the_kernel_says_so(mounted: Hierarchies) -> None:
    group = Cgroup("labctl-1")
    assert not group.populated()
    events(mounted.unified / "labctl-1", populated=0)
    assert not group.populated()
    events(mounted.unified / "labctl-1", populated=1)
    assert group.populated()
    assert LabGroup("1").populated()
    assert [each.name for each in cgroups_called("labctl-")] == ["labctl-1"]
    assert cgroups_called("other-") == []


def test_processes_below_a_group_are_its_own(mounted: Hierarchies) -> None:
    (mounted.unified / "labctl-1" / "host1").mkdir(parents=True)
    (mounted.unified / "labctl-1" / "cgroup.procs").write_text("11\n12\n")
    (mounted.unified / "labctl-1" / "host1" / "cgroup.procs").write_text(f"{os.getpid()}\n")
    assert Cgroup("labctl-1").pids() == [11, 12, os.getpid()]
    # This process is in no container.
    assert Cgroup("labctl-1").init_pid() is None


def test_a_first_process_that_is_just_moving_is_looked_for_again(
    mounted: Hierarchies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd moves to a group of its own, which is not yet among those that are being read."""
    events(mounted.unified / "labctl-1", populated=1)
    looks = iter([[], [77]])
    monkeypatch.setattr(Cgroup, "pids", lambda _group: next(looks))
    monkeypatch.setattr(cgroup, "_is_first", lambda pid: pid == 77)
    assert Cgroup("labctl-1").init_pid() == 77


def test_a_group_without_a_first_process_has_none_however_often_one_looks(
    mounted: Hierarchies, monkeypatch: pytest.MonkeyPatch
) -> None:
    events(mounted.unified / "labctl-1", populated=1)
    monkeypatch.setattr(Cgroup, "pids", lambda _group: [os.getpid()])
    assert Cgroup("labctl-1").init_pid() is None


def test_what_a_process_does_is_told_by_its_name_and_state(mounted: Hierarchies) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        group = mounted.unified / "labctl-1"
        group.mkdir()
        # Process 0 does not exist.
        (group / "cgroup.procs").write_text(f"0\n{sleeper.pid}\n")
        try:
            # A child has its parent's name until the kernel has loaded its program.
            assert wait_until(5, lambda: "sleep" in Path(f"/proc/{sleeper.pid}/comm").read_text())
            (told,) = Cgroup("labctl-1").doing()
            assert told.split()[:2] in (["sleep", "S"], ["sleep", "R"])
        finally:
            sleeper.kill()


@pytest.mark.parametrize(
    ("populated", "frozen", "done"), [(1, 1, True), (0, 0, False), (0, 1, False)]
)
def test_a_group_is_frozen_if_processes_of_it_stand_still(
    mounted: Hierarchies, populated: int, frozen: int, done: bool
) -> None:
    folder = mounted.unified / "labctl-1"
    events(folder, populated=populated, frozen=frozen)
    assert Cgroup("labctl-1").freeze() is done
    assert (folder / "cgroup.freeze").read_text() == "1"
    Cgroup("labctl-1").thaw()
    assert (folder / "cgroup.freeze").read_text() == "0"


def test_a_group_that_is_gone_needs_no_thaw(
    mounted: Hierarchies, monkeypatch: pytest.MonkeyPatch
) -> None:
    Cgroup("labctl-1").thaw()
    switch = mounted.unified / "labctl-1" / "cgroup.freeze"
    switch.parent.mkdir()
    switch.write_text("1")

    def removed_meanwhile(_path: Path, _text: str) -> int:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(Path, "write_text", removed_meanwhile)
    Cgroup("labctl-1").thaw()


def test_a_group_that_stays_frozen_is_told(mounted: Hierarchies) -> None:
    switch = mounted.unified / "labctl-1" / "cgroup.freeze"
    switch.mkdir(parents=True)
    with pytest.raises(LabError, match="stay frozen") as caught:
        Cgroup("labctl-1").thaw()
    assert caught.value.cause == f"{switch}: Is a directory"


def test_a_group_that_does_not_stand_still_is_given_up(
    mounted: Hierarchies, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []

    def until(seconds: float, done: object, **_more: object) -> bool:
        waited.append(seconds)
        return False

    monkeypatch.setattr(cgroup, "wait_until", until)
    events(mounted.unified / "labctl-1", populated=1)
    assert Cgroup("labctl-1").freeze() is False
    assert waited == [30]


def test_a_killed_group_is_gone_from_every_hierarchy(mounted: Hierarchies) -> None:
    group = LabGroup("1").host("host1")
    # In version 1 all hosts of a lab are in the lab's own group, with its limit.
    memory = mounted.controllers["memory"] / "labctl-1"
    assert group.beside == (memory,)
    assert mounted.named is not None
    for folder in (mounted.named / group.name / "below", memory):
        folder.mkdir(parents=True)
    events(mounted.unified / group.name, populated=0)
    group.kill()
    assert (mounted.unified / group.name / "cgroup.kill").read_text() == "1"
    assert not memory.exists()
    assert not (mounted.named / group.name).exists()
    group.kill()


def test_a_group_that_never_was_is_killed_in_vain(mounted: Hierarchies) -> None:
    Cgroup("labctl-1").kill()
    assert not (mounted.unified / "labctl-1").exists()


def test_limits_go_to_the_hierarchy_that_has_the_controller(mounted: Hierarchies) -> None:
    (mounted.unified / "cgroup.controllers").write_text("cpu pids\n")
    assert LabGroup("1").limit(Limits(memory=512 * 1024**2, processes=300, weight=50)) == []
    memory = mounted.controllers["memory"] / "labctl-1"
    assert (memory / "memory.limit_in_bytes").read_text() == str(512 * 1024**2)
    unified = mounted.unified / "labctl-1"
    assert (unified / "pids.max").read_text() == "300"
    assert (unified / "cpu.weight").read_text() == "50"
    assert not (unified / "memory.max").exists()


def test_no_limit_is_set_that_the_machine_cannot_enforce(mounted: Hierarchies) -> None:
    assert LabGroup("1").limit(Limits(memory=1024, processes=300)) == []
    assert not (mounted.unified / "labctl-1").exists()


def test_a_limit_that_the_kernel_refuses_is_told_and_prevents_no_other(
    mounted: Hierarchies,
) -> None:
    (mounted.unified / "cgroup.controllers").write_text("cpu pids\n")
    refused = mounted.unified / "labctl-1" / "pids.max"
    refused.mkdir(parents=True)
    with pytest.raises(LabError, match="limits of the lab") as caught:
        LabGroup("1").limit(Limits(memory=1024, processes=300, weight=50))
    assert caught.value.cause == f"{refused}: Is a directory"
    memory = mounted.controllers["memory"] / "labctl-1"
    assert (memory / "memory.limit_in_bytes").read_text() == "1024"
    assert (mounted.unified / "labctl-1/cpu.weight").read_text() == "50"


def test_a_controller_that_groups_may_not_use_is_named(
    mounted: Hierarchies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose own group has processes (cgroups(7), "no internal processes")."""
    (mounted.unified / "cgroup.controllers").write_text("cpu pids\n")
    (mounted.unified / "cgroup.subtree_control").mkdir()
    write_text = Path.write_text

    def without_pids(path: Path, text: str, *rest: object) -> int:
        if path.name == "pids.max":
            # The kernel creates no file in a group that it did not make itself.
            raise PermissionError(errno.EACCES, "Permission denied")
        return write_text(path, text)

    monkeypatch.setattr(Path, "write_text", without_pids)
    assert LabGroup("1").limit(Limits(memory=1024, processes=300, weight=50)) == ["pids"]
    assert (mounted.unified / "labctl-1/cpu.weight").read_text() == "50"


def test_the_weight_of_version_1_is_in_shares(
    mounted: Hierarchies, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = Hierarchies(mounted.unified, None, {"cpu": tmp_path / "cpu", "pids": tmp_path / "pids"})
    monkeypatch.setattr("labctl.providers.nspawn.lab_limits.hierarchies", lambda: old)
    (mounted.unified / "cgroup.controllers").write_text("memory\n")
    LabGroup("1").limit(Limits(memory=1024, processes=300))
    assert (tmp_path / "cpu/labctl-1/cpu.shares").read_text() == "1024"
    assert (tmp_path / "pids/labctl-1/pids.max").read_text() == "300"
    assert (mounted.unified / "labctl-1/memory.max").read_text() == "1024"
    LabGroup("1").limit(Limits(memory=1024, processes=300, weight=0))
    # The kernel takes no less than 2.
    assert (tmp_path / "cpu/labctl-1/cpu.shares").read_text() == "2"


def test_controllers_that_the_machine_lacks_are_named(mounted: Hierarchies) -> None:
    assert missing_controllers() == ["pids", "cpu"]
    (mounted.unified / "cgroup.controllers").write_text("io pids\n")
    assert missing_controllers() == ["cpu"]


def test_a_labs_group_is_named_after_its_folder() -> None:
    one, other = lab_id_of(Path("/a")), lab_id_of(Path("/b"))
    assert one != other
    assert len(one) == 8 and int(one, 16) >= 0


def test_the_services_of_a_host_are_its_groups_of_that_name(mounted: Hierarchies) -> None:
    folder = mounted.unified / "labctl-1" / "host1"
    for name in ("system.slice/ssh.service", "system.slice/named.service", "init.scope"):
        (folder / name).mkdir(parents=True)
    (mounted.unified / "labctl-1" / "host2" / "system.slice" / "cron.service").mkdir(parents=True)
    host = Cgroup("labctl-1/host1", ())
    before = host.services()
    assert [each.split()[0] for each in before] == ["named.service", "ssh.service"]
    assert host.services() == before
    # Before the old group is gone there is a new one, as the kernel does not use a number twice.
    (folder / "system.slice" / "new").mkdir()
    (folder / "system.slice" / "ssh.service").rmdir()
    (folder / "system.slice" / "new").rename(folder / "system.slice" / "ssh.service")
    named, ssh = host.services()
    assert named == before[0] and ssh != before[1]


def test_a_host_that_does_not_run_has_no_services(mounted: Hierarchies) -> None:
    assert Cgroup("labctl-1/host1", ()).services() == []
