"""Mail survives a killed Postfix, a cut network, a stopped host and a power cut."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from labctl.scripts import Script
from provision.step import Target
from tests.lab.program import labctl, started
from tests.lab.test_mail import leftovers

Targets = Mapping[str, Target]

PHASES = ["quiet", "postfix-killed", "network-cut", "host-stopped", "power-cut"]
# Drop host2's answers to the end of a message. Only they contain the next queue id.
DEAF = (
    "-p", "tcp", "-s", "192.168.56.102", "--sport", "25",
    "-m", "string", "--string", "queued as", "--algo", "bm", "-j", "DROP",
)  # fmt: skip


def on_host1(script: str, *args: str) -> str:
    """Run a script of the tests on host1 as root, and return what it printed."""
    text = Script("tests.lab", script).text
    return labctl("ssh", "host1", "--user", "root", "--", "sh", "-euc", text, "sh", *args).out


def untouched(targets: Targets) -> bool:
    for target in targets.values():
        target.remote.close()
    return not any(leftovers(target) for target in targets.values()) and not any(
        "DROP" in target.remote.run(["iptables", "-S", "INPUT"]).stdout.partition("\n")[2]
        for target in targets.values()
    )


def test_every_accepted_message_is_delivered_once(
    ready_once: str, targets: Targets, tmp_path: Path
) -> None:
    file = tmp_path / "stress.xml"
    args = ("--stress", "--messages", "120", "--json", "--junit", str(file))
    running = started("test-mail", *args)
    # A delivery may have been killed with it.
    on_host1("leave-lock.sh", "user1")
    out, err = running.communicate(timeout=300)
    assert running.returncode == 0, out + err
    data = json.loads(out)["data"]
    assert data["ok"]
    assert [phase["name"] for phase in data["phases"]] == PHASES
    total = data["total"]
    assert total["sent"] == 120 == total["accepted"] + total["unanswered"]
    assert total["delivered"] >= total["accepted"]
    assert (total["lost"], total["duplicates"], total["waiting"]) == (0, 0, 0)
    held = {phase["name"]: phase["held"] for phase in data["phases"]}
    # While host1's Postfix is dead, and while nothing reaches the other host, messages wait.
    assert held["postfix-killed"] and held["network-cut"] and held["host-stopped"]
    suite = ElementTree.parse(file).getroot()[0]
    assert [case.get("name") for case in suite] == PHASES
    assert untouched(targets)


def test_messages_deleted_by_hand_are_lost_and_those_sent_again_are_not(
    ready_once: str, targets: Targets
) -> None:
    """One message is removed from the maildrop and one from the queue. host1 misses answers before
    its Postfix is killed, and sends those messages again.
    """
    labctl("ssh", "host1", "--user", "root", "--", "/usr/sbin/iptables", "-I", "INPUT", *DEAF)
    running = started("test-mail", "--stress", "--messages", "50", "--json")
    stolen = on_host1("steal-from-maildrop.sh", *DEAF).strip()
    # While host2 is off, a message waits on host1 for the next attempt.
    deleted = on_host1("delete-deferred.sh").split()[-1]
    out, err = running.communicate(timeout=300)
    assert running.returncode == 1, out + err
    document = json.loads(out)
    assert "data" in document, document
    assert not document["ok"]
    astray = document["data"]["astray"]
    lost = [one for one in astray if one["fate"] == "lost"]
    assert [one["token"] for one in lost if not one["queue_ids"]] == [stolen]
    assert lost[0]["phase"] == "postfix-killed"
    (queued,) = [one for one in lost if one["queue_ids"]]
    assert queued["queue_ids"] == [f"host1 {deleted}"]
    assert any("postsuper" in line and "removed" in line for line in queued["story"])
    assert {(one["sender"], one["copies"]) for one in lost} == {("host1", 0)}
    again = [one for one in astray if one["fate"] == "repeated" and one["window"] == "smtp"]
    assert again and all(len(one["queue_ids"]) == 3 for one in again)
    assert any("daemon started" in line for line in again[0]["story"])
    assert document["data"]["total"]["duplicates"] == 0
    assert untouched(targets)
