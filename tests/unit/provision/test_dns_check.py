"""The check of chapter 5: facts of a host in, findings out."""

from __future__ import annotations

import pytest

from provision.dns_check import check
from provision.step import Target
from tests.fakes.host import FakeHost
from tests.fakes.target import fake_target

# What dns-check.sh says on host1 of a lab that is right.
RIGHT = {
    "active": "active",
    "enabled": "enabled",
    "own example1.jp. SOA": "host1.example1.jp. root.example1.jp. 1 1 1 1 1",
    "own example1.jp. NS": "host1.example1.jp.",
    "own example1.jp. MX": "10 mail.example1.jp.",
    "own host1.example1.jp. A": "192.168.56.101",
    "own www.example1.jp. A": "192.168.56.101",
    "own mail.example1.jp. A": "192.168.56.101",
    "found example1.jp. MX": "10 mail.example1.jp.",
    "found mail.example1.jp. A": "192.168.56.101",
    "found example2.jp. MX": "10 mail.example2.jp.",
    "found mail.example2.jp. A": "192.168.56.102",
    "peer example2.jp. MX": "10 mail.example2.jp.",
    "peer mail.example2.jp. A": "192.168.56.102",
    "loaded": "200",
    "written": "100 /etc/bind/db.example1.jp\n90 /etc/bind/www.inc",
    "now": "300",
    "type": "primary",
    "configured": "example1.jp",
    "nameserver": "192.168.56.101",
}


def on_host1(facts: dict[str, str]) -> Target:
    host = FakeHost("host1")
    lines = [f"{key}\t{line}" for key, text in facts.items() for line in text.split("\n")]
    host.says("dns-check.sh", stdout="\n".join(lines))
    return fake_target(host)


def served(mx: str) -> dict[str, str]:
    """The facts if BIND serves another MX, which then is what this host finds."""
    return {**RIGHT, "own example1.jp. MX": mx, "found example1.jp. MX": mx}


def codes(facts: dict[str, str], *, ok: bool) -> list[str]:
    return [finding.code for finding in check(on_host1(facts)) if finding.ok is ok]


def test_the_addresses_are_the_labs() -> None:
    lab = on_host1(RIGHT).lab
    assert [str(host.address) for host in lab.hosts] == ["192.168.56.101", "192.168.56.102"]


def test_a_lab_that_is_right_has_every_finding_and_none_wrong() -> None:
    assert codes(RIGHT, ok=False) == []
    zone = [f"dns.zone.{key}" for key in ("ns", "mx", "host1", "www", "mail")]
    assert codes(RIGHT, ok=True) == [
        *("dns.named", "dns.enabled", "dns.files", *zone, "dns.loaded"),
        *("dns.resolver", "dns.peer"),
    ]


@pytest.mark.parametrize(
    ("fact", "value", "code"),
    [
        ("own example1.jp. NS", "host2.example1.jp.", "dns.zone.ns"),
        ("own host1.example1.jp. A", "192.168.56.102", "dns.zone.host1"),
        ("own www.example1.jp. A", "192.168.56.1", "dns.zone.www"),
        ("own www.example1.jp. A", "", "dns.zone.www"),
        ("enabled", "disabled", "dns.enabled"),
        ("loaded", "99", "dns.loaded"),
        ("written", "100 /etc/bind/db.example1.jp\n201 /etc/bind/www.inc", "dns.loaded"),
        ("configured", "localhost", "dns.loaded"),
        ("found example1.jp. MX", "", "dns.resolver"),
        ("found mail.example1.jp. A", "192.168.56.1", "dns.resolver"),
        ("found example2.jp. MX", "", "dns.peer"),
    ],
)
def test_one_wrong_fact_gives_one_wrong_finding(fact: str, value: str, code: str) -> None:
    assert codes({**RIGHT, fact: value}, ok=False) == [code]


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        # A file from a machine whose clock is ahead.
        ("written", "301 /etc/bind/db.example1.jp"),
        # BIND itself writes the file of a dynamic zone.
        ("written", ""),
        # A copy of a zone is not loaded by named-checkconf.
        ("type", "secondary"),
        ("own example1.jp. NS", "host1.example1.jp.\nns2.example1.jp."),
    ],
)
def test_what_is_right_in_another_way(fact: str, value: str) -> None:
    facts = {**RIGHT, fact: value}
    if fact == "type":
        del facts["configured"]
    if not value:
        del facts[fact]
    assert codes(facts, ok=False) == []


def test_an_alias_of_an_alias_leads_to_the_address() -> None:
    facts = {
        **RIGHT,
        "own www.example1.jp. CNAME": "web.example1.jp.",
        "own web.example1.jp. CNAME": "host1.example1.jp.",
    }
    del facts["own www.example1.jp. A"]
    assert codes(facts, ok=False) == []


def test_a_missing_address_of_the_other_server_comes_from_no_memory() -> None:
    """The MX record is the zone's, and the address is kept back (deny-answer-addresses)."""
    facts = {**RIGHT, "found-ttl example2.jp. MX": "5"}
    del facts["found mail.example2.jp. A"]
    assert codes(facts, ok=False) == ["dns.peer"]


def test_another_preference_of_the_only_mx_is_right_too() -> None:
    assert codes(served("50 mail.example1.jp."), ok=False) == []


@pytest.mark.parametrize(
    "mx", ["10 host1.example1.jp.", "10 mail.example1.jp.\n10 ftp.example1.jp.", "10 mail."]
)
def test_another_mx_or_two_equal_ones_are_wrong(mx: str) -> None:
    assert codes(served(mx), ok=False) == ["dns.zone.mx"]


def test_a_second_mx_counts_by_its_number() -> None:
    assert codes(served("10 mail.example1.jp.\n20 www.example1.jp."), ok=False) == []
    assert codes(served("10 mail.example1.jp.\n5 www.example1.jp."), ok=False) == ["dns.zone.mx"]


def test_a_bind_that_does_not_run_hides_the_rest() -> None:
    assert codes({"active": "inactive", "enabled": "enabled"}, ok=False) == ["dns.named"]
    [named, _enabled] = check(on_host1({"enabled": "enabled"}))
    assert (named.found, named.expected) == ("not installed", "active")


def test_a_file_that_bind_refuses_is_the_only_wrong_finding() -> None:
    refused = {**RIGHT, "active": "failed", "error": "db.example1.jp:3: no TTL\nexit 1"}
    [wrong] = [finding for finding in check(on_host1(refused)) if not finding.ok]
    assert (wrong.code, wrong.found) == ("dns.files", "db.example1.jp:3: no TTL")


def test_a_zone_without_a_start_of_authority_says_so_once() -> None:
    assert codes({**RIGHT, "own example1.jp. SOA": ""}, ok=False) == ["dns.zone.soa"]


def test_a_name_without_its_final_dot_is_hinted_at() -> None:
    doubled = served("10 mail.example1.jp.example1.jp.")
    [wrong] = [finding for finding in check(on_host1(doubled)) if not finding.ok]
    assert wrong.found == "10 mail.example1.jp.example1.jp."
    assert "twice" in wrong.hint


def test_a_wrong_record_is_shown_with_the_line_that_is_right() -> None:
    [wrong] = [
        finding
        for finding in check(on_host1({**RIGHT, "own www.example1.jp. A": "192.168.56.9"}))
        if not finding.ok
    ]
    assert (wrong.what, wrong.found, wrong.expected) == (
        "www.example1.jp A",
        "192.168.56.9",
        "192.168.56.101",
    )
    assert wrong.solution == "www.example1.jp. IN A 192.168.56.101"
    assert "dig @192.168.56.101" in wrong.hint


def test_a_server_that_is_down_is_not_the_other_ones_fault() -> None:
    silent = {**RIGHT, "peer example2.jp. MX": "", "peer mail.example2.jp. A": ""}
    assert codes(silent, ok=False) == []
    assert "dns.peer" not in codes(silent, ok=True)


@pytest.mark.parametrize(
    ("seconds", "copy", "is_right", "solution"),
    [
        ("30", "", True, "rndc flush"),
        ("60", "", True, "rndc flush"),
        ("61", "", False, "rndc flush"),
        ("86400", "", False, "rndc flush"),
        ("30", "secondary", False, "rndc flush"),
        ("", "", False, "forwarders"),
    ],
)
def test_an_old_answer_is_right_if_it_is_forgotten_within_a_minute(
    seconds: str, copy: str, is_right: bool, solution: str
) -> None:
    facts = {**RIGHT, "found mail.example2.jp. A": "192.168.56.9"}
    if seconds:
        facts["found-ttl mail.example2.jp. A"] = seconds
    if copy:
        facts["copy"] = copy
    [peer] = [finding for finding in check(on_host1(facts)) if finding.code == "dns.peer"]
    assert peer.ok is is_right
    assert solution in peer.solution


def test_the_script_is_told_the_names_of_both_hosts() -> None:
    host = FakeHost("host1")
    host.says("dns-check.sh")
    target = fake_target(host)
    check(target)
    assert host.ran[0].words == (
        *("dns-check.sh", target.family.bind.unit, "192.168.56.101", "example1.jp", "host1"),
        *("192.168.56.102", "example2.jp", "/etc/bind", "/run/named/named.pid"),
    )
