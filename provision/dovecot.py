"""「Dovecotの設定」: the mailbox over IMAP and POP3, as the book's three files set it."""

from __future__ import annotations

from labctl.i18n import N_
from labctl.managed import ManagedFile
from labctl.results import Change
from labctl.scripts import Script
from provision.changes import host_script
from provision.dovecot_check import SETTINGS, check
from provision.render import render
from provision.services import keep_running
from provision.step import Scene, Step, Target

_ALONE = Script("provision", "dovecot-alone.sh")


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """The three files that the book edits, as a whole."""
    return tuple(
        render(
            scene,
            scene.family.dovecot.conf_d(name),
            template=f"/etc/dovecot/conf.d/{name}",
        )
        for name in ("10-mail.conf", "10-auth.conf", "10-ssl.conf")
    )


def apply(target: Target) -> list[Change]:
    """Write the three files, comment out what overrules them, and run Dovecot with them."""
    dovecot = target.family.dovecot
    managed = files(target.scene)
    written = target.install(managed)
    cleared = host_script(target, _ALONE, dovecot.folder, *SETTINGS[dovecot.syntax])
    paths = [file.path for file in managed]
    changed = bool(written or cleared)
    # A stop takes Dovecot a second; a reload takes no time.
    running = keep_running(
        target, dovecot.unit, dovecot.marker, paths, changed=changed, reload=True
    )
    return [*written, *cleared, *running]


STEP = Step(
    name="dovecot",
    section="Dovecotの設定",
    summary=N_("provides the mailbox over IMAP and POP3"),
    apply=apply,
    check=check,
    files=files,
    requires=("packages", "accounts"),
    opens_mailbox=True,
)
