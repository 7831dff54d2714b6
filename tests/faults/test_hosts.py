"""A host fails: killed while labctl works on it, without sshd, or with a wrong clock."""

from __future__ import annotations

import pytest

from labctl.home import lab_home
from tests.faults.pulled import kill_host
from tests.lab.program import LAB, labctl, on_host, started, wait_until

CAP_SYS_TIME = 25


def test_a_host_is_killed_while_up_configures_it() -> None:
    labctl("destroy", "--yes")
    process = started("up")
    baselines = lab_home(LAB).state / "baselines"
    wait_until((baselines / "packages").exists, "the packages were not there")
    kill_host("host1")
    _out, err = process.communicate(timeout=300)
    assert process.returncode == 4, err
    # If killed while its checkpoint is saved, the host does not run; later it does not answer.
    if "host1 does not run" in err:
        assert f"  labctl up --name {LAB}\n" in err
    else:
        assert "host1 does not answer over SSH" in err
        assert f"  labctl up --name {LAB}\n  labctl reset --name {LAB}\n" in err

    labctl("up")
    labctl("test-mail")


def test_a_host_is_killed_under_a_persons_shell(up: str) -> None:
    process = started("ssh", "host1", "--", "touch /tmp/here; exec sleep 600")
    wait_until(lambda: on_host("host1", "test -e /tmp/here", code=None).code == 0, "no shell")
    kill_host("host1")
    _out, err = process.communicate(timeout=120)
    assert process.returncode == 4, err
    assert "host1 does not answer over SSH" in err
    assert f"  labctl up --name {LAB}\n  labctl reset --name {LAB}\n" in err
    told = labctl("test-mail", code=4).err
    assert "host1" in told
    assert f"  labctl up --name {LAB}\n" in told
    labctl("up")
    labctl("test-mail")


@pytest.mark.parametrize("way", ["stop", pytest.param("disable --now", marks=pytest.mark.long)])
def test_sshd_is_stopped(up: str, way: str) -> None:
    on_host("host1", f"systemctl {way} ssh.service ssh.socket; true", code=None)
    told = labctl("test-mail", code=4).err
    assert "host1 does not answer over SSH" in told
    assert f"  labctl up --name {LAB}\n  labctl reset --name {LAB}\n" in told
    labctl("up")
    labctl("test-mail")


@pytest.mark.long
def test_sshd_can_start_no_more(up: str) -> None:
    on_host("host1", "echo work >/root/work; echo nonsense >>/etc/ssh/sshd_config")
    on_host("host1", "systemctl stop ssh", code=None)
    told = labctl("up", code=4).err
    assert "sshd of host1 does not answer" in told
    assert f"  labctl reset --name {LAB}\n" in told
    labctl("reset", "--yes")
    labctl("test-mail")


def test_a_host_cannot_have_a_wrong_clock(up: str) -> None:
    """A container uses the machine's clock and has none of its own.

    The test checks that a host cannot set the machine's clock.
    """
    for host in ("host1", "host2"):
        status = on_host(host, "cat /proc/1/status").out
        (bounds,) = [line.split()[1] for line in status.splitlines() if line.startswith("CapBnd")]
        assert not int(bounds, 16) >> CAP_SYS_TIME & 1
