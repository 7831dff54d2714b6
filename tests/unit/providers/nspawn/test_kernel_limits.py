"""What a number of hosts needs of the kernel, and the one file that provides it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from labctl.providers.nspawn.kernel_limits import Need, needs, sysctl_lines
from tests.fakes.machine import OtherMachine

# What the kernel of Debian 12 begins with on a machine of 4 GiB.
DEBIAN = OtherMachine(
    files={
        "/proc/sys/fs/inotify/max_user_instances": "128\n",
        "/proc/sys/fs/inotify/max_user_watches": "28000\n",
        "/proc/sys/kernel/pid_max": "32768\n",
        "/proc/sys/kernel/threads-max": "31000\n",
        "/proc/sys/net/ipv4/neigh/default/gc_thresh3": "1024\n",
    }
)


def test_one_lab_needs_nothing_that_debian_does_not_have() -> None:
    assert needs(2, DEBIAN).short == ()


def test_a_class_of_thirty_needs_more_inotify_instances() -> None:
    found = needs(60, DEBIAN)
    assert [each.setting for each in found.short] == ["fs.inotify.max_user_instances"]
    assert sysctl_lines(found.short) == ["fs.inotify.max_user_instances = 1024"]
    assert 3 * 1024**3 < found.memory < 4 * 1024**3


def test_the_table_of_neighbours_has_two_thresholds() -> None:
    assert sysctl_lines([Need("net.ipv4.neigh.default.gc_thresh3", 1024, 1500)]) == [
        "net.ipv4.neigh.default.gc_thresh2 = 1024",
        "net.ipv4.neigh.default.gc_thresh3 = 2048",
    ]


def test_a_setting_that_the_kernel_does_not_have_is_left_out() -> None:
    assert needs(60, OtherMachine()).limits == ()


@given(st.integers(1, 2000))
def test_what_the_file_sets_is_enough(hosts: int) -> None:
    for each in needs(hosts, DEBIAN).short:
        value = int(sysctl_lines([each])[-1].partition("=")[2])
        assert each.needed <= value < 2 * each.needed


def test_a_need_that_is_a_power_of_two_is_not_doubled() -> None:
    need = Need("kernel.pid_max", 1, 4096)
    assert sysctl_lines([need]) == ["kernel.pid_max = 4096"]
    assert sysctl_lines([replace(need, needed=4097)]) == ["kernel.pid_max = 8192"]


def test_ten_labs_need_what_was_measured_twice_over_and_the_rest_of_the_machine() -> None:
    every = {each.setting: each for each in needs(20, DEBIAN).limits}
    watches = every["fs.inotify.max_user_watches"]
    assert (watches.limit, watches.needed) == (28000, 4096 + 20 * 60)
    assert needs(20, DEBIAN).memory == 20 * 56 * 1024**2
    assert needs(20, DEBIAN).disk == 20 * 60 * 1024**2
