"""Is a port open? A connection from outside tells, as a mail client or the other server makes one.

A port without a server answers too (with a refusal), unless a firewall drops the packet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address

from labctl import dial
from labctl.i18n import _
from labctl.parallel import beside, on_each
from labctl.results import Finding
from labctl.scripts import Script
from provision import next_boot
from provision.dns_next_start import not_answered
from provision.facts import Facts, ask, local_address
from provision.families.base import Firewall
from provision.packets import is_for_all, removal, stopped_by, to_port
from provision.patience import patient
from provision.step import Target
from provision.turns import only_client

# Port and its protocols, in the order of the book.
RULES = ((22, ("tcp",)), (25, ("tcp",)), (53, ("tcp", "udp")), (110, ("tcp",)), (143, ("tcp",)))
# Not in the book: Thunderbird's automatic set-up uses HTTP.
EXTRA_RULES = ((80, ("tcp",)),)
_SECONDS = 1.5
# Seconds to wait for the sessions of the check: a server may take one client at a time.
_TURN = 2.0
# A stranger's address (RFC 5737), and ports that no section opens. A rule may open many at once.
_STRANGER, _UNOPENED = IPv4Address("198.51.100.1"), (9, 2049, 40009)
# A rule of nft without a condition.
_FOR_ALL = re.compile(r"(counter( packets \d+ bytes \d+)? )?(drop|reject( with .*)?)")

_CHECK = Script("provision", "firewall-check.sh")


def check(target: Target) -> list[Finding]:
    """A filter is on and starts at boot. Each port of the lab answers from outside."""
    doors = [(port, protocol) for port, protocols in RULES for protocol in protocols]
    with beside(lambda: on_each(doors, lambda door: _knock(target, *door))) as knocks:
        facts = ask(target, _CHECK, str(target.host.address))
    answers = knocks()
    ports = [
        # A server that refuses a question has got it.
        _port(facts, target, *door, "open" if answer == "denied" else answer)
        for door, answer in zip(doors, answers, strict=True)
    ]
    return [
        _active(target, facts),
        *_refused(target, facts),
        *_loopback(target, facts),
        *_outgoing(target, facts),
        *next_boot.findings(target, facts),
        *_once_for_each_cause(ports),
        *([_denied(target)] if "denied" in answers else []),
    ]


def _denied(target: Target) -> Finding:
    """BIND does not answer the mail clients of the network, though perhaps the other server."""
    refused = _("{address} is refused", address=target.lab.network.machine)
    return not_answered("allow-query", refused, "allow-query { any; };")


def _once_for_each_cause(ports: list[Finding]) -> list[Finding]:
    """The ports, of which those that one rule closes, or both protocols of one, are one finding."""
    kept: dict[str, Finding] = {}
    for each in ports:
        number = each.code.split("-")[1]
        # ufw makes a rule for each protocol.
        rule = re.sub(r"-p (tcp|udp) (-m (tcp|udp) )?", "", each.found)
        cause = rule if rule.startswith("-A") else f"{number} {each.found}"
        if each.ok:
            kept[each.code] = each
        elif cause not in kept:
            kept[cause] = each
        elif not each.found.startswith("-A"):
            first = kept[cause]
            kept[cause] = replace(
                first,
                what=f"{first.what}, {each.what}",
                solution=f"{first.solution}\n{each.solution}",
            )
    return list(kept.values())


def _refused(target: Target, facts: Facts) -> list[Finding]:
    """A line of ufw's files that iptables refuses, so that ufw loads only a part of its rules."""
    # ufw switches itself off if it fails, and another firewall may filter in its place.
    needs_ufw = target.family.firewall.starts_at_boot(facts) or not _active(target, facts).ok
    if not facts.lines("refused") or not needs_ufw:
        return []
    line = facts.lines("refused")[0]
    return [
        Finding(
            code="firewall.rules",
            ok=False,
            what=_("the rules in the firewall's files"),
            found=line,
            expected=_("accepted"),
            hint=_("ufw gives its files to iptables-restore. What does ufw reload say?"),
            solution=line.partition(":")[0],
        )
    ]


def _loopback(target: Target, facts: Facts) -> list[Finding]:
    """The host cannot reach itself: lo is down, or a rule before all others closes it."""
    rules = facts.lines("rule")
    closed = [
        line for line in rules if re.match(r"-A (INPUT -i|OUTPUT -o) lo -j (DROP|REJECT)", line)
    ]
    if closed:
        firewall = target.family.firewall
        hint, solution = _hint(firewall), removal(closed[0], firewall.listing)
    else:
        closed = facts.lines("lo-down")
        hint, solution = _("Is every interface up? ip -br link shows it."), "ip link set lo up"
    if not closed:
        return []
    return [
        Finding(
            code="firewall.loopback",
            ok=False,
            what=_("the host reaches itself"),
            found=closed[0],
            expected=_("open"),
            hint=hint,
            solution=solution,
        )
    ]


def _hint(firewall: Firewall) -> str:
    return _(
        "What does the firewall let in? {command}, or nft list ruleset", command=firewall.looking
    )


def _outgoing(target: Target, facts: Facts) -> list[Finding]:
    """A rule that stops mail or questions to the other hosts, or the answers to them."""
    own, firewall = target.host, target.family.firewall
    others = [host for host in target.lab.hosts if host.address != own.address]
    asked = [
        to_port(own.address, other.address, port, protocol, facts["card"])
        for other in others
        for port, protocol in ((25, "tcp"), (53, "udp"))
    ]
    rules = facts.lines("rule")
    lasting = firewall.lasting(rules, facts)
    closed = [
        rule
        for each in asked
        for chain, packet in (("OUTPUT", each), ("INPUT", each.answer()))
        if (rule := stopped_by(rules, chain, packet) or stopped_by(lasting, chain, packet))
    ]
    if not closed:
        return []
    hint = _("A firewall has rules for both directions: iptables -S OUTPUT")
    solution = removal(closed[0], firewall.listing)
    if closed[0].startswith("-P INPUT"):
        hint = _("The questions leave. Which rule lets the answers to them in? iptables -S INPUT")
        solution = firewall.letting_answers_in
    elif closed[0].startswith("-P"):
        solution = firewall.letting_out
    return [
        Finding(
            code="firewall.outgoing",
            ok=False,
            what=_("outgoing mail and name queries"),
            found=closed[0],
            expected=_("open"),
            hint=hint,
            solution=solution,
        )
    ]


def _knock(target: Target, port: int, protocol: str) -> str:
    """`open`, `refused` or `silent`, as seen from the labctl machine.

    `denied` if the name server answers that it answers others only.
    """
    import dns.exception
    import dns.message
    import dns.query
    import dns.rcode

    address, endpoint = str(target.host.address), target.remote.endpoint
    try:
        if protocol == "udp":
            # Without recursion, so that BIND itself answers at once.
            query = dns.message.make_query(target.host.domain, "SOA", flags=0)
            with dial.udp(endpoint) as plug:
                said = dns.query.udp(query, address, target.left(patient(_SECONDS)), sock=plug)
            if said.rcode() == dns.rcode.REFUSED:
                return "denied"
        else:
            with only_client(target, port, _TURN):
                dial.tcp(endpoint, address, port, target.left(patient(_SECONDS))).close()
    except ConnectionRefusedError:
        return "refused"
    except (OSError, dns.exception.DNSException):
        return "silent"
    return "open"


def _port(facts: Facts, target: Target, port: int, protocol: str, answer: str) -> Finding:
    listening = _listens(facts, target, port, protocol)
    machine, card = target.lab.network.machine, facts["card"]
    knock = to_port(machine, target.host.address, port, protocol, card)
    rules = facts.lines("rule")
    # What follows may be stopped although a connection begins.
    rule = stopped_by(rules, "INPUT", knock.next()) if answer == "open" else ""
    # Without a server, a refusal comes from the host itself, so the filter let the packet in. For
    # UDP without a server nothing can be seen from outside.
    is_open = answer == "open" or (not listening and (answer == "refused" or protocol == "udp"))
    ok = is_open and not rule
    if not ok and not rule:
        closing = stopped_by(rules, "INPUT", knock) or stopped_by(rules, "OUTPUT", knock.answer())
        rule = "" if is_for_all(closing) else closing
    firewall = target.family.firewall
    lasts = not ok or not stopped_by(firewall.lasting(facts.lines("rule"), facts), "INPUT", knock)
    return Finding(
        code=f"firewall.port-{port}-{protocol}",
        ok=ok and lasts,
        what=_("port {port}/{protocol} from outside", port=port, protocol=protocol),
        found=(_("open") if lasts else _("open until the next boot"))
        if ok
        else rule or _("closed"),
        expected=_("open"),
        hint=_hint(firewall),
        solution=removal(rule, firewall.listing) if rule else firewall.opening(port, protocol),
    )


def _listens(facts: Facts, target: Target, port: int, protocol: str) -> bool:
    places = set(map(local_address, facts.lines(protocol)))
    # A socket of IPv6 that takes IPv4 too is "*"; "[::]" is one of IPv6 alone.
    hosts = ("0.0.0.0", "*", str(target.host.address))
    return any(f"{host}:{port}" in places for host in hosts)


def _input_chains(ruleset: str) -> list[list[str]]:
    """The lines of each chain for packets to the host itself (nft list ruleset).

    INPUT is the chain of iptables, whose rules are known otherwise.
    """
    chains: list[list[str]] = []
    is_iptables = False
    for line in map(str.strip, ruleset.splitlines()):
        if line.startswith("chain "):
            is_iptables = line.startswith("chain INPUT ")
            chains.append([])
        elif chains and not is_iptables:
            chains[-1].append(line)
    return [chain for chain in chains if any("hook input" in line for line in chain)]


def _ends_in_no(chain: list[str]) -> bool:
    """Whether the policy, or a last rule without a condition, drops the rest."""
    return any("policy drop" in line or _FOR_ALL.fullmatch(line) for line in chain)


def _stops_strangers(target: Target, facts: Facts, rules: Sequence[str]) -> bool:
    """Whether the rules stop somebody at a port that no section opens."""
    packets = (
        to_port(_STRANGER, target.host.address, port, card=facts["card"]) for port in _UNOPENED
    )
    return any(stopped_by(rules, "INPUT", packet) for packet in packets)


def _active(target: Target, facts: Facts) -> Finding:
    firewall = target.family.firewall
    filters = any(map(_ends_in_no, _input_chains(facts["nft"]))) or _stops_strangers(
        target, facts, facts.lines("rule")
    )
    # Somebody may use nftables or a unit of their own in place of the firewall that the book has.
    others = [facts["boot-firewalld"], facts["boot-netfilter"], *facts.lines("boot-other")]
    # nftables.service loads what is in its file, not what was typed.
    if any(map(_ends_in_no, _input_chains(facts["nft-file"]))) or "include" in facts["nft-file"]:
        others.append(facts["boot-nft"])
    boots = firewall.starts_at_boot(facts) or "enabled" in others
    # Only ufw's files tell what it will do.
    if firewall.starts_at_boot(facts) and facts.lines("saved"):
        boots = _stops_strangers(target, facts, firewall.lasting(facts.lines("rule"), facts))
    return Finding(
        code="firewall.active",
        ok=filters and boots,
        what=_("the firewall is on, now and after a reboot"),
        found=_("on")
        if filters and boots
        else _("off")
        if not filters
        else _("on, but not after a reboot"),
        expected=_("on"),
        hint=_(
            "{command} shows whether it is on now, systemctl is-enabled whether it will "
            "be on after a reboot.",
            command=firewall.looking,
        ),
        solution=firewall.enabling,
    )
