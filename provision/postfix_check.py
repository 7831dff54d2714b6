"""Is Postfix set as the book says?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from labctl.i18n import _
from labctl.lab import Host
from labctl.parallel import beside
from labctl.results import Finding
from labctl.scripts import Script
from provision.facts import Facts, ask
from provision.postfix_running import (
    enabled,
    is_newer_than_running,
    master,
    not_listening,
    running,
)
from provision.step import Target

_LOOPBACK = IPv4Network("127.0.0.0/8")
# Networks that nobody in the internet has (RFC 1918, RFC 6890).
_PRIVATE = tuple(
    IPv4Network(each)
    for each in ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
                 "198.18.0.0/15")
)  # fmt: skip
_CHECK = Script("provision", "postfix-check.sh")
# It takes as long as all the rest.
_SILENT = Script("provision", "postfix-silent.sh")


def check(target: Target) -> list[Finding]:
    """The book's parameters as Postfix reads them, `postfix check`, and the running Postfix."""
    postfix, own, peer = target.family.postfix, target.host, target.peer
    domains = (own.domain, peer.domain, peer.mail_name, peer.fqdn)
    units = (postfix.main_cf, postfix.unit, postfix.running_unit)
    words = (*units, postfix.master_cf, postfix.master_example, postfix.spool, *domains)
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
            _reaches(target, facts, interfaces),
        ),
        _setting(
            facts,
            "mydestination",
            "$mydomain",
            host.domain in destinations
            and not {peer.domain, peer.mail_name, peer.fqdn} & destinations,
        ),
        *(_by_network(target, facts) if _relays_by_network(target) else _by_auth(target, facts)),
    ]
    there = [finding.what for finding in findings if _is_set(facts, finding.what)]
    if not there or _is_overwritten(facts, there, findings):
        return [_nothing_set(target, findings, there)]
    return [finding for finding in findings if not _is_swallowed(finding, findings)]


def _reaches(target: Target, facts: Facts, interfaces: set[str]) -> bool:
    """Whether the words of inet_interfaces name the loopback and the host's address.

    Another name is right if Postfix listens at both.
    """
    host, peer = target.host, target.peer
    own = {str(host.address), host.mail_name, host.fqdn, host.name, f"www.{host.domain}"}
    # An address may be in brackets.
    interfaces = {each.strip("[]") for each in interfaces}
    if "=" in "".join(interfaces) or str(peer.address) in interfaces:
        return False
    if _passing(interfaces - own, facts):
        return False
    if interfaces == {"all"} or ({"localhost", "127.0.0.1"} & interfaces and own & interfaces):
        return True
    has_name = any(re.search("[a-z]", each) for each in interfaces - own - {"localhost"})
    is_read = facts["started"] and not is_newer_than_running(facts)
    return bool(has_name and is_read) and not not_listening(target, facts)


def _passing(interfaces: set[str], facts: Facts) -> list[str]:
    """The addresses that the host loses at the next boot, so that Postfix does not start."""
    lasting = {*facts.lines("kept")}
    addresses = []
    for each in interfaces - lasting:
        with suppress(ValueError):
            addresses.append(IPv4Address(each))
    return [str(each) for each in addresses if each not in _LOOPBACK]


def _is_overwritten(facts: Facts, there: Sequence[str], findings: Sequence[Finding]) -> bool:
    """Whether main.cf has lost what was in it: it has a few of the section's parameters only.

    The package's own file has others.
    """
    names = {*facts.pairs("has")}
    return bool(names) and names <= {*there} and 2 * len(there) < len(findings)


def _nothing_set(target: Target, findings: Sequence[Finding], there: Sequence[str] = ()) -> Finding:
    """A main.cf without most of the section's parameters, which has one cause and not six."""
    return Finding(
        code="postfix.main-cf",
        ok=False,
        what=target.family.postfix.main_cf,
        found=_("sets only {names}", names=", ".join(there)) if there else _("sets none of them"),
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


def _by_auth(target: Target, facts: Facts) -> list[Finding]:
    """Clients relay mail after SMTP AUTH."""
    enabled, restrictions = (
        facts.pairs("override").get(name, facts[name])
        for name in ("smtpd_sasl_auth_enable", "smtpd_recipient_restrictions")
    )
    # Postfix takes the names of restrictions in any letters.
    words = [word.lower() for word in _words(restrictions)]
    if "smtpd_recipient_restrictions" not in facts.pairs("override") and facts["restrictions"]:
        words = [word.lower() for word in _words(facts["restrictions"])]
    # A list that is not in force yet proves nothing.
    is_other_way = _may_relay_rightly(words) and not is_newer_than_running(facts)
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
            _relays_rightly(words),
            remark=_("another way than the book") if is_other_way else "",
        ),
        *_wide_networks(facts),
        *_relayed(target, facts),
    ]


def _wide_networks(facts: Facts) -> list[Finding]:
    """mynetworks with addresses of the internet, whose owners could relay without AUTH."""
    words = [*_words(facts["mynetworks"]), *facts.lines("networks-file")]
    wide = [each for each in _networks(words) if not _is_private(each)]
    if not wide or not _is_set(facts, "mynetworks"):
        return []
    finding = _setting(facts, "mynetworks", "127.0.0.0/8", ok=False)
    return [replace(finding, found=", ".join(map(str, wide)))]


def _relayed(target: Target, facts: Facts) -> list[Finding]:
    """relay_domains with a domain of others, to which any stranger could relay.

    A stranger asks for mail to the other host of the lab, so that domain needs no look here.
    """
    own = [host.domain for host in target.lab.mail_hosts]
    others = [
        word
        for word in _words(facts["relay-domains"])
        if "$" not in word and "/" not in word and not word.endswith(tuple(own))
    ]
    if not others:
        return []
    finding = _setting(facts, "relay_domains", "", ok=False)
    return [
        replace(
            finding,
            found=", ".join(others),
            expected=_("not set"),
            hint=_("For which domains does this server take mail from strangers?"),
            solution="postconf -X relay_domains",
        )
    ]


def _is_private(network: IPv4Network) -> bool:
    """Whether nobody in the internet has an address of the network."""
    return any(network.subnet_of(each) for each in _PRIVATE)


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
    found = _networks(words)
    loopback = any(each.overlaps(_LOOPBACK) for each in found)
    inside = all(each.subnet_of(network) or each.subnet_of(_LOOPBACK) for each in found)
    return loopback and inside and any(network.subnet_of(each) for each in found)


def _networks(words: list[str]) -> list[IPv4Network]:
    """The IPv4 networks of a list. An IPv6 network, or a table, is passed over."""
    found = []
    for word in words:
        with suppress(ValueError):
            found.append(IPv4Network(word.strip("[]")))
    return found


def _refused(target: Target, facts: Facts) -> Finding:
    said = facts.lines("fatal")[0]
    if re.search(r"\S*/master\.cf: ", said):
        return master(target, said)
    return Finding(
        code="postfix.main-cf",
        ok=False,
        what=target.family.postfix.main_cf,
        found=said,
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
            "The package contains an example to start from: {command} lists its files.",
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


def _may_relay_rightly(words: list[str]) -> bool:
    """Whether the list permits whom it should and rejects the rest by other words than the book's.

    Whether it lets in mail for the host itself, only a message can tell.
    """
    permits = ("permit_mynetworks", "permit_sasl_authenticated")
    if not all(word in words for word in permits):
        return False
    last = max(words.index(word) for word in permits)
    return "permit" not in words and any(word in _REJECTING for word in words[last + 1 :])


# The words of smtpd_recipient_restrictions that reject whatever no word before them has permitted.
_REJECTING = ("defer_unauth_destination", "reject", "defer")


def _setting(facts: Facts, name: str, expected: str, ok: bool, *, remark: str = "") -> Finding:
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
        ok=(ok or bool(remark)) and is_set,
        what=name,
        found=value if is_set else default,
        expected=expected,
        hint=hint,
        solution=f"postconf -PX smtp/inet/{name}; systemctl restart postfix"
        if name in overrides
        else f"{name} = {expected}",
        remark="" if ok or not is_set else remark,
    )


def _words(value: str) -> list[str]:
    # A Japanese space is a letter to Postfix.
    return [word for word in re.split(r"[\s,]+", value, flags=re.ASCII) if word]
