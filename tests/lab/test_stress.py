"""Mail survives a killed Postfix, a cut network, a stopped host and a power cut."""

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
# Drop host2's answers to the end of a message. Only they contain the next queue id.
DEAF = "-p tcp -s 192.168.56.102 --sport 25 -m string --string 'queued as' --algo bm -j DROP"
MASTER = "pgrep -x master >/dev/null"
# Messages for a stopped Postfix wait in the maildrop, and nothing else removes them. A message from
# before its death may be in the queue too: pickup removes it from the maildrop last.
STEAL = f"""
while {MASTER} || pgrep -x pickup >/dev/null || pgrep -x cleanup >/dev/null; do sleep 0.02; done
dead=$(mktemp)
/usr/sbin/iptables -D INPUT {DEAF}
until file=$(find /var/spool/postfix/maildrop -type f -perm -100 -newer "$dead" | grep .); do
  sleep 0.02
done
file=$(echo "$file" | head -n 1)
grep -aom1 'labctl[^>]*' "$file"
rm "$file" "$dead"
! {MASTER}
"""


# While host2 is off, a message waits on host1 for the next attempt.
DELETE = """
until file=$(find /var/spool/postfix/deferred -type f -perm -100 | grep .); do sleep 0.05; done
id=$(basename "$(echo "$file" | head -n 1)")
/usr/sbin/postsuper -d "$id"
echo "$id"
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


def test_messages_deleted_by_hand_are_lost_and_those_sent_again_are_not(
    ready_once: str, targets: Targets
) -> None:
    """One message is removed from the maildrop and one from the queue. host1 misses answers before
    its Postfix is killed, and sends those messages again.
    """
    on_host("host1", f"/usr/sbin/iptables -I INPUT {DEAF}")
    running = started("test-mail", "--stress", "--messages", "50", "--json")
    stolen = on_host("host1", STEAL).out.strip()
    deleted = on_host("host1", DELETE).out.split()[-1]
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
