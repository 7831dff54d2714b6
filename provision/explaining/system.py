"""Causes in the system that stop a message when it is handed over and when it is delivered."""

from __future__ import annotations

from labctl.i18n import N_
from provision.causes import Case, Explanation, Told
from provision.explaining.predicates import said


def _other_sendmail(case: Case) -> Told | None:
    """Another program than Postfix's. On Red Hat's systems it is a link to sendmail.postfix."""
    program = case.own.facts["sendmail"]
    if program.rpartition("/")[2].partition(".")[0] in ("", "sendmail"):
        return None
    return Told(f"/usr/sbin/sendmail -> {program}")


_QUEUES = ("private", "incoming", "active", "deferred", "defer", "bounce")


def _closed_queue(case: Case) -> Told | None:
    """Postfix's own folders, of which `postfix check` looks at the owner only."""
    if missing := case.own.facts.lines("no-folder"):
        return Told(f"{missing[0]} -", solution="postfix check")
    for name in _QUEUES:
        path = f"{case.own.scene.family.postfix.spool}/{name}"
        mode = case.own.mode(path).split()
        if mode and int(mode[0], 8) & 0o700 != 0o700:
            return Told(f"{path} {' '.join(mode)}")
    return None


FOLDERS = Explanation(
    "postfix.queue", _closed_queue, N_("Postfix's folders"), "700 postfix root",
    N_("May Postfix enter its own folders? Look at ls -l {spool}."), "chmod 700 {spool}/private",
)  # fmt: skip


# `mail` hands each message over to it, and does not notice if another program takes it.
SENDMAIL = Explanation("mail-command.other-sendmail", _other_sendmail, "/usr/sbin/sendmail",
                       N_("Postfix's own program"),
                       N_("mail hands each message to sendmail. Which program is it? "
                          "ls -l /usr/sbin/sendmail"))  # fmt: skip


DISK = Explanation(
    "mail-command.disk", said(r"[^\s:]*: No space left on device|Insufficient system storage"),
    N_("disk space for mail"), N_("enough"),
    N_("df -h shows the free space, df -i how many files may be made, du -x the large folders."),
)  # fmt: skip


# What the system refuses to a program, in its own words.
SYSTEM = (
    Explanation("accounts.limits",
                said(r"File size limit exceeded|File too large|message file too big|"
                      r"fork: .*|Cannot fork.*|Resource temporarily unavailable|"
                      r"[^\n]*(Too many open files|failed to map segment|annot allocate memory)"),
                N_("what the account may use"), N_("no such limit"),
                N_("A limit of the system stops the program: ulimit -a as the account shows it."),
                "/etc/security/limits.conf"),
    Explanation("mail-command.read-only", said(r"[^\s:]*: Read-only file system"),
                N_("a place where mail can be written"), N_("writable"),
                N_("Neither owner nor mode explains this. Look at findmnt, and at systemctl cat "
                   "with the service's name.")),
    DISK,
)  # fmt: skip
