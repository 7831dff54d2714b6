"""Two labs with the same addresses on one server: neither sees the other, from root inside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.incus.conftest import LAB
from tests.incus.daemon import Daemon, in_network, new_network
from tests.lab.program import labctl, wait_until

OTHER = "incus-others"


@pytest.fixture(scope="module", autouse=True)
def labs(lab_file: Path) -> Iterator[None]:
    for name in (LAB, OTHER):
        labctl("up", "--until", "os", "--lab", str(lab_file), name=name)
    yield
    for name in (LAB, OTHER):
        labctl("destroy", "--yes", name=name)


def run_in(daemon: Daemon, name: str, host: str, script: str, *, check: bool = True) -> str:
    words = ["exec", host, "--project", f"labctl-{name}", "-T", "-n", "--", "bash", "-c", script]
    return daemon.incus(*words, check=check).stdout


def test_both_have_the_books_addresses_at_once(daemon: Daemon) -> None:
    for name in (LAB, OTHER):
        assert "192.168.56.101/24" in run_in(daemon, name, "host1", "ip -4 -br address")
        run_in(daemon, name, "host1", "ping -c 1 -W 2 192.168.56.102")


def test_frames_of_root_reach_the_own_lab_and_no_other(daemon: Daemon) -> None:
    """Broadcast, spoofed and multicast: counted at the neighbour's interface of each lab."""
    send = (
        "for n in $(seq 20); do ping -b -c 1 -W 0.05 192.168.56.255; done; "
        "ip address add 192.168.56.77/24 dev host0; ip neigh flush dev host0; "
        "for n in $(seq 20); do ping -I 192.168.56.77 -c 1 -W 0.05 192.168.56.$((n + 110)); done; "
        "ip link set host0 down; ip link set host0 address 02:00:00:00:00:77; "
        "ip link set host0 up; for n in $(seq 20); do ping -c 1 -W 0.05 192.168.56.2$n; done; true"
    )
    # Other hosts keep a hardware address for half a minute, so the own one comes back at once.
    restore = (
        "ip link set host0 down; ip link set host0 address {mac}; ip link set host0 up; "
        "ip address del 192.168.56.77/24 dev host0; "
        # The route is back a moment after the link.
        "for n in $(seq 50); do ping -c 1 -W 1 192.168.56.101 && exit; sleep 0.2; done; exit 1"
    )
    mac = run_in(daemon, LAB, "host2", "cat /sys/class/net/host0/address").strip()
    before = {name: received(daemon, name) for name in (LAB, OTHER)}
    run_in(daemon, LAB, "host2", send)
    run_in(daemon, LAB, "host2", restore.format(mac=mac))
    seen = {name: received(daemon, name) - before[name] for name in (LAB, OTHER)}
    assert seen[LAB] >= 20
    # What the kernels of the other lab's own hosts say by themselves.
    assert seen[OTHER] <= 5


def received(daemon: Daemon, name: str) -> int:
    path = "/sys/class/net/host0/statistics/rx_packets"
    return int(run_in(daemon, name, "machine", f"cat {path}"))


def test_the_way_out_leads_to_no_other_lab(daemon: Daemon) -> None:
    """Neither straight, nor through the server as a router."""
    other = address(daemon, OTHER, "host1")
    gateway = run_in(daemon, LAB, "host1", "ip route show default").split()[2]
    straight = [knock(daemon, other, port) for port in (22, 25, 80, 443)]
    run_in(daemon, LAB, "host1", f"ip route add {other}/32 via {gateway}")
    routed = [knock(daemon, other, port) for port in (22, 80)]
    assert {*straight, *routed} <= {"silent", "no route"}
    # The same knock is answered within the lab.
    assert knock(daemon, "192.168.56.102", 22, seconds=20) == "open"


@pytest.fixture
def world(daemon: Daemon) -> Iterator[str]:
    """The address of a machine beyond the server that listens on ports 25 and 80."""
    with new_network() as pid, ExitStack() as stack:
        peer = ("peer", "name", "uplink", "netns", str(daemon.pid))
        in_network(pid, "ip", "link", "add", "far", "type", "veth", *peer)
        in_network(pid, "ip", "address", "add", "198.51.100.2/24", "dev", "far")
        in_network(pid, "ip", "link", "set", "far", "up")
        daemon.inside("ip", "address", "add", "198.51.100.1/24", "dev", "uplink")
        daemon.inside("ip", "link", "set", "uplink", "up")
        for port in ("25", "80"):
            listener = subprocess.Popen(
                ["nsenter", f"--target={pid}", "--net", sys.executable, "-m", "http.server", port],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(listener.wait)
            stack.callback(listener.kill)
            wait_until(partial(is_open, daemon, port), "no listener", 30)
        yield "198.51.100.2"


def is_open(daemon: Daemon, port: str) -> bool:
    """Whether the server itself reaches the port of the world."""
    probe = f"exec 3<>/dev/tcp/198.51.100.2/{port}"
    return daemon.inside("bash", "-c", probe, check=False).ok


def test_only_the_web_s_ports_lead_out_and_none_if_the_way_is_closed(
    daemon: Daemon, world: str
) -> None:
    run_in(daemon, LAB, "host1", "ip route show default | grep -q out0")
    assert knock(daemon, world, 80, seconds=20) == "open"
    assert knock(daemon, world, 25) == "silent"
    labctl("net", "close", name=LAB)
    try:
        assert knock(daemon, world, 80) == "no route"
    finally:
        labctl("net", "open", name=LAB)


def address(daemon: Daemon, name: str, host: str) -> str:
    """The host's address on the way out."""
    line = run_in(daemon, name, host, "ip -4 -o address show dev out0")
    return line.split()[3].split("/")[0]


def knock(daemon: Daemon, where: str, port: int, *, seconds: int = 3) -> str:
    script = (
        f"if timeout {seconds} bash -c 'exec 3<>/dev/tcp/{where}/{port}'; then echo open; "
        "elif [ $? = 124 ]; then echo silent; else echo failed; fi 2>&1"
    )
    said = run_in(daemon, LAB, "host1", f"{{ {script}; }} 2>&1")
    unreachable = "No route to host" in said or "Network is unreachable" in said
    return "no route" if unreachable else said.strip()


def test_the_server_itself_is_no_neighbour(daemon: Daemon) -> None:
    bridges = [each for each in daemon.query("/1.0/networks?recursion=1") if "lab-" in each["name"]]
    assert len(bridges) == 2
    for each in bridges:
        addresses = daemon.inside("ip", "-o", "address", "show", "dev", each["name"]).stdout
        assert "inet" not in addresses


def test_user_ids_of_all_hosts_are_apart(daemon: Daemon) -> None:
    bases = [
        daemon.query(f"/1.0/instances/{host}?project=labctl-{name}")["config"][
            "volatile.idmap.base"
        ]
        for name in (LAB, OTHER)
        for host in ("host1", "host2")
    ]
    assert len(set(bases)) == 4


def test_destroy_leaves_nothing_of_a_lab_and_the_other_alone(daemon: Daemon) -> None:
    labctl("destroy", "--yes", name=OTHER)
    projects = {each["name"] for each in daemon.query("/1.0/projects?recursion=1")}
    assert projects == {"default", f"labctl-{LAB}"}
    bridges = [each["name"] for each in daemon.query("/1.0/networks?recursion=1")]
    assert sum(name.startswith("lab-") for name in bridges) == 1
    run_in(daemon, LAB, "host1", "ping -c 1 -W 2 192.168.56.101")
    labctl("destroy", "--yes", name=OTHER)


def test_a_project_of_somebody_else_is_left_alone(daemon: Daemon, lab_file: Path) -> None:
    daemon.incus("project", "create", "labctl-taken")
    refused = labctl("up", "--lab", str(lab_file), name="taken", code=4)
    assert "labctl-taken" in refused.err
    labctl("destroy", "--yes", name="taken")
    assert daemon.query("/1.0/projects/labctl-taken")["name"] == "labctl-taken"
    daemon.incus("project", "delete", "labctl-taken")
