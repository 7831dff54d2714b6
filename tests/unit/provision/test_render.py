"""The content of every rendered file, for both mail hosts and for host0."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import dns.name
import dns.rdatatype
import dns.zone
import jinja2
import pytest

from labctl import resources
from labctl.lab import Lab, LabFile, load_edition
from labctl.managed import ManagedFile
from provision import boot_order, dovecot, firewall, mail_command, postfix, smtp_auth
from provision import dns as dns_step
from provision.deviations import DEVIATIONS
from provision.families import systems
from provision.render import render
from provision.step import Scene
from provision.steps import STEPS

EDITION = load_edition("ubuntu-example")
RESOLVERS = ("10.0.0.53", "10.0.1.53")


def scene(host: str, dns: str = "peers", upstream: tuple[str, ...] = RESOLVERS) -> Scene:
    lab = Lab(name="lab", edition=EDITION, choices=LabFile.model_validate({"dns": dns}))
    return Scene(lab, lab.host(host), upstream)


def by_path(files: tuple[ManagedFile, ...]) -> Mapping[str, ManagedFile]:
    return {file.path: file for file in files}


def settings(text: str) -> dict[str, str]:
    """The `key = value` lines of a Postfix or Dovecot file."""
    lines = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {key.strip(): value.strip() for key, equals, value in lines if equals}


def zone(host: str, dns_kind: str = "peers") -> dns.zone.Zone:
    origin = scene(host, dns_kind).host.domain
    file = by_path(dns_step.files(scene(host, dns_kind)))[f"/etc/bind/db.{origin}"]
    return dns.zone.from_text(file.content, origin=origin, relativize=False, check_origin=True)


def records(of: dns.zone.Zone, name: str, kind: str) -> list[str]:
    found = of.get_rdataset(dns.name.from_text(name), dns.rdatatype.from_text(kind))
    return sorted(rdata.to_text() for rdata in found or ())


@pytest.mark.parametrize("number", [1, 2])
def test_main_cf_has_the_six_parameters_of_the_book(number: int) -> None:
    (main_cf,) = postfix.files(scene(f"host{number}"))
    assert main_cf.path == "/etc/postfix/main.cf"
    values = settings(main_cf.content)
    assert values["myhostname"] == f"mail.example{number}.jp"
    assert values["mydomain"] == f"example{number}.jp"
    assert values["inet_interfaces"] == f"localhost, 192.168.56.10{number}"
    assert values["mydestination"] == "$mydomain"
    assert values["smtpd_sasl_auth_enable"] == "yes"
    assert values["smtpd_recipient_restrictions"] == (
        "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"
    )


@pytest.mark.parametrize("number", [1, 2])
def test_the_zone_has_the_records_of_chapter_5(number: int) -> None:
    domain, address = f"example{number}.jp.", f"192.168.56.10{number}"
    there = zone(f"host{number}")
    assert records(there, domain, "NS") == [f"host{number}.{domain}"]
    assert records(there, domain, "MX") == [f"10 mail.{domain}"]
    for name in (f"host{number}", "www", "mail"):
        assert records(there, f"{name}.{domain}", "A") == [address]


def test_the_parents_zone_delegates_both_domains_with_glue() -> None:
    there = zone("host0", "parent")
    assert records(there, "jp.", "NS") == ["host0.jp."]
    assert records(there, "host0.jp.", "A") == ["192.168.56.100"]
    for number in (1, 2):
        server = f"host{number}.example{number}.jp."
        assert records(there, f"example{number}.jp.", "NS") == [server]
        assert records(there, server, "A") == [f"192.168.56.10{number}"]


def test_a_serial_changes_with_the_records_and_only_then() -> None:
    def serial(name: str, dns_kind: str = "peers") -> str:
        there = zone(name, dns_kind)
        return records(there, str(there.origin), "SOA")[0].split()[2]

    assert serial("host1") == serial("host1")
    assert serial("host1") == serial("host1", "parent")
    assert serial("host1") != serial("host2")
    assert 0 < int(serial("host1")) < 2**32


@pytest.mark.parametrize(
    ("host", "kind", "nameserver"),
    [
        ("host1", "peers", "192.168.56.101"),
        ("host2", "peers", "192.168.56.102"),
        ("host1", "parent", "192.168.56.100"),
        ("host0", "parent", "192.168.56.100"),
    ],
)
def test_resolv_conf_names_the_host_that_resolves(host: str, kind: str, nameserver: str) -> None:
    text = by_path(dns_step.files(scene(host, kind)))["/etc/resolv.conf"].content
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == [f"nameserver {nameserver}", f"search {scene(host, kind).host.domain}"]


def options(host: str, kind: str, upstream: tuple[str, ...]) -> str:
    files = by_path(dns_step.files(scene(host, kind, upstream)))
    return re.sub(r"//.*", "", files["/etc/bind/named.conf.options"].content)


def test_bind_forwards_what_is_outside_the_lab() -> None:
    assert "forwarders { 10.0.0.53; 10.0.1.53; };" in options("host1", "peers", RESOLVERS)
    assert "forward" not in options("host1", "peers", ())


def test_bind_listens_in_the_lab_only() -> None:
    text = options("host2", "peers", RESOLVERS)
    assert "listen-on { 127.0.0.1; 192.168.56.102; };" in text
    assert "listen-on-v6 { none; };" in text
    assert "allow-recursion { lab; };" in text


def test_bind_forgets_soon_what_it_was_told() -> None:
    assert "max-cache-ttl 5;" in options("host1", "peers", RESOLVERS)
    assert "max-ncache-ttl 5;" in options("host0", "parent", RESOLVERS)


def test_with_a_parent_only_the_parent_resolves() -> None:
    assert "recursion yes;" in options("host0", "parent", RESOLVERS)
    assert "recursion no;" in options("host1", "parent", RESOLVERS)


def test_only_peers_forward_the_other_domain() -> None:
    def local(host: str, kind: str) -> str:
        return by_path(dns_step.files(scene(host, kind)))["/etc/bind/named.conf.local"].content

    assert "forwarders { 192.168.56.102; };" in local("host1", "peers")
    assert "example2.jp" not in local("host1", "parent")
    # Otherwise BIND would send queries for the delegated names to the forwarders.
    assert "forwarders { };" in local("host0", "parent")


def test_dovecot_has_the_books_lines() -> None:
    files = {file.path.rpartition("/")[2]: file for file in dovecot.files(scene("host1"))}
    mail = settings(files["10-mail.conf"].content)
    assert mail["mail_location"] == "mbox:~/mail:INBOX=/var/mail/%u"
    assert mail["mail_privileged_group"] == mail["mail_access_groups"] == "mail"
    assert settings(files["10-auth.conf"].content)["disable_plaintext_auth"] == "no"
    assert settings(files["10-ssl.conf"].content)["ssl"] == "no"


def test_saslauthd_starts_with_its_socket_in_the_chroot() -> None:
    defaults, conf = smtp_auth.files(scene("host1"))
    values = settings(defaults.content)
    assert values["START"] == "yes"
    assert values["OPTIONS"] == '"-c -m /var/spool/postfix/var/run/saslauthd"'
    assert conf.path == "/etc/postfix/sasl/smtpd.conf"
    assert conf.content.splitlines() == ["pwcheck_method: saslauthd", "mech_list: plain login"]


def test_ufw_is_open_for_the_labs_ports_only() -> None:
    files = by_path(firewall.files(scene("host1")))
    assert "ENABLED=yes" in files["/etc/ufw/ufw.conf"].content
    for name, chain in (("user.rules", "ufw-user-input"), ("user6.rules", "ufw6-user-input")):
        file = files[f"/etc/ufw/{name}"]
        assert file.mode == 0o640
        found = re.findall(rf"^-A {chain} -p (\w+) --dport (\d+) -j ACCEPT$", file.content, re.M)
        assert found == [
            ("tcp", "22"),
            ("tcp", "25"),
            ("tcp", "53"),
            ("udp", "53"),
            ("tcp", "110"),
            ("tcp", "143"),
            ("tcp", "80"),
        ]


def test_both_of_debians_units_wait_for_the_network() -> None:
    paths = [file.path for file in boot_order.files(scene("host1"))]
    assert paths == [
        "/etc/systemd/system/postfix.service.d/network-online.conf",
        "/etc/systemd/system/postfix@.service.d/network-online.conf",
    ]
    for file in boot_order.files(scene("host1")):
        values = settings(file.content)
        assert values == {"After": "network-online.target", "Wants": "network-online.target"}


def test_mail_is_told_its_domain() -> None:
    files = by_path(mail_command.files(scene("host2")))
    assert "  email-domain example2.jp;" in files["/etc/mailutils.conf"].content.splitlines()
    assert files["/etc/mailname"].content == "example2.jp\n"


ALL = [
    (host, kind)
    for kind, hosts in (("peers", (1, 2)), ("parent", (0, 1, 2)))
    for host in (f"host{number}" for number in hosts)
]


@pytest.mark.parametrize(("host", "kind"), ALL)
def test_every_deviation_is_explained_in_both_languages(host: str, kind: str) -> None:
    place = scene(host, kind)
    for step in STEPS:
        if step.applies_to(place):
            for file in step.files(place):
                told = [line.split(": ", 1) for line in file.content.splitlines()]
                english = [words[1] for words in told if words[0].endswith(" Deviation")]
                japanese = [words[1] for words in told if words[0].endswith(" 逸脱")]
                assert english == [each.en for each in file.deviations], file.path
                assert japanese == [each.ja for each in file.deviations], file.path


def test_every_deviation_is_in_a_file() -> None:
    places = [
        replace(scene(host, kind), system=system) for host, kind in ALL for system in systems()
    ]
    texts = {
        each.en
        for place in places
        for step in STEPS
        if step.applies_to(place)
        for file in step.files(place)
        for each in file.deviations
    }
    for name, deviation in DEVIATIONS.items():
        pattern = re.escape(deviation.en).replace(r"\{host\.name\}", r"\w+")
        pattern = pattern.replace(r"\{parent\.name\}", r"\w+")
        assert any(re.fullmatch(pattern, text) for text in texts), name


def test_files_that_ufw_rewrites_are_ascii() -> None:
    # `ufw disable` and `ufw allow` fail with a traceback on any other content.
    for file in firewall.files(scene("host1")):
        assert file.content.isascii(), file.path


@pytest.mark.parametrize(("host", "kind"), ALL)
def test_a_file_is_the_same_each_time_and_ends_with_a_line(host: str, kind: str) -> None:
    place = scene(host, kind)
    for step in STEPS:
        once, again = step.files(place), step.files(place)
        assert [file.fingerprint() for file in once] == [file.fingerprint() for file in again]
        assert all(file.content.endswith("\n") for file in once)


def test_every_template_is_used() -> None:
    used = {
        file.path.lstrip("/") + ".j2"
        for host, kind in ALL
        for step in STEPS
        for file in step.files(scene(host, kind))
    }
    shared = {
        "etc/bind/db.domain.j2",
        "etc/systemd/system/network-online.conf.j2",
        "etc/systemd/system/pid-file.conf.j2",
        # of other systems than the default edition's
        "etc/firewalld/zones/public.xml.j2",
        "etc/sysconfig/saslauthd.j2",
    }
    root = resources.templates()
    there = {path.relative_to(root).as_posix() for path in root.rglob("*.j2")}
    assert there <= used | shared


def test_a_name_that_nobody_gave_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render(scene("host1"), "/etc/ufw/user.rules")
