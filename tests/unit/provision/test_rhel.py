"""What only hosts of the RHEL family have: dnf, rpm, SELinux. No such host was run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labctl.edition_files import load_edition
from labctl.errors import LabError
from labctl.lab import Lab
from labctl.managed import ManagedFile
from labctl.results import Change, ChangeKind
from labctl.system import ALMALINUX_9, DEBIAN_12, System
from provision import dns_check, postfix
from provision.dialogue import Answer
from provision.dnf import Dnf
from provision.facts import parse_facts
from provision.firewall_check import check
from provision.smtp_auth_check import _wrong_password
from provision.step import Target
from tests.fakes.host import FakeHost
from tests.fakes.target import fake_target

FILE = ManagedFile("/etc/named.conf", "options {};\n")


def target_on(host: FakeHost, system: System = ALMALINUX_9) -> Target:
    target = fake_target(host)
    return replace(target, scene=replace(target.scene, system=system))


@pytest.mark.parametrize(("system", "times"), [(ALMALINUX_9, 1), (DEBIAN_12, 0)])
def test_a_written_file_gets_its_selinux_label(system: System, times: int) -> None:
    host = FakeHost("host1")
    host.says("restorecon")
    target = target_on(host, system)
    assert target.install([FILE]) == [Change(ChangeKind.WROTE, "/etc/named.conf")]
    assert host.commands().count("restorecon -F /etc/named.conf") == times
    # A file that is there already keeps the label it has.
    assert target.install([FILE]) == []
    assert host.commands().count("restorecon -F /etc/named.conf") == times


def test_the_alias_database_is_built_if_the_book_has_no_section_for_it() -> None:
    def runs(edition: str) -> list[str]:
        host = FakeHost("host1")
        for script in ("aliases.sh", "postfix.sh"):
            host.says(script)
        target = target_on(host, DEBIAN_12)
        lab = Lab(name="default", edition=load_edition(edition))
        postfix.apply(replace(target, scene=replace(target.scene, lab=lab)))
        return [words.split()[0] for words in host.commands()]

    assert runs("almalinux") == ["aliases.sh", "postfix.sh"]
    assert runs("ubuntu") == ["postfix.sh"]


def test_dnf_installs_what_is_missing() -> None:
    host = FakeHost("host1")
    host.says("rpm-installed.sh", stdout="postfix\n")
    host.says("dnf-install.sh")
    assert Dnf().install(target_on(host), ["postfix", "s-nail"]) == [
        Change(ChangeKind.INSTALLED, "s-nail")
    ]
    assert host.commands() == ["rpm-installed.sh postfix s-nail", "dnf-install.sh s-nail"]


def test_dnf_runs_for_nothing_if_all_is_there() -> None:
    host = FakeHost("host1")
    host.says("rpm-installed.sh", stdout="postfix\n")
    assert Dnf().install(target_on(host), ["postfix"]) == []
    assert host.commands() == ["rpm-installed.sh postfix"]


def test_a_mirror_that_cannot_be_reached_is_told_as_such() -> None:
    host = FakeHost("host1")
    host.says("rpm-installed.sh")
    host.says("dnf-install.sh", stderr="failed\treach-mirror\ts-nail\tCurl error (6)\n", status=1)
    with pytest.raises(LabError):
        Dnf().install(target_on(host), ["s-nail"])


def test_versions_come_from_rpm() -> None:
    host = FakeHost("host1")
    host.says("rpm-versions.sh", stdout="postfix 3.5.25-1.el9\n")
    assert Dnf().versions(target_on(host), ["postfix", "s-nail"]) == {"postfix": "3.5.25-1.el9"}


def test_a_firewall_that_lets_nothing_out_is_mended_without_ufw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("provision.firewall_check._knock", lambda *_door: "open")

    def solutions(system: System, *rules: str) -> set[str]:
        host = FakeHost("host1")
        host.says("firewall-check.sh", stdout="".join(f"rule\t{rule}\n" for rule in rules))
        found = check(target_on(host, system))
        return {each.solution for each in found if each.code == "firewall.outgoing"}

    assert solutions(ALMALINUX_9, "-P OUTPUT DROP") == {"iptables -P OUTPUT ACCEPT"}
    assert solutions(DEBIAN_12, "-P OUTPUT DROP") == {"ufw default allow outgoing"}
    own = ("-A OUTPUT -j own", "-A own -p tcp -m tcp --dport 25 -j DROP")
    assert solutions(ALMALINUX_9, *own) == {"iptables -D own -p tcp -m tcp --dport 25 -j DROP"}
    ufws = ("-A OUTPUT -j ufw-user-output", "-A ufw-user-output -p tcp -m tcp --dport 25 -j DROP")
    assert solutions(DEBIAN_12, *ufws) == {"ufw status numbered"}


def test_the_hint_for_a_bind_that_stopped_names_the_unit_of_the_host() -> None:
    host = FakeHost("host1")
    host.says("dns-check.sh", stdout="active\tinactive\nenabled\tenabled")
    [named, _enabled] = dns_check.check(target_on(host))
    assert "systemctl status named-chroot" in named.hint


def test_pam_that_lets_everybody_in_is_mended_with_the_tool_of_the_host() -> None:
    facts = parse_facts("conf\tpwcheck_method: saslauthd")
    wrong = _wrong_password(target_on(FakeHost("host1")).family, facts, Answer(True, "235"))
    assert wrong.solution == "authselect apply-changes"
