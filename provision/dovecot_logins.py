"""What the logins over IMAP and POP3 say, and why one fails although the settings are right."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from labctl.i18n import N_, _
from labctl.results import Finding
from provision.dialogue import Answer
from provision.facts import Facts, local_address
from provision.families.base import Pam
from provision.mail_log import last_lines
from provision.pam import refusing_lines
from provision.step import Target
from provision.unknown import unknown_cause

# Settings beside the book's by which a login may fail, in both syntaxes.
ALSO = ("listen", "protocols", "auth_mechanisms", "auth_username_format")
# Settings that only a login needs: another way is right if the login is.
_FOR_LOGIN = ("dovecot.disable_plaintext_auth", "dovecot.ssl")
# The account's name in auth_username_format, in both syntaxes.
_USER = re.compile(r"%(L?[un]|\{ *user[^}]*\})")
_PORTS = {"imap": 143, "pop3": 110}


def remarks(settings: Sequence[Finding], answers: Mapping[str, Answer]) -> list[Finding]:
    """The settings, where another way than the book's is a remark if every login succeeds."""
    if not all(answer.ok for answer in answers.values()):
        return list(settings)
    return [
        replace(each, ok=True, remark=_("another way than the book"))
        if each.code in _FOR_LOGIN and not each.ok
        else each
        for each in settings
    ]


def logins(target: Target, facts: Facts, answers: Mapping[str, Answer]) -> list[Finding]:
    """One finding for each protocol, or the one cause for which both fail."""
    failed = {name: answer for name, answer in answers.items() if not answer.ok}
    if failed and (cause := _cause(target, facts, failed)):
        return [cause]
    if len(failed) == len(answers):
        return [_unknown(target, facts, next(iter(failed.values())))]
    if failed and (odd := _odd(facts)):
        return [odd]
    return [_login(target, name, answer) for name, answer in answers.items()]


def keeps_out(target: Target, facts: Facts) -> Finding | None:
    """A setting of Dovecot's files by which no login would succeed after a restart."""
    return _password_check(target.family.pam, facts) or _protocols(facts, dict.fromkeys(_PORTS))


def _cause(target: Target, facts: Facts, failed: Mapping[str, Answer]) -> Finding | None:
    return (
        _password_check(target.family.pam, facts)
        or _protocols(facts, failed)
        or _listen(facts, failed)
    )


def _password_check(pam: Pam, facts: Facts) -> Finding | None:
    """Why no password of an account is right."""
    mechanisms = facts["auth_mechanisms"].split()
    if mechanisms and "plain" not in mechanisms:
        return _setting(
            "auth_mechanisms",
            " ".join(mechanisms),
            "plain",
            _("How does the client send its password? Dovecot offers only other mechanisms."),
        )
    if not facts["passdb"]:
        return _setting(
            "passdb",
            _("missing"),
            "!include auth-system.conf.ext",
            _("What does Dovecot use to check passwords?"),
        )
    if facts.lines("driver") == ["passwd"]:
        found = _setting(
            "passdb",
            "driver = passwd",
            "driver = pam",
            _("What does Dovecot use to check passwords?"),
        )
        return replace(found, code="dovecot.driver", solution="driver = pam")
    shape = facts["auth_username_format"]
    if shape and _USER.sub("", shape, count=1):
        return _setting(
            "auth_username_format",
            shape,
            "%{user | lower}" if "%{" in shape else "%Lu",
            _("As which user does Dovecot look up the account? The log names it."),
        )
    if denied := refusing_lines(facts):
        return Finding(
            code="dovecot.pam",
            ok=False,
            what="/etc/pam.d/dovecot",
            found=denied[0],
            expected=_("no such line"),
            hint=_("Dovecot asks PAM, and PAM has a file for each service."),
            solution=f"/etc/pam.d/dovecot: {pam.including}",
        )
    return None


def _protocols(facts: Facts, failed: Collection[str]) -> Finding | None:
    gone = [name for name in failed if name not in facts["protocols"].split()]
    if not gone or not facts["protocols"]:
        return None
    return _setting(
        "protocols",
        facts["protocols"],
        "imap pop3",
        _("Which protocols does Dovecot serve? Is there a package for each?"),
    )


def _listen(facts: Facts, failed: Mapping[str, Answer]) -> Finding | None:
    places = {
        place
        for place in map(local_address, facts.lines("listens"))
        if place and not place.startswith("[")
    }
    closed = [
        name
        for name in failed
        if not any(
            place.endswith(f":{_PORTS[name]}") and not place.startswith("127.") for place in places
        )
    ]
    if not closed:
        return None
    if odd := _odd(facts):
        return odd
    setting = _setting(
        "listen",
        ", ".join(sorted(places)),
        ", ".join(f"*:{_PORTS[name]}" for name in closed),
        _("On which address and port does Dovecot listen? ss -ltn shows it."),
    )
    # The setting has addresses only.
    return replace(setting, solution="listen = *")


def _setting(name: str, found: str, expected: str, hint: str) -> Finding:
    return Finding(
        code=f"dovecot.{name}",
        ok=False,
        what=name,
        found=found,
        expected=expected,
        hint=shown(hint, name),
        solution=expected if name == "passdb" else f"{name} = {expected}",
    )


def shown(hint: str, setting: str) -> str:
    """The hint, and how to see the setting."""
    return f"{hint} " + _("doveconf {name} shows the value in force.", name=setting)


_PERMISSION = N_(
    "The log names the file that Dovecot cannot open. Which owner and mode does it have?"
)
# What Dovecot's log says, and the setting or the file that it is about.
_IN_LOG: tuple[tuple[str, str, str], ...] = (
    (r".*not permitted \(see (first|last)_valid_[ug]id.*", "first_valid_uid",
     N_("Whose mail may Dovecot open? The log compares the account's number with a limit.")),
    (r".*[Pp]lugin.*", "mail_plugins",
     N_("Which plugin should Dovecot load? Is its package installed?")),
    (r".*(inbox=yes|INBOX namespace|namespace.*inbox).*", "namespace",
     N_("A namespace has to hold the inbox. Compare 10-mail.conf with the package's.")),
    (r".*passwd-file.*", "passdb",
     N_("What does Dovecot use to check passwords?")),
    (r".*disallowed by auth_username_chars.*", "auth_username_chars",
     N_("Which letters may a user's name have? Compare the account's.")),
    (r".*allow_nets.*", "passdb",
     N_("From which networks may an account log in? The log names the address.")),
    (r".*(is missing [UG]ID|userdb).*", "userdb",
     N_("As which user does Dovecot open the mailbox? It asks userdb.")),
    (r".*(auth.*(exec|Fatal|not responding|Connection refused)|Disconnected: Auth process).*",
     "auth", N_("A separate process, service auth, checks logins. Does it run?")),
    (r".*(Not a directory|can't be a file).*", "mail-folder",
     N_("Dovecot keeps its files below ~/mail. Is that a folder?")),
    (r".*(Read-only file system|\(EROFS\)).*", "read-only",
     N_("Neither owner nor mode explains this. Look at findmnt, and at systemctl cat with the "
        "service's name.")),
    (r".*(Too many open files|[Oo]ut of memory|Cannot allocate memory|default_vsz_limit).*",
     "limits", N_("Dovecot limits what its processes may use. The log names the limit.")),
    (r".*(command startup failed|child \d+ (returned error|killed)).*", "service",
     N_("A process of Dovecot does not start. The log names its service. What is set for it?")),
    # Only some of the lines name the file.
    (r"(?!.*\bpam\().*\(/.*Permission denied.*", "permission", _PERMISSION),
    # PAM has the same words for an account that it does not let in.
    (r"(?!.*\bpam\().*Permission denied.*", "permission", _PERMISSION),
)  # fmt: skip


_AGAIN = "doveconf -n; systemctl restart dovecot"
# Dovecot names a setting itself: Unknown UNIX GID group: x (in mail_privileged_group setting).
_NAMED = re.compile(r"(?:Error|Fatal): (?P<said>.*\(in (?P<setting>\w+) setting\))")


def _in_log(lines: Sequence[str]) -> Finding | None:
    named = [found for line in lines if (found := _NAMED.search(line))]
    if named:
        setting, said = named[-1]["setting"], named[-1]["said"]
        hint = _("Dovecot writes why a login fails. Is there a group or user of this name?")
        return Finding(
            code=f"dovecot.log.{setting}",
            ok=False,
            what=setting,
            found=said,
            expected=_("logged in"),
            hint=shown(hint, setting),
            solution=_AGAIN,
        )
    for pattern, name, hint in _IN_LOG:
        for line in reversed(lines):
            if re.fullmatch(pattern, line):
                return Finding(
                    code=f"dovecot.{name}",
                    ok=False,
                    what=_("login over IMAP and POP3"),
                    found=line.partition(": ")[2] or line,
                    expected=_("logged in"),
                    hint=_(hint),
                    solution=_AGAIN,
                )
    return None


# What the book, Debian's packages and harmless habits set. It keeps nobody from logging in.
_USUAL = re.compile(
    r"(mail_(location|driver|path|inbox_path|privileged_group|access_groups)|disable_plaintext_auth"
    r"|auth_allow_cleartext|ssl.*|listen|protocols|auth_mechanisms|dovecot_config_version"
    r"|dovecot_storage_version|login_(greeting|trusted_networks)|info_log_path|.*debug.*"
    r"|auth_cache_.*|.*verbose.*|log_.*|mbox_.*|base_dir|auth_username_format)"
)
# The ports that the package's own listeners have.
_OWN_PORT = re.compile(r"port = (110|143)")


_LIMIT = re.compile(r"(first|last)_valid_[ug]id")


def odd_setting(lines: Sequence[str]) -> tuple[str, str] | None:
    """The one setting, of `name = value` lines, that neither book nor package has.

    That of a service, passdb or userdb is named without it, and found with it. Two say nothing.
    """
    odd = []
    for line in lines:
        name, _equals, value = line.partition(" = ")
        if _OWN_PORT.search(line):
            continue
        if ": " in name:
            odd.append((name.rpartition(": ")[2], line))
        elif not _USUAL.fullmatch(name):
            odd.append((name, value))
    if len(odd) == 1:
        return odd[0]
    # What is set for a protocol's own port concerns every client.
    own = [(name, line) for name, line in odd if _OF_LISTENER.match(line)]
    return own[0] if len(own) == 1 else None


_OF_LISTENER = re.compile(r"service (imap|pop3)-login: (ssl|haproxy|address|port) = ")


def _odd(facts: Facts) -> Finding | None:
    """The only setting beside the book's is the cause, if nothing else is known."""
    odd = odd_setting(facts.lines("beside"))
    if odd is None:
        return None
    found = _setting(odd[0], odd[1], "", _("Dovecot has this setting, and the book does not."))
    return replace(found, expected=_("not set, or another value"), solution="doveconf -n")


def _unknown(target: Target, facts: Facts, answer: Answer) -> Finding:
    lines = last_lines(target, "dovecot", 20)
    odd = _odd(facts)
    # Dovecot names the first limit for the last one too.
    known = (odd if odd and _LIMIT.fullmatch(odd.what) else None) or _in_log(lines) or odd
    if known is not None:
        return known
    return unknown_cause(
        "dovecot.login",
        _("login over IMAP and POP3"),
        [answer.text, *lines[-3:]],
        _("logged in"),
        _AGAIN,
    )


def _login(target: Target, protocol: str, answer: Answer) -> Finding:
    return Finding(
        code=f"dovecot.{protocol}",
        ok=answer.ok,
        what=_("{protocol} login and inbox", protocol=protocol.upper()),
        found=answer.text,
        expected=_("logged in"),
        hint=_(
            "Dovecot writes each refused login to {log}, with the reason.",
            log=target.family.mail_log,
        ),
        solution=_AGAIN,
    )
