"""Does Dovecot serve the mailbox over IMAP and POP3? A login tells, then its settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from labctl.i18n import N_, _
from labctl.parallel import beside, on_each
from labctl.results import Finding
from labctl.scripts import Script
from provision.dialogue import imap_login, pop3_login
from provision.dovecot_logins import ALSO, keeps_out, logins, remarks, shown
from provision.facts import Facts, ask
from provision.services import by_hand, frozen, starts_at_boot
from provision.step import Target

_CHECK = Script("provision", "dovecot-check.sh")
# What the book sets, by the syntax of the version (Dovecot's upgrade guide from 2.3 to 2.4).
SETTINGS = {
    "2.3": (
        "mail_location",
        "mail_privileged_group",
        "mail_access_groups",
        "disable_plaintext_auth",
        "ssl",
    ),
    "2.4": (
        "mail_driver",
        "mail_path",
        "mail_inbox_path",
        "mail_privileged_group",
        "mail_access_groups",
        "auth_allow_cleartext",
        "ssl",
    ),
}

_HINTS = {
    "mail_location": N_("Postfix fills one mailbox: is it the one that Dovecot reads?"),
    "mail_privileged_group": N_("Who may make a lock file in /var/mail?"),
    "disable_plaintext_auth": N_("Does Dovecot accept a password over an unencrypted connection?"),
    "ssl": N_("The chapter's client connects without encryption."),
}


def check(target: Target) -> list[Finding]:
    """Login and inbox over both protocols, the book's settings, and the running Dovecot."""
    name = str(target.host.account)
    password = target.credentials.password(name)
    tried = (imap_login, pop3_login)
    with beside(lambda: on_each(tried, lambda login: login(target, name, password))) as logged_in:
        dovecot = target.family.dovecot
        settings = SETTINGS[dovecot.syntax]
        words = (dovecot.unit, dovecot.folder, dovecot.marker, *settings, *ALSO)
        facts = ask(target, _CHECK, *words)
    if dovecot.syntax == "2.4":
        facts = _as_in_2_3(facts)
    answers = dict(zip(("imap", "pop3"), logged_in(), strict=True))
    if stopped := frozen("dovecot.frozen", _("Dovecot runs"), facts):
        return [stopped, _enabled(facts)]
    service = [_running(facts), _enabled(facts)]
    if facts.lines("error"):
        # Dovecot refuses its files as a whole, so no setting in them is known.
        return service
    found = _settings(target, facts)
    if dovecot.syntax == "2.4":
        found = [_in_2_4(finding) for finding in found]
    found = remarks(found, answers)
    if not service[0].ok or not all(finding.ok for finding in found):
        return [*service, *_not_read(facts, found)]
    is_harmless = all(answer.ok for answer in answers.values()) and _is_harmless(
        target, facts, found
    )
    fresh = _fresh(facts, is_harmless=is_harmless)
    if not fresh.ok:
        return [*service, *found, fresh]
    return [*service, *found, fresh, *logins(target, facts, answers)]


def _not_read(facts: Facts, settings: list[Finding]) -> list[Finding]:
    """The settings, or the one cause for which several are missing: nothing reads their files."""
    wrong = [finding for finding in settings if not finding.ok]
    unread, included = facts.lines("unread"), facts.lines("included")
    if len(wrong) < 2 or (not unread and any("conf.d" in line for line in included)):
        return settings
    return [
        *(finding for finding in settings if finding.ok),
        Finding(
            code="dovecot.include",
            ok=False,
            what="dovecot.conf",
            found=", ".join(unread or included) or _("no !include"),
            expected="!include conf.d/*.conf",
            hint=_("Which files does Dovecot read? Look for !include in dovecot.conf."),
            solution="!include conf.d/*.conf",
        ),
    ]


def _as_in_2_3(facts: Facts) -> Facts:
    """The facts of Dovecot 2.4 with the settings as version 2.3 has them."""
    location = f"{facts['mail_driver']}:{facts['mail_path']}"
    if inbox := facts["mail_inbox_path"]:
        location += f":INBOX={inbox}"
    plaintext = "no" if facts["auth_allow_cleartext"] == "yes" else "yes"
    return facts.with_lines(
        {
            "mail_location": [re.sub(r"%\{ *(user|home)[^}]*\}", _short, location)],
            "disable_plaintext_auth": [plaintext],
        }
    )


def _short(variable: re.Match[str]) -> str:
    return "%u" if variable[1] == "user" else "%h"


def _in_2_4(finding: Finding) -> Finding:
    """The finding about a setting of version 2.3 in the words of version 2.4."""
    name = finding.code.partition(".")[2]
    if name == "mail_location":
        lines = ("mail_driver = mbox", "mail_path = ~/mail", "mail_inbox_path = /var/mail/%{user}")
        names = " ".join(line.partition(" ")[0] for line in lines)
        return replace(
            finding, what=names, hint=shown(_(_HINTS[name]), names), solution="\n".join(lines)
        )
    if name == "disable_plaintext_auth":
        return replace(
            finding,
            what="auth_allow_cleartext",
            found="yes" if finding.ok else "no",
            expected="yes",
            hint=shown(_(_HINTS[name]), "auth_allow_cleartext"),
            solution="auth_allow_cleartext = yes",
        )
    return finding


def _running(facts: Facts) -> Finding:
    errors, state = facts.lines("error"), facts["active"] or "inactive"
    remark = by_hand(facts["active"], facts["by-hand"])
    return Finding(
        code="dovecot.running",
        ok=(facts["active"] == "active" or bool(remark)) and not errors,
        what=_("Dovecot runs"),
        found=errors[0] if errors else ": ".join([state, *facts.lines("why")]),
        expected="active",
        hint=_("systemctl status dovecot says why not; doveconf -n finds a wrong line."),
        solution="systemctl restart dovecot",
        remark=remark,
    )


def _enabled(facts: Facts) -> Finding:
    state = facts["enabled"]
    return starts_at_boot("dovecot.enabled", _("Dovecot starts at boot"), "dovecot", state)


def _settings(target: Target, facts: Facts) -> list[Finding]:
    groups = {facts["mail_privileged_group"], *re.split(r"[\s,]+", facts["mail_access_groups"])}
    return [
        *_open(facts),
        _location(target, facts),
        _setting(
            "mail_privileged_group",
            facts["mail_privileged_group"],
            "mail",
            "mail" in groups or _is_maildir(facts["mail_location"]),
        ),
        _setting(
            "disable_plaintext_auth",
            facts["disable_plaintext_auth"],
            "no",
            facts["disable_plaintext_auth"] == "no",
        ),
        _setting(
            "ssl",
            facts["ssl"],
            "no",
            facts["ssl"] == "no",
        ),
    ]


def _open(facts: Facts) -> list[Finding]:
    """What takes every password."""
    if not facts["open"]:
        return []
    line = facts.lines("open")[0]
    finding = Finding(
        code="dovecot.passdb",
        ok=False,
        what="passdb",
        found=line,
        expected=_("no such line"),
        hint=_("Does Dovecot ask for the right password? Try a wrong one."),
        solution="doveconf -n",
    )
    if not line.startswith("auth "):
        return [finding]
    # It is PAM's file for Dovecot that lets everybody in.
    file = "/etc/pam.d/dovecot"
    solution = f"sed -i '/pam_permit/d' {file}"
    return [replace(finding, code="dovecot.pam", what=file, solution=solution)]


def _setting(name: str, found: str, expected: str, ok: bool) -> Finding:
    return Finding(
        code=f"dovecot.{name}",
        ok=ok,
        what=name,
        found=found or _("empty"),
        expected=expected,
        hint=shown(_(_HINTS[name]), name),
        solution=f"{name} = {expected}",
    )


def _location(target: Target, facts: Facts) -> Finding:
    """Dovecot must read what Postfix fills: both mbox in /var/mail, or both the same Maildir."""
    delivery = facts.pairs("delivery")
    location, home = facts["mail_location"], delivery.get("home_mailbox", "")
    name = str(target.host.account)
    if _delivers_itself(delivery):
        wanted, ok = location, True
    elif home.endswith("/"):
        wanted = f"maildir:~/{home.rstrip('/')}"
        ok = _full(location, name).rstrip("/") == _full(wanted, name)
    else:
        wanted = "mbox:~/mail:INBOX=/var/mail/%u" if not home else f"mbox:~/mail:INBOX=~/{home}"
        inbox = wanted.rpartition("INBOX=")[2]
        options = _full(location, name).split(":")
        ok = options[0] == "mbox" and f"INBOX={_full(inbox, name)}" in options
    return _setting(
        "mail_location",
        location,
        wanted,
        ok,
    )


def _delivers_itself(delivery: Mapping[str, str]) -> bool:
    """Whether Postfix hands mail over to Dovecot, which then reads what it fills."""
    command, transport = (delivery.get(f"mailbox_{name}", "") for name in ("command", "transport"))
    if transport:
        return transport.startswith("lmtp:") or "dovecot" in transport
    return bool(re.search(r"dovecot-lda|dovecot/deliver", command))


def _is_maildir(location: str) -> bool:
    return location.startswith("maildir:")


def _full(location: str, name: str) -> str:
    text = location.replace("%u", name).replace("%n", name).replace("%h", "~")
    return text.replace(f"/home/{name}", "~").replace("/var/spool/mail", "/var/mail")


# The settings of the book and the package that their section judges, or that nobody needs here.
_JUDGED = re.compile(
    r"mail_(location|driver|path|inbox_path|privileged_group|access_groups)|disable_plaintext_auth"
    r"|auth_allow_cleartext|ssl\w*|dovecot_\w+_version|protocols|auth_mechanisms"
)


def _is_harmless(target: Target, facts: Facts, settings: list[Finding]) -> bool:
    """Whether Dovecot's files have what the book says and nothing else, in force or not."""
    names = [line.partition(" = ")[0] for line in facts.lines("beside")]
    return (
        not any(finding.remark for finding in settings)
        and all(_JUDGED.fullmatch(name) for name in names)
        and not facts["sections"]
        and keeps_out(target, facts) is None
    )


def _fresh(facts: Facts, *, is_harmless: bool) -> Finding:
    """Whether files are newer than Dovecot.

    Args:
        is_harmless: nothing in them is known to make a difference. A client's session shows
            whether all of it is in force (provision.settle).
    """
    newer = facts.lines("newer")
    return Finding(
        code="dovecot.restarted",
        ok=not newer or is_harmless,
        what=_("the running Dovecot has these settings"),
        found=_("newer than the running Dovecot: {files}", files=", ".join(newer))
        if newer
        else _("in force"),
        expected=_("in force"),
        hint=_("When does Dovecot read its files? Think of what you did after the last edit."),
        solution="systemctl restart dovecot",
        remark=_("a restart makes sure that all of it is in force")
        if newer and is_harmless
        else "",
    )
