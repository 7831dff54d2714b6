"""Does Postfix run, and with what main.cf says? If it does not, the first cause is the finding."""

from __future__ import annotations

import re
from dataclasses import replace

from labctl.errors import WrongState
from labctl.i18n import N_, _
from labctl.reply import in_words
from labctl.results import Finding
from provision import main_cf, smtp_auth_check
from provision.dialogue import smtp_greeting
from provision.facts import Facts, local_address
from provision.mail_log import last_lines
from provision.services import by_hand, frozen, starts_at_boot
from provision.step import Target

_LOCALHOST = "127.0.0.1"


def running(target: Target, facts: Facts, complaints: list[str]) -> list[Finding]:
    """What keeps a Postfix with the right settings from working.

    Args:
        complaints: what `postfix check` says.
    """
    quiet, active = _silent(target, facts, complaints), _running(target, facts)
    # Of the other parameters only this one keeps Postfix from starting.
    odd = None if quiet.ok and active.ok else _odd_setting(target, facts, "inet_protocols")
    if odd is not None:
        return [odd]
    # What `postfix check` says is the cause if Postfix does not run.
    if not active.ok:
        return [quiet, active] if quiet.ok else [quiet]
    now = frozen("postfix.frozen", _("Postfix runs"), facts) or _in_force(target, facts)
    # A line of master.cf that Postfix cannot read is why a service is missing.
    follows = now.code == "postfix.master-cf" and "/master.cf: " in quiet.found
    # smtpd says again what `postfix check` has said.
    follows |= not quiet.ok and now.found in quiet.found
    return [quiet, active] if follows else [quiet, active, now]


def _silent(target: Target, facts: Facts, complaints: list[str]) -> Finding:
    said = [each for each in complaints if not _is_beside(target, facts, each)]
    found = said or complaints
    return Finding(
        code="postfix.check",
        ok=not said,
        what="postfix check",
        found=found[0] if found else _("silent"),
        expected=_("silent"),
        hint=_("Each line names a file: what is wrong with that one?"),
        solution="postfix check",
        remark=_("Postfix does not read this file") if found and not said else "",
    )


def _is_beside(target: Target, facts: Facts, complaint: str) -> bool:
    """Whether the complaint is about a file beside main.cf that nothing reads, like a copy."""
    folder = target.family.postfix.main_cf.rpartition("/")[0]
    found = re.search(r"(?:not owned by root|writable): (/\S+)$", complaint)
    if found is None:
        return False
    place, _slash, name = found[1].replace("/./", "/").rpartition("/")
    table = re.sub(r"\.(db|lmdb|dir|pag)$", "", f"{place}/{name}")
    is_read = name.endswith(".cf") or table in "\n".join(facts.lines("has"))
    return place == folder and not is_read


def _running(target: Target, facts: Facts) -> Finding:
    remark = by_hand(facts["active"], facts["by-hand"])
    state = facts["active"] or "inactive"
    return Finding(
        code="postfix.running",
        ok=facts["active"] == "active" or bool(remark),
        what=_("Postfix runs"),
        found=_failed(target, facts) or state if state == "failed" and not remark else state,
        expected="active",
        hint=_(
            "systemctl status {unit} and the end of {log} say why not.",
            unit=target.family.postfix.running_unit,
            log=target.family.mail_log,
        ),
        solution="systemctl restart postfix",
        remark=remark,
    )


def _failed(target: Target, facts: Facts) -> str:
    """What the log, or Postfix itself, says last of one that ended by itself, "" if nothing."""
    lines = last_lines(target, "(fatal|panic): ", 4)
    said = [found[0] for line in lines if (found := re.search(r"(fatal|panic): .*", line))]
    # Postfix's start script only repeats that one of its programs has failed.
    named = [
        each
        for each in said
        if not each.endswith(("startup failed", "check failed!", "see logs for details"))
    ]
    words = (named or said or facts.lines("why") or [""])[-1]
    return f"failed: {words}" if words else ""


def enabled(target: Target, facts: Facts) -> Finding:
    """Whether Postfix will run after the next boot."""
    state, units = facts["enabled"], target.family.postfix
    return starts_at_boot(
        "postfix.enabled", _("Postfix starts at boot"), units.unit, state, units.running_unit
    )


def _in_force(target: Target, facts: Facts) -> Finding:
    """main.cf is right. Whether it is in force tell the running server, then the clock."""
    absent = not_listening(target, facts)
    missing = _("nothing listens on {address}, port 25", address=absent[0]) if absent else ""
    # Mail of this host does not come by SMTP, so master.cf may leave the loopback out.
    is_spared = absent == [_LOCALHOST] and not facts["service"]
    told = ("" if is_spared else missing) or _greeting(target)
    is_old = is_newer_than_running(facts)
    if told and not is_old and (other := _other_address(target, facts, absent)):
        return other
    if told and (cause := _cause(target, facts, told, absent, is_old=is_old)):
        return cause
    if not told and not facts["serves"]:
        # The running server still has what master.cf has no more.
        gone = _("missing") if facts["no-master"] else _("no service {name}", name="smtp/inet")
        return master(target, gone)
    if not told and facts["lacks"]:
        # One that is only edited counts from the next start on.
        return master(target, _("no service {name}", name=facts.lines("lacks")[0]))
    remark = "" if told else missing
    if not told and (later := _next_services(facts)):
        return master(target, later)
    if not told and is_old:
        told = _("main.cf is newer than the running Postfix")
        if main_cf.is_harmless(facts.pairs("has"), also=_judged(target)):
            # Whether it is as good as in force, mail shows (provision.settle).
            remark = _("a restart makes sure that all of it is in force")
    return Finding(
        code="postfix.restarted",
        ok=not told or bool(remark),
        what=_("the running Postfix has these settings"),
        found=told or _("in force"),
        expected=_("in force"),
        hint=_("When does Postfix read main.cf? Think of what you did after the last edit."),
        solution="systemctl restart postfix",
        remark=remark,
    )


# What -o sets for one of these services may keep mail from arriving.
_FOR_MAIL = re.compile(r"(smtp/inet|(pickup|cleanup|qmgr|rewrite|local|smtp)/unix)[/:]")


def _next_services(facts: Facts) -> str:
    """What master.cf has otherwise than the package, if Postfix reads it at its next start only."""
    if not _is_between(facts, "master-written"):
        return ""
    settings = [f"smtp/inet/{line}" for line in facts.lines("override")]
    settings += facts.lines("override-of")
    changed = [*facts.lines("odd"), *(line for line in settings if "/syslog_name" not in line)]
    found = next(filter(_FOR_MAIL.match, changed), "")
    return _("{what}: Postfix has not read it yet", what=found) if found else ""


def _judged(target: Target) -> tuple[str, ...]:
    """The parameters that the section about main.cf judges in this edition, besides the usual."""
    return ("mynetworks",) if target.lab.edition.relay == "network" else ()


def is_newer_than_running(facts: Facts) -> bool:
    """Whether main.cf was edited after Postfix started.

    A time in the future, from a machine with another clock, tells nothing. The queue manager tells
    when Postfix started; master.cf may have none.
    """
    return _is_between(facts, "written")


def _is_between(facts: Facts, key: str) -> bool:
    """Whether a file was edited after Postfix started, and not in the future."""
    started = facts.number("started")
    return started > 0 and facts.number("now") >= facts.number(key) > started


def not_listening(target: Target, facts: Facts) -> list[str]:
    """The addresses of which port 25 should be open and is not."""
    places = map(local_address, facts.lines("listens"))
    addresses = {place.rpartition(":")[0].strip("[]") for place in places}
    if {"0.0.0.0", "*", "::"} & addresses:
        return []
    return [each for each in (_LOCALHOST, str(target.host.address)) if each not in addresses]


# The services without which smtpd does not answer.
_FOR_SMTPD = ("rewrite/unix", "cleanup/unix", "proxymap/unix")


def _cause(
    target: Target, facts: Facts, told: str, absent: list[str], *, is_old: bool
) -> Finding | None:
    """Why the server does not answer as it should. `is_old` if it is older than main.cf."""
    if other := _odd_setting(target, facts):
        is_sasl = other.what in ("smtpd_sasl_type", "smtpd_sasl_path")
        said = _logged(target, "SASL: ") if is_sasl and not is_old else None
        return replace(other, found=f"{other.found}: {said[2]}") if said else other
    if is_old:
        return None
    lacking = [each for each in facts.lines("lacks") if each in _FOR_SMTPD]
    if lacking:
        return master(target, _("no service {name}", name=lacking[0]))
    # A Postfix that was only told to read main.cf again keeps its old addresses.
    if absent and not facts["service"]:
        return master(target, told)
    if not absent and (stopped := _stopped(target, facts, told)):
        return stopped
    return _refusing(target, told) if re.match(r"[45]\d\d ", told) else None


def _other_address(target: Target, facts: Facts, absent: list[str]) -> Finding | None:
    """A name in inet_interfaces has another address than the host, which does not listen there."""
    own = str(target.host.address)
    if own not in absent:
        return None
    for name, address in (line.split() for line in facts.lines("resolved")):
        if address != own:
            return Finding(
                code="postfix.inet_interfaces",
                ok=False,
                what="inet_interfaces",
                found=f"{name} = {address}",
                expected=f"{name} = {own}",
                hint=_("Which address does this host give the name? getent hosts, /etc/hosts"),
                solution=f"/etc/hosts: {own} {name}",
            )
    return None


def _greeting(target: Target) -> str:
    try:
        name, mechanisms = smtp_greeting(target)
    except (OSError, WrongState) as error:
        return in_words(error)
    if name.lower() != target.host.mail_name:
        return _("it greets as {name}", name=name)
    # Without saslauthd's smtpd.conf Postfix offers other mechanisms. main.cf alone removes all.
    if mechanisms or target.lab.edition.relay == "network":
        return ""
    return _("it offers no AUTH")


# What smtpd logs of a value that it does not take (the parameter is one of its words), postscreen
# of a smtpd that is not there, and the master of a program that it cannot run.
_COMPLAINT = "fatal|panic|warning: (process|SASL: |cannot connect to service)"
_PROGRAMS = r"(smtpd|postscreen|master)\[[0-9]+\]: "
_FATAL = re.compile(rf"{_PROGRAMS}(?P<said>({_COMPLAINT}).*)")


def _stopped(target: Target, facts: Facts, told: str) -> Finding | None:
    """Why the server does not answer as it should, although it runs with these settings."""
    fatal = _logged(target)
    if fatal and (fatal[1] == "postscreen" or (fatal[1] == "master" and "/smtpd " not in fatal[2])):
        return master(target, fatal[2])
    if fatal and "SASL" in fatal[2] and (of_sasl := smtp_auth_check.cause(target)):
        return of_sasl
    extra = {**facts.pairs("also"), **facts.pairs("override")}
    extra = {name: value for name, value in extra.items() if name not in main_cf.OF_SMTPD}
    named = [name for name in extra if fatal and re.search(rf"\b{name}\b", fatal[2])]
    # If the log names none, the only one beside the book's is the cause.
    names = named or [name for name in extra if len(extra) == 1]
    log = target.family.mail_log
    if names:
        found = f"{extra[names[0]]}: {fatal[2] if fatal else told}"
        return _beside(names[0], found, main_cf.WHAT_FOR, facts)
    if fatal:
        hint = _("The log says why smtpd ends: grep fatal {log}", log=log)
        finding = _beside("smtpd", fatal[2], "", facts)
        return replace(finding, expected="220", hint=hint, solution=f"grep fatal {log}")
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
    pattern = f"{_PROGRAMS}({_COMPLAINT}|daemon started)"
    lines = last_lines(target, pattern, 12)
    starts = [number for number, line in enumerate(lines) if "daemon started" in line]
    found = [_FATAL.search(line) for line in lines[starts[-1] if starts else 0 :]]
    fitting = [match for match in found if match and words in match[2]]
    # The master only says that smtpd ended, not why.
    return next((match for match in fitting if match[1] == "smtpd"), next(iter(fitting), None))


def _beside(name: str, found: str, hint: str, facts: Facts) -> Finding:
    """A parameter beside the book's is the cause. master.cf counts more than main.cf."""
    finding = Finding(
        code=f"postfix.{name}",
        ok=False,
        what=name,
        found=found,
        expected=_(main_cf.NOT_SET),
        hint=_(hint, name=name) if hint else "",
        solution=f"postconf -X {name}",
    )
    if name not in facts.pairs("override"):
        return finding
    return replace(
        finding,
        found=f"smtp/inet -o {name}={found}",
        hint=_(main_cf.OF_MASTER_CF),
        solution=f"postconf -PX smtp/inet/{name}; systemctl restart postfix",
    )


# A parameter beside the book's, and the values with which no client finds AUTH or the server.
_ODD: tuple[tuple[str, str, str], ...] = (
    ("inet_protocols", r"ipv6",
     main_cf.NO_IPV6),
    ("smtpd_tls_auth_only", r"yes",
     N_("When may a client give a password? The lab has no TLS.")),
    ("smtpd_tls_security_level", r"encrypt",
     main_cf.NO_TLS),
    ("smtpd_enforce_tls", r"yes",
     main_cf.NO_TLS),
    ("smtpd_tls_wrappermode", r"yes",
     main_cf.NO_TLS),
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


def master(target: Target, found: str) -> Finding:
    """master.cf is not as it should be."""
    postfix = target.family.postfix
    return Finding(
        code="postfix.master-cf",
        ok=False,
        what=_("master.cf"),
        found=found,
        expected=_(main_cf.AS_PACKAGED),
        hint=_(main_cf.OF_MASTER_CF),
        solution=f"cp {postfix.master_example} {postfix.master_cf}; "
        f"systemctl restart {postfix.unit}",
    )


def _odd_setting(target: Target, facts: Facts, only: str = "") -> Finding | None:
    """Why the server or its AUTH is missing although main.cf has the book's lines.

    `only` is the one parameter to look at, if not all.
    """
    if not only and facts.lines("listens") == [] and not facts["service"]:
        return master(target, _("no service {name}", name="smtp/inet"))
    values = {**facts.pairs("also"), **facts.pairs("override")}
    for name, odd, hint in _ODD:
        if only in ("", name) and name in values and re.fullmatch(odd, values[name], re.IGNORECASE):
            return _beside(name, values[name], hint, facts)
    return None
