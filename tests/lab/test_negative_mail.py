"""Mail that must be refused is refused; mail that must wait is delivered later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from labctl.mailtest.negative import refusals
from provision.step import Target
from tests.lab.program import labctl
from tests.lab.test_mail import broken, leftovers

Targets = Mapping[str, Target]


def test_everything_with_a_host_off_and_on_again(ready_once: str, tmp_path: Path) -> None:
    file = tmp_path / "mail.xml"
    data = labctl("test-mail", "--all", "--json", "--junit", str(file)).json
    assert data["ok"]
    found = {(trial["code"], trial["host"]): trial["found"][:3] for trial in data["trials"]}
    for host in ("host1", "host2"):
        assert found["negative.relay-without-auth", host] == "454"
        assert found["negative.wrong-password", host] == "535"
        assert found["negative.unknown-mailbox", host] == "550"
        assert found["negative.too-large", host] == "552"
    assert found["negative.bounce", "host1"] == "550"
    assert found["negative.host-off", "host1"] == "def"
    (queued,) = [d for d in data["deliveries"] if d["kind"] == "queued"]
    assert [hop["host"] for hop in queued["hops"]] == ["host1", "host2"]
    suite = ElementTree.parse(file).getroot()[0]
    assert len(suite) == len(data["trials"]) + len(data["deliveries"])
    assert suite.get("failures") == "0"


def test_nothing_of_it_stays(targets: Targets) -> None:
    assert {name: leftovers(target) for name, target in targets.items()} == dict.fromkeys(
        targets, ""
    )


def test_an_open_relay_is_seen(targets: Targets) -> None:
    # A reload returns before the old smtpd has ended.
    how = (
        "cp -p /etc/postfix/main.cf /root/; postconf -e 'mynetworks = 0.0.0.0/0'; "
        "systemctl restart postfix"
    )
    mend = "mv /root/main.cf /etc/postfix/main.cf; systemctl restart postfix"
    with broken(targets["host1"], how, mend):
        wrong = [trial.code for trial in refusals(targets["host1"]) if not trial.ok]
    assert wrong == ["negative.relay-without-auth"]
    assert all(trial.ok for trial in refusals(targets["host1"]))


def test_repeat_counts_the_runs(ready_once: str) -> None:
    ended = labctl("test-mail", "--repeat", "2", "--json")
    document = json.loads(ended.out)
    assert document["ok"] and len(document["data"]["runs"]) == 2
    assert "2 of 2 runs" in labctl("test-mail", "--repeat", "2").out
