"""Is a port open? A connection from outside tells, as a mail client or the other server makes one.

A port without a server answers too (with a refusal), unless a firewall drops the packet.
"""

from __future__ import annotations

import re

from labctl import dial
from labctl.i18n import _
from labctl.parallel import beside, on_each
from labctl.results import Finding
from labctl.scripts import Script
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
# A rule of nft without a condition.
_FOR_ALL = re.compile(r"(counter( packets \d+ bytes \d+)? )?(drop|reject( with .*)?)")

_CHECK = Script("provision", "firewall-check.sh")


def check(target: Target) -> list[Finding]:
    """A filter is on and starts at boot. Each port of the lab answers from outside."""
    doors = [(port, protocol) for port, protocols in RULES for protocol in protocols]
    with beside(lambda: on_each(doors, lambda door: _knock(target, *door))) as knocks:
        facts = ask(target, _CHECK)
    ports = [
        _port(facts, target, *door, answer) for door, answer in zip(doors, knocks(), strict=True)
    ]
    return [
        _active(target.family.firewall, facts),
        *_loopback(target, facts),
        *_outgoing(target, facts),
        *_first_of_each_rule(ports),
    ]


def _first_of_each_rule(ports: list[Finding]) -> list[Finding]:
    """The ports, of which those that one rule closes are one finding."""
    told: set[str] = set()
    kept = []
    for each in ports:
        if each.ok or each.found not in told:
            kept.append(each)
        if each.found.startswith("-A"):
            told.add(each.found)
    return kept


def _loopback(target: Target, facts: Facts) -> list[Finding]:
    """The host cannot reach itself: lo is down, or a rule before all others closes it."""
    rules = facts.lines("rule")
    closed = [line for line in rules if re.match(r"-A INPUT -i lo -j (DROP|REJECT)", line)]
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
    others = [target.lab.edition.parent, *target.lab.mail_hosts]
    asked = [
        to_port(own.address, other.address, port, protocol)
        for other in others
        if other.address != own.address
        for port, protocol in ((25, "tcp"), (53, "udp"))
    ]
    closed = [
        rule
        for each in asked
        for chain, packet in (("OUTPUT", each), ("INPUT", each.answer()))
        if (rule := stopped_by(facts.lines("rule"), chain, packet))
    ]
    if not closed:
        return []
    return [
        Finding(
            code="firewall.outgoing",
            ok=False,
            what=_("outgoing mail and name queries"),
            found=closed[0],
            expected=_("open"),
            hint=_("A firewall has rules for both directions: iptables -S OUTPUT"),
            solution=firewall.letting_out
            if closed[0].startswith("-P")
            else removal(closed[0], firewall.listing),
        )
    ]


def _knock(target: Target, port: int, protocol: str) -> str:
    """`open`, `refused` or `silent`, as seen from the labctl machine."""
    import dns.exception
    import dns.message
    import dns.query

    address, endpoint = str(target.host.address), target.remote.endpoint
    try:
        if protocol == "udp":
            query = dns.message.make_query(target.host.domain, "SOA")
            with dial.udp(endpoint) as plug:
                dns.query.udp(query, address, target.left(patient(_SECONDS)), sock=plug)
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
    knock = to_port(target.lab.network.machine, target.host.address, port, protocol)
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
    return Finding(
        code=f"firewall.port-{port}-{protocol}",
        ok=ok,
        what=_("port {port}/{protocol} from outside", port=port, protocol=protocol),
        found=_("open") if ok else rule or _("closed"),
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
    """The lines of each chain for packets to the host itself (nft list ruleset)."""
    chains: list[list[str]] = []
    for line in map(str.strip, ruleset.splitlines()):
        if line.startswith("chain "):
            chains.append([])
        elif chains:
            chains[-1].append(line)
    return [chain for chain in chains if any("hook input" in line for line in chain)]


def _ends_in_no(chain: list[str]) -> bool:
    """Whether the policy, or a last rule without a condition, drops the rest."""
    return any("policy drop" in line or _FOR_ALL.fullmatch(line) for line in chain)


def _active(firewall: Firewall, facts: Facts) -> Finding:
    filters = any(map(_ends_in_no, _input_chains(facts["nft"]))) or any(
        line.startswith(("-P INPUT DROP", "-A INPUT -j DROP", "-A INPUT -j REJECT"))
        for line in facts.lines("rule")
    )
    # Somebody may use nftables in place of the firewall that the book has.
    boots = firewall.starts_at_boot(facts) or facts["boot-nft"] == "enabled"
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
