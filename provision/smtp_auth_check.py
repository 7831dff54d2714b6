"""Does SMTP AUTH work? It is tried. If it fails, the first cause on the way is the finding."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from labctl.i18n import _
from labctl.parallel import beside, on_each
from labctl.results import Finding
from labctl.scripts import Script
from provision.dialogue import Answer, smtp_auth
from provision.facts import Facts, ask
from provision.families.base import Family, Pam, Sasl
from provision.mail_log import last_lines
from provision.pam import refusing_lines
from provision.sasl_type import asks_dovecot
from provision.saslauthd import (
    mechanisms,
    misread,
    no_folder,
    no_socket,
    not_in_force,
    not_in_group,
    odd_line,
    odd_mechanism,
    smtpd_conf,
    start,
    start_missing,
    syntax,
    words_of,
)
from provision.saslauthd_next_start import lasting
from provision.services import frozen
from provision.step import Target
from provision.unknown import unknown_cause

_CHECK = Script("provision", "smtp-auth-check.sh")


def check(target: Target) -> list[Finding]:
    """AUTH PLAIN and LOGIN with the right password and a wrong one, then the settings."""
    auth = partial(smtp_auth, target, *_account(target))
    logins: tuple[Callable[[], Answer], ...] = (
        partial(auth, "PLAIN"),
        partial(auth, "LOGIN"),
        target.first_answer or partial(wrong_password, target),
    )
    with beside(lambda: on_each(logins, lambda each: each())) as answered:
        facts = _facts(target)
    plain, login, refused = answered()
    found = _behaviour(target, facts, {"PLAIN": plain, "LOGIN": login}, refused)
    # Dovecot may check passwords in saslauthd's place.
    return found if asks_dovecot(facts) else [*found, *lasting(target, facts, found)]


def cause(target: Target) -> Finding | None:
    """Why smtpd cannot begin to ask about passwords, if the files of this section tell it."""
    facts = _facts(target)
    return None if asks_dovecot(facts) else _cause(target.family, facts)


def _facts(target: Target) -> Facts:
    sasl, chroot = target.family.sasl, target.family.postfix.chroot
    files = (sasl.unit, sasl.defaults, sasl.smtpd_conf)
    return ask(target, _CHECK, *files, sasl.mux, chroot, sasl.group)


def wrong_password(target: Target, asked: Callable[[], None] = lambda: None) -> Answer:
    """The answer to AUTH with a wrong password, for which PAM takes two seconds or so.

    Args:
        asked: called when the server gets the password.
    """
    name, password = _account(target)
    return smtp_auth(target, name, f"not-{password}", "PLAIN", asked)


def _account(target: Target) -> tuple[str, str]:
    name = str(target.host.account)
    return name, target.credentials.password(name)


def _behaviour(
    target: Target, facts: Facts, tried: dict[str, Answer], refused: Answer
) -> list[Finding]:
    family = target.family
    if not all(answer.ok for answer in tried.values()):
        cause = None if asks_dovecot(facts) else _cause(family, facts)
        if cause is not None:
            return [cause]
    if not any(answer.ok for answer in tried.values()):
        old = not_in_force(target, tried["PLAIN"].text)
        return [old or _unknown(target, tried["PLAIN"])]
    return [
        *(_accepted(family, mechanism, answer) for mechanism, answer in tried.items()),
        _wrong_password(family, facts, refused),
    ]


def _wrong_password(family: Family, facts: Facts, refused: Answer) -> Finding:
    method = smtpd_conf(facts).get("pwcheck_method")
    if refused.ok and method == "saslauthd" and not asks_dovecot(facts):
        hint = _("saslauthd asks PAM. Which line of /etc/pam.d lets everybody in?")
        solution = family.pam.mending
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
    lines = last_lines(target, "sasl|saslauthd", 3)
    return unknown_cause(
        "smtp-auth",
        _("AUTH with the right password"),
        [answer.text, *lines],
        "235",
        f"journalctl -u {target.family.sasl.unit}",
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


def _cause(family: Family, facts: Facts) -> Finding | None:
    """The first thing that is wrong on the way from smtpd to saslauthd."""
    sasl = family.sasl
    return (
        _wrong_conf(sasl, facts)
        or _wrong_daemon(sasl, facts)
        or _wrong_path(sasl, facts)
        or _wrong_way(sasl, facts)
        or _wrong_name(facts)
        or _wrong_mechanism(family.sasl, family.pam, facts)
    )


def _wrong_path(sasl: Sasl, facts: Facts) -> Finding | None:
    """smtpd.conf may name the socket itself, which has to be the file and not its folder."""
    path = smtpd_conf(facts).get("saslauthd_path", "")
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


def _wrong_mechanism(sasl: Sasl, pam: Pam, facts: Facts) -> Finding | None:
    """saslauthd runs, but asks something that does not know the account."""
    if mechanism := odd_mechanism(sasl, facts):
        return mechanisms(sasl, mechanism)
    if facts["local-domain"] and any(" -r" in line for line in facts.lines("args")):
        return _with_domain(sasl, facts)
    if denied := refusing_lines(facts):
        is_own = facts["pam-file"] == "/etc/pam.d/smtp"
        return Finding(
            code="smtp-auth.pam",
            ok=False,
            what=facts["pam-file"],
            found=denied[0],
            expected=_("no such file") if is_own else _("nothing that refuses"),
            hint=_("saslauthd asks PAM, and PAM has a file for each service."),
            solution="rm /etc/pam.d/smtp" if is_own else f"{facts['pam-file']}: {pam.including}",
        )
    return None


def _with_domain(sasl: Sasl, facts: Facts) -> Finding:
    """With -r, saslauthd asks for user@domain, which is no account."""
    return Finding(
        code="smtp-auth.options",
        ok=False,
        what=_("what saslauthd takes for the account's name"),
        found=f"-r, smtpd_sasl_local_domain = {facts['local-domain']}",
        expected=_("the name without a domain"),
        hint=_("Which account does the log name when somebody logs in? What does -r do?"),
        solution=f"{sasl.defaults}: without -r; systemctl restart {sasl.unit}",
    )


def _wrong_conf(sasl: Sasl, facts: Facts) -> Finding | None:
    conf = smtpd_conf(facts)
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
    if line := odd_line(facts):
        return _conf_odd(sasl, line)
    if "saslauthd" not in words_of(conf.get("pwcheck_method", "")):
        return _conf_line(conf, "pwcheck_method", "saslauthd")
    if {"plain", "login"} - set(words_of(conf.get("mech_list", "").lower())):
        return _conf_line(conf, "mech_list", "plain login")
    return None


def _conf_odd(sasl: Sasl, line: str) -> Finding:
    """For a line that Cyrus SASL cannot read, it does not read the file at all."""
    return Finding(
        code="smtp-auth.smtpd-conf",
        ok=False,
        what=sasl.smtpd_conf,
        found=line,
        expected=_("name: value"),
        hint=_("Compare smtpd.conf with the book, letter by letter; Postfix reads it at start."),
        solution="pwcheck_method: saslauthd\nmech_list: plain login",
    )


def _conf_line(conf: dict[str, str], key: str, value: str) -> Finding:
    return Finding(
        code=f"smtp-auth.{key.replace('_', '-')}",
        ok=False,
        what=_("{key} in smtpd.conf", key=key),
        found=conf.get(key) or _("missing; present: {keys}", keys=", ".join(conf) or "-"),
        expected=value,
        hint=_("Compare smtpd.conf with the book, letter by letter; Postfix reads it at start."),
        solution=f"{key}: {value}",
    )


def _wrong_daemon(sasl: Sasl, facts: Facts) -> Finding | None:
    if stopped := frozen("smtp-auth.saslauthd", _("saslauthd runs"), facts):
        return stopped
    if facts["running"]:
        return None
    if start_missing(facts):
        return start(sasl, facts)
    if facts["syntax"] or misread(facts):
        return syntax(sasl, facts)
    # It does not start with a word that it does not know.
    if mechanism := odd_mechanism(sasl, facts):
        return mechanisms(sasl, mechanism)
    return no_folder(sasl, facts) or Finding(
        code="smtp-auth.saslauthd",
        ok=False,
        what=_("saslauthd runs"),
        found=": ".join([_("no such process"), *facts.lines("why")]),
        expected=_("running"),
        hint=_("systemd may report active anyway: pgrep -a saslauthd shows whether it runs."),
        solution=f"systemctl restart {sasl.unit}",
    )


def _wrong_way(sasl: Sasl, facts: Facts) -> Finding | None:
    if not facts["there"]:
        return syntax(sasl, facts) if misread(facts) else no_socket(sasl, facts)
    if facts["allowed"]:
        return None
    if facts["mode"] and not int(facts["mode"], 8) & 0o002:
        return Finding(
            code="smtp-auth.mode",
            ok=False,
            what=_("Postfix may reach saslauthd's socket"),
            found=facts["mode"],
            expected="777",
            hint=_("saslauthd makes its socket when it starts. What does ls -l show of it?"),
            solution=f"systemctl restart {sasl.unit}",
        )
    hint = _("Who may enter the socket's folder? Compare with what id postfix says.")
    if sasl.group not in facts["groups"].split() and not _closed_above(facts):
        return not_in_group(sasl, facts, hint)
    found, expected = _("postfix is in: {groups}", groups=facts["groups"]), f"710 root {sasl.group}"
    solution = f"chgrp {sasl.group} {sasl.run_dir}; chmod 710 {sasl.run_dir}"
    if above := _closed_above(facts):
        found, expected, solution = above, "755", f"chmod 755 {above}"
    return Finding(
        code="smtp-auth.folder",
        ok=False,
        what=_("Postfix may reach saslauthd's socket"),
        found=found,
        expected=expected,
        hint=hint,
        solution=solution,
    )


def _closed_above(facts: Facts) -> str:
    """A folder that smtpd may not enter on the way to the socket's own, "" if there is none."""
    closed = facts["closed"]
    return "" if facts["socket"] == f"{closed}/mux" else closed
