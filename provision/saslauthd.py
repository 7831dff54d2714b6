"""saslauthd's settings as its start script and smtpd read them, and what is wrong with them."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise

from labctl.i18n import _
from labctl.results import Finding
from labctl.scripts import Script
from provision.facts import Facts, ask
from provision.families.base import Sasl
from provision.step import Target

_UNREAD = Script("provision", "master-cf-unread.sh")
# The folder of saslauthd's socket among its arguments (saslauthd(8)).
_FOLDER = re.compile(r"""-m\s*([^\s"']+)""", re.ASCII)
# What Debian's start script takes if the file names no options.
_USUAL_OPTIONS = "-c -m /var/run/saslauthd"
# Cyrus SASL takes other blanks, such as a Japanese one, for letters.
_BLANKS = " \t\r"
# A line for a variable that the start script reads, with or without blanks before the "=".
_SETTING = re.compile(r"\s*(START|OPTIONS|MECHANISMS)(\s*)=(.*)")


def value_of(facts: Facts, key: str) -> str:
    """A variable of the file as a shell reads it: the last line, without quotes and comment."""
    text = facts[key].rpartition("\n")[2]
    try:
        return next(iter(shlex.split(text, comments=True)), "")
    except ValueError:
        # A quote that nothing ends. `sh -n` says so.
        return text.strip("\"'")


def misread(facts: Facts) -> str:
    """The line that a shell takes for a command and not for a setting, or "".

    Such a line has blanks around its "=", or a value of several words without quotes. A unit with
    an EnvironmentFile reads it otherwise.
    """
    if not facts["wants-start"] or facts["instance"]:
        return ""
    return next(filter(_is_command, facts.lines("setting")), "")


def _is_command(line: str) -> bool:
    found = _SETTING.fullmatch(line)
    if found is None:
        return False
    try:
        words = shlex.split(found[3], comments=True)
    except ValueError:
        return False
    return bool(found[2]) or len(words) > 1 or found[3].startswith((" ", "\t"))


def socket_folder(arguments: str) -> str:
    """The folder of the socket among the arguments of a saslauthd that runs, or ""."""
    return next(reversed(_FOLDER.findall(arguments)), "").rstrip("/")


def folder_at_start(facts: Facts) -> str:
    """The folder after `-m` in the file, as its next start takes it; "" if it does not start.

    Debian's start script looks for `-m` as a word of its own.
    """
    words = words_of(value_of(facts, "options") or _USUAL_OPTIONS)
    if facts["wants-start"]:
        return next((then for word, then in pairwise(words) if word == "-m"), "").rstrip("/")
    return socket_folder(" ".join(words))


def odd_mechanism(sasl: Sasl, facts: Facts) -> str:
    """The line of the file for MECHANISMS, if saslauthd does not find the accounts by it."""
    mechanism = value_of(facts, "mechanisms")
    # Without a word it does not start. Red Hat's file has another name for it.
    usual = (
        ("pam", "shadow") if sasl.has_options and not facts["instance"] else ("", "pam", "shadow")
    )
    return "" if mechanism in usual else f"MECHANISMS={mechanism}"


def mechanisms(sasl: Sasl, line: str) -> Finding:
    return Finding(
        code="smtp-auth.mechanisms",
        ok=False,
        what=_("what saslauthd asks for passwords"),
        found=line,
        expected="MECHANISMS=pam",
        hint=_("Where are the passwords of this server's accounts?"),
        solution=f'{sasl.defaults}: MECHANISMS="pam"; systemctl restart {sasl.unit}',
    )


def smtpd_conf(facts: Facts) -> dict[str, str]:
    """The settings of smtpd.conf."""
    found: dict[str, str] = {}
    for line in facts.lines("conf"):
        key, colon, value = line.partition(":")
        # Of two lines Cyrus SASL takes the first.
        if colon and not line.startswith("#"):
            found.setdefault(key.strip(_BLANKS), value.strip(_BLANKS))
    return found


# A line of smtpd.conf: nothing, a comment, or a name with its colon and a value.
_LINE = re.compile(r"\s*(#.*|[\w-]+:\s*\S.*)?", re.ASCII)


def odd_line(facts: Facts) -> str:
    """The first line of smtpd.conf that Cyrus SASL cannot read, or ""."""
    lines = facts.lines("conf")
    return next((each for each in lines if not _LINE.fullmatch(each)), "")


def words_of(value: str) -> list[str]:
    """The words of a setting as Cyrus SASL or a shell takes them."""
    return [word for word in re.split(f"[{_BLANKS}]+", value) if word]


def no_socket(sasl: Sasl, facts: Facts) -> Finding:
    """smtpd finds no socket of saslauthd, because only one of them works in the chroot."""
    hint = _("smtpd runs in a chroot: which folder is its root?")
    solution = f'OPTIONS="-c -m {sasl.run_dir}"'
    if facts["socket"] == sasl.mux != f"{sasl.run_dir}/mux":
        hint = _("master.cf runs smtpd without a chroot. Where does saslauthd have its socket?")
        solution = "postconf -F smtp/inet/chroot=y"
    found = (facts.lines("args") or [""])[0]
    if f"{socket_folder(found)}/mux" == facts["socket"] and not facts["link"]:
        # Somebody has removed it, or the folder.
        found = _("missing")
        hint = _("saslauthd makes its socket when it starts. What does ls -l show of it?")
        solution = f"systemctl restart {sasl.unit}"
    return Finding(
        code="smtp-auth.socket",
        ok=False,
        what=_("saslauthd's socket is where smtpd looks for it"),
        found=found,
        expected=facts["socket"],
        hint=hint,
        solution=solution,
    )


def not_in_group(sasl: Sasl, facts: Facts, hint: str) -> Finding:
    """Only the group may enter the socket's folder, and postfix is not in it."""
    return Finding(
        code="smtp-auth.group",
        ok=False,
        what=_("Postfix may reach saslauthd's socket"),
        found=_("postfix is in: {groups}", groups=facts["groups"]),
        expected=sasl.group,
        hint=hint,
        solution=f"gpasswd -a postfix {sasl.group}; systemctl restart postfix",
    )


def syntax(sasl: Sasl, facts: Facts) -> Finding:
    """The shell of the start script, or of systemd, cannot read the file of its options."""
    rights = {"START": "yes", "OPTIONS": f'"-c -m {sasl.run_dir}"', "MECHANISMS": '"pam"'}
    named = _SETTING.fullmatch(misread(facts))
    right = f"{sasl.defaults}: {named[1]}={rights[named[1]]}" if named else ""
    return Finding(
        code="smtp-auth.options",
        ok=False,
        what=sasl.defaults,
        found=[*facts.lines("syntax"), misread(facts)][0],
        expected=_("settings as a shell reads them"),
        hint=_("saslauthd reads {path} when it starts. What will it read?", path=sasl.defaults),
        solution=right or f"sh -n {sasl.defaults}",
    )


def no_folder(sasl: Sasl, facts: Facts) -> Finding | None:
    """The start script does not start saslauthd without the folder of its socket."""
    if not facts["wants-start"] or facts["instance"] or folder_at_start(facts):
        return None
    return options(sasl, facts, sasl.run_dir)


def options(sasl: Sasl, facts: Facts, folder: str) -> Finding:
    """With the options of the file, saslauthd's next start has no socket in the folder."""
    return Finding(
        code="smtp-auth.options",
        ok=False,
        what=_("saslauthd's socket after its next start"),
        found=f"OPTIONS={facts['options'].rpartition(chr(10))[2]}",
        expected=f"-m {folder}",
        hint=_("saslauthd reads {path} when it starts. What will it read?", path=sasl.defaults),
        solution=f'{sasl.defaults}: OPTIONS="-c -m {folder}"',
    )


def start_missing(facts: Facts) -> bool:
    """Whether the start script does nothing."""
    return (
        bool(facts["wants-start"]) and value_of(facts, "start") != "yes" and not facts["instance"]
    )


def start(sasl: Sasl, facts: Facts) -> Finding:
    return Finding(
        code="smtp-auth.start",
        ok=not start_missing(facts),
        what=_("saslauthd's own switch"),
        found=misread(facts) or facts["start"] or _("missing"),
        expected="START=yes",
        hint=_("saslauthd's start script first reads {path}.", path=sasl.defaults),
        solution=f"{sasl.defaults}: START=yes; systemctl restart {sasl.unit}",
    )


def is_unread(target: Target) -> bool:
    """Whether master.cf was edited after Postfix has read it."""
    return bool(_running(target)["unread"])


def _running(target: Target) -> Facts:
    family = target.family
    return ask(target, _UNREAD, family.postfix.master_cf, family.sasl.group)


def not_in_force(target: Target, found: str) -> Finding | None:
    """The files are right, and the running Postfix is older. `found` is its answer to AUTH."""
    facts = _running(target)
    if facts["grouped"]:
        found, hint, solution = (
            facts.lines("grouped")[0],
            _("A process keeps the groups with which it was started. Was postfix in the group?"),
            "systemctl restart postfix",
        )
    elif facts["unread"]:
        hint = _("When does Postfix read master.cf? Think of what you did after the last edit.")
        solution = "systemctl reload postfix"
    else:
        return None
    return Finding(
        code="smtp-auth.reload",
        ok=False,
        what=_("the running Postfix has these settings"),
        found=found,
        expected="235",
        hint=hint,
        solution=solution,
    )
