"""Is Postfix set as the book says?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network

from labctl.i18n import _
from labctl.lab import Host
from labctl.parallel import beside
from labctl.results import Finding
from labctl.scripts import Script
from provision.facts import Facts, ask
from provision.postfix_running import enabled, running
from provision.step import Target

_LOOPBACK = IPv4Network("127.0.0.0/8")
_CHECK = Script("provision", "postfix-check.sh")
# It takes as long as all the rest.
_SILENT = Script("provision", "postfix-silent.sh")


def check(target: Target) -> list[Finding]:
    """The book's parameters as Postfix reads them, `postfix check`, and the running Postfix."""
    postfix, own, peer = target.family.postfix, target.host, target.peer
    domains = (own.domain, peer.domain, peer.mail_name, peer.fqdn)
    words = (postfix.main_cf, postfix.unit, postfix.running_unit, *domains)
    with beside(lambda: ask(target, _SILENT, postfix.spool)) as silent:
        facts = ask(target, _CHECK, *words)
    settings = _settings(target, facts)
    # A wrong setting is the cause if Postfix does not run or is not silent.
    is_set = all(finding.ok for finding in settings)
    later = running(target, facts, silent().lines("check")) if is_set else []
    return [*settings, enabled(target, facts), *later]


def _settings(target: Target, facts: Facts) -> list[Finding]:
    host, peer = target.host, target.peer

    def words(name: str) -> set[str]:
        return set(_words(_expanded(host, facts[name])))

    if facts["no-file"]:
        return [_no_file(target)]
    if facts["fatal"]:
        return [_refused(target, facts)]
    own = {str(host.address), host.mail_name, host.fqdn, host.name, f"www.{host.domain}"}
    interfaces = words("inet_interfaces")
    destinations = words("mydestination") | set(facts.lines("listed"))
    findings = [
        _setting(
            facts,
            "myhostname",
            host.mail_name,
            _expanded(host, facts["myhostname"]) == host.mail_name,
        ),
        _setting(facts, "mydomain", host.domain, facts["mydomain"].lower() == host.domain),
        _setting(
            facts,
            "inet_interfaces",
            f"localhost, {host.address}",
            interfaces == {"all"}
            or (
                "=" not in interfaces
                and bool({"localhost", "127.0.0.1"} & interfaces)
                and bool(own & interfaces)
                and str(peer.address) not in interfaces
            ),
        ),
        _setting(
            facts,
            "mydestination",
            "$mydomain",
            host.domain in destinations
            and not {peer.domain, peer.mail_name, peer.fqdn} & destinations,
        ),
        *(_by_network(target, facts) if _relays_by_network(target) else _by_auth(facts)),
    ]
    if not any(_is_set(facts, finding.what) for finding in findings):
        return [_nothing_set(target, findings)]
    return [finding for finding in findings if not _is_swallowed(finding, findings)]


def _nothing_set(target: Target, findings: Sequence[Finding]) -> Finding:
    """A main.cf without any of the section's parameters, which has one cause and not six."""
    return Finding(
        code="postfix.main-cf",
        ok=False,
        what=target.family.postfix.main_cf,
        found=_("sets none of them"),
        expected=", ".join(finding.what for finding in findings),
        hint=_("Is this the file that you edited? postconf -n shows what main.cf really sets."),
        solution="\n".join(finding.solution for finding in findings),
    )


def _is_set(facts: Facts, name: str) -> bool:
    """Whether main.cf or master.cf sets the parameter."""
    return name in facts.lines("set") or name in facts.pairs("override")


def _is_swallowed(finding: Finding, others: Sequence[Finding]) -> bool:
    """Whether an indented line made the parameter a part of the one before it (postconf(5))."""
    return not finding.ok and any(
        not each.ok and each is not finding and re.search(rf"\b{finding.what} *=", each.found)
        for each in others
    )


def _relays_by_network(target: Target) -> bool:
    return target.lab.edition.relay == "network"


def _by_auth(facts: Facts) -> list[Finding]:
    """Clients relay mail after SMTP AUTH."""
    enabled, restrictions = (
        facts.pairs("override").get(name, facts[name])
        for name in ("smtpd_sasl_auth_enable", "smtpd_recipient_restrictions")
    )
    return [
        _setting(
            facts,
            "smtpd_sasl_auth_enable",
            "yes",
            # Postfix takes a yes in any letters.
            enabled.lower() == "yes",
        ),
        _setting(
            facts,
            "smtpd_recipient_restrictions",
            "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
            _relays_rightly(_words(restrictions)),
        ),
    ]


def _by_network(target: Target, facts: Facts) -> list[Finding]:
    """Clients of the hosts' network relay mail, and no others do."""
    network = target.lab.network.cidr
    return [
        _setting(
            facts,
            "mynetworks",
            f"{network} 127.0.0.0/8",
            _trusts(_words(facts["mynetworks"]), network),
        )
    ]


def _trusts(words: list[str], network: IPv4Network) -> bool:
    """Whether mynetworks holds the hosts' network and the loopback, and nothing larger."""
    found = []
    for word in words:
        try:
            found.append(IPv4Network(word.strip("[]")))
        except ValueError:
            # An IPv6 network, or a table: neither trusts the hosts' network.
            continue
    loopback = any(each.overlaps(_LOOPBACK) for each in found)
    inside = all(each.subnet_of(network) or each.subnet_of(_LOOPBACK) for each in found)
    return loopback and inside and any(network.subnet_of(each) for each in found)


def _refused(target: Target, facts: Facts) -> Finding:
    return Finding(
        code="postfix.main-cf",
        ok=False,
        what=target.family.postfix.main_cf,
        found=facts.lines("fatal")[0],
        expected=_("accepted"),
        hint=_("The message names the line. What does each line of main.cf look like?"),
        solution="postconf -n",
    )


def _no_file(target: Target) -> Finding:
    postfix = target.family.postfix
    return Finding(
        code="postfix.main-cf",
        ok=False,
        what=postfix.main_cf,
        found=_("missing"),
        expected=_("there"),
        hint=_(
            "The package brings an example to begin with: {command} lists its files.",
            command=target.family.packages.listing("postfix"),
        ),
        solution=f"cp {postfix.main_example} {postfix.main_cf}",
    )


def _expanded(host: Host, value: str) -> str:
    """The value with the parameters that a student may use in it replaced by their right values.

    It is in lower case, because host and domain names are case-insensitive (RFC 4343).
    """
    for name, meant in (("mydomain", host.domain), ("myhostname", host.mail_name)):
        value = re.sub(rf"\$({name}\b|\{{{name}\}}|\({name}\))", meant, value)
    return value.lower()


def _relays_rightly(words: list[str]) -> bool:
    """Whether both permits are before the rejection. Other restrictions may be among them."""
    places = [
        words.index(word) if word in words else -1
        for word in ("permit_mynetworks", "permit_sasl_authenticated", "reject_unauth_destination")
    ]
    return min(places) >= 0 and places[2] == max(places)


def _setting(facts: Facts, name: str, expected: str, ok: bool) -> Finding:
    unused = ", ".join(line.partition("=")[0] for line in facts.lines("unused"))
    # A right default is not enough: the section is about main.cf. What master.cf says counts more.
    overrides, is_set = facts.pairs("override"), _is_set(facts, name)
    if name in overrides:
        hint = _("postconf -P shows what master.cf sets for smtpd: look for {name}.", name=name)
    elif unused and not is_set:
        hint = _("Postfix knows no parameter {names}: is a name misspelt?", names=unused)
    elif not is_set:
        hint = _("main.cf does not set {name}.", name=name)
    else:
        hint = _("postconf -n shows what main.cf really sets: look for {name}.", name=name)
    value = overrides.get(name, facts[name]) or _("empty")
    default = _("not set; by default {value}", value=value) if facts[name] else _("not set")
    return Finding(
        code=f"postfix.{name}",
        ok=ok and is_set,
        what=name,
        found=value if is_set else default,
        expected=expected,
        hint=hint,
        solution=f"{name} = {expected}",
    )


def _words(value: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", value) if word]
