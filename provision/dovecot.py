"""「Dovecotの設定」: the mailbox over IMAP and POP3, as the book's three files set it."""

from __future__ import annotations

from labctl.i18n import N_
from labctl.managed import ManagedFile
from labctl.results import Change
from provision.dovecot_check import check
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


# Another file may overrule the three: local.conf, or one of a person's own in conf.d.
_ALONE = r"""
names='mail_location\|mail_privileged_group\|mail_access_groups\|disable_plaintext_auth\|ssl'
setting="^[[:space:]]*\($names\)[[:space:]]*="
for file in /etc/dovecot/dovecot.conf /etc/dovecot/local.conf /etc/dovecot/conf.d/*.conf; do
  case $file in */10-mail.conf|*/10-auth.conf|*/10-ssl.conf) continue ;; esac
  if grep -q "$setting" "$file" 2>/dev/null; then
    sed -i "s/$setting/# labctl: &/" "$file"
    echo "took the book's settings out of $file"
  fi
done
"""


def apply(target: Target) -> list[Change]:
    """Writes the three files, takes out what overrules them, has Dovecot run with them."""
    managed = files(target.scene)
    written = target.install(managed)
    cleared = host_script(target, _ALONE)
    paths = [file.path for file in managed]
    changed = bool(written or cleared)
    running = keep_running(target, "dovecot", _MARKER, paths, changed=changed, reload=True)
    return [*written, *cleared, *running]


STEP = Step(
    name="dovecot",
    section="Dovecotの設定",
    summary=N_("gives the mailbox over IMAP and POP3"),
    apply=apply,
    check=check,
    files=files,
    requires=("packages", "accounts"),
    opens_mailbox=True,
)
