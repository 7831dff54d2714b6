"""「アカウントの作成」: the host's mail account with its password, home and mailbox."""

from __future__ import annotations

from labctl.i18n import N_, _
from labctl.results import Change, Finding
from labctl.scripts import Script
from provision.changes import host_script
from provision.facts import Facts, ask
from provision.families.base import Pam
from provision.step import Step, Target

_ACCOUNT = Script("provision", "account.sh")
_CHECK = Script("provision", "account-check.sh")


def apply(target: Target) -> list[Change]:
    """Add the account if it is missing; correct its password, home folder and mailbox."""
    name = str(target.host.account)
    password = target.credentials.password(name)
    return host_script(target, _ACCOUNT, name, stdin=password + "\n")


def check(target: Target) -> list[Finding]:
    """The account exists with the lab's password, a home folder, and a mailbox it may use."""
    name = str(target.host.account)
    password = target.credentials.password(name)
    pam = target.family.pam
    words = (name, str(target.peer.account), target.letter, pam.auth, pam.account)
    facts = ask(target, _CHECK, *words, stdin=password + "\n")
    exists = _exists(target, facts)
    if not exists.ok:
        return [exists]
    return [exists, *_closed(target, facts), *_owned(name, facts)]


def _closed(target: Target, facts: Facts) -> list[Finding]:
    """What keeps a person or mail out although the password is right."""
    name, pam = str(target.host.account), target.family.pam
    found = (
        _expired(name, facts),
        _shut_in(facts) or _denied_by_pam(pam, facts) or _refused_by_pam(pam, name, facts),
        _locked(name, facts, is_locked=target.is_locked),
        _no_shell(name, facts),
    )
    return [each for each in found if each is not None]


def _expired(name: str, facts: Facts) -> Finding | None:
    changed, _colon, ends = facts["expiry"].partition(":")
    today = facts.number("today")
    # A password without a limit has the limit 99999 or none.
    is_old = facts["valid"].isdigit() and int(changed or today) + facts.number("valid") < today
    if ends.isdigit() and int(ends) <= today:
        state = _("expired")
    elif changed == "0":
        state = _("the password must be changed first")
    elif is_old:
        state = _("the password is too old")
    else:
        return None
    return Finding(
        code="accounts.expired",
        ok=False,
        what=_("the account {name} may log in", name=name),
        found=state,
        expected=_("never expires"),
        hint=_("chage -l {name} shows how long the account is valid.", name=name),
        solution=f"chage -E -1 -M -1 -d today {name}",
    )


def _denied_by_pam(pam: Pam, facts: Facts) -> Finding | None:
    """A line for which PAM refuses every password. So it does for a module that does not exist."""
    line = facts["denies"] or facts["pam-missing"].partition("\n")[0]
    if not line:
        return None
    return Finding(
        code="accounts.pam",
        ok=False,
        what=pam.auth,
        found=line,
        expected=_("no such line"),
        hint=_("Every login asks PAM. Which line of {file} is asked first?", file=pam.auth),
        solution=pam.mending,
    )


def _shut_in(facts: Facts) -> Finding | None:
    """A folder above the programs or the home folders that an account may not enter."""
    if not facts["closed"]:
        return None
    mode, _blank, path = facts.lines("closed")[0].partition(" ")
    return Finding(
        code="accounts.closed",
        ok=False,
        what=path,
        found=mode,
        expected="755",
        hint=_("An account passes through this folder. Who may enter it? ls -ld {name}", name=path),
        solution=f"chmod 755 {path}",
    )


def _refused_by_pam(pam: Pam, name: str, facts: Facts) -> Finding | None:
    """A right password is not enough: PAM's modules of the kind `account` may refuse (pam(7))."""
    said = facts.lines("refused")
    # An account without a valid password is refused too.
    if not said or _expired(name, facts) or facts["password"] != "yes":
        return None
    if "session" in said[0]:
        return Finding(
            code="accounts.session",
            ok=False,
            what=_("the session of {name}", name=name),
            found=said[0],
            expected=_("it works"),
            hint=_("PAM opens a session after the login. Which module or limit refuses it?"),
            solution=f"/etc/security/limits.conf; {pam.mending}",
        )
    return Finding(
        code="accounts.pam",
        ok=False,
        what=pam.account,
        found=", ".join([said[0], *facts.lines("pam-line")]),
        expected=_("no such line"),
        hint=_("PAM checks the account after the password. Which module refuses it?"),
        solution=pam.mending,
    )


def _locked(name: str, facts: Facts, *, is_locked: bool) -> Finding | None:
    """A lock file that nobody gives back. `is_locked` if it kept the check from the mailbox."""
    if facts["holder"]:
        return _held(facts["holder"].strip())
    lock = facts["lock"] or (f"/var/mail/{name}.lock" if is_locked else "")
    if not lock:
        return None
    return Finding(
        code="accounts.lock",
        ok=False,
        what=_("the mailbox is free for a delivery"),
        found=lock,
        expected=_("no lock file"),
        hint=_("A .lock file beside a mailbox says that a program writes to it. Does one?"),
        solution=f"rm {lock}",
    )


def _held(process: str) -> Finding:
    """A process that locks the mailbox and does not end. `process` is its number and its words."""
    return Finding(
        code="accounts.lock",
        ok=False,
        what=_("the mailbox is free for a delivery"),
        found=process,
        expected=_("no lock that stays"),
        hint=_("A program keeps the mailbox locked, so nobody else may write to it. Which one?"),
        solution=f"kill {process.partition(' ')[0]}",
    )


def _no_shell(name: str, facts: Facts) -> Finding | None:
    if not facts["shell"].endswith(("/nologin", "/false", "/true")) and not facts["no-shell"]:
        return None
    return Finding(
        code="accounts.shell",
        ok=False,
        what=_("a shell for the account"),
        found=facts["shell"],
        expected="/bin/bash",
        hint=_("Can the account log in? getent passwd shows its shell."),
        solution=f"usermod -s /bin/bash {name}",
    )


def _exists(target: Target, facts: Facts) -> Finding:
    name, other = str(target.host.account), str(target.peer.account)
    is_swapped = not facts["entry"] and bool(facts["other"])
    return Finding(
        code="accounts.exists",
        ok=bool(facts["entry"]),
        what=_("account {name}", name=name),
        found=other if is_swapped else name if facts["entry"] else _("missing"),
        expected=name,
        hint=_("Each server has its own account; is this the server you meant?")
        if is_swapped
        else _("getent passwd lists the accounts of this server."),
        solution=f"adduser {name}",
    )


def _closed_home(name: str, facts: Facts) -> str:
    """Why the account cannot use its home folder, or ""."""
    if facts["home"] != name:
        return facts["home"] or _("missing")
    if facts["home-mode"] and int(facts["home-mode"], 8) & 0o700 != 0o700:
        return f"{name} {facts['home-mode']}"
    if folder := facts["mail-folder"]:
        owner, mode, path = [*folder.split(" ", 2), "", ""][:3]
        return " ".join([f"~/mail/{path}".rstrip("/"), owner, mode])
    return ""


def _takes_locks(name: str, spool: str, groups: list[str]) -> bool:
    """Whether the account, or Dovecot in the group mail, can lock a mailbox in the folder.

    Postfix delivers as root or as the account (local(8)), so it needs no more.
    """
    mode, owner, group = (*spool.split(), "", "", "")[:3]
    bits = int(mode or "0", 8)
    is_member = group in groups
    writes = (
        bits & 0o002
        or ((group == "mail" or is_member) and bits & 0o020)
        or (owner == name and bits & 0o200)
    )
    enters = bits & 0o001 or (owner == name and bits & 0o100) or (is_member and bits & 0o010)
    return bool(writes and enters)


def _owned(name: str, facts: Facts) -> list[Finding]:
    has_password = facts["password"] == "yes"
    state = [*facts["state"].split(), "", ""][1]
    told = _("none or locked") if state in ("NP", "L") else _("another one")
    return [
        Finding(
            code="accounts.password",
            ok=has_password,
            what=_("password of {name}", name=name),
            found=_("the lab's") if has_password else told,
            expected=_("the lab's"),
            hint=_("Each lab has passwords of its own. Is this one of another lab?"),
            solution=f"passwd {name}",
        ),
        _number(name, facts)
        or Finding(
            code="accounts.home",
            ok=not (closed := _closed_home(name, facts)),
            what=_("home folder of {name}", name=name),
            found=closed or name,
            expected=name,
            hint=_("Who owns the home folder? ls -ld shows it."),
            solution=f"chown -R {name}: ~{name}; chmod u+rwx ~{name}"
            + (f"; chmod -R u+rwX ~{name}/mail" if closed.startswith("~") else "")
            if facts["home"]
            else f"mkhomedir_helper {name}",
        ),
        _mailbox(name, facts),
    ]


def _number(name: str, facts: Facts) -> Finding | None:
    """Two accounts have one number, and the system takes the files of this one for the other's."""
    if not facts["same-uid"]:
        return None
    return Finding(
        code="accounts.uid",
        ok=False,
        what=_("the number of the account {name}", name=name),
        found=f"{facts['home']}: {facts['same-uid']}",
        expected=_("a number of its own"),
        hint=_(
            "Who is it by name and by number? id {name}, and ls -ln of the home folder", name=name
        ),
        # Which of the two is wanted, only the person knows.
        solution=f"usermod -u 2001 {name}",
    )


def _mailbox(name: str, facts: Facts) -> Finding:
    """The mailbox, which Postfix appends to and its owner reads."""
    kind, begins, end = facts["box-kind"], facts["box-begins"], facts["box-end"]
    if kind == "directory" and facts["filled"] == f"/var/mail/{name}/":
        # main.cf has a Maildir there (mail_spool_directory). Whether it works, a message shows.
        return Finding("accounts.mailbox", True, _("owner and mode of the mailbox"), kind)
    if kind not in ("", "regular file", "regular empty file"):
        return _no_mbox(kind, f"mv /var/mail/{name} ~{name}/")
    if begins:
        return _no_mbox(begins, f"mv /var/mail/{name} ~{name}/")
    spool, box = facts["spool"], facts["box"]
    is_owned = not box or (box.split()[0] == name and int(box.split()[1], 8) & 0o600 == 0o600)
    if end and is_owned:
        return _no_mbox(_("no empty line at its end"), f"echo >>/var/mail/{name}")
    return Finding(
        code="accounts.mailbox",
        ok=is_owned and _takes_locks(name, spool, facts["groups"].split()),
        what=_("owner and mode of the mailbox"),
        found=f"/var/mail {spool}; /var/mail/{name} {box}" if spool else "/var/mail -",
        expected=f"/var/mail 2775 root mail; /var/mail/{name} {name} 600",
        hint=_("Dovecot and `mail` read the mailbox as its user. Look at ls -l /var/mail."),
        solution=f"chown root:mail /var/mail; chmod 2775 /var/mail; "
        f"chown {name}:mail /var/mail/{name}; chmod 600 /var/mail/{name}"
        if spool
        else "install -d -m 2775 -o root -g mail /var/mail",
    )


def _no_mbox(found: str, solution: str) -> Finding:
    """What no message can be appended to, or what hides the next one from Dovecot and `mail`."""
    return Finding(
        code="accounts.mbox",
        ok=False,
        what=_("content of the mailbox"),
        found=found,
        expected=_("messages"),
        hint=_(
            "A mailbox is a file of messages. Each begins with a From line and ends with an "
            "empty line."
        ),
        solution=solution,
    )


STEP = Step(
    name="accounts",
    section="アカウントの作成",
    summary=N_("creates the mail account with its password"),
    apply=apply,
    check=check,
    personal=True,
)
