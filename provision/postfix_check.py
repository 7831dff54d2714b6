"""Is Postfix set as the book says, and does it run with what main.cf says?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network

from labctl.errors import WrongState
from labctl.i18n import N_, _
from labctl.lab import Host
from labctl.parallel import beside
from labctl.results import Finding
from labctl.scripts import Script
from provision.dialogue import smtp_greeting, told_by
from provision.facts import Facts, ask, local_address
from provision.services import by_hand, frozen, starts_at_boot
from provision.step import Target

_LOOPBACK = IPv4Network("127.0.0.0/8")
_CHECK = Script("provision", "postfix-check.sh")
# It takes as long as all the rest.
_SILENT = Script("provision", "postfix-silent.sh")
_LOG = Script("provision", "log-tail.sh")


def check(target: Target) -> list[Finding]:
    """The book's parameters as Postfix reads them, `postfix check`, and the running Postfix."""
    postfix, own, peer = target.family.postfix, target.host, target.peer
    domains = (own.domain, peer.domain, peer.mail_name, peer.fqdn)
    words = (postfix.main_cf, postfix.unit, postfix.running_unit, *domains)
    with beside(lambda: ask(target, _SILENT, postfix.spool)) as silent:
        facts = ask(target, _CHECK, *words)
    settings = _settings(target, facts)
    findings = [*settings, _enabled(target, facts)]
    # A wrong setting is the cause if Postfix does not run or is not silent. What postfix check
    # says is the cause if it does not run.
    if all(finding.ok for finding in settings):
        quiet, running = _silent(silent()), _running(target, facts)
        # Of the other parameters only this one keeps Postfix from starting.
        odd = None if quiet.ok and running.ok else _odd_setting(facts, "inet_protocols")
        if odd is not None:
            return [*findings, odd]
        findings += [quiet, running] if quiet.ok or running.ok else [quiet]
        if running.ok:
            stopped = frozen("postfix.frozen", _("Postfix runs"), facts)
            in_force = stopped or _in_force(target, facts)
            # A line of master.cf that Postfix cannot read is why a service is missing.
            follows = in_force.code == "postfix.master-cf" and "/master.cf: " in quiet.found
            # smtpd says again what `postfix check` has said.
            follows |= not quiet.ok and in_force.found in quiet.found
            if not follows:
                findings.append(in_force)
    return findings


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
    return name in facts.lines("set") or name in _pairs(facts, "override")


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
        _pairs(facts, "override").get(name, facts[name])
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


def _pairs(facts: Facts, key: str) -> dict[str, str]:
    """Parameters and values of `name = value` lines."""
    pairs = (line.partition("=") for line in facts.lines(key))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


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
    overrides, is_set = _pairs(facts, "override"), _is_set(facts, name)
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


def _silent(facts: Facts) -> Finding:
    said = facts.lines("check")
    return Finding(
        code="postfix.check",
        ok=not said,
        what="postfix check",
        found=said[0] if said else _("silent"),
        expected=_("silent"),
        hint=_("Each line names a file: what is wrong with that one?"),
        solution="postfix check",
    )


def _running(target: Target, facts: Facts) -> Finding:
    remark = by_hand(facts["active"], facts["by-hand"])
    state = facts["active"] or "inactive"
    return Finding(
        code="postfix.running",
        ok=facts["active"] == "active" or bool(remark),
        what=_("Postfix runs"),
        found=_failed(target) or state if state == "failed" and not remark else state,
        expected="active",
        hint=_(
            "systemctl status {unit} and the end of {log} say why not.",
            unit=target.family.postfix.running_unit,
            log=target.family.mail_log,
        ),
        solution="systemctl restart postfix",
        remark=remark,
    )


def _failed(target: Target) -> str:
    """What the log says last of a Postfix that ended by itself, "" if nothing."""
    lines = ask(target, _LOG, target.family.mail_log, "(fatal|panic): ", "4").lines("log")
    said = [found[0] for line in lines if (found := re.search(r"(fatal|panic): .*", line))]
    # Postfix's start script only repeats that one of its programs has failed.
    named = [
        each
        for each in said
        if not each.endswith(("startup failed", "check failed!", "see logs for details"))
    ]
    return f"failed: {(named or said)[-1]}" if said else ""


def _enabled(target: Target, facts: Facts) -> Finding:
    state, units = facts["enabled"] or "disabled", target.family.postfix
    return starts_at_boot(
        "postfix.enabled", _("Postfix starts at boot"), units.unit, state, units.running_unit
    )


def _in_force(target: Target, facts: Facts) -> Finding:
    """main.cf is right. Whether it is in force tell the running server, then the clock."""
    places = map(local_address, facts.lines("listens"))
    addresses = {place.rpartition(":")[0].strip("[]") for place in places}
    everywhere = bool({"0.0.0.0", "*", "::"} & addresses)
    wanted = ("127.0.0.1", str(target.host.address))
    absent = [] if everywhere else [each for each in wanted if each not in addresses]
    is_old = facts.number("written") > facts.number("started")
    told, remark = "", ""
    if absent:
        told = _("nothing listens on {address}, port 25", address=absent[0])
    if absent == ["127.0.0.1"] and not facts["service"]:
        # Mail of this host does not come by SMTP, so master.cf may leave the loopback out.
        told, remark = "", told
    told = told or _greeting(target)
    if told and (other := _odd_setting(facts)):
        is_sasl = other.what in ("smtpd_sasl_type", "smtpd_sasl_path")
        said = _logged(target, "SASL: ") if is_sasl and not is_old else None
        return replace(other, found=f"{other.found}: {said[2]}") if said else other
    if told and not is_old:
        if facts["lacks"]:
            return _master(_("no service {name}", name=facts.lines("lacks")[0]))
        # A Postfix that was only told to read main.cf again keeps its old addresses.
        if absent and not facts["service"]:
            return _master(told)
        if not absent and (other := _stopped(target, facts, told)):
            return other
        if re.match(r"[45]\d\d ", told):
            return _refusing(target, told)
    if not told and is_old:
        told = _("main.cf is newer than the running Postfix")
    return Finding(
        code="postfix.restarted",
        ok=not told,
        what=_("the running Postfix has these settings"),
        found=told or _("in force"),
        expected=_("in force"),
        hint=_("When does Postfix read main.cf? Think of what you did after the last edit."),
        solution="systemctl restart postfix",
        remark="" if told else remark,
    )


def _greeting(target: Target) -> str:
    try:
        name, mechanisms = smtp_greeting(target)
    except (OSError, WrongState) as error:
        return told_by(error)
    if name.lower() != target.host.mail_name:
        return _("it greets as {name}", name=name)
    # Without saslauthd's smtpd.conf Postfix offers other mechanisms. main.cf alone removes all.
    if mechanisms or _relays_by_network(target):
        return ""
    return _("it offers no AUTH")


# What smtpd logs of a value that it does not take (the parameter is one of its words), postscreen
# of a smtpd that is not there, and the master of a program that it cannot run.
_COMPLAINT = "fatal|panic|warning: (?:process|SASL: |cannot connect to service)"
_PROGRAMS = r"(smtpd|postscreen|master)\[[0-9]+\]: "
_FATAL = re.compile(rf"{_PROGRAMS}((?:{_COMPLAINT}).*)")


def _stopped(target: Target, facts: Facts, told: str) -> Finding | None:
    """Why the server does not answer as it should, although it runs with these settings."""
    fatal = _logged(target)
    if fatal and (fatal[1] == "postscreen" or (fatal[1] == "master" and "/smtpd " not in fatal[2])):
        return _master(fatal[2])
    extra = {**_pairs(facts, "also"), **_pairs(facts, "override")}
    extra = {name: value for name, value in extra.items() if name not in _OWN_NAMES}
    named = [name for name in extra if fatal and re.search(rf"\b{name}\b", fatal[2])]
    # If the log names none, the only one beside the book's is the cause.
    names = named or [name for name in extra if len(extra) == 1]
    log = target.family.mail_log
    if names:
        return _beside(names[0], f"{extra[names[0]]}: {fatal[2] if fatal else told}", _ONLY)
    if fatal:
        hint = _("The log says why smtpd ends: grep fatal {log}", log=log)
        return replace(_beside("smtpd", fatal[2], ""), hint=hint, solution=f"grep fatal {log}")
    return None


def _refusing(target: Target, told: str) -> Finding:
    """Every client is refused by a server that runs with these settings."""
    log = target.family.mail_log
    hint = _("Postfix runs, and refuses every client. The end of {log} says why.", log=log)
    return Finding(
        code="postfix.answer",
        ok=False,
        what="smtpd",
        found=told,
        expected="220",
        hint=hint,
        solution=f"tail {log}",
    )


def _logged(target: Target, words: str = "") -> re.Match[str] | None:
    """The first complaint of smtpd since Postfix was started, or else the first of the master.

    `words` are in the complaint.
    """
    pattern = f"{_PROGRAMS}({_COMPLAINT.replace('?:', '')}|daemon started)"
    lines = ask(target, _LOG, target.family.mail_log, pattern, "12").lines("log")
    starts = [number for number, line in enumerate(lines) if "daemon started" in line]
    found = [_FATAL.search(line) for line in lines[starts[-1] if starts else 0 :]]
    fitting = [match for match in found if match and words in match[2]]
    # The master only says that smtpd ended, not why.
    return next((match for match in fitting if match[1] == "smtpd"), next(iter(fitting), None))


def _beside(name: str, found: str, hint: str) -> Finding:
    """A parameter beside the book's is the cause."""
    return Finding(
        code=f"postfix.{name}",
        ok=False,
        what=name,
        found=found,
        expected=_("not set, or another value"),
        hint=_(hint, name=name) if hint else "",
        solution=f"postconf -X {name}",
    )


_ONLY = N_("main.cf sets {name}, and the book does not. What does it do? man 5 postconf")

# What the book and the package set for smtpd.
_OWN_NAMES = frozenset(
    {
        "inet_protocols",
        "smtpd_banner",
        "smtpd_recipient_restrictions",
        "smtpd_relay_restrictions",
        "smtpd_sasl_auth_enable",
        "smtpd_tls_cert_file",
        "smtpd_tls_key_file",
        "smtpd_tls_session_cache_database",
    }
)

# A parameter beside the book's, and the values with which no client finds AUTH or the server.
_ODD: tuple[tuple[str, str, str], ...] = (
    ("inet_protocols", r"ipv6",
     N_("Does the lab have IPv6 addresses? Which protocol may Postfix use?")),
    ("smtpd_tls_auth_only", r"yes",
     N_("When may a client give a password? The lab has no TLS.")),
    ("smtpd_tls_security_level", r"encrypt",
     N_("Must a client use TLS here? The book's servers have none.")),
    ("smtpd_enforce_tls", r"yes",
     N_("Must a client use TLS here? The book's servers have none.")),
    ("smtpd_tls_wrappermode", r"yes",
     N_("Must a client use TLS here? The book's servers have none.")),
    ("smtpd_sasl_security_options", r".*noplaintext.*",
     N_("PLAIN and LOGIN send the password as it is. Are they allowed?")),
    ("smtpd_sasl_exceptions_networks", r".+",
     N_("AUTH is not offered to some clients. Which ones?")),
    ("smtpd_discard_ehlo_keywords", r".*\bauth\b.*",
     N_("What does Postfix leave out of its answer to EHLO?")),
    ("smtpd_sasl_type", r"(?!cyrus).+",
     N_("Which program does Postfix ask about passwords, and where?")),
    ("smtpd_sasl_path", r"(?!smtpd$).+",
     N_("Which program does Postfix ask about passwords, and where?")),
)  # fmt: skip


def _master(found: str) -> Finding:
    return Finding(
        code="postfix.master-cf",
        ok=False,
        what=_("master.cf"),
        found=found,
        expected=_("as the package has it"),
        hint=_("postconf -M lists the services of master.cf, postconf -P what -o sets there."),
        solution="smtp inet n - y - - smtpd",
    )


def _odd_setting(facts: Facts, only: str = "") -> Finding | None:
    """Why the server or its AUTH is missing although main.cf has the book's lines.

    `only` is the one parameter to look at, if not all.
    """
    if not only and facts.lines("listens") == [] and not facts["service"]:
        return _master(_("no service {name}", name="smtp/inet"))
    values = {**_pairs(facts, "also"), **_pairs(facts, "override")}
    for name, odd, hint in _ODD:
        if only in ("", name) and name in values and re.fullmatch(odd, values[name], re.IGNORECASE):
            return _beside(name, values[name], hint)
    return None


def _words(value: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", value) if word]
