"""Does SMTP AUTH work? It is tried. If it fails, the first cause on the way is the finding."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from labctl.i18n import _
from labctl.parallel import beside, on_each
from labctl.results import Finding
from labctl.scripts import Script
from provision.dialogue import Answer, smtp_auth
from provision.facts import Facts, ask
from provision.families.base import Family, Sasl
from provision.mail_log import last_lines
from provision.pam import refusing_lines
from provision.sasl_type import asks_dovecot
from provision.services import frozen, starts_at_boot
from provision.step import Target
from provision.unknown import unknown_cause

_CHECK = Script("provision", "smtp-auth-check.sh")
_UNREAD = Script("provision", "master-cf-unread.sh")


def check(target: Target) -> list[Finding]:
    """AUTH PLAIN and LOGIN with the right password and a wrong one, then the settings."""
    auth = partial(smtp_auth, target, *_account(target))
    logins: tuple[Callable[[], Answer], ...] = (
        partial(auth, "PLAIN"),
        partial(auth, "LOGIN"),
        target.first_answer or partial(wrong_password, target),
    )
    with beside(lambda: on_each(logins, lambda each: each())) as answered:
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
    return found if asks_dovecot(facts) else [*found, *_lasting(target, facts, found)]


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
        cause = None if asks_dovecot(facts) else _cause(family.sasl, facts)
        if cause is not None:
            return [cause]
    if not any(answer.ok for answer in tried.values()):
        if _is_unread(target):
            return [_reload(target, tried["PLAIN"].text)]
        return [_unknown(target, tried["PLAIN"])]
    return [
        *(_accepted(family, mechanism, answer) for mechanism, answer in tried.items()),
        _wrong_password(family, facts, refused),
    ]


def _wrong_password(family: Family, facts: Facts, refused: Answer) -> Finding:
    method = _conf(facts).get("pwcheck_method")
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


def _is_unread(target: Target) -> bool:
    """Whether master.cf was edited after Postfix has read it."""
    return bool(ask(target, _UNREAD, target.family.postfix.master_cf)["unread"])


def _reload(target: Target, found: str) -> Finding:
    """The files are right, and the running Postfix has not read master.cf."""
    return Finding(
        code="smtp-auth.reload",
        ok=False,
        what=_("the running Postfix has these settings"),
        found=found,
        expected="235",
        hint=_("When does Postfix read master.cf? Think of what you did after the last edit."),
        solution="systemctl reload postfix",
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
    if mechanism := _odd_mechanism(facts):
        return _mechanisms(sasl, mechanism)
    if denied := refusing_lines(facts):
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


def _odd_mechanism(facts: Facts) -> str:
    """What the file has for MECHANISMS, if saslauthd does not find the accounts by it."""
    mechanism = facts["mechanisms"].rpartition("\n")[2].strip("\"'")
    return "" if mechanism in ("", "pam", "shadow") else mechanism


def _mechanisms(sasl: Sasl, mechanism: str) -> Finding:
    return Finding(
        code="smtp-auth.mechanisms",
        ok=False,
        what=_("what saslauthd asks for passwords"),
        found=f"MECHANISMS={mechanism}",
        expected="MECHANISMS=pam",
        hint=_("Where are the passwords of this server's accounts?"),
        solution=f'{sasl.defaults}: MECHANISMS="pam"; systemctl restart {sasl.unit}',
    )


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
        found=conf.get(key) or _("missing; present: {keys}", keys=", ".join(conf) or "-"),
        expected=value,
        hint=_("Compare smtpd.conf with the book, letter by letter; Postfix reads it at start."),
        solution=f"{key}: {value}",
    )


def _conf(facts: Facts) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in facts.lines("conf"):
        key, colon, value = line.partition(":")
        # Of two lines Cyrus SASL takes the first.
        if colon and not line.startswith("#"):
            found.setdefault(key.strip(), value.strip())
    return found


def _wrong_daemon(sasl: Sasl, facts: Facts) -> Finding | None:
    if stopped := frozen("smtp-auth.saslauthd", _("saslauthd runs"), facts):
        return stopped
    if facts["running"]:
        return None
    if _start_missing(facts):
        return _start(sasl, facts)
    if facts["syntax"]:
        return _syntax(sasl, facts)
    # It does not start with a word that it does not know.
    if mechanism := _odd_mechanism(facts):
        return _mechanisms(sasl, mechanism)
    return Finding(
        code="smtp-auth.saslauthd",
        ok=False,
        what=_("saslauthd runs"),
        found=": ".join([_("no such process"), *facts.lines("why")]),
        expected=_("running"),
        hint=_("systemd may report active anyway: pgrep -a saslauthd shows whether it runs."),
        solution=f"systemctl restart {sasl.unit}",
    )


def _no_socket(sasl: Sasl, facts: Facts) -> Finding:
    """smtpd finds no socket of saslauthd, because only one of them works in the chroot."""
    hint = _("smtpd runs in a chroot: which folder is its root?")
    solution = f'OPTIONS="-c -m {sasl.run_dir}"'
    if facts["socket"] == sasl.mux != f"{sasl.run_dir}/mux":
        hint = _("master.cf runs smtpd without a chroot. Where does saslauthd have its socket?")
        solution = "postconf -F smtp/inet/chroot=y"
    return Finding(
        code="smtp-auth.socket",
        ok=False,
        what=_("saslauthd's socket is where smtpd looks for it"),
        found=(facts.lines("args") or [""])[0],
        expected=facts["socket"],
        hint=hint,
        solution=solution,
    )


def _wrong_way(sasl: Sasl, facts: Facts) -> Finding | None:
    if not facts["there"]:
        return _no_socket(sasl, facts)
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


def _lasting(target: Target, facts: Facts, now: list[Finding]) -> list[Finding]:
    """What works now but not after a reboot. `now` is what was found about the behaviour."""
    sasl = target.family.sasl
    if _start_missing(facts) and not facts["running"]:
        return []
    what = _("saslauthd starts at boot")
    if facts["keeper"]:
        unit, _blank, state = facts["keeper"].partition(" ")
        return [starts_at_boot("smtp-auth.enabled", what, unit, state)]
    if facts["syntax"]:
        # If it does not run, that is told already.
        return [_syntax(sasl, facts)] if facts["running"] else []
    works = all(each.ok for each in now)
    moved = _next_socket(sasl, facts) or _next_mount(sasl, facts)
    moved = moved or (_next_chroot(target, facts) if works else None)
    if moved is not None:
        return [moved]
    if facts["running"] and not facts["instance"] and (mechanism := _odd_mechanism(facts)):
        return [_mechanisms(sasl, mechanism)]
    state = facts["enabled"]
    return [_start(sasl, facts), starts_at_boot("smtp-auth.enabled", what, sasl.unit, state)]


# The folder of saslauthd's socket among its options (saslauthd(8)).
_FOLDER = re.compile(r"""-m\s*([^\s"']+)""")


def _next_mount(sasl: Sasl, facts: Facts) -> Finding | None:
    """The folder of the socket is mounted into the chroot by hand, which a boot does not do."""
    if not facts["mounted"]:
        return None
    return Finding(
        code="smtp-auth.mounted",
        ok=False,
        what=_("saslauthd's socket after the next boot"),
        found=_("{path} is mounted by hand", path=facts.lines("mounted")[0]),
        expected=sasl.run_dir,
        hint=_("What mounts this folder when the host starts? Look at /etc/fstab."),
        solution=f'{sasl.defaults}: OPTIONS="-c -m {sasl.run_dir}"',
    )


def _next_chroot(target: Target, facts: Facts) -> Finding | None:
    """smtpd will look for the socket elsewhere as soon as Postfix reads master.cf again."""
    sasl = target.family.sasl
    path = _conf(facts).get("saslauthd_path", sasl.mux)
    if facts["there"] or not facts["running"] or path != sasl.mux or not _is_unread(target):
        return None
    return _no_socket(sasl, facts)


def _next_socket(sasl: Sasl, facts: Facts) -> Finding | None:
    """The file of its options was changed, and saslauthd still runs with those of before.

    A second saslauthd with the new ones may run beside it: the start script ends only one whose
    socket is in the folder that the file names.
    """
    options = facts["options"].rpartition("\n")[2]
    # Red Hat's file has other names for them.
    # What a shell would put in for a variable is not known here.
    if not options or "$" in options or facts["instance"]:
        return None
    then = _socket_folder(options)
    folders = [folder for line in facts.lines("args") if (folder := _socket_folder(line))]
    if not folders or set(folders) == {then} or _is_same(f"{then}/mux", facts["socket"]):
        return None
    now = next(folder for folder in folders if folder != then)
    return Finding(
        code="smtp-auth.options",
        ok=False,
        what=_("saslauthd's socket after its next start"),
        found=f"OPTIONS={options}",
        expected=f"-m {now}",
        hint=_("saslauthd reads {path} when it starts. What will it read?", path=sasl.defaults),
        solution=f'{sasl.defaults}: OPTIONS="-c -m {now}"',
    )


def _is_same(path: str, other: str) -> bool:
    """Whether both are one file. /var/run is a link to /run (hier(7))."""
    return path.removeprefix("/var") == other.removeprefix("/var")


def _syntax(sasl: Sasl, facts: Facts) -> Finding:
    """The shell of the start script, or of systemd, cannot read the file of its options."""
    return Finding(
        code="smtp-auth.options",
        ok=False,
        what=sasl.defaults,
        found=facts.lines("syntax")[0],
        expected=_("settings as a shell reads them"),
        hint=_("saslauthd reads {path} when it starts. What will it read?", path=sasl.defaults),
        solution=f"sh -n {sasl.defaults}",
    )


def _socket_folder(options: str) -> str:
    return next(reversed(_FOLDER.findall(options)), "").rstrip("/")


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
