"""What the doctor of a class says of the machine that its labs share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from labctl.health import Diagnosis, Verdict
from labctl.machine import Machine
from labctl.providers.checks import run_checks
from labctl.providers.nspawn import checks, many
from labctl.providers.nspawn.many import checks_of_many, disk, limits, memory
from labctl.providers.rootfs import users
from tests.fakes.machine import GIB, OtherMachine

STATE = Path("/var/lib/labctl/a-s01")
MIB = 1024**2
ROOMY = {
    "/proc/sys/fs/inotify/max_user_instances": "8192\n",
    "/proc/sys/fs/inotify/max_user_watches": "1000000\n",
    "/proc/sys/kernel/pid_max": "4194304\n",
    "/proc/sys/kernel/threads-max": "100000\n",
    "/proc/sys/net/ipv4/neigh/default/gc_thresh3": "1024\n",
}


def machine(**files: str) -> OtherMachine:
    named = {f"/proc/sys/{name.replace('__', '/')}": text for name, text in files.items()}
    return OtherMachine(files={**ROOMY, **named})


def test_limits_that_suffice_are_shown_with_what_is_needed() -> None:
    said = limits(60, machine())
    assert said.verdict is Verdict.OK
    assert "60 hosts" in said.what
    assert "fs.inotify.max_user_instances = 8192 ≥ 760" in said.what
    assert "net.ipv4.neigh.default.gc_thresh3 = 1024 ≥ 736" in said.what


@pytest.mark.parametrize(("limit", "verdict"), [("760\n", Verdict.OK), ("759\n", Verdict.LACKING)])
def test_a_limit_may_be_just_what_is_needed(limit: str, verdict: Verdict) -> None:
    said = limits(60, machine(fs__inotify__max_user_instances=limit))
    assert (said.code, said.verdict) == ("kernel-limits", verdict)


def test_limits_that_are_too_low_are_named_with_the_file_that_raises_them() -> None:
    low = machine(
        fs__inotify__max_user_instances="128\n", net__ipv4__neigh__default__gc_thresh3="512\n"
    )
    said = limits(60, low)
    assert said.verdict is Verdict.LACKING
    assert said.what == "limits of the kernel are too low for 60 hosts"
    assert said.why == (
        "fs.inotify.max_user_instances = 128 < 760, net.ipv4.neigh.default.gc_thresh3 = 512 < 736"
    )
    assert "/etc/sysctl.d/90-labctl.conf" in said.mend.text
    # The kernel begins to drop neighbours at the second threshold.
    assert list(said.mend.file) == [
        "fs.inotify.max_user_instances = 1024",
        "net.ipv4.neigh.default.gc_thresh2 = 512",
        "net.ipv4.neigh.default.gc_thresh3 = 1024",
    ]
    assert said.mend.commands == (("sudo", "sysctl", "--system"),)


def test_a_limit_that_the_kernel_does_not_have_is_not_needed() -> None:
    files = {path: text for path, text in ROOMY.items() if "inotify" not in path}
    said = limits(60, OtherMachine(files=files))
    assert said.verdict is Verdict.OK
    assert "inotify" not in said.what


@pytest.mark.parametrize(
    ("free", "verdict"), [(560 * MIB, Verdict.OK), (560 * MIB - 1, Verdict.WARNING)]
)
def test_memory_for_the_hosts_that_do_not_run_yet(free: int, verdict: Verdict) -> None:
    said = memory(10, replace(machine(), memory=free))
    assert said.verdict is verdict
    assert said.code == "memory"
    assert said.what == f"memory for 10 more hosts: 560 MiB, free: {free // MIB} MiB"
    assert bool(said.mend) is (verdict is Verdict.WARNING)


@pytest.mark.parametrize(
    ("free", "verdict"), [(600 * MIB, Verdict.OK), (600 * MIB - 1, Verdict.LACKING)]
)
def test_disk_for_the_hosts_that_do_not_exist_yet(free: int, verdict: Verdict) -> None:
    said = disk(STATE, 30, 10, replace(machine(), disk=free))
    assert said.verdict is verdict
    assert said.code == "disk"
    assert said.what == f"disk for 10 more hosts: 600 MiB, free: {free // MIB} MiB"
    if verdict is Verdict.LACKING:
        assert said.why == str(STATE)
        assert "XDG_STATE_HOME" in said.mend.text


def test_hosts_that_exist_need_no_disk_but_little_of_it_is_worth_a_warning() -> None:
    said = disk(STATE, 60, 0, replace(machine(), disk=1500 * MIB))
    assert said.verdict is Verdict.WARNING
    assert said.what == "disk for 60 more hosts: 3600 MiB, free: 1500 MiB"
    assert disk(STATE, 0, 0, replace(machine(), disk=0)).verdict is Verdict.OK


def test_a_machine_that_has_everything_for_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "ensure_free", lambda: None)
    monkeypatch.setattr(many, "missing_controllers", lambda: ["pids"])
    namespaces = {
        f"/proc/self/ns/{kind}": "" for kind in ("user", "mnt", "net", "pid", "uts", "ipc")
    }
    files = {**ROOMY, **namespaces, "/proc/filesystems": "nodev\toverlay\n"}
    fit = OtherMachine(is_root=True, programs=tuple(checks.PROGRAMS), files=files)
    every = checks_of_many(STATE, 60, 10, 4)
    found = {each.code: each.verdict for each in run_checks(every, fit)}
    assert found.pop("controllers") is Verdict.WARNING
    assert found == dict.fromkeys(
        ("linux-root", "programs", "kernel", "user-ids", "kernel-limits", "memory", "disk"),
        Verdict.OK,
    )
    (said,) = run_checks(every, replace(fit, system="darwin"))
    assert (said.code, said.verdict) == ("linux-root", Verdict.LACKING)
    assert [each.code for each in every if not each.quick] == ["controllers"]


def test_all_hosts_count_for_limits_those_to_start_for_memory_and_new_ones_for_disk() -> None:
    asked: dict[str, Diagnosis] = {}
    every: Machine = replace(machine(), memory=GIB, disk=GIB)
    for check in checks_of_many(STATE, 60, 10, 4):
        if check.code in ("kernel-limits", "memory", "disk"):
            (asked[check.code],) = run_checks([check], every)
    assert "60 hosts" in asked["kernel-limits"].what
    assert "10 more hosts" in asked["memory"].what
    assert "4 more hosts" in asked["disk"].what
