"""Why a message is not delivered on its own host: to the account, to an alias, with its sender."""

from __future__ import annotations

import re

from labctl.i18n import N_
from provision.causes import Case, Explanation, Told
from provision.explaining.settings import (
    LOCAL_HINTS,
    MAILBOX_SIZE,
    MAP,
    NAMED_BY_LOG,
    VALUE,
    closed_in_chroot,
    each_of,
    master,
    missing_service,
    odd,
    odd_service,
    overridden,
    parameter,
    unread,
)
from provision.explaining.system import FOLDERS, SENDMAIL, SYSTEM


def _forwarded(case: Case) -> Told | None:
    places = case.own.facts.lines("forward")
    if not places:
        return None
    return Told(", ".join(places), solution=f"rm ~{case.own.host.account}/.forward")


def _aliased(case: Case) -> Told | None:
    """/etc/aliases has the account's name. Postfix looks there before it delivers (local(8))."""
    places = case.own.facts.lines("account-alias")
    if not places:
        return None
    name = str(case.own.host.account)
    line = f"sed -i '/^{name}:/d' /etc/aliases; newaliases"
    return Told(f"{name}: {', '.join(places)}", solution=line)


def _full_mailbox(case: Case) -> Told | None:
    """The mailbox is as large as Postfix lets it become. The system says the same of its limits."""
    size, value = case.own.facts.number("box-size"), case.own.settings().get("mailbox_size_limit")
    limit = int(value) if value and value.isdigit() else MAILBOX_SIZE
    is_full = 0 < limit < size + 10_000 and re.search("too (large|big)", case.log)
    return Told(f"{size}, mailbox_size_limit = {limit}") if is_full else None


def _local_names(name: str) -> bool:
    return not name.startswith(("smtp_", "smtpd_", "relay", "mynetworks"))


LOCAL = (
    *NAMED_BY_LOG,
    VALUE,
    Explanation("mail-command.delivery", _forwarded,
                N_("mail for the account stays in its mailbox"), N_("arrived"),
                N_("Send a message and follow it in the logs: what did each server do with it?")),
    Explanation("aliases.account", _aliased, N_("an alias with the account's name"), N_("none"),
                N_("Postfix looks up each local name in /etc/aliases before it delivers a message. "
                   "Which names are there?")),
    SENDMAIL,
    master(missing_service("local/unix", "cleanup/unix", "rewrite/unix", "bounce/unix",
                             "qmgr/unix", "defer/unix", "proxymap/unix")),
    master(closed_in_chroot),
    FOLDERS,
    # Postfix enforces it by the system's limit, which has the same words.
    parameter("mailbox_size_limit", LOCAL_HINTS["mailbox_size_limit"]),
    Explanation("accounts.mailbox-full", _full_mailbox, N_("room in the mailbox"),
                N_("less than mailbox_size_limit"),
                N_("Postfix lets a mailbox grow up to a limit. Compare ls -l /var/mail with it."),
                "postconf -e mailbox_size_limit=0; systemctl restart postfix"),
    *SYSTEM,
    *each_of(LOCAL_HINTS),
    MAP,
    odd(_local_names),
    master(overridden(r"(local|pickup|cleanup)/unix")),
    master(odd_service),
    unread(at_peer=False),
)  # fmt: skip


_REWRITING = (
    "smtp_generic_maps", "canonical_maps", "sender_canonical_maps", "masquerade_domains",
    "header_checks", "smtp_header_checks", "myorigin",
)  # fmt: skip


def _own_from(case: Case) -> Told | None:
    """`mail` itself writes the sender, already in the host's own mailbox."""
    line = case.own.mail["own-from"]
    return Told(case.seen.found) if case.seen.found and case.seen.found in line else None


def _rewrites(name: str) -> bool:
    """Whether a parameter with this name may change addresses or headers of a message."""
    return name.endswith(("_maps", "_checks", "_classes", "_rewrite", "_clients", "_domain"))


_SENDER_HINT = N_("Is the sender the same when the message leaves this host?")
_RECEIVER_HINT = N_("Is the sender the same before and after this host takes the message?")


SENDER = (
    *(parameter(name, _SENDER_HINT) for name in _REWRITING),
    Explanation("mail-command.sender", _own_from, N_("the sender that mail writes"), "",
                N_("Could the other server answer this address? It needs an MX record."),
                "{mail_settings}; ~/.mailrc"),
    *(parameter(name, _RECEIVER_HINT, at_peer=True)
      for name in ("canonical_maps", "sender_canonical_maps", "header_checks")),
    odd(_rewrites),
    odd(_rewrites, at_peer=True),
)  # fmt: skip


def _alias_line(case: Case) -> Told | None:
    lines = case.own.facts.lines("alias-line")
    return Told(lines[0]) if lines else None


def _not_an_alias(case: Case) -> Told | None:
    return None if case.own.facts["alias"] else Told("postalias -q postmaster: -")


def _no_line(case: Case) -> Told | None:
    facts = case.own.facts
    return None if facts["alias"] or facts["postmaster-line"] else Told("postmaster: -")


def _closed_database(case: Case) -> Told | None:
    mode = case.own.mode("/etc/aliases.db")
    return Told(mode) if mode and not mode.split()[0].endswith(("4", "5", "6", "7")) else None


# What Postfix says of a recipient of an alias that does not exist, or that leads back to it.
_LOST = (
    r'unknown user: "[^"]*"|alias database loop|:include:|open include file'
    r"|command not found|Command died"
)
# What Postfix says of a recipient elsewhere whose domain does not exist.
_NO_DOMAIN = r"to=<([^>]+@[^>]+)>.*(?:Host or domain name not found|does not accept mail)"


def _closed_box(case: Case) -> Told | None:
    """local's words for a mailbox that it may not write."""
    found = re.search(r"(cannot (?:update|access|open) mailbox (\S+) for .*)\)", case.log)
    if found is None:
        return None
    name = found[2].rpartition("/")[2]
    return Told(found[1], found[2], f"chown {name}:mail {found[2]}; chmod 600 {found[2]}")


def _no_domain(case: Case) -> Told | None:
    """The alias, or one to which it leads, has an address in a domain that nobody has."""
    found = re.search(_NO_DOMAIN, case.words)
    if found is None:
        return None
    hosts = [case.own.host, *([case.peer.host] if case.peer else [])]
    is_own = found[1].endswith(tuple(f"@{host.domain}" for host in hosts))
    # A name without a domain gets one from Postfix, which is not the alias's fault.
    return None if is_own or found[1] not in _steps(case) else _recipient(case, found[1])


def _steps(case: Case) -> list[str]:
    """Whom postmaster's mail reaches: the alias, and what it leads to."""
    return case.own.mail.lines("alias") or case.own.facts.lines("alias")


def _recipient(case: Case, name: str) -> Told:
    """A wrong recipient, which may be that of the alias to which postmaster leads."""
    steps = _steps(case)
    by = steps[steps.index(name) - 1] if name in steps[1:] else ""
    return Told(name, solution=f"sed -i '/^{by}:/d' /etc/aliases; newaliases" if by else "")


def _odd_recipient(case: Case) -> Told | None:
    alias = case.own.facts["alias"]
    # A name without a domain gets one from Postfix, which is not the alias's fault.
    lost = f"{_LOST}|loops back to myself" if "@" in alias else _LOST
    if alias.startswith(("/", "|", '"', ":include:")) or re.search(lost, case.log):
        return Told(alias)
    return None


def _nobody(case: Case) -> Told | None:
    """The alias leads to a name that is no account, whichever table has it."""
    names = re.findall(r'unknown user: "([^"]*)"', case.words)
    lost = [each for each in _steps(case) if each.partition("@")[0] in names]
    return _recipient(case, lost[0]) if lost else None


_RECEIVER = N_("who receives postmaster's mail")
_TO_WHOM = N_("To whom does /etc/aliases send mail for postmaster? Who reads it there?")
_ROOT_AGAIN = "postmaster: root; newaliases"


ALIAS = (
    *NAMED_BY_LOG,
    VALUE,
    Explanation("aliases.recipient", _nobody, _RECEIVER, "root", _TO_WHOM, _ROOT_AGAIN),
    Explanation("aliases.recipient", _no_domain, _RECEIVER, "root", _TO_WHOM, _ROOT_AGAIN),
    parameter("alias_maps", LOCAL_HINTS["alias_maps"]),
    Explanation("aliases.readable", _closed_database, "/etc/aliases.db", "644 root root",
                N_("Postfix reads the database as another user. Look at ls -l /etc/aliases.db."),
                "chmod 644 /etc/aliases.db"),
    Explanation("aliases.syntax", _alias_line, "/etc/aliases", N_("name: recipient"),
                N_("What does newaliases say? It names the line."), "newaliases"),
    Explanation("aliases.recipient", _no_line, _RECEIVER, "root",
                N_("Who receives mail for postmaster? Look for the line in /etc/aliases."),
                "postmaster: root; newaliases"),
    Explanation("aliases.database", _not_an_alias, N_("Postfix finds postmaster"), "root",
                N_("Several commands build databases, each in its own form: which one is for "
                   "aliases?"), "newaliases"),
    Explanation("aliases.mailbox", _closed_box, "{name}", N_("its owner may write to it"),
                N_("Who receives postmaster's mail? Compare the owner of that mailbox with it.")),
    Explanation("aliases.recipient", _odd_recipient, _RECEIVER, "root", _TO_WHOM, _ROOT_AGAIN),
    parameter("myorigin", N_("Postfix adds this domain to a bare name. Is it a local one?")),
    *LOCAL,
)  # fmt: skip
