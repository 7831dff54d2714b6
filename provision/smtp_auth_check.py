"""Does SMTP AUTH work? It is tried. If it fails, the first cause on the way is the finding."""

from __future__ import annotations

from labctl.i18n import _
from labctl.parallel import beside, on_each
from labctl.results import Finding
from labctl.scripts import Script
from provision.dialogue import Answer, smtp_auth
from provision.facts import Facts, ask
from provision.families.base import Family, Sasl
from provision.services import frozen, starts_at_boot
from provision.step import Target

_CHECK = Script("provision", "smtp-auth-check.sh")
_LOG = Script("provision", "log-tail.sh")


def check(target: Target) -> list[Finding]:
    """AUTH PLAIN and LOGIN with the right password and a wrong one, then the settings."""
    name = str(target.host.account)
    password = target.credentials.password(name)
    logins = ((password, "PLAIN"), (password, "LOGIN"), (f"not-{password}", "PLAIN"))
    with beside(lambda: on_each(logins, lambda login: smtp_auth(target, name, *login))) as answered:
        sasl = target.family.sasl
        facts = ask(
            target,
            _CHECK,
            sasl.unit,
            sasl.defaults,
            sasl.smtpd_conf,
            sasl.mux,
            target.family.postfix.chroot,
        )
    plain, login, refused = answered()
    found = _behaviour(target, facts, {"PLAIN": plain, "LOGIN": login}, refused)
    # Dovecot may check passwords in saslauthd's place.
    return found if _asks_dovecot(facts) else [*found, *_lasting(sasl, facts)]


def _asks_dovecot(facts: Facts) -> bool:
    return (facts["override"] or facts["type"]) == "dovecot"


def _behaviour(
    target: Target, facts: Facts, tried: dict[str, Answer], refused: Answer
) -> list[Finding]:
    family = target.family
    if not all(answer.ok for answer in tried.values()):
        cause = None if _asks_dovecot(facts) else _cause(family.sasl, facts)
        if cause is not None:
            return [cause]
    if not any(answer.ok for answer in tried.values()):
        return [_unknown(target, tried["PLAIN"])]
    return [
        *(_accepted(family, mechanism, answer) for mechanism, answer in tried.items()),
        _wrong_password(facts, refused),
    ]


def _wrong_password(facts: Facts, refused: Answer) -> Finding:
    method = _conf(facts).get("pwcheck_method")
    if refused.ok and method == "saslauthd" and not _asks_dovecot(facts):
        hint = _("saslauthd asks PAM. Which line of /etc/pam.d lets everybody in?")
        solution = "pam-auth-update --force"
    else:
        hint = _("What checks whether a password is right? Look at pwcheck_method.")
        solution = "pwcheck_method: saslauthd"
    return Finding(
        code="smtp-auth.wrong-password",
        ok=not refused.ok,
        what=_("AUTH with a wrong password"),
        found=refused.text,
        expected="535",
        hint=hint,
        solution=solution,
    )


def _unknown(target: Target, answer: Answer) -> Finding:
    """AUTH does not work, and no cause is known: the answer and the lines of the log."""
    lines = ask(target, _LOG, target.family.mail_log, "sasl|saslauthd", "3").lines("log")
    return Finding(
        code="smtp-auth.unknown",
        ok=False,
        what=_("AUTH with the right password"),
        found="\n".join([answer.text, *lines]),
        expected="235",
        hint=_("It does not work, and labctl does not know the cause. The log is the next step."),
        solution=f"journalctl -u {target.family.sasl.unit}",
    )


def _accepted(family: Family, mechanism: str, answer: Answer) -> Finding:
    return Finding(
        code=f"smtp-auth.{mechanism.lower()}",
        ok=answer.ok,
        what=_("AUTH {mechanism} with the right password", mechanism=mechanism),
        found=answer.text,
        expected="235",
        hint=_("The end of {log} says what smtpd missed.", log=family.mail_log),
        solution=f"systemctl restart {family.sasl.unit} {family.postfix.unit}",
    )


def _cause(sasl: Sasl, facts: Facts) -> Finding | None:
    """The first thing that is wrong on the way from smtpd to saslauthd."""
    return (
        _wrong_conf(sasl, facts)
        or _wrong_daemon(sasl, facts)
        or _wrong_path(sasl, facts)
        or _wrong_way(sasl, facts)
        or _wrong_name(facts)
        or _wrong_mechanism(sasl, facts)
    )


def _wrong_path(sasl: Sasl, facts: Facts) -> Finding | None:
    """smtpd.conf may name the socket itself, which has to be the file and not its folder."""
    path = _conf(facts).get("saslauthd_path", "")
    if not path or path == sasl.mux:
        return None
    return Finding(
        code="smtp-auth.saslauthd-path",
        ok=False,
        what=_("{key} in smtpd.conf", key="saslauthd_path"),
        found=path,
        expected=sasl.mux,
        hint=_("A socket is a file. What is its full name, as smtpd in its chroot sees it?"),
        solution=f"saslauthd_path: {sasl.mux}",
    )


def _wrong_name(facts: Facts) -> Finding | None:
    """With Cyrus SASL, smtpd_sasl_path names the file, smtpd.conf, without its end."""
    name = facts["path"]
    if name in ("", "smtpd") or facts["type"] not in ("", "cyrus"):
        return None
    return Finding(
        code="smtp-auth.sasl-path",
        ok=False,
        what="smtpd_sasl_path",
        found=name,
        expected="smtpd",
        hint=_("Which program does Postfix ask about passwords, and where?"),
        solution="postconf -X smtpd_sasl_path",
    )


def _wrong_mechanism(sasl: Sasl, facts: Facts) -> Finding | None:
    """saslauthd runs, but asks something that does not know the account."""
    mechanism = facts["mechanisms"].rpartition("\n")[2].strip("\"'")
    if mechanism not in ("", "pam", "shadow"):
        return Finding(
            code="smtp-auth.mechanisms",
            ok=False,
            what=_("what saslauthd asks for passwords"),
            found=f"MECHANISMS={mechanism}",
            expected="MECHANISMS=pam",
            hint=_("Where are the passwords of this server's accounts?"),
            solution=f'{sasl.defaults}: MECHANISMS="pam"',
        )
    if denied := [line for line in facts.lines("pam") if "pam_deny" in line]:
        return Finding(
            code="smtp-auth.pam",
            ok=False,
            what="/etc/pam.d/smtp",
            found=denied[0],
            expected=_("no such file"),
            hint=_("saslauthd asks PAM, and PAM has a file for each service."),
            solution="rm /etc/pam.d/smtp",
        )
    return None


def _wrong_conf(sasl: Sasl, facts: Facts) -> Finding | None:
    conf = _conf(facts)
    if not facts["conf-there"]:
        others = [*facts.lines("elsewhere"), *facts.lines("beside")]
        return Finding(
            code="smtp-auth.smtpd-conf",
            ok=False,
            what=sasl.smtpd_conf,
            found=", ".join(others) or _("missing"),
            expected=_("there"),
            hint=_("Postfix looks for it in one folder and under one name only."),
            solution="pwcheck_method: saslauthd\nmech_list: plain login",
        )
    if conf.get("pwcheck_method") and not facts["conf-readable"]:
        return Finding(
            code="smtp-auth.smtpd-conf",
            ok=False,
            what=sasl.smtpd_conf,
            found=_("Postfix cannot read it"),
            expected="644 root root",
            hint=_("As which user does smtpd read this file? Look at ls -l."),
            solution=f"chmod 644 {sasl.smtpd_conf}",
        )
    if conf.get("pwcheck_method") != "saslauthd":
        return _conf_line(conf, "pwcheck_method", "saslauthd")
    if {"plain", "login"} - set(conf.get("mech_list", "").lower().split()):
        return _conf_line(conf, "mech_list", "plain login")
    return None


def _conf_line(conf: dict[str, str], key: str, value: str) -> Finding:
    return Finding(
        code=f"smtp-auth.{key.replace('_', '-')}",
        ok=False,
        what=_("{key} in smtpd.conf", key=key),
        found=conf.get(key) or _("missing, beside: {keys}", keys=", ".join(conf) or "-"),
        expected=value,
        hint=_("Compare smtpd.conf with the book, letter by letter; Postfix reads it at start."),
        solution=f"{key}: {value}",
    )


def _conf(facts: Facts) -> dict[str, str]:
    pairs = (line.partition(":") for line in facts.lines("conf") if not line.startswith("#"))
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def _wrong_daemon(sasl: Sasl, facts: Facts) -> Finding | None:
    if stopped := frozen("smtp-auth.saslauthd", _("saslauthd runs"), facts):
        return stopped
    if facts["running"]:
        return None
    if _start_missing(facts):
        return _start(sasl, facts)
    return Finding(
        code="smtp-auth.saslauthd",
        ok=False,
        what=_("saslauthd runs"),
        found=_("no such process"),
        expected=_("running"),
        hint=_("systemd may report active anyway: pgrep -a saslauthd shows whether it runs."),
        solution=f"systemctl restart {sasl.unit}",
    )


def _wrong_way(sasl: Sasl, facts: Facts) -> Finding | None:
    if not facts["there"]:
        return Finding(
            code="smtp-auth.socket",
            ok=False,
            what=_("saslauthd's socket is where smtpd looks for it"),
            found=(facts.lines("args") or [""])[0],
            expected=facts["socket"],
            hint=_("smtpd runs in a chroot: which folder is its root?"),
            solution=f'OPTIONS="-c -m {sasl.run_dir}"',
        )
    if facts["allowed"]:
        return None
    in_group = sasl.group in facts["groups"].split()
    return Finding(
        code="smtp-auth.folder" if in_group else "smtp-auth.group",
        ok=False,
        what=_("Postfix may reach saslauthd's socket"),
        found=_("postfix is in: {groups}", groups=facts["groups"]),
        expected=sasl.group if not in_group else f"710 root {sasl.group}",
        hint=_("Who may enter the socket's folder? Compare with what id postfix says."),
        solution=f"gpasswd -a postfix {sasl.group}; systemctl restart postfix"
        if not in_group
        else f"chgrp {sasl.group} {sasl.run_dir}; chmod 710 {sasl.run_dir}",
    )


def _lasting(sasl: Sasl, facts: Facts) -> list[Finding]:
    """What works now but not after a reboot."""
    if _start_missing(facts) and not facts["running"]:
        return []
    state = facts["enabled"] or "disabled"
    return [
        _start(sasl, facts),
        starts_at_boot("smtp-auth.enabled", _("saslauthd starts at boot"), sasl.unit, state),
    ]


def _start_missing(facts: Facts) -> bool:
    return bool(facts["wants-start"]) and _switch(facts) != "yes" and not facts["instance"]


def _switch(facts: Facts) -> str:
    """The value that the start script's shell reads: the last line counts, without a comment."""
    words = facts["start"].rpartition("\n")[2].split()
    return words[0].strip("\"'") if words else ""


def _start(sasl: Sasl, facts: Facts) -> Finding:
    return Finding(
        code="smtp-auth.start",
        ok=not _start_missing(facts),
        what=_("saslauthd's own switch"),
        found=facts["start"] or _("missing"),
        expected="START=yes",
        hint=_("saslauthd's start script first reads {path}.", path=sasl.defaults),
        solution=f"{sasl.defaults}: START=yes; systemctl restart {sasl.unit}",
    )
