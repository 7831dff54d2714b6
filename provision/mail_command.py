"""「mailコマンドを使ったメール送受信のテスト」: `mail`, told which domain it writes from."""

from __future__ import annotations

import re
from collections.abc import Mapping

from labctl.i18n import N_, _
from labctl.managed import ManagedFile
from labctl.results import Change, Finding
from labctl.scripts import Script
from provision.changes import host_script
from provision.facts import Facts, ask
from provision.patience import patient
from provision.render import render
from provision.step import Scene, Step, Target


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """The files from which mailutils and other programs take the mail domain."""
    if scene.family.mail_command.program != "mailutils":
        # s-nail leaves the sender's domain to Postfix.
        return ()
    return (render(scene, scene.family.mail_command.settings), render(scene, "/etc/mailname"))


_CLEAR = Script("provision", "mail-command.sh")
_CHECK = Script("provision", "mail-command-check.sh")
# What pam_env(8) puts into the environment of each login.
_ENVIRONMENT = "/etc/environment"
# Seconds that the script waits for a login at most.
_LOGIN = 4.0


def apply(target: Target) -> list[Change]:
    """Write both files, which `mail` reads at each start, and comment out a person's MAIL."""
    written = target.install(files(target.scene))
    return [
        *written,
        *host_script(target, _CLEAR, str(target.host.account), target.family.mail_command.program),
    ]


def check(target: Target) -> list[Finding]:
    """The sender that `mail` writes, the mailbox that it reads, the queue, and room for mail."""
    family = target.family
    words = (str(target.host.account), family.mail_log, family.postfix.spool, target.letter)
    facts = ask(target, _CHECK, *words, seconds=patient(_LOGIN))
    there = Finding(
        code="mail-command.mail",
        ok=bool(facts["mail"]),
        what=_("the command mail"),
        found=_("there") if facts["mail"] else _("missing"),
        expected=_("there"),
        hint=_("Which package provides the command mail?"),
        solution=family.packages.command(family.mail_command.package),
    )
    if not there.ok:
        return [there]
    if facts["endless"]:
        return [there, _endless(target, facts["endless"])]
    # Whether mail arrives is tried on both hosts together (provision.behaviour).
    return [there, _sender(target, facts), _mailbox(target, facts), _queue(facts), _room(facts)]


def _endless(target: Target, where: str) -> Finding:
    return Finding(
        code="mail-command.login",
        ok=False,
        what=_("the account's login"),
        found=where,
        expected=_("it works"),
        hint=_("A login reads .profile. Does it finish?"),
        solution=f"cp /etc/skel/.profile ~{target.host.account}/",
    )


def _sender(target: Target, facts: Facts) -> Finding:
    origin = facts["origin"] if not facts["origin"].startswith("/") else target.host.domain
    found = facts["from"] or f"{target.host.account}@{origin}"
    return Finding(
        code="mail-command.sender",
        # Domains are the same in any letters (RFC 4343).
        ok=found.lower() == target.host.mailbox,
        what=_("the sender that mail writes"),
        found=found,
        expected=target.host.mailbox,
        hint=_("Could the other server answer this address? It needs an MX record."),
        solution=target.family.mail_command.writing_from(target.host.domain),
    )


def _mailbox(target: Target, facts: Facts) -> Finding:
    name = str(target.host.account)
    home = facts["home"] or f"/home/{name}"
    place = facts["place"] or f"/var/mail/{name}"
    # What .bashrc sets comes last.
    shell = [_plain(each, name, home) for each in facts.lines("shell-box")]
    boxes = facts.lines("box") or [f"/var/mail/{name}"]
    box = [*boxes, *shell][-1]
    real = {boxes[-1]: facts["box-real"], place: facts["place-real"]}
    others = () if place.startswith(f"{home}/") else (f"/var/mail/{name}",)
    delivered = place.replace(f"{home}/", "~/", 1)
    is_everywhere = facts["environment"] == f"MAIL={box}"
    return Finding(
        code="mail-command.mailbox",
        # Whether a message arrives in another folder of mailboxes, a client shows.
        ok=any(_is_same(box, each, real) for each in (place, *others)),
        what=_("mail reads the mailbox that Postfix fills"),
        found=f"{_ENVIRONMENT}: MAIL={box}" if is_everywhere else f"MAIL={box}",
        expected=delivered,
        hint=_("mail looks where MAIL points. Where does Postfix deliver?"),
        solution=f"sed -i /^MAIL=/d {_ENVIRONMENT}"
        if is_everywhere
        else _("take MAIL out of the account's .profile and .bashrc"),
    )


def _is_same(box: str, place: str, real: Mapping[str, str]) -> bool:
    """Whether `mail` reads what Postfix fills. A path with a slash at its end is a folder.

    Args:
        real: the paths without links, as far as they are known.
    """
    box_path, place_path = (
        (real.get(each) or each).replace("/var/spool/mail/", "/var/mail/").rstrip("/")
        for each in (re.sub(r"^(maildir|mbox|file):(//(?=/))?", "", box), place)
    )
    return box_path == place_path and (place.endswith("/") or not box.endswith("/"))


# How a shell's file may write the account's name, and its home.
_NAME = re.compile(
    r"\$\{?(USER|LOGNAME)\b\}?|\$\( *(whoami|id -un|logname) *\)|`(whoami|id -un|logname)`"
)
_HOME = re.compile(r"\$\{?HOME\b\}?|^~(?=/)")


def _plain(value: str, name: str, home: str) -> str:
    """The value of an assignment in a shell's file: with the account's name, and without quotes."""
    plain = _NAME.sub(name, value.removeprefix("=")).partition(" ")[0].strip("\"';")
    return _HOME.sub(home, plain)


def _queue(facts: Facts) -> Finding:
    held = len(facts.lines("held"))
    if held:
        return Finding(
            code="mail-command.hold",
            ok=False,
            what=_("no mail is on hold"),
            found=_("{count} on hold", count=held),
            expected=_("none"),
            hint=_("mailq marks a message on hold with !. Postfix never tries to deliver it."),
            solution="postsuper -H ALL",
        )
    waiting = len(facts.lines("queue"))
    return Finding(
        code="mail-command.queue",
        ok=not waiting,
        what=_("no mail is stuck in the queue"),
        found=_("{count} waiting", count=waiting)
        + (f": {facts.lines('reason')[-1]}" if waiting and facts.lines("reason") else ""),
        expected=_("empty"),
        hint=_("mailq shows the reason for each message."),
        solution="postqueue -f",
    )


# With less room a file system is full: a short message may still fit, the next one does not.
_LITTLE = 64 * 1024


def _room(facts: Facts) -> Finding:
    # Postfix takes no mail with less room than 1.5 times its largest message (postconf(5),
    # queue_minfree). That is about the queue, which comes first. df gives KiB.
    need = facts.number("size") * 3 // 2
    rooms = [line.split() for line in facts.lines("free")[1:]]
    short = [
        place
        for number, (free, place) in enumerate(rooms)
        if int(free) * 1024 < (_LITTLE if number else need)
    ]
    return Finding(
        code="mail-command.disk",
        ok=not short,
        what=_("disk space for mail"),
        found=", ".join(short) + " " + _("full") if short else _("enough"),
        expected=_("{size} MiB free", size=need // 2**20),
        hint=_(
            "df -h shows the free space, df -i how many files may be made, du -x the large folders."
        ),
        solution=_("remove what fills the disk"),
    )


STEP = Step(
    name="mail-command",
    section="mailコマンドを使ったメール送受信のテスト",
    summary=N_("sets the domain of the mail command"),
    apply=apply,
    check=check,
    files=files,
    requires=("postfix", "accounts", "aliases"),
    opens_mailbox=True,
    tried=True,
)
