"""Is chapter 5 done? BIND answers for the zone, and the host's resolver for both domains."""

from __future__ import annotations

import re

from labctl.i18n import _
from labctl.lab import Host
from labctl.results import Finding
from labctl.scripts import Script
from provision.dns_answers import way
from provision.dns_next_start import next_start
from provision.dns_resolving import asks_itself, resolver
from provision.dns_zone import kept_changes, named_files, records_of_zone, with_log, zone_loaded
from provision.facts import Facts, ask, local_address
from provision.patience import patient
from provision.services import by_hand, frozen, starts_at_boot
from provision.step import Target, packages_of

_CHECK = Script("provision", "dns-check.sh")

_CHECK_PARENT = Script("provision", "dns-check-parent.sh")

# The process in a line of ss(8).
_PROCESS = re.compile(r'\(\("([^"]+)"')

# How long the script takes if no server answers, more on a busy machine.
_SECONDS = 5.0


def check(target: Target) -> list[Finding]:
    """What BIND answers for the zone, and what the host's resolver finds for both domains."""
    if target.host.account is None:
        return _check_parent(target)
    host, peer = target.host, target.peer
    facts = ask(
        target,
        _CHECK,
        target.family.bind.unit,
        str(host.address),
        host.domain,
        host.name,
        str(peer.address),
        peer.domain,
        target.family.bind.folder,
        target.family.bind.pid_file,
        seconds=patient(_SECONDS),
    )
    if stopped := frozen("dns.frozen", _("BIND runs"), facts):
        return [stopped]
    if other := _other_server(target, facts) or _no_dig(target, facts):
        return [other]
    running = _running(target, facts)
    files = named_files(host, facts)
    if not files.ok:
        return [files, *(finding for finding in running if finding.ok)]
    if not running[0].ok:
        return running
    zone = records_of_zone(target, facts)
    finds_peer = way(facts, "found", target.peer.domain) == way(facts, "peer", target.peer.domain)
    kept = kept_changes(target, facts) or next_start(
        target, facts, asks_itself=asks_itself(target), finds_peer=finds_peer
    )
    # Of a zone that BIND does not have at all, nothing else is known.
    is_absent = any(each.code == "dns.loaded" for each in zone)
    loaded = [] if is_absent else [kept or zone_loaded(host, facts)]
    found = [*running, files, *zone, *loaded]
    # Every program gets what the zone says, so a wrong zone is the cause of both.
    return [*found, *resolver(target, facts)] if all(each.ok for each in zone) else found


def _no_dig(target: Target, facts: Facts) -> Finding | None:
    """The command with which a person asks a name server, and labctl too, is not there."""
    if not facts["no-dig"]:
        return None
    packages = target.family.packages
    return Finding(
        code="dns.dig",
        ok=False,
        what=_("the command dig"),
        found=_("missing"),
        expected=_("there"),
        hint=_("Without it neither you nor labctl can ask BIND. Which package has it?"),
        solution=packages.command(target.family.bind.tools),
    )


def _other_server(target: Target, facts: Facts) -> Finding | None:
    """Another program that took port 53 for TCP. BIND then answers over UDP at most."""
    for line in facts.lines("tcp"):
        place, names = local_address(line), _PROCESS.findall(line)
        is_ours = place.rpartition(":")[0] in ("*", "0.0.0.0", "[::]", str(target.host.address))
        if is_ours and names and names[0] != "named":
            return Finding(
                code="dns.tcp",
                ok=False,
                what=_("BIND answers over TCP too"),
                found=names[0],
                expected="named",
                hint=_("Which program listens on port 53? ss -ltnp shows it."),
                solution=f"pkill -x {names[0]}; systemctl restart {target.family.bind.unit}",
            )
    return None


def _running(target: Target, facts: Facts) -> list[Finding]:
    remark = by_hand(facts["active"], facts["by-hand"])
    is_absent = bool(facts["absent"]) or not facts["active"]
    packages = target.family.packages
    return [
        Finding(
            code="dns.named",
            ok=facts["active"] == "active" or bool(remark),
            what=_("BIND runs"),
            found=_("not installed") if is_absent else with_log(facts["active"], facts),
            expected="active",
            hint=packages.hint
            if is_absent
            else _(
                "systemctl status {unit} and journalctl -u {unit} say why it does not.",
                unit=target.family.bind.unit,
            ),
            solution=packages.command(" ".join(packages_of(target).dns))
            if is_absent
            else f"named-checkconf -z; systemctl restart {target.family.bind.unit}",
            remark=remark,
        ),
        starts_at_boot(
            "dns.enabled",
            _("BIND starts at boot"),
            target.family.bind.unit,
            facts["enabled"],
        ),
    ]


def _check_parent(target: Target) -> list[Finding]:
    hosts = target.lab.mail_hosts
    domains = [host.domain for host in hosts]
    unit = target.family.bind.unit
    facts = ask(target, _CHECK_PARENT, unit, str(target.host.address), *domains)
    running = _running(target, facts)
    if not running[0].ok:
        return running
    return [*running, *(_delegation(host, target.host.domain, facts) for host in hosts)]


def _delegation(host: Host, parent: str, facts: Facts) -> Finding:
    words = facts[host.domain].split()
    return Finding(
        code=f"dns.delegation.{host.domain}",
        ok=f"{host.fqdn}." in words and str(host.address) in words,
        what=_("{parent} delegates {domain}", parent=parent, domain=host.domain),
        found=facts[host.domain] or _("no answer"),
        expected=f"NS {host.fqdn}. A {host.address}",
        hint=_("A delegation is the child's name server and its address, in the parent's zone."),
        solution=f"{host.domain}. IN NS {host.fqdn}.",
    )
