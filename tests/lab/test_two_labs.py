"""Two labs at once with the same addresses: both work, and no packet crosses between them."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labctl.home import lab_home
from labctl.providers.nspawn.addresses import ip_json
from labctl.providers.nspawn.lab_limits import LabGroup, lab_id_of
from labctl.providers.nspawn.network import LabNetwork
from labctl.session import open_session
from tests.lab.program import LAB, Ended, labctl, wait_until

OTHER = f"{LAB}-other"
HOST1, HOST2 = "192.168.56.101", "192.168.56.102"

# Prints "ready", then each name of an interface on which a frame with the mark comes by.
_SNIFF = """
import socket, sys
mark = sys.argv[1].encode()
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
print("ready", flush=True)
while True:
    frame, where = wire.recvfrom(65535)
    if mark in frame:
        print(where[0], flush=True)
"""
# What root in a host can send: frames to everybody, ARP as somebody else, IP from any address.
_SEND = r"""
import socket, struct, sys
mark, targets = sys.argv[1].encode(), sys.argv[2:]
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("host0", 0))
own = wire.getsockname()[4]
everybody = b"\xff" * 6
known = open("/proc/net/arp").read().split("192.168.56.1 ")[1].split()[2]
router = bytes.fromhex(known.replace(":", ""))
wire.send(everybody + own + b"\x88\xb5" + mark)
for claimed in ("192.168.56.101", *targets):
    asked = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 2, own, socket.inet_aton(claimed),
                        everybody, socket.inet_aton("192.168.56.102"))
    wire.send(everybody + own + b"\x08\x06" + asked + mark)
def udp(source, target):
    data = struct.pack("!HHHH", 5353, 80, 8 + len(mark), 0) + mark
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 1, 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(target))
    total = sum(struct.unpack("!10H", head))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~total & 0xFFFF) + head[12:] + data
for target in (*targets, "192.168.56.101", "192.168.56.102", "255.255.255.255", "224.0.0.251"):
    for source in ("192.168.56.101", "192.168.56.1", "203.0.113.9", *targets):
        for hop in (router, everybody):
            wire.send(hop + own + b"\x08\x00" + udp(source, target))
"""


@pytest.fixture(scope="module")
def both(ready_once: str) -> Iterator[tuple[str, str]]:
    """Two whole labs; the first has the machine's route to the addresses."""
    labctl("up", name=OTHER)
    yield LAB, OTHER
    labctl("destroy", "--yes", name=OTHER)


def network(lab: str) -> LabNetwork:
    return LabNetwork(lab_id_of(lab_home(lab).state), open_session(lab).lab.network)


def on(lab: str, host: str, command: str, code: int | None = 0) -> Ended:
    return labctl("ssh", host, "--user", "root", "--", command, name=lab, code=code)


def test_each_lab_has_its_own_mail(both: tuple[str, str]) -> None:
    for lab in both:
        assert labctl("up", "--json", name=lab).json["changed"] is False
        labctl("test-mail", "--client", name=lab)
        labctl("check", name=lab)
    mark = secrets.token_hex(8)
    on(OTHER, "host1", f"echo {mark} | mail -s {mark} user2@example2.jp")
    found = f"grep -rl {mark} /var/mail /home /var/spool/mail"
    wait_until(lambda: on(OTHER, "host2", found, code=None).out != "", "no mail", 30)
    assert on(LAB, "host2", found, code=None).out == ""


def test_up_says_whether_other_programs_reach_the_hosts(both: tuple[str, str]) -> None:
    said = "is in use on this machine (lab-"
    assert said not in labctl("up", name=LAB).err
    assert said in labctl("up", name=OTHER).err
    # Without labctl, from this machine: it is the first lab that answers.
    before = on(LAB, "host1", "grep -c 'connect from.*192.168.56.1' /var/log/mail.log").out
    with socket.create_connection((HOST1, 25), timeout=5) as plug:
        assert plug.recv(100).startswith(b"220 mail.example1.jp")
    after = "grep -c 'connect from.*192.168.56.1' /var/log/mail.log"
    wait_until(lambda: on(LAB, "host1", after).out != before, "the first lab was not asked", 10)


@contextmanager
def sniffing(mark: str, netns: Path | None) -> Iterator[Callable[[], set[str]]]:
    """Interfaces of a namespace on which frames with the mark come by."""
    inside = ["nsenter", f"--net={netns}", "--"] if netns else []
    argv = [*inside, sys.executable, "-c", _SNIFF, mark]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "ready\n"

        def seen() -> set[str]:
            time.sleep(1)
            listener.kill()
            return set(listener.communicate()[0].split())

        try:
            yield seen
        finally:
            listener.kill()


def test_no_frame_and_no_packet_gets_from_one_to_the_other(both: tuple[str, str]) -> None:
    labctl("net", "open", name=OTHER)
    mark = secrets.token_hex(16)
    ends = [
        address["local"]
        for link in ip_json("address")
        for address in link["addr_info"]
        if link["ifname"] != "lo"
    ]
    targets = [*ends, str(_inner_end(LAB))]
    on(OTHER, "host1", "ping -c 1 -W 5 192.168.56.1")
    init = LabGroup(network(OTHER).lab_id).host("host1").init_pid()
    # As this machine's root: it can send at least what root in the host can.
    rights = ["nsenter", f"--target={init}", "--net", "--"]
    with (
        sniffing(mark, network(LAB).netns) as in_first,
        sniffing(mark, network(OTHER).netns) as in_other,
        sniffing(mark, None) as on_machine,
    ):
        subprocess.run([*rights, sys.executable, "-c", _SEND, mark, *targets], check=True)
        assert in_first() == set()
        # The sender's own network carries it, so it was really sent.
        assert "lab" in in_other()
        # It may come out of the uplink, where the machine drops it, and goes nowhere else.
        assert on_machine() <= {network(OTHER).uplink}


def _inner_end(lab: str) -> str:
    done = subprocess.run(
        ["ip", "-n", network(lab).namespace, "-br", "-4", "address", "show", "dev", "uplink"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()[2].split("/")[0]


@pytest.mark.parametrize("state", ["open", "close"])
def test_no_connection_gets_from_one_to_the_other(both: tuple[str, str], state: str) -> None:
    labctl("net", state, name=OTHER)
    places = [
        f"{address}/{port}"
        for address in (_inner_end(LAB), _machine_end(LAB), _machine_end(OTHER))
        for port in (22, 25, 53, 80, 110, 143)
    ]
    probe = (
        f"for each in {' '.join(places)}; do"
        ' timeout 3 bash -c "</dev/tcp/$each" 2>/dev/null && echo $each & done; wait'
    )
    assert on(OTHER, "host1", probe, code=None).out == ""
    # The probe sees what is there.
    assert on(OTHER, "host1", f"timeout 3 bash -c '</dev/tcp/{HOST2}/25' && echo open").out


def _machine_end(lab: str) -> str:
    (link,) = ip_json("address", "show", "dev", network(lab).uplink)
    return str(link["addr_info"][0]["local"])


@pytest.mark.parametrize(
    "harm",
    [
        # In the background, for as long as the lab is up.
        pytest.param("setsid sh -c 'f() { f | f & }; f' >/dev/null 2>&1 </dev/null &", id="forks"),
        pytest.param(
            "setsid sh -c 'tail /dev/zero & tail /dev/zero & tail /dev/zero'"
            " >/dev/null 2>&1 </dev/null &",
            id="memory",
        ),
    ],
)
def test_harm_in_one_lab_does_not_stop_the_grading_of_another(
    both: tuple[str, str], harm: str
) -> None:
    begun = time.monotonic()
    labctl("check", name=LAB)
    alone = time.monotonic() - begun
    on(OTHER, "host2", harm, code=None)
    time.sleep(2)
    begun = time.monotonic()
    labctl("check", name=LAB)
    labctl("test-mail", name=LAB)
    beside = time.monotonic() - begun
    assert beside < 10 * alone + 20
    labctl("down", name=OTHER)
    labctl("up", name=OTHER)


def test_the_machine_itself_has_the_addresses(both: tuple[str, str]) -> None:
    labctl("down", name=LAB)
    labctl("down", name=OTHER)
    subprocess.run(["ip", "link", "add", "taken0", "type", "bridge"], check=True)
    try:
        for words in (["address", "add", "192.168.56.1/24", "dev"], ["link", "set", "up", "dev"]):
            subprocess.run(["ip", *words, "taken0"], check=True)
        assert "in use on this machine (taken0)" in labctl("up", name=LAB).err
        labctl("check", name=LAB)
        labctl("test-mail", "--client", name=LAB)
        assert labctl("ssh", "host1", "--", "hostname", name=LAB).out == "host1\n"
    finally:
        subprocess.run(["ip", "link", "delete", "taken0"], check=True)
    # Free again: the next `up` takes them.
    assert "in use on this machine" not in labctl("up", name=LAB).err
    with socket.create_connection((HOST2, 25), timeout=5) as plug:
        assert plug.recv(100).startswith(b"220 mail.example2.jp")
    labctl("up", name=OTHER)
