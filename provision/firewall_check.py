"""Is a port open? A connection from outside tells, as a mail client or the other server makes one.

A port without a server answers too (with a refusal), unless a firewall drops the packet.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from labctl import dial
from labctl.i18n import _
from labctl.results import Finding
from labctl.scripts import Script
from provision.facts import Facts, ask
from provision.families.base import Firewall
from provision.patience import patient
from provision.step import Target

# Port and its protocols, in the order of the book.
RULES = ((22, ("tcp",)), (25, ("tcp",)), (53, ("tcp", "udp")), (110, ("tcp",)), (143, ("tcp",)))
# Not in the book: Thunderbird's automatic set-up uses HTTP.
EXTRA_RULES = ((80, ("tcp",)),)
_SECONDS = 1.5
# A rule of nft without a condition.
_FOR_ALL = re.compile(r"(counter( packets \d+ bytes \d+)? )?(drop|reject( with .*)?)")

_CHECK = Script("provision", "firewall-check.sh")


def check(target: Target) -> list[Finding]:
    """A filter is on and starts at boot. Each port of the lab answers from outside."""
    doors = [(port, protocol) for port, protocols in RULES for protocol in protocols]
    with ThreadPoolExecutor(len(doors)) as pool:
        knocks = [pool.submit(_knock, target, *door) for door in doors]
        facts = ask(target, _CHECK)
        answers = [knock.result() for knock in knocks]
    ports = [
        _port(facts, target, *door, answer) for door, answer in zip(doors, answers, strict=True)
    ]
    return [
        _active(target.family.firewall, facts),
        *_loopback(target, facts),
        *_outgoing(facts),
        *_of_one_rule(facts, ports),
    ]


def _of_one_rule(facts: Facts, ports: list[Finding]) -> list[Finding]:
    """The ports, of which those that one rule closes are one finding."""
    for line in facts.lines("policy"):
        if not (found := re.search(r"^-A INPUT .*--dports ([\d,]+).* -j (DROP|REJECT)", line)):
            continue
        codes = {f"firewall.port-{port}-tcp" for port in found[1].split(",")}
        closed = [each for each in ports if each.code in codes and not each.ok]
        if len(closed) > 1:
            solution = line.replace("-A ", "iptables -D ", 1)
            first = replace(closed[0], found=line, solution=solution)
            return [
                first if each is closed[0] else each for each in ports if each not in closed[1:]
            ]
    return ports


def _loopback(target: Target, facts: Facts) -> list[Finding]:
    """The host cannot reach itself: lo is down, or a rule before all others closes it."""
    rules = [line for line in facts.lines("policy") if line.startswith("-A INPUT ")]
    closed = [line for line in rules if re.match(r"-A INPUT -i lo -j (DROP|REJECT)", line)]
    if closed:
        hint, solution = _hint(target.family.firewall), closed[0].replace("-A ", "iptables -D ", 1)
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


def _outgoing(facts: Facts) -> list[Finding]:
    """A rule that keeps mail or questions to other servers from leaving."""
    lines = [
        line
        for line in facts.lines("output")
        if re.match(r"-A (OUTPUT|ufw-user-output|ufw-before-output) ", line)
    ]
    closed = [
        line
        for line in lines
        if re.search(r"--d?ports? (25|53)\b", line) and re.search(r"-j (DROP|REJECT)", line)
    ]
    closed += [line for line in facts.lines("output") if line == "-P OUTPUT DROP"]
    opened = {match[1] for line in lines if (match := re.search(r"--dport (25|53)\b", line))}
    if not closed or (closed[0].startswith("-P") and opened == {"25", "53"}):
        return []
    return [
        Finding(
            code="firewall.outgoing",
            ok=False,
            what=_("outgoing mail and name queries"),
            found=closed[0],
            expected=_("open"),
            hint=_("A firewall has rules for both directions: iptables -S OUTPUT"),
            solution="ufw default allow outgoing"
            if closed[0].startswith("-P")
            else closed[0].replace("-A ", "iptables -D ", 1),
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
            dial.tcp(endpoint, address, port, target.left(patient(_SECONDS))).close()
    except ConnectionRefusedError:
        return "refused"
    except (OSError, dns.exception.DNSException):
        return "silent"
    return "open"


def _port(facts: Facts, target: Target, port: int, protocol: str, answer: str) -> Finding:
    listening = _listens(facts, target, port, protocol)
    # Without a server, a refusal comes from the host itself, so the filter let the packet in. For
    # UDP without a server nothing can be seen from outside.
    ok = answer == "open" or (not listening and (answer == "refused" or protocol == "udp"))
    return Finding(
        code=f"firewall.port-{port}-{protocol}",
        ok=ok,
        what=_("port {port}/{protocol} from outside", port=port, protocol=protocol),
        found=_("open") if ok else _("closed"),
        expected=_("open"),
        hint=_hint(target.family.firewall),
        solution=target.family.firewall.opening(port, protocol),
    )


def _listens(facts: Facts, target: Target, port: int, protocol: str) -> bool:
    places = {line.split()[3] for line in facts.lines(protocol) if len(line.split()) > 3}
    hosts = ("0.0.0.0", "*", "[::]", str(target.host.address))
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
        for line in facts.lines("policy")
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
