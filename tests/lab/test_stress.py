"""Mail survives a killed Postfix, a cut network, a stopped host and a power cut; a loss is seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from provision.step import Target
from tests.lab.program import labctl, on_host, started
from tests.lab.test_mail import leftovers

Targets = Mapping[str, Target]

PHASES = ["quiet", "postfix-killed", "network-cut", "host-stopped", "power-cut"]
# host2's answers to a message's end do not reach host1: they alone name the next queue.
DEAF = "-p tcp -s 192.168.56.102 --sport 25 -m string --string 'queued as' --algo bm -j DROP"
MASTER = "pgrep -x master >/dev/null"
# What waits for a Postfix that does not run is in the maildrop, and nobody else takes it.
STEAL = f"""
while {MASTER}; do sleep 0.02; done
/usr/sbin/iptables -D INPUT {DEAF}
until file=$(find /var/spool/postfix/maildrop -type f -perm -100 | grep .); do sleep 0.02; done
file=$(echo "$file" | head -n 1)
grep -aom1 'labctl[^>]*' "$file"
rm "$file"
! {MASTER}
"""


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
    data = labctl("test-mail", *args).json
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


def test_a_stolen_message_is_lost_and_one_sent_again_is_not(
    ready_once: str, targets: Targets
) -> None:
    """A message is deleted by hand, and host1 misses an answer just before its Postfix dies."""
    on_host("host1", f"/usr/sbin/iptables -I INPUT {DEAF}")
    running = started("test-mail", "--stress", "--messages", "50", "--json")
    stolen = on_host("host1", STEAL).out.strip()
    out, err = running.communicate(timeout=300)
    assert running.returncode == 1, out + err
    document = json.loads(out)
    assert "data" in document, document
    assert not document["ok"]
    astray = document["data"]["astray"]
    (lost,) = [one for one in astray if one["fate"] == "lost"]
    assert lost["token"] == stolen
    assert (lost["phase"], lost["sender"], lost["copies"]) == ("postfix-killed", "host1", 0)
    assert "host1: sendmail: accepted" in lost["story"][0]
    again = [one for one in astray if one["fate"] == "repeated" and one["window"] == "smtp"]
    assert again and all(len(one["queue_ids"]) == 3 for one in again)
    assert any("daemon started" in line for line in again[0]["story"])
    assert document["data"]["total"]["duplicates"] == 0
    assert untouched(targets)


def test_a_message_deleted_from_a_queue_is_lost_with_its_queue_id(
    ready_once: str, targets: Targets
) -> None:
    """By postsuper, while it waits on host1 for a host2 that is off; in words for people."""
    running = started("test-mail", "--stress", "--messages", "50")
    deferred = "find /var/spool/postfix/deferred -type f -perm -100"
    deleted = on_host(
        "host1",
        f"until file=$({deferred} | grep .); do sleep 0.05; done;"
        ' id=$(basename "$(echo "$file" | head -n 1)"); /usr/sbin/postsuper -d "$id"; echo "$id"',
    ).out.split()[-1]
    out, err = running.communicate(timeout=300)
    assert running.returncode == 1, out + err
    assert "postsuper[" in out and f"{deleted}: removed" in out
    assert "accepted messages 1 are lost, 0 came twice" in out
    assert untouched(targets)
