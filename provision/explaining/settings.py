"""Parameters of main.cf and services of master.cf as causes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from labctl.i18n import N_
from provision import main_cf
from provision.behaviour import Evidence
from provision.causes import Case, Explanation, Told

_SMALL = 10_000


def differing(evidence: Evidence) -> dict[str, str]:
    """What main.cf sets beside the book, by name."""
    found = {}
    for name, value in evidence.settings().items():
        if (name, value) == ("myorigin", "/etc/mailname") and not _is_own_name(evidence):
            found[name] = f"{value}: {evidence.facts['mailname']}"
            continue
        if name in main_cf.USUAL or value in main_cf.HARMLESS.get(name, frozenset()):
            continue
        if name == "mynetworks" and _is_books(evidence):
            continue
        if name in _SIZES and not _is_too_small(name, evidence.settings()):
            continue
        if name == "cyrus_sasl_config_path" and _has_smtpd_conf(evidence, value):
            continue
        if name == "myorigin" and value == evidence.host.domain:
            continue
        found[name] = value
    return found


def _is_own_name(evidence: Evidence) -> bool:
    """Whether /etc/mailname has the host's own domain, which Postfix adds to a bare name."""
    return evidence.facts["mailname"].strip() in ("", evidence.host.domain)


def _has_smtpd_conf(evidence: Evidence, folders: str) -> bool:
    """Whether it is Debian 13's own value, or the default of Debian 12."""
    own = evidence.scene.family.sasl.folder
    return folders in (own, f"{own}:/usr/lib/sasl2")


def _is_books(evidence: Evidence) -> bool:
    """Whether the book sets mynetworks; the section about main.cf judges its value then."""
    return evidence.scene.lab.edition.relay == "network"


# Postfix's defaults, in bytes; 0 means no limit (postconf(5)).
MAILBOX_SIZE = 51_200_000
_SIZES: Mapping[str, int] = {
    "message_size_limit": 10_240_000,
    "mailbox_size_limit": MAILBOX_SIZE,
}


def _is_too_small(name: str, settings: Mapping[str, str]) -> bool:
    """Whether no message fits, or the largest message does not fit into a mailbox."""
    sizes = {
        each: int(value) if (value := settings.get(each, "")).isdigit() else default
        for each, default in _SIZES.items()
    }
    message, mailbox = sizes["message_size_limit"], sizes["mailbox_size_limit"]
    return 0 < sizes[name] < _SMALL or 0 < mailbox < (message or mailbox + 1)


def parameter(name: str, hint: str, *, at_peer: bool = False) -> Explanation:
    """main.cf sets a parameter that the book does not set."""

    def holds(case: Case) -> Told | None:
        value = differing(case.own).get(name)
        if value is not None and name.endswith("_restrictions"):
            value = None if _is_innocent(name, case.own, case.log) else value
        return None if value is None else Told(value or '""', name, f"postconf -X {name}")

    return Explanation(f"postfix.{name}", holds, "{name}", main_cf.NOT_SET, hint, at_peer=at_peer)


LOCAL_HINTS: Mapping[str, str] = {
    "mailbox_command": N_("Which program delivers into the mailbox now? Does it exist?"),
    "mailbox_transport": N_("Who delivers into the mailbox now? Does anybody answer there?"),
    "local_transport": N_("By which transport does Postfix deliver mail for this host?"),
    "mail_spool_directory": N_("In which folder does Postfix put the mailbox? Does it exist?"),
    "mailbox_size_limit": N_("How large may a mailbox become? Compare it with the message."),
    "message_size_limit": N_("How large may a message be? Count in bytes."),
    "virtual_alias_domains": N_("Is the domain a local or a virtual one? It cannot be both."),
    "virtual_alias_maps": N_("To which address is the recipient rewritten before delivery?"),
    "local_recipient_maps": N_("In which table does Postfix look up its recipients?"),
    "alias_maps": N_("Which table of aliases does Postfix ask?"),
    "defer_transports": N_("The log says that a transport is deferred. Who asked for that?"),
    "content_filter": N_("Every message first goes to a filter. Does one run?"),
    "header_checks": N_("Every header is looked up in a table. Does it exist?"),
    "canonical_maps": N_("Every address is looked up in a table. Does it exist?"),
    "smtpd_data_restrictions": N_(
        "What does Postfix answer after DATA? Look at the last word of the setting."
    ),
    "default_privs": main_cf.WHAT_FOR,
}


# What cleanup or local says of a message that one parameter alone has stopped.
_CLEANUP: Mapping[str, str] = {
    "header_checks": r"(discard|reject|redirect|hold|bcc): header ",
    "body_checks": r"(discard|reject|redirect|hold|bcc): body ",
}
_LOCAL: Mapping[str, str] = {
    "mailbox_command": r"Command died|command not found|Command output|Command time limit",
}


def _named_by_log(name: str, pattern: str) -> Explanation:
    told = parameter(name, LOCAL_HINTS.get(name, main_cf.WHAT_FOR))

    def holds(case: Case) -> Told | None:
        return told.holds(case) if re.search(pattern, case.words) else None

    return replace(told, holds=holds)


NAMED_BY_CLEANUP = tuple(_named_by_log(*each) for each in _CLEANUP.items())
NAMED_BY_LOG = (*NAMED_BY_CLEANUP, *(_named_by_log(*each) for each in _LOCAL.items()))


OUT_HINTS: Mapping[str, str] = {
    "relayhost": N_(
        "To which server does Postfix hand mail for other domains? Look at relay= in the log."
    ),
    "sender_dependent_relayhost_maps": N_(
        "A table names a server for the mail of some senders. What does it say here?"
    ),
    "transport_maps": N_("A table says how mail for a domain travels. What does it say here?"),
    "default_transport": N_(
        "How does mail for other domains travel? Debian can be set up for local mail only."
    ),
    "relay_transport": main_cf.WHAT_FOR,
    "defer_transports": LOCAL_HINTS["defer_transports"],
    "inet_protocols": main_cf.NO_IPV6,
    "smtp_tls_security_level": N_("Does the other server offer TLS? The log tells what is asked."),
    "smtp_bind_address": N_("From which address does Postfix try to reach the other server?"),
    "smtp_host_lookup": N_("Where does Postfix look up the other server's address?"),
    "disable_dns_lookups": N_("How would Postfix find the MX record without asking DNS?"),
    "smtp_generic_maps": N_("Is the sender the same when the message leaves this host?"),
    "content_filter": LOCAL_HINTS["content_filter"],
}


IN_HINTS: Mapping[str, str] = {
    "smtpd_client_restrictions": N_(
        "Which clients may speak to this server? The log names the one that was rejected."
    ),
    "smtpd_sender_restrictions": N_("Which senders may write? The log names the rejected one."),
    "smtpd_helo_restrictions": N_("Which names may a client give in HELO?"),
    "smtpd_relay_restrictions": N_("Does this list permit every client that it should?"),
    "smtpd_tls_security_level": main_cf.NO_TLS,
    "smtpd_milters": N_("Every message is shown to a filter. Does one run?"),
    "local_recipient_maps": LOCAL_HINTS["local_recipient_maps"],
    "inet_protocols": OUT_HINTS["inet_protocols"],
    "message_size_limit": LOCAL_HINTS["message_size_limit"],
    "smtpd_data_restrictions": LOCAL_HINTS["smtpd_data_restrictions"],
}


# What a refusal says, and a part of the words in a list (postconf(5)) that make Postfix say it.
_REFUSALS = (
    ("cannot find your reverse hostname", "reject_unknown_reverse_client_hostname"),
    ("cannot find your hostname", "reject_unknown_client_hostname"),
    ("Helo command rejected", "helo"),
    ("Sender address rejected", "sender"),
    ("Server configuration problem", "check_policy_service"),
)


def _is_innocent(name: str, evidence: Evidence, log: str) -> bool:
    """Whether the refusal in the log comes from another of smtpd's lists than the one of a name."""
    lists = {
        each: value
        for each, value in evidence.settings().items()
        if each.startswith("smtpd_") and each.endswith("_restrictions")
    }
    word = next((word for said, word in _REFUSALS if said in log), "")
    return bool(word) and any(word in each for each in lists.values()) and word not in lists[name]


def each_of(hints: Mapping[str, str], *, at_peer: bool = False) -> Iterator[Explanation]:
    """The parameters in the order of their hints, each after those of its tables that are old."""
    for name, hint in hints.items():
        yield _old_table(name, at_peer=at_peer)
        yield parameter(name, hint, at_peer=at_peer)


def _old_table(name: str, *, at_peer: bool) -> Explanation:
    """The parameter names a table whose text was edited: the text does not tell the cause."""

    def holds(case: Case) -> Told | None:
        value = differing(case.own).get(name, "")
        old = next((each for each in case.own.facts.lines("old-map") if each in value), "")
        return Told(old, solution=f"postmap {old}") if old else None

    return Explanation(
        "postfix.map", holds, N_("the tables that main.cf names"), N_("newer than the text"),
        N_("Postfix reads the database, not the text file. Compare the times of both."),
        at_peer=at_peer,
    )  # fmt: skip


def _odd_one(concerns: Callable[[str], bool]) -> Callable[[Case], Told | None]:
    """A parameter besides the book's that may concern the behaviour.

    Of several, it is the one whose value the log has.
    """

    def holds(case: Case) -> Told | None:
        odd = {name: value for name, value in differing(case.own).items() if concerns(name)}
        if len(odd) > 1:
            odd = {name: value for name, value in odd.items() if value and value in case.log}
        if len(odd) != 1:
            return None
        name, value = next(iter(odd.items()))
        return Told(value or '""', name, f"postconf -X {name}")

    return holds


def odd(concerns: Callable[[str], bool], *, at_peer: bool = False) -> Explanation:
    return Explanation(
        "postfix.{name}",
        _odd_one(concerns),
        "{name}",
        main_cf.NOT_SET,
        main_cf.WHAT_FOR,
        at_peer=at_peer,
    )


def overridden(service: str) -> Callable[[Case], Told | None]:
    def holds(case: Case) -> Told | None:
        for place, value in case.own.overrides().items():
            unit, _slash, name = place.rpartition("/")
            if re.fullmatch(service, unit) and name not in (
                "syslog_name",
                "smtpd_sasl_auth_enable",
            ):
                return Told(f"{unit}: -o {name}={value}", name, f"postconf -PX {place}")
        return None

    return holds


def missing_service(*names: str) -> Callable[[Case], Told | None]:
    def holds(case: Case) -> Told | None:
        there = case.own.services()
        gone = [name for name in names if name not in there]
        return Told(", ".join(gone), gone[0]) if there and gone else None

    return holds


def odd_service(case: Case) -> Told | None:
    """The one service that runs otherwise than the package has it. Two say nothing."""
    lines = case.own.facts.lines("odd-service")
    return Told(lines[0]) if len(lines) == 1 else None


def master(holds: Callable[[Case], Told | None], *, at_peer: bool = False) -> Explanation:
    return Explanation(
        "postfix.master-cf", holds, N_("master.cf"), main_cf.AS_PACKAGED,
        main_cf.OF_MASTER_CF,
        "cp {master_example} {master_cf}; systemctl restart {postfix}",
        at_peer,
    )  # fmt: skip


def map_missing(case: Case) -> Told | None:
    gone = case.own.facts.lines("missing-map")
    return Told(", ".join(gone), solution=f"postmap {gone[0]}") if gone else None


def closed_in_chroot(case: Case) -> Told | None:
    """local reads the accounts and mailboxes of the whole host, so it cannot be in a chroot."""
    words = case.own.services().get("local/unix", [])
    return Told(" ".join(words)) if len(words) > 4 and words[4] == "y" else None


MAP = Explanation(
    "postfix.map", map_missing, N_("the tables that main.cf names"), N_("built"),
    N_("Postfix reads the database beside a table's text. Does it exist?"),
)  # fmt: skip


def _fatal(case: Case) -> Told | None:
    """A program of Postfix has ended because of a value, and names it."""
    own = case.own
    words = "\n".join([own.mail["own-said"], case.log, *own.facts.lines("fatal")])
    said = re.findall(r"(?:fatal|panic): (.*)", words)
    for name, value in own.settings().items():
        named = rf'\b{name}\b.*(?<!\w){re.escape(value)}(?!\w)|"{re.escape(value or name)}"'
        if any(re.search(named, each) for each in said):
            return Told(value or '""', name, f"postconf -X {name}")
    return None


# What Postfix cannot read as a number, a time or a yes. Every program that needs it ends.
VALUE = Explanation(
    "postfix.{name}", _fatal, "{name}", N_("a value that Postfix takes"),
    N_("A program of Postfix ends because of this value, and says so: grep fatal {log}"),
)  # fmt: skip


def _moved_here(case: Case) -> Told | None:
    """A file of Postfix that came to its place after Postfix was started, however old it is."""
    files = case.own.facts.lines("moved-here")
    return Told(files[0]) if files else None


def unread(*, at_peer: bool) -> Explanation:
    """If nothing else explains a failure: the running Postfix has other settings."""
    return Explanation(
        "postfix.restarted", _moved_here, N_("the running Postfix has these settings"),
        N_("in force"),
        N_("When does Postfix read main.cf? Think of what you did after the last edit."),
        "systemctl restart {postfix}", at_peer,
    )  # fmt: skip


def _unavailable(case: Case) -> Told | None:
    """A table that Postfix cannot read, and the parameter that names it."""
    found = re.search(r"(\w+:\S+) is unavailable\. (.*)", case.log)
    if found is None:
        return None
    for name, value in case.own.settings().items():
        if found[1] in value:
            # Without one of the book's own parameters more would be wrong.
            solution = f"postmap {found[1]}" if name in main_cf.USUAL else f"postconf -X {name}"
            return Told(f"{found[1]}: {found[2]}", name, solution)
    return None


TABLE = Explanation(
    "postfix.{name}", _unavailable, "{name}", N_("a table that Postfix can read"),
    N_("Postfix cannot read a table that main.cf names. Does the file exist? Which types of tables "
       "does postconf -m list?"),
)  # fmt: skip
