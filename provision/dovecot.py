"""「Dovecotの設定」: the mailbox over IMAP and POP3, as the book's three files set it."""

from __future__ import annotations

from labctl.i18n import N_
from labctl.results import Change
from provision.dovecot_check import check
from provision.remote import ManagedFile
from provision.render import render
from provision.services import host_script, keep_running
from provision.step import Scene, Step, Target

_CONF_D = "/etc/dovecot/conf.d"
# A socket that Dovecot makes anew at a reload too. A stop takes it a second, a reload nothing.
_MARKER = "/run/dovecot/config"


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """The three files the book edits, as wholes."""
    return tuple(
        render(scene, f"{_CONF_D}/{name}")
        for name in ("10-mail.conf", "10-auth.conf", "10-ssl.conf")
    )


# Another file may overrule the three: local.conf, or one of the student's own in conf.d.
_IN_FORCE = r"""
in_force() {
  [ "$(doveconf -h mail_location mail_privileged_group mail_access_groups \
    disable_plaintext_auth ssl 2>/dev/null)" = "$wanted" ]
}
wanted=$1
in_force && exit 0
for file in /etc/dovecot/local.conf /etc/dovecot/conf.d/*.conf; do
  if [ -e "$file" ] && ! dpkg-query -S "$file" >/dev/null 2>&1; then
    mv "$file" "$file.before-labctl"
    echo "moved $file aside"
  fi
done
in_force || { echo "another file overrules conf.d" >&2; exit 1; }
"""
_WANTED = "mbox:~/mail:INBOX=/var/mail/%u\nmail\nmail\nno\nno"


def apply(target: Target) -> list[Change]:
    """Writes the three files, moves aside what overrules them, has Dovecot run with them."""
    managed = files(target.scene)
    written = target.install(managed)
    moved = host_script(target, _IN_FORCE, _WANTED)
    paths = [file.path for file in managed]
    changed = bool(written or moved)
    running = keep_running(target, "dovecot", _MARKER, paths, changed=changed, reload=True)
    return [*written, *moved, *running]


STEP = Step(
    name="dovecot",
    section="Dovecotの設定",
    summary=N_("gives the mailbox over IMAP and POP3"),
    apply=apply,
    check=check,
    files=files,
    requires=("packages", "accounts"),
    checkpoint="ready",
)
