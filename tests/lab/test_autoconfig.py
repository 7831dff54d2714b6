"""Thunderbird's automatic configuration, requested as Thunderbird does: by name, over HTTP."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from xml.etree import ElementTree

import dns.resolver
import pytest

from provision import autoconfig
from provision import dns as chapter5
from provision.step import Target
from tests.lab.program import labctl

Targets = Mapping[str, Target]
PATHS = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")


def fetch(target: Target, path: str) -> tuple[int, str, bytes]:
    """Status, media type and body, from the address that the lab's DNS returns."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [str(target.peer.address)]
    name = f"autoconfig.{target.host.domain}"
    address = next(iter(resolver.resolve(name, "A"))).address
    connection = http.client.HTTPConnection(address, 80, timeout=10)
    connection.request("GET", f"{path}?emailaddress={target.host.mailbox}", headers={"Host": name})
    answer = connection.getresponse()
    return answer.status, answer.headers.get_content_type(), answer.read()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["host1", "host2"])
def test_the_books_settings_are_told(targets: Targets, name: str, path: str) -> None:
    status, kind, body = fetch(targets[name], path)
    assert (status, kind) == (200, "text/xml")
    root = ElementTree.fromstring(body)
    (provider,) = root
    domain = targets[name].host.domain
    assert (root.tag, root.get("version")) == ("clientConfig", "1.1")
    assert (provider.tag, provider.get("id")) == ("emailProvider", domain)
    assert provider.findtext("domain") == domain
    found = {
        (server.tag, server.get("type"), server.findtext("hostname"), server.findtext("port"))
        for server in provider.iterfind("*[@type]")
    }
    assert found == {
        ("incomingServer", "imap", f"mail.{domain}", "143"),
        ("incomingServer", "pop3", f"mail.{domain}", "110"),
        ("outgoingServer", "smtp", f"mail.{domain}", "25"),
    }
    for server in provider.iterfind("*[@type]"):
        assert server.findtext("socketType") == "plain"
        assert server.findtext("authentication") == "password-cleartext"
        assert server.findtext("username") == "%EMAILLOCALPART%"


def test_nothing_else_is_given_and_it_listens_on_the_lab_only(targets: Targets) -> None:
    one = targets["host1"]
    assert [fetch(one, path)[0] for path in ("/", "/mail/", "/etc/passwd")] == [404, 404, 404]
    listening = one.remote.run(["ss", "-Hltn", "sport", "=", ":80"]).stdout.split()
    assert listening[3] == f"{one.host.address}:80"


def test_the_domain_itself_has_no_address(targets: Targets) -> None:
    # An address would replace a missing MX record (RFC 5321, 5.1) and hide that mistake.
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [str(targets["host1"].host.address)]
    with pytest.raises(dns.resolver.NoAnswer):
        resolver.resolve("example1.jp", "A")


PAGE = "/srv/autoconfig" + PATHS[0]
BREAKAGES = {
    "autoconfig.boot": "systemctl disable -q autoconfig",
    f"autoconfig.page{PATHS[0]}": f"sed -i s/143/993/ {PAGE}",
    f"autoconfig.page{PATHS[1]}": f"rm /srv/autoconfig{PATHS[1]}",
    "autoconfig.name": "sed -i /^autoconfig/d /etc/bind/db.example1.jp; rndc reload",
}


def wrong(target: Target) -> list[str]:
    return [finding.code for finding in autoconfig.STEP.check(target) if not finding.ok]


def applied(target: Target) -> int:
    """Apply this step as `up` does. Returns the number of changes."""
    return len([*chapter5.STEP.apply(target), *autoconfig.STEP.apply(target)])


@pytest.mark.parametrize("code", BREAKAGES)
def test_what_is_wrong_is_found_and_mended(targets: Targets, code: str) -> None:
    one = targets["host1"]
    one.remote.script(BREAKAGES[code])
    assert wrong(one) == [code]
    assert applied(one)
    assert wrong(one) == []
    assert not applied(one)


def test_only_who_asks_for_it_is_graded_on_it(targets: Targets) -> None:
    one = targets["host1"]
    one.remote.run(["systemctl", "stop", "autoconfig"])
    labctl("check", "--host", "host1")
    found = labctl("check", "autoconfig", "--host", "host1", code=1).out
    assert "nothing answers on this port" in found
    assert applied(one)
    labctl("check", "autoconfig")


def test_a_changed_unit_is_read_anew(targets: Targets) -> None:
    one = targets["host1"]
    one.remote.script("sed -i /^Restart=/d /etc/systemd/system/autoconfig.service")
    one.remote.run(["systemctl", "daemon-reload"])
    assert applied(one)
    shown = ["systemctl", "show", "--value", "-p", "Restart", "autoconfig"]
    assert one.remote.run(shown).stdout.strip() == "on-failure"
