"""Why `mail` cannot hand a message over to Postfix."""

from __future__ import annotations

import re
from collections.abc import Callable

from labctl.i18n import N_
from provision.causes import Case, Explanation, Told
from provision.explaining.predicates import reason, said, submission, told_by
from provision.explaining.settings import (
    LOCAL_HINTS,
    TABLE,
    VALUE,
    master,
    missing_service,
    odd,
    parameter,
)
from provision.explaining.system import FOLDERS, SENDMAIL, SYSTEM
from provision.main_cf import AS_PACKAGED, NOT_SET, OF_MASTER_CF


def _no_sendmail(case: Case) -> Told | None:
    mode = case.own.mode("/usr/sbin/sendmail")
    return Told(mode or "-") if not mode or int(mode.split()[0][-1]) % 2 == 0 else None


def _other_mail(case: Case) -> Told | None:
    """What /usr/bin/mail leads to is no mail program: mail.mailutils, bsd-mailx, s-nail, mutt."""
    program = case.own.facts["mail-program"]
    is_known = re.search(r"mail|nail|mutt", program.rpartition("/")[2])
    return None if is_known or not program else Told(f"/usr/bin/mail -> {program}")


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
    path = f"{case.own.scene.family.postfix.spool}/maildrop"
    mode = case.own.mode(path)
    good = mode == "1730 postfix postdrop"
    return None if good else Told(f"{path} {mode}")


def _no_login(case: Case) -> Told | None:
    words = case.own.mail["own-said"]
    return Told(words.partition("\n")[0]) if "not available" in words else None


def _no_path(case: Case) -> Told | None:
    """The shell does not find `mail`, which exists."""
    is_lost = re.search(r"\bmail: (command )?not found", submission(case))
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


def _closed_settings(case: Case) -> Told | None:
    """The file with the settings of `mail`, if the account may not read it."""
    return _unreadable_file(case.own.scene.family.mail_command.settings)(case)


def _closed_to_postfix(case: Case) -> Told | None:
    """A file that is named in main.cf in place of a value."""
    found = re.search(r"fatal: (/\S+): cannot open file: Permission denied", case.log)
    return Told(found[0], found[1], f"chmod a+r {found[1]}") if found else None


def _closed_folder(name: str) -> Callable[[Case], Told | None]:
    """A folder of Postfix that only its owner may enter. `name` is its word in Family.words."""

    def holds(case: Case) -> Told | None:
        path = case.own.scene.family.words()[name]
        mode = case.own.mode(path).split()
        closed = bool(mode) and not int(mode[0][-1]) & 1
        return Told(f"{path} {' '.join(mode)}", path, f"chmod 755 {path}") if closed else None

    return holds


def _mail_closed(case: Case) -> Told | None:
    mode = case.own.mode("/usr/bin/mail").split()
    return Told(" ".join(mode)) if mode and int(mode[0][-1]) % 2 == 0 else None


def _tmp_closed(case: Case) -> Told | None:
    mode = case.own.mode("/tmp")
    return Told(mode) if mode and not mode.startswith("1777") else None


_COPY_MASTER = "cp {master_example} {master_cf}; systemctl restart {postfix}"
_ENTERS = N_("sendmail runs as the account and enters this folder. Look at ls -ld {name}.")
_FATAL = N_("As the account, run sendmail or mail: what does it say?")


SUBMIT = (
    Explanation("accounts.shell", _no_login, N_("a shell for the account"), "/bin/bash",
                N_("Can the account log in? getent passwd shows its shell."),
                "usermod -s /bin/bash {name}"),
    Explanation("accounts.path", _no_path, N_("the account finds mail"), "/usr/bin/mail",
                N_("The shell looks for a command in the folders of PATH. Who sets it?")),
    Explanation("accounts.readable", _unreadable_file("/etc/passwd", "/etc/group", "/dev/null"),
                "{name}",
                N_("every user may read it"),
                N_("Every program of the account reads this file. Look at ls -l {name}.")),
    Explanation("mail-command.sendmail", _no_sendmail, "/usr/sbin/sendmail",
                "755 root root", N_("mail hands each message to sendmail. May the account run it?"),
                "chmod 755 /usr/sbin/sendmail"),
    SENDMAIL,
    Explanation("mail-command.mode", _mail_closed, "/usr/bin/mail", "755 root root",
                N_("May the account run the command mail? Look at ls -lL /usr/bin/mail."),
                "chmod 755 /usr/bin/mail"),
    Explanation("mail-command.program", _other_mail, "/usr/bin/mail", N_("a mail program"),
                N_("mail is a link, by way of /etc/alternatives. Where does it lead? "
                   "readlink -f /usr/bin/mail")),
    Explanation("postfix.readable", _closed_folder("postfix_folder"), "{name}", "755", _ENTERS),
    Explanation("postfix.readable", _unreadable, N_("every user may read main.cf"), "644 root root",
                N_("sendmail runs as the account and reads main.cf. Look at ls -l "
                   "{postfix_folder}."),
                "chmod 644 {main_cf}"),
    Explanation("postfix.spool", _closed_folder("spool"), "{name}", "755", _ENTERS),
    VALUE,
    parameter("message_size_limit", LOCAL_HINTS["message_size_limit"]),
    *SYSTEM,
    Explanation("postfix.postdrop", _wrong_postdrop, N_("postdrop runs in the group postdrop"),
                "2555 root postdrop", _FATAL, "postfix set-permissions"),
    Explanation("postfix.maildrop", _wrong_maildrop, N_("the maildrop queue takes messages"),
                "1730 postfix postdrop", _FATAL, "postfix set-permissions"),
    FOLDERS,
    Explanation("postfix.authorized_submit_users", _not_allowed, "{name}", NOT_SET,
                N_("Who may hand a message to Postfix on this host? mail shows what it says.")),
    master(missing_service("pickup/unix", "cleanup/unix", "qmgr/unix", "rewrite/unix")),
    Explanation("mail-command.tmp", _tmp_closed, "/tmp", "1777 root root",
                N_("mail writes a message to /tmp first. May the account write there?"),
                "chmod 1777 /tmp"),
    Explanation("accounts.profile", told_by("profile"), N_("the account's login"), N_("it works"),
                N_("A login reads .profile. Does it finish?")),
    Explanation("mail-command.settings", _closed_settings, "{name}", N_("every user may read it"),
                N_("mail reads its settings as the account. Look at ls -l {name}.")),
    Explanation("mail-command.settings",
                said(r"\S*mailutils\S*: .*(error|unknown|stray|unexpected|unterminated|denied).*"),
                "{mail_settings}", N_("accepted"),
                N_("mail reads its settings at each start, and names a wrong line.")),
    Explanation("mail-command.mailrc", told_by("mailrc"), "~/.mailrc", N_("no such line"),
                N_("mail reads files of the account at each start. What do they say?")),
    TABLE,
    Explanation("postfix.master-cf", reason(r"fatal: \S*master\.cf: .*"), N_("master.cf"),
                AS_PACKAGED, OF_MASTER_CF, _COPY_MASTER),
    Explanation("postfix.readable", _closed_to_postfix, "{name}", N_("every user may read it"),
                N_("main.cf names this file, and Postfix's programs read it. Look at "
                   "ls -l {name}.")),
    Explanation("postfix.main-cf", reason(r"fatal: .*"), "main.cf", N_("accepted"), _FATAL),
    parameter("non_smtpd_milters",
              N_("Every message is shown to a filter before it is queued. Does one run?")),
    odd(lambda name: not name.startswith(("smtp_", "smtpd_", "relay", "mynetworks"))),
)  # fmt: skip
