"""「Dovecotの設定」: the mailbox over IMAP and POP3, as the book's three files set it."""

from __future__ import annotations

from labctl.results import Change
from provision.dovecot_check import check
from provision.remote import ManagedFile
from provision.render import render
from provision.services import keep_running
from provision.step import Scene, Step, Target

_CONF_D = "/etc/dovecot/conf.d"
_PID_FILE = "/run/dovecot/master.pid"


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """The three files the book edits, as wholes."""
    return tuple(
        render(scene, f"{_CONF_D}/{name}")
        for name in ("10-mail.conf", "10-auth.conf", "10-ssl.conf")
    )


def apply(target: Target) -> list[Change]:
    """Writes the three files and has Dovecot run with them."""
    managed = files(target.scene)
    written = target.install(managed)
    paths = [file.path for file in managed]
    return [
        *written,
        *keep_running(target, "dovecot", _PID_FILE, paths, changed=bool(written)),
    ]


STEP = Step(
    name="dovecot",
    section="Dovecotの設定",
    summary="gives the mailbox over IMAP and POP3",
    apply=apply,
    check=check,
    files=files,
    requires=("packages", "accounts"),
    checkpoint="ready",
)
