"""A lab on Incus from its making to its end, through the real program, as on a laptop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.incus.conftest import LAB
from tests.incus.daemon import Daemon
from tests.lab.program import Ended, labctl, wait_until

PROJECT = f"labctl-{LAB}"


@pytest.fixture(scope="module", autouse=True)
def lab(lab_file: Path) -> Iterator[None]:
    labctl("up", "--lab", str(lab_file), name=LAB)
    yield
    labctl("destroy", "--yes", name=LAB)


def on_host(host: str, command: str, *, name: str = LAB, code: int | None = 0) -> Ended:
    argv = ["ssh", host, "--user", "root", "--", "sh", "-c", command]
    return labctl(*argv, name=name, code=code)


def test_a_second_up_has_nothing_to_do() -> None:
    assert labctl("up", "--json", name=LAB).json["changed"] is False


def test_every_section_is_right_without_a_route_to_the_hosts() -> None:
    # Another lab of this machine may have such a route, and a new network has none at all.
    labctl("check", name=LAB, within=("unshare", "--net"))


def test_a_closed_door_is_seen_from_outside_of_the_host() -> None:
    on_host("host1", "ufw deny 143/tcp && ufw deny from 192.168.56.1 to any port 110 proto tcp")
    try:
        found = labctl("check", "--json", name=LAB, code=1).out
        wrong = {
            finding["code"]
            for step in json.loads(found)["data"]["reports"]
            for finding in step["findings"]
            if not finding["ok"]
        }
        assert "firewall.port-143-tcp" in wrong
        assert "firewall.port-25-tcp" not in wrong
    finally:
        on_host(
            "host1",
            "ufw delete deny 143/tcp;"
            " ufw delete deny from 192.168.56.1 to any port 110 proto tcp; ufw allow 143/tcp",
        )
    labctl("check", name=LAB)


def test_all_mail_goes_through() -> None:
    labctl("test-mail", "--all", name=LAB)


def test_thunderbird_s_settings_are_printed() -> None:
    assert "mail.example1.jp" in labctl("thunderbird", "--print", name=LAB).out


def test_a_host_is_reached_with_its_sshd_stopped_and_its_firewall_shut() -> None:
    on_host("host1", "systemctl stop ssh; ufw default deny incoming; ip link set host0 down")
    assert on_host("host1", "uname -n").out == "host1\n"
    labctl("reset", "--yes", name=LAB)
    labctl("check", name=LAB)


def test_a_reset_forgets_and_its_undo_remembers() -> None:
    on_host("host1", "echo mine >/root/mine")
    on_host("host2", "echo mine >/root/mine")
    labctl("reset", "--yes", name=LAB)
    on_host("host1", "test ! -e /root/mine")
    labctl("reset", "--undo", "--yes", name=LAB)
    for host in ("host1", "host2"):
        assert on_host(host, "cat /root/mine").out == "mine\n"
    labctl("reset", "--yes", name=LAB)


def test_an_older_checkpoint_than_the_latest_comes_back() -> None:
    labctl("reset", "--to", "dns", "--yes", name=LAB)
    on_host("host1", "! dpkg -s postfix 2>/dev/null")
    labctl("reset", "--to", "ready", "--yes", name=LAB)
    on_host("host1", "dpkg -s postfix >/dev/null")
    labctl("check", name=LAB)


def test_a_reset_killed_between_the_hosts_is_finished_by_the_next_command(daemon: Daemon) -> None:
    on_host("host1", "echo mine >/root/mine")
    on_host("host2", "echo mine >/root/mine")
    reset = begun("reset", "--yes")
    # The intent is written before the first host is touched.
    wait_until(lambda: '"restoring":{' in record(daemon), "the intent was not written", 60)
    os.killpg(reset.pid, signal.SIGKILL)
    reset.communicate()
    labctl("up", name=LAB)
    for host in ("host1", "host2"):
        on_host(host, "test ! -e /root/mine")
    assert '"restoring":null' in record(daemon)
    labctl("check", name=LAB)


def begun(*args: str) -> subprocess.Popen[str]:
    """A labctl that goes on while the test looks at the server."""
    return subprocess.Popen(
        [sys.executable, "-m", "labctl", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "LABCTL_NAME": LAB},
        start_new_session=True,
    )


def record(daemon: Daemon) -> str:
    return str(daemon.query(f"/1.0/projects/{PROJECT}")["config"]["user.labctl.book"])


def devices(daemon: Daemon, host: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = daemon.query(f"/1.0/instances/{host}?project={PROJECT}")[
        "devices"
    ]
    return found


def test_the_way_out_is_closed_for_one_lab_and_stays_closed_over_a_reset(daemon: Daemon) -> None:
    assert "out" in devices(daemon, "host1")
    labctl("net", "close", name=LAB)
    for host in ("host1", "host2"):
        assert "out" not in devices(daemon, host)
        on_host(host, "test ! -e /sys/class/net/out0")
    # The checkpoint was saved with the way out; the restored host does not have it.
    labctl("reset", "--yes", name=LAB)
    on_host("host1", "test ! -e /sys/class/net/out0")
    labctl("check", name=LAB)
    labctl("net", "open", name=LAB)
    # Of two configurations at once, the first one may remove the address of the second one.
    journal = "journalctl --boot --unit systemd-networkd | grep -ic 'out0: .*configuring with'"
    for host in ("host1", "host2"):
        on_host(host, "ip -4 address show dev out0 | grep -q inet")
        assert on_host(host, journal).out == "1\n"


def test_limits_are_set_and_ids_are_apart(daemon: Daemon) -> None:
    bases = set()
    for host in ("host1", "host2"):
        config = daemon.query(f"/1.0/instances/{host}?project={PROJECT}")["config"]
        assert config["limits.memory"] == "1024MiB"
        assert config["limits.processes"] == "1000"
        assert config["security.guestapi"] == "false"
        bases.add(config["volatile.idmap.base"])
    assert len(bases) == 2


def test_status_names_the_provider_and_the_checkpoints() -> None:
    [found] = labctl("status", "--json", name=LAB).json["labs"]
    assert found["provider"] == "incus"
    assert [each["name"] for each in found["checkpoints"]][:3] == ["os", "dns", "packages"]
