"""The explanations of each behaviour, in the order in which they are tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network

from labctl.i18n import N_
from provision import behaviour
from provision.behaviour import Evidence
from provision.causes import Case, Explanation, Told
from provision.packets import removal, stopped_by, to_port

# What the book, labctl and the packages set in main.cf. It breaks nothing by itself.
_USUAL = frozenset(
    {
        "myhostname",
        "mydomain",
        "inet_interfaces",
        "mydestination",
        "smtpd_sasl_auth_enable",
        "smtpd_recipient_restrictions",
        "alias_database",
        "compatibility_level",
        "append_dot_mydomain",
        "biff",
        "readme_directory",
        "recipient_delimiter",
        "smtpd_banner",
        "smtpd_tls_cert_file",
        "smtpd_tls_key_file",
        "smtp_tls_CApath",
        "smtp_tls_session_cache_database",
        "smtpd_tls_session_cache_database",
        "delay_warning_time",
        "maximal_queue_lifetime",
        "disable_vrfy_command",
        "notify_classes",
        "html_directory",
        "mail_name",
        "soft_bounce",
        "smtpd_timeout",
        "default_process_limit",
        "broken_sasl_auth_clients",
        "smtpd_sasl_authenticated_header",
        "smtpd_sasl_local_domain",
        "smtpd_sasl_security_options",
        "smtpd_sasl_type",
        "smtpd_sasl_path",
        "smtpd_tls_auth_only",
        "smtpd_delay_reject",
        "smtpd_client_connection_count_limit",
        "debug_peer_level",
        # What the package of RHEL sets besides.
        "command_directory",
        "daemon_directory",
        "data_directory",
        "debugger_command",
        "mail_owner",
        "mailq_path",
        "manpage_directory",
        "meta_directory",
        "newaliases_path",
        "sample_directory",
        "sendmail_path",
        "setgid_group",
        "shlib_directory",
        "smtp_tls_CAfile",
        "unknown_local_recipient_reject_code",
    }
)
# Values that are as good as none.
_HARMLESS: Mapping[str, frozenset[str]] = {
    "inet_protocols": frozenset({"ipv4", "all", "ipv4, ipv6", "ipv4,ipv6"}),
    "relayhost": frozenset({""}),
    "default_transport": frozenset({"smtp"}),
    "relay_transport": frozenset({"relay", "smtp"}),
    "mailbox_size_limit": frozenset({"0"}),
    "smtp_tls_security_level": frozenset({"may", "none", ""}),
    "smtpd_tls_security_level": frozenset({"may", "none", ""}),
    "mailbox_command": frozenset({""}),
    "home_mailbox": frozenset({"", "Maildir/"}),
    "alias_maps": frozenset({"hash:/etc/aliases", "lmdb:/etc/aliases"}),
    "myorigin": frozenset({"$mydomain", "/etc/mailname"}),
    "queue_directory": frozenset({"/var/spool/postfix"}),
    # What Debian's packages write in answer to debconf.
    "mynetworks": frozenset({"127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128"}),
    "smtpd_relay_restrictions": frozenset(
        {"permit_mynetworks permit_sasl_authenticated defer_unauth_destination"}
    ),
    # Debian 13's own main.cf, and the default of Debian 12.
    "cyrus_sasl_config_path": frozenset({"/etc/postfix/sasl", "/etc/postfix/sasl:/usr/lib/sasl2"}),
}
_SMALL = 10_000


def _differing(evidence: Evidence) -> dict[str, str]:
    """What main.cf sets beside the book, by name."""
    found = {}
    for name, value in evidence.settings().items():
        if name in _USUAL or value in _HARMLESS.get(name, frozenset()):
            continue
        if name == "mynetworks" and _is_books(evidence):
            continue
        if name in _SIZES and not _is_too_small(name, evidence.settings()):
            continue
        if name == "myorigin" and value == evidence.host.domain:
            continue
        found[name] = value
    return found


def _is_books(evidence: Evidence) -> bool:
    """Whether the book sets mynetworks; the section about main.cf judges its value then."""
    return evidence.scene.lab.edition.relay == "network"


# Postfix's defaults, in bytes; 0 means no limit (postconf(5)).
_SIZES: Mapping[str, int] = {"message_size_limit": 10_240_000, "mailbox_size_limit": 51_200_000}


def _is_too_small(name: str, settings: Mapping[str, str]) -> bool:
    """Whether no message fits, or the largest message does not fit into a mailbox."""
    sizes = {
        each: int(value) if (value := settings.get(each, "")).isdigit() else default
        for each, default in _SIZES.items()
    }
    message, mailbox = sizes["message_size_limit"], sizes["mailbox_size_limit"]
    return 0 < sizes[name] < _SMALL or 0 < mailbox < (message or mailbox + 1)


def _parameter(name: str, hint: str, *, at_peer: bool = False) -> Explanation:
    """main.cf sets a parameter that the book does not set."""

    def holds(case: Case) -> Told | None:
        value = _differing(case.own).get(name)
        return None if value is None else Told(value or '""', name, f"postconf -X {name}")

    return Explanation(f"postfix.{name}", holds, "{name}", _NOT_SET, hint, at_peer=at_peer)


_NOT_SET = N_("not set, or another value")
_ONLY = N_("main.cf sets {name}, and the book does not. What does it do? man 5 postconf")

_LOCAL_HINTS: Mapping[str, str] = {
    "mailbox_command": N_("Which program delivers into the mailbox now? Does it exist?"),
    "mailbox_transport": N_("Who delivers into the mailbox now? Does anybody answer there?"),
    "local_transport": N_("By which transport does Postfix deliver mail for this host?"),
    "mail_spool_directory": N_("In which folder does Postfix put the mailbox? Does it exist?"),
    "mailbox_size_limit": N_("How large may a mailbox become? Compare it with the message."),
    "message_size_limit": N_("How large may a message be? Count in bytes."),
    "virtual_alias_domains": N_("Is the domain a local or a virtual one? It cannot be both."),
    "virtual_alias_maps": N_("To whom is the address rewritten before it is delivered?"),
    "local_recipient_maps": N_("In which table does Postfix look up its recipients?"),
    "alias_maps": N_("Which table of aliases does Postfix ask?"),
    "defer_transports": N_("The log says that a transport is deferred. Who asked for that?"),
    "content_filter": N_("Every message first goes to a filter. Does one run?"),
    "header_checks": N_("Every header is looked up in a table. Does it exist?"),
    "canonical_maps": N_("Every address is looked up in a table. Does it exist?"),
    "smtpd_data_restrictions": N_("What may a client be told after DATA? Look at the last word."),
    "default_privs": _ONLY,
}
_OUT_HINTS: Mapping[str, str] = {
    "relayhost": N_(
        "To which server does Postfix hand mail for other domains? Look at relay= in the log."
    ),
    "transport_maps": N_("A table says how mail for a domain travels. What does it say here?"),
    "default_transport": N_(
        "How does mail for other domains travel? Debian can be set up for local mail only."
    ),
    "relay_transport": _ONLY,
    "defer_transports": _LOCAL_HINTS["defer_transports"],
    "inet_protocols": N_("Does the lab have IPv6 addresses? Which protocol may Postfix use?"),
    "smtp_tls_security_level": N_("Does the other server offer TLS? The log tells what is asked."),
    "smtp_bind_address": N_("From which address does Postfix try to reach the other server?"),
    "smtp_host_lookup": N_("Where does Postfix look up the other server's address?"),
    "disable_dns_lookups": N_("How would Postfix find the MX record without asking DNS?"),
    "smtp_generic_maps": N_("Is the sender the same when the message leaves this host?"),
    "content_filter": _LOCAL_HINTS["content_filter"],
}
_IN_HINTS: Mapping[str, str] = {
    "smtpd_client_restrictions": N_(
        "Which clients may speak to this server? The log names the one that was rejected."
    ),
    "smtpd_sender_restrictions": N_("Which senders may write? The log names the rejected one."),
    "smtpd_helo_restrictions": N_("Which names may a client give in HELO?"),
    "smtpd_relay_restrictions": N_("Does every client come to an end of this list with a permit?"),
    "smtpd_tls_security_level": N_("Must a client use TLS here? The book's servers have none."),
    "smtpd_milters": N_("Every message is shown to a filter. Does one run?"),
    "local_recipient_maps": _LOCAL_HINTS["local_recipient_maps"],
    "inet_protocols": _OUT_HINTS["inet_protocols"],
    "message_size_limit": _LOCAL_HINTS["message_size_limit"],
    "smtpd_data_restrictions": _LOCAL_HINTS["smtpd_data_restrictions"],
}


def _set(hints: Mapping[str, str], *, at_peer: bool = False) -> Iterator[Explanation]:
    return (_parameter(name, hint, at_peer=at_peer) for name, hint in hints.items())


def _odd_one(concerns: Callable[[str], bool]) -> Callable[[Case], Told | None]:
    """The one parameter besides the book's that may concern the behaviour. Two say nothing."""

    def holds(case: Case) -> Told | None:
        odd = {name: value for name, value in _differing(case.own).items() if concerns(name)}
        if len(odd) != 1:
            return None
        name, value = next(iter(odd.items()))
        return Told(value or '""', name, f"postconf -X {name}")

    return holds


def _odd(concerns: Callable[[str], bool], *, at_peer: bool = False) -> Explanation:
    return Explanation(
        "postfix.{name}", _odd_one(concerns), "{name}", _NOT_SET, _ONLY, at_peer=at_peer
    )


def _overridden(service: str) -> Callable[[Case], Told | None]:
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


def _missing_service(*names: str) -> Callable[[Case], Told | None]:
    def holds(case: Case) -> Told | None:
        there = case.own.services()
        gone = [name for name in names if name not in there]
        return Told(", ".join(gone), gone[0]) if there and gone else None

    return holds


def _master(holds: Callable[[Case], Told | None], *, at_peer: bool = False) -> Explanation:
    return Explanation(
        "postfix.master-cf", holds, N_("master.cf"), N_("as the package has it"),
        N_("postconf -M lists the services of master.cf, postconf -P what -o sets there."),
        "cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf; systemctl restart postfix",
        at_peer,
    )  # fmt: skip


def _map_missing(case: Case) -> Told | None:
    gone = case.own.facts.lines("missing-map")
    return Told(", ".join(gone), solution=f"postmap {gone[0]}") if gone else None


def _closed_in_chroot(case: Case) -> Told | None:
    """local reads the accounts and mailboxes of the whole host, so it cannot be in a chroot."""
    words = case.own.services().get("local/unix", [])
    return Told(" ".join(words)) if len(words) > 4 and words[4] == "y" else None


_MAP = Explanation(
    "postfix.map", _map_missing, N_("the tables that main.cf names"), N_("built"),
    N_("Postfix reads the database beside a table's text. Does it exist?"),
)  # fmt: skip


def _reason(pattern: str) -> Callable[[Case], Told | None]:
    """The log lines of this try say it."""

    def holds(case: Case) -> Told | None:
        found = re.search(pattern, case.log)
        return Told(found[0]) if found else None

    return holds


# -- the mail command hands a message over ---------------------------------------------------


def _no_sendmail(case: Case) -> Told | None:
    mode = case.own.mode("/usr/sbin/sendmail")
    return Told(mode or "-") if not mode or int(mode.split()[0][-1]) % 2 == 0 else None


def _unreadable(case: Case) -> Told | None:
    words = [line for line in case.own.facts.lines("unreadable") if "denied" in line]
    return Told(words[0]) if words else None


def _not_allowed(case: Case) -> Told | None:
    words = f"{case.own.mail['own-said']}\n{case.log}"
    if "not allowed to submit" not in words:
        return None
    value = case.own.settings().get("authorized_submit_users", "")
    return Told(value, "authorized_submit_users", "postconf -X authorized_submit_users")


def _wrong_postdrop(case: Case) -> Told | None:
    mode = case.own.mode("/usr/sbin/postdrop")
    words = mode.split()
    good = bool(words) and words[0].startswith(("2", "3", "6")) and words[-1] == "postdrop"
    return None if good else Told(f"/usr/sbin/postdrop {mode}")


def _wrong_maildrop(case: Case) -> Told | None:
    mode = case.own.mode("/var/spool/postfix/maildrop")
    good = mode == "1730 postfix postdrop"
    return None if good else Told(f"/var/spool/postfix/maildrop {mode}")


_QUEUES = ("private", "incoming", "active", "deferred", "defer", "bounce")


def _closed_queue(case: Case) -> Told | None:
    """Postfix's own folders, of which `postfix check` looks at the owner only."""
    for name in _QUEUES:
        path = f"/var/spool/postfix/{name}"
        mode = case.own.mode(path).split()
        if mode and int(mode[0], 8) & 0o700 != 0o700:
            return Told(f"{path} {' '.join(mode)}")
    return None


def _frozen(case: Case) -> Told | None:
    """A process that a signal has stopped: kill -STOP, or Ctrl-Z in a terminal."""
    names = [name for name in case.own.facts.lines("frozen") if name in _DAEMONS]
    return Told(", ".join(names), names[0], f"pkill -CONT -x {names[0]}") if names else None


_DAEMONS = ("master", "qmgr", "pickup", "cleanup", "smtpd", "trivial-rewrite")


def _no_login(case: Case) -> Told | None:
    words = case.own.mail["own-said"]
    return Told(words.partition("\n")[0]) if "not available" in words else None


def _submission(case: Case) -> str:
    """What `mail` and the log say of a message that the account hands over, or of its delivery."""
    return f"{case.own.mail['own-said']}\n{case.seen.found}\n{case.log}"


def _said(pattern: str) -> Callable[[Case], Told | None]:
    """The program's own words, or the log's, name the cause."""

    def holds(case: Case) -> Told | None:
        found = re.search(pattern, _submission(case))
        return Told(found[0].strip()) if found else None

    return holds


def _no_path(case: Case) -> Told | None:
    """The shell does not find `mail`, which exists."""
    is_lost = re.search(r"\bmail: (command )?not found", _submission(case))
    if not is_lost or not case.own.mode("/usr/bin/mail"):
        return None
    lines = case.own.facts.lines("path-line")
    return Told(lines[-1] if lines else "mail: command not found")


def _unreadable_file(*paths: str) -> Callable[[Case], Told | None]:
    """A file that every program of the account reads, and that is closed to it."""

    def holds(case: Case) -> Told | None:
        for path in paths:
            mode = case.own.mode(path).split()
            if mode and not int(mode[0][-1]) & 4:
                return Told(f"{path} {' '.join(mode)}", path, f"chmod a+r {path}")
        return None

    return holds


def _closed_folder(case: Case) -> Told | None:
    """A folder above Postfix's queue that only its owner may enter."""
    for path in ("/var", "/var/spool", "/var/spool/postfix"):
        mode = case.own.mode(path).split()
        if mode and not int(mode[0][-1]) & 1:
            return Told(f"{path} {' '.join(mode)}", path, f"chmod 755 {path}")
    return None


def _mail_closed(case: Case) -> Told | None:
    mode = case.own.mode("/usr/bin/mail").split()
    return Told(" ".join(mode)) if mode and int(mode[0][-1]) % 2 == 0 else None


def _tmp_closed(case: Case) -> Told | None:
    mode = case.own.mode("/tmp")
    return Told(mode) if mode and not mode.startswith("1777") else None


def _told_by(key: str) -> Callable[[Case], Told | None]:
    """A fact of which any line is the cause."""

    def holds(case: Case) -> Told | None:
        lines = case.own.facts.lines(key)
        return Told(lines[0]) if lines else None

    return holds


_FOLDERS = (
    Explanation("postfix.queue", _closed_queue, N_("Postfix's folders"), "700 postfix root",
                N_("May Postfix enter its own folders? Look at ls -l /var/spool/postfix."),
                "chmod 700 /var/spool/postfix/private"),
    Explanation("postfix.running", _frozen, N_("Postfix runs"), N_("it works"),
                N_("A process may exist and yet do nothing: which letter has it in ps -e -o "
                   "stat,comm?")),
)  # fmt: skip
# What the system refuses to a program, in its own words.
_SYSTEM = (
    Explanation("accounts.limits",
                _said(r"File size limit exceeded|File too large|message file too big|"
                      r"fork: .*|Cannot fork.*|Resource temporarily unavailable"),
                N_("what the account may use"), N_("no such limit"),
                N_("A limit of the system stops the program: ulimit -a as the account shows it."),
                "/etc/security/limits.conf"),
    Explanation("mail-command.read-only", _said(r"[^\s:]*: Read-only file system"),
                N_("a place where mail can be written"), N_("writable"),
                N_("Neither owner nor mode explains this. Look at findmnt, and at systemctl cat "
                   "with the service's name.")),
    Explanation("mail-command.disk", _said(r"[^\s:]*: No space left on device"),
                N_("disk space for mail"), N_("enough"),
                N_("df -h shows the free space, du -x the large folders.")),
)  # fmt: skip
_FATAL = N_("As the account, run sendmail or mail: what does it say?")
_SUBMIT = (
    Explanation("accounts.shell", _no_login, N_("a shell for the account"), "/bin/bash",
                N_("Can the account log in? getent passwd shows its shell."),
                "usermod -s /bin/bash {name}"),
    Explanation("accounts.path", _no_path, N_("the account finds mail"), "/usr/bin/mail",
                N_("The shell looks for a command in the folders of PATH. Who sets it?")),
    Explanation("accounts.readable", _unreadable_file("/etc/passwd", "/dev/null"), "{name}",
                N_("every user may read it"),
                N_("Every program of the account reads this file. Look at ls -l {name}.")),
    Explanation("mail-command.sendmail", _no_sendmail, "/usr/sbin/sendmail",
                "755 root root", N_("mail hands each message to sendmail. May the account run it?"),
                "chmod 755 /usr/sbin/sendmail"),
    Explanation("mail-command.mode", _mail_closed, "/usr/bin/mail", "755 root root",
                N_("May the account run the command mail? Look at ls -lL /usr/bin/mail."),
                "chmod 755 /usr/bin/mail"),
    Explanation("postfix.readable", _unreadable, N_("every user may read main.cf"), "644 root root",
                N_("sendmail runs as the account and reads main.cf. Look at ls -l /etc/postfix."),
                "chmod 644 /etc/postfix/main.cf"),
    Explanation("postfix.spool", _closed_folder, "{name}", "755",
                N_("sendmail runs as the account and enters this folder. Look at ls -ld {name}.")),
    _parameter("message_size_limit", _LOCAL_HINTS["message_size_limit"]),
    *_SYSTEM,
    Explanation("postfix.postdrop", _wrong_postdrop, N_("postdrop runs in the group postdrop"),
                "2555 root postdrop", _FATAL, "postfix set-permissions"),
    Explanation("postfix.maildrop", _wrong_maildrop, N_("the maildrop queue takes messages"),
                "1730 postfix postdrop", _FATAL, "postfix set-permissions"),
    *_FOLDERS,
    Explanation("postfix.authorized_submit_users", _not_allowed, "{name}", _NOT_SET,
                N_("Who may hand a message to Postfix on this host? mail shows what it says.")),
    _master(_missing_service("pickup/unix", "cleanup/unix", "qmgr/unix", "rewrite/unix")),
    Explanation("mail-command.tmp", _tmp_closed, "/tmp", "1777 root root",
                N_("mail writes a message to /tmp first. May the account write there?"),
                "chmod 1777 /tmp"),
    Explanation("accounts.profile", _told_by("profile"), N_("the account's login"), N_("it works"),
                N_("A login reads .profile. Does it come to its end?")),
    Explanation("mail-command.mailrc", _told_by("mailrc"), "~/.mailrc", N_("no such line"),
                N_("mail reads files of the account at each start. What do they say?")),
    Explanation("postfix.main-cf", _reason(r"fatal: .*"), "main.cf", N_("accepted"), _FATAL),
)  # fmt: skip


# -- delivery on one host --------------------------------------------------------------------


def _forwarded(case: Case) -> Told | None:
    places = case.own.facts.lines("elsewhere")
    if not places:
        return None
    return Told(", ".join(places), solution=f"rm ~{case.own.host.account}/.forward")


def _local_names(name: str) -> bool:
    return not name.startswith(("smtp_", "smtpd_", "relay", "mynetworks"))


_LOCAL = (
    Explanation("mail-command.delivery", _forwarded,
                N_("mail for the account stays in its mailbox"), N_("arrived"),
                N_("Follow a message of your own: which server said what of it?")),
    _master(_missing_service("local/unix", "cleanup/unix", "rewrite/unix", "bounce/unix",
                             "qmgr/unix", "defer/unix", "proxymap/unix")),
    _master(_closed_in_chroot),
    *_FOLDERS,
    # Postfix enforces it by the system's limit, which has the same words.
    _parameter("mailbox_size_limit", _LOCAL_HINTS["mailbox_size_limit"]),
    *_SYSTEM,
    *_set(_LOCAL_HINTS),
    _MAP,
    _odd(_local_names),
    _master(_overridden(r"(local|pickup|cleanup)/unix")),
)  # fmt: skip


# -- to the other host -----------------------------------------------------------------------


def _chroot_resolver(case: Case) -> Told | None:
    """smtp runs in a chroot, which has a resolv.conf of its own."""
    words = case.own.services().get("smtp/unix", [])
    if len(words) > 4 and words[4] == "n":
        return None
    inside = case.own.facts.lines("chroot-nameserver")
    outside = case.own.facts.lines("nameserver")
    if inside == outside:
        return None
    return Told(", ".join(inside) or "-")


def _remembered(case: Case) -> Told | None:
    """Postfix asked for a name that the other host's zone, asked there, does not have."""
    asked = re.search(r"Name service error for name=(\S+)", case.log)
    if asked is None or case.peer is None:
        return None
    there = case.peer.host
    is_right = asked[1] in (there.domain, there.mail_name)
    is_known = f"{there.mail_name}." in case.own.asked["peer-mx"]
    return None if is_right or not is_known else Told(asked[1])


def _wrong_hosts_line(case: Case) -> Told | None:
    lines = case.own.facts.lines("hosts-line")
    wrong = [line for line in lines if case.peer and str(case.peer.host.address) not in line]
    return Told(wrong[0]) if wrong else None


def _no_dns(case: Case) -> Told | None:
    order = case.own.facts["hosts-order"]
    return Told(order) if order and "dns" not in order and "resolve" not in order else None


def _stops_to_peer(case: Case, port: int, protocol: str) -> str:
    """The rule of this host that stops what it asks of the other host, or the answer."""
    if case.peer is None:
        return ""
    rules = case.own.facts.lines("input")
    packet = to_port(case.own.host.address, case.peer.host.address, port, protocol)
    return stopped_by(rules, "OUTPUT", packet) or stopped_by(rules, "INPUT", packet.answer())


def _stops_from_peer(case: Case, port: int, protocol: str) -> str:
    """The rule of this host that stops what the other host asks of it, or the answer."""
    if case.peer is None:
        return ""
    rules = case.own.facts.lines("input")
    packet = to_port(case.peer.host.address, case.own.host.address, port, protocol)
    return (
        stopped_by(rules, "INPUT", packet)
        or stopped_by(rules, "INPUT", packet.next())
        or stopped_by(rules, "OUTPUT", packet.answer())
    )


def _stopped_by_nft(evidence: Evidence) -> str:
    """A rule of nftables itself that drops or rejects what concerns port 25, or ""."""
    for line in evidence.facts.lines("nft"):
        if re.search(r"dport (\{[^}]*\b25\b[^}]*\}|25\b).*\b(drop|reject)", line):
            return line.strip()
    return ""


def _rule(rule: str) -> Told | None:
    return Told(rule, solution=removal(rule) if rule.startswith("-A") else "") if rule else None


def _closed_out(case: Case) -> Told | None:
    if case.own.facts["peer-door"] == "open":
        return None
    return _rule(_stops_to_peer(case, 25, "tcp") or _stopped_by_nft(case.own))


def _recipients_refused(case: Case) -> Told | None:
    """Turned: the receiver's list has more than the book's three words, and refuses."""
    value = case.own.settings().get("smtpd_recipient_restrictions", "")
    words = [word for word in re.split(r"[\s,]+", value) if word not in _BOOK_RESTRICTIONS]
    return Told(value, "smtpd_recipient_restrictions") if words and "rejected" in case.log else None


_BOOK_RESTRICTIONS = (
    "permit_mynetworks", "permit_sasl_authenticated", "reject_unauth_destination", "",
)  # fmt: skip


def _closed_in(case: Case) -> Told | None:
    """Turned: `own` receives, and `peer` knocked in vain, or its mail is stopped later."""
    rule = _stops_from_peer(case, 25, "tcp") or _stopped_by_nft(case.own)
    is_silent = case.peer is not None and case.peer.facts["peer-door"] == "silent"
    return _rule(rule) or (Told("25/tcp") if is_silent else None)


def _out_names(name: str) -> bool:
    return not name.startswith(("smtpd_", "mailbox", "local_", "home_", "mynetworks", "alias_"))


def _in_names(name: str) -> bool:
    return not name.startswith(("smtp_", "mailbox", "home_", "relayhost", "default_transport"))


_OUTBOUND = (
    *_set(_OUT_HINTS),
    _master(_missing_service("smtp/unix", "qmgr/unix", "bounce/unix", "rewrite/unix")),
    *_FOLDERS,
    Explanation("dns.hosts", _wrong_hosts_line, "/etc/hosts", N_("no wrong line"),
                N_("A name in /etc/hosts is not asked of DNS. Is the other host in it?")),
    Explanation("dns.nsswitch", _no_dns, "/etc/nsswitch.conf: hosts", "files dns",
                N_("Where does this host look for the address of a name?"), "hosts: files dns"),
    Explanation("postfix.chroot-resolver", _chroot_resolver,
                N_("the name server that Postfix asks in its chroot"), N_("as /etc/resolv.conf"),
                N_("Postfix's smtp sees a copy of resolv.conf. When is it copied?"),
                "systemctl restart postfix"),
    Explanation("firewall.outgoing", _closed_out, N_("outgoing mail, port 25"), N_("open"),
                N_("A firewall has rules for both directions: iptables -S OUTPUT")),
    Explanation("firewall.port-25-tcp", _closed_in, N_("port 25 from the other host"), N_("open"),
                N_("Open to some is not open to all: what is said of the other host's address?"),
                "ufw status numbered; ufw allow 25/tcp", at_peer=True),
    _master(_missing_service("smtp/inet"), at_peer=True),
    _master(_overridden(r"smtp/inet"), at_peer=True),
    *_set(_IN_HINTS, at_peer=True),
    Explanation("postfix.{name}", _recipients_refused, "{name}",
                "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
                N_("Whom does this list refuse beside strangers? Look at every word of it."),
                at_peer=True),
    _MAP,
    Explanation("postfix.map", _map_missing, _MAP.what, _MAP.expected, _MAP.hint, at_peer=True),
    _odd(_out_names),
    _odd(_in_names, at_peer=True),
    _master(_overridden(r"smtp/unix")),
    Explanation("dns.remembered", _remembered, N_("the other host's mail server in DNS"),
                N_("as its zone says now"),
                N_("The name server remembers an answer from before a change for a while. Check "
                   "again a minute later."), "rndc flush"),
)  # fmt: skip


# -- the rest --------------------------------------------------------------------------------

_REWRITING = (
    "smtp_generic_maps", "canonical_maps", "sender_canonical_maps", "masquerade_domains",
    "myorigin",
)  # fmt: skip


def _own_from(case: Case) -> Told | None:
    """`mail` itself writes the sender, already in the host's own mailbox."""
    line = case.own.mail["own-from"]
    return Told(case.seen.found) if case.seen.found and case.seen.found in line else None


_SENDER_HINT = N_("Is the sender the same when the message leaves this host?")
_SENDER = (
    *(_parameter(name, _SENDER_HINT) for name in _REWRITING),
    Explanation("mail-command.sender", _own_from, N_("the sender that mail writes"), "",
                N_("Could the other server answer this address? It needs an MX record."),
                "/etc/mailutils.conf; ~/.mailrc"),
)  # fmt: skip


def _alias_line(case: Case) -> Told | None:
    lines = case.own.facts.lines("alias-line")
    return Told(lines[0]) if lines else None


def _not_an_alias(case: Case) -> Told | None:
    return None if case.own.facts["alias"] else Told("postalias -q postmaster: -")


def _closed_database(case: Case) -> Told | None:
    mode = case.own.mode("/etc/aliases.db")
    return Told(mode) if mode and not mode.split()[0].endswith(("4", "5", "6", "7")) else None


def _odd_recipient(case: Case) -> Told | None:
    alias = case.own.facts["alias"]
    unknown = re.search(r'unknown user: "[^"]*"|alias database loop', case.log)
    if alias.startswith(("/", "|", '"')) or unknown:
        return Told(alias)
    return None


_ALIAS = (
    _parameter("alias_maps", _LOCAL_HINTS["alias_maps"]),
    Explanation("aliases.readable", _closed_database, "/etc/aliases.db", "644 root root",
                N_("Postfix reads the database as another user. Look at ls -l /etc/aliases.db."),
                "chmod 644 /etc/aliases.db"),
    Explanation("aliases.syntax", _alias_line, "/etc/aliases", N_("name: recipient"),
                N_("What does newaliases say? It names the line."), "newaliases"),
    Explanation("aliases.database", _not_an_alias, N_("Postfix finds postmaster"), "root",
                N_("Several commands build databases, each in its own form: which one is for "
                   "aliases?"), "newaliases"),
    Explanation("aliases.recipient", _odd_recipient, N_("whom postmaster's mail reaches"),
                "root", N_("To whom does /etc/aliases send mail for postmaster? Who reads it "
                           "there?"), "postmaster: root; newaliases"),
    _parameter("myorigin", N_("Postfix adds this domain to a bare name. Is it a local one?")),
    *_LOCAL,
)  # fmt: skip


def _trusts_all(case: Case) -> Told | None:
    value = _differing(case.own).get("mynetworks")
    return None if value is None else Told(value, solution="postconf -X mynetworks")


_RELAY = (
    Explanation("postfix.mynetworks", _trusts_all, "mynetworks", N_("the lab's hosts at most"),
                N_("Who may send mail to anybody through this server? A server that relays for "
                   "strangers is soon used by them.")),
    *(_parameter(name, N_("This list must end the way of a stranger before it permits."))
      for name in ("mynetworks_style", "smtpd_relay_restrictions", "smtpd_client_restrictions",
                   "relay_domains", "permit_mx_backup_networks")),
    _master(_overridden(r"smtp/inet")),
    _odd(lambda name: name.startswith(("smtpd_", "relay", "mynetworks"))),
)  # fmt: skip


_RELAY_AUTH = (
    *(_parameter(name, N_("A client that has logged in may send to anybody. Which list stops it?"))
      for name in ("smtpd_relay_restrictions", "smtpd_sender_restrictions",
                   "smtpd_client_restrictions", "smtpd_helo_restrictions")),
    _master(_overridden(r"smtp/inet")),
    _odd(lambda name: name.startswith("smtpd_")),
)  # fmt: skip


# -- mail clients ----------------------------------------------------------------------------


def _other_mailbox(protocol: str) -> Callable[[Case], Told | None]:
    """Dovecot's files may set another mailbox for one protocol."""

    def holds(case: Case) -> Told | None:
        usual, here = case.own.facts["mail-place"], case.own.facts[f"mail-place-{protocol}"]
        return Told(here, f"protocol {protocol}") if here and here != usual else None

    return holds


def _client(protocol: str) -> tuple[Explanation, ...]:
    return (
        Explanation("dovecot.mail_location", _other_mailbox(protocol), "{name}: mail_location",
                    N_("as for all protocols"),
                    N_("Dovecot can have another setting for one protocol: doveconf -n shows it.")),
    )  # fmt: skip


def _members(line: str) -> list[str]:
    """The words of a list of addresses: allow-query { "lab"; 192.168.56.0/24; };"""
    inside = line.partition("{")[2].partition("}")[0]
    return [word.strip() for word in inside.split(";") if word.strip()]


def _has(members: Sequence[str], acls: Sequence[str], address: IPv4Address) -> bool:
    """Whether the list has the address. The first member that fits counts (BIND's manual)."""
    for word in members:
        is_excluded, name = word.startswith("!"), word.lstrip("! ").strip('"')
        named = [line for line in acls if re.match(rf'\s*acl "{re.escape(name)}" ', line)]
        if named:
            fits = any(_has(_members(line), acls, address) for line in named)
        elif name in ("any", "localnets"):
            fits = True
        else:
            try:
                fits = address in IPv4Network(name, strict=False)
            except ValueError:
                # localhost, none, a key or an IPv6 network.
                fits = False
        if fits:
            return not is_excluded
    return False


def _limited(key: str) -> Callable[[Case], Told | None]:
    """A list of BIND in which the other host is not."""

    def holds(case: Case) -> Told | None:
        peer = case.peer.host.address if case.peer else None
        for line in case.own.facts.lines(key):
            if peer and not _has(_members(line), case.own.facts.lines("acl"), peer):
                return Told(line.strip())
        return None

    return holds


def _closed_to_peer(case: Case) -> Told | None:
    """This host's firewall stops the question of the other host, or the answer to it."""
    return _rule(_stops_from_peer(case, 53, "udp"))


def _closed_from_here(case: Case) -> Told | None:
    """Turned: this host asks, and its own firewall stops the question or the answer."""
    return _rule(_stops_to_peer(case, 53, "udp"))


_ROUTE = N_("Does a packet to the other host find its way? Ask ip route get with its address.")


def _no_route(*, at_peer: bool) -> Explanation:
    return Explanation(
        "firewall.route", _told_by("no-route"), N_("the way to the other host"), N_("open"),
        _ROUTE, "ip route", at_peer,
    )  # fmt: skip


_NAMES = (
    _no_route(at_peer=True),
    _no_route(at_peer=False),
    Explanation("firewall.peer", _closed_to_peer, N_("packets of the other host"), N_("open"),
                N_("Open to some is not open to all: what is said of the other host's address?")),
    Explanation("firewall.peer", _closed_from_here, N_("packets to the other host"), N_("open"),
                N_("A firewall has rules for both directions: iptables -S OUTPUT"), at_peer=True),
    Explanation("dns.blackhole", _told_by("blackhole"), "blackhole", N_("not set"),
                N_("To whom does BIND not answer at all? named-checkconf -p shows it.")),
    Explanation("dns.match-clients", _limited("match-clients"), "match-clients", "any",
                N_("A view answers only its own clients. Is the other host one of them?")),
    Explanation("dns.allow-query", _limited("allow-query"), "allow-query", N_("the lab's hosts"),
                N_("Which clients may ask BIND? dig on the other host shows its answer."),
                "allow-query { any; };"),
)  # fmt: skip


EXPLANATIONS: Mapping[str, tuple[Explanation, ...]] = {
    behaviour.NAMES: _NAMES,
    behaviour.SUBMIT: _SUBMIT,
    behaviour.LOCAL: (*_LOCAL,),
    behaviour.OUTBOUND: _OUTBOUND,
    behaviour.SENDER: _SENDER,
    behaviour.ALIAS: _ALIAS,
    behaviour.RELAY: _RELAY,
    behaviour.NEAR: _RELAY,
    behaviour.RELAY_AUTH: _RELAY_AUTH,
    behaviour.IMAP: _client("imap"),
    behaviour.POP3: _client("pop3"),
}  # fmt: skip

# The section and subject of a finding without a cause.
UNKNOWN_CODES: Mapping[str, str] = {
    behaviour.NAMES: "dns.names",
    behaviour.SUBMIT: "mail-command.submit",
    behaviour.LOCAL: "mail-command.delivery",
    behaviour.OUTBOUND: "mail-command.outbound",
    behaviour.SENDER: "mail-command.sender",
    behaviour.ALIAS: "aliases.delivery",
    behaviour.RELAY: "postfix.relay",
    behaviour.NEAR: "postfix.relay",
    behaviour.RELAY_AUTH: "postfix.relay",
    behaviour.IMAP: "dovecot.imap",
    behaviour.POP3: "dovecot.pop3",
}
