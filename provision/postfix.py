"""「main.cfの設定」: the six parameters, a silent `postfix check`, and Postfix running."""

from __future__ import annotations

from labctl.i18n import N_
from labctl.managed import ManagedFile
from labctl.results import Change
from provision.postfix_check import check
from provision.render import render
from provision.services import SERVICES, host_script
from provision.step import Scene, Step, Target

MAIN_CF = "/etc/postfix/main.cf"

# `inet_interfaces` and the chroot's copies of resolv.conf and hosts are read at start only,
# hence restart and never reload. A Postfix started by hand is not the unit's: it has to stop
# (`postfix status` would say as much, after two seconds' sleep).
_RUNNING = (
    SERVICES
    + r"""
changed=$1 spool=/var/spool/postfix
if [ ! -s /etc/postfix/master.cf ]; then
  install -m 644 /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
  echo "wrote /etc/postfix/master.cf"
  changed=yes
fi
enabled postfix
# Postfix reads a main.cf that was written in this second again and again until it is older.
[ -z "$changed" ] || touch -d '3 seconds ago' /etc/postfix/main.cf
same_names() {
  cmp -s /etc/resolv.conf $spool/etc/resolv.conf && cmp -s /etc/hosts $spool/etc/hosts
}
if ! systemctl is-active --quiet postfix@-; then
  if pgrep -x master >/dev/null; then postfix stop 2>/dev/null; fi
  restarted postfix
elif [ -n "$changed" ] || ! same_names ||
    newer_than $spool/pid/master.pid /etc/postfix/main.cf /etc/postfix/master.cf; then
  restarted postfix
fi
"""
)


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """main.cf as a whole."""
    return (render(scene, MAIN_CF),)


def apply(target: Target) -> list[Change]:
    """Writes main.cf, and master.cf where there is none; has Postfix run with them."""
    written = target.install(files(target.scene))
    return [*written, *host_script(target, _RUNNING, "yes" if written else "")]


STEP = Step(
    name="postfix",
    section="main.cfの設定",
    summary=N_("sets the six parameters, and starts and enables Postfix"),
    apply=apply,
    check=check,
    files=files,
    requires=("packages",),
)
