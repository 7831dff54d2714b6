"""「SMTP認証（SASL認証連携）の設定」: Postfix asks saslauthd, which asks PAM."""

from __future__ import annotations

from labctl.i18n import N_
from labctl.managed import ManagedFile
from labctl.results import Change
from provision.render import render
from provision.services import SERVICES, host_script
from provision.smtp_auth_check import check
from provision.step import Scene, Step, Target

RUN_DIR = "/var/spool/postfix/var/run/saslauthd"
_DEFAULTS = "/etc/default/saslauthd"
_SMTPD_CONF = "/etc/postfix/sasl/smtpd.conf"

# `systemctl is-active saslauthd` says "active (exited)" with no saslauthd there, so the process
# and its socket are looked for. A saslauthd with another socket directory is unknown to the
# start script and would stay; hence pkill.
_RUNNING = (
    SERVICES
    + r"""
run=$1 changed=$2 smtpd=$3
getent group sasl >/dev/null || { groupadd --system sasl; echo "added group sasl"; }
case " $(id -nG postfix) " in
  *" sasl "*) ;;
  *) gpasswd -a postfix sasl >/dev/null; echo "added postfix to group sasl"; smtpd=yes ;;
esac
if [ "$(dpkg-statoverride --list "$run" || :)" != "root sasl 710 $run" ]; then
  dpkg-statoverride --quiet --force-all --remove "$run" 2>/dev/null || :
  dpkg-statoverride --quiet --force-all --add root sasl 710 "$run"
  echo "added dpkg-statoverride for $run"
fi
for folder in "${run%/*/*}" "${run%/*}"; do
  [ "$(stat -c '%a %U' "$folder" 2>/dev/null)" = "755 root" ] || {
    install -d -m 755 -o root -g root "$folder"; echo "made $folder passable"; }
done
[ "$(stat -c '%a %U %G' "$run" 2>/dev/null)" = "710 root sasl" ] || {
  install -d -m 710 -o root -g sasl "$run"; echo "made $run"; }
if [ "$(postconf -F -h smtp/inet/chroot)" = n ]; then
  postconf -F smtp/inet/chroot=y
  echo "put smtpd back into its chroot"
  restarted postfix
fi
enabled saslauthd
running() {
  [ -S "$run/mux" ] && start-stop-daemon --status --pidfile "$run/saslauthd.pid" --name saslauthd
}
if [ -n "$changed" ] || ! running || newer_than "$run/saslauthd.pid" /etc/default/saslauthd; then
  systemctl stop saslauthd
  pkill -x saslauthd || :
  restarted saslauthd
fi
if [ -n "$smtpd" ] && pgrep -x smtpd >/dev/null; then
  postfix reload 2>/dev/null
  echo "reloaded postfix"
fi
"""
)


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """saslauthd's defaults and the Postfix side of SASL."""
    return (render(scene, _DEFAULTS, run_dir=RUN_DIR), render(scene, _SMTPD_CONF))


def apply(target: Target) -> list[Change]:
    """Writes both files, lets Postfix reach the socket, and has saslauthd really run."""
    written = target.install(files(target.scene))
    paths = {change.what.removeprefix("wrote ") for change in written}
    ensured = host_script(
        target,
        _RUNNING,
        RUN_DIR,
        "yes" if _DEFAULTS in paths else "",
        "yes" if _SMTPD_CONF in paths else "",
    )
    return [*written, *ensured]


STEP = Step(
    name="smtp-auth",
    section="SMTP認証（SASL認証連携）の設定",
    summary=N_("has Postfix ask saslauthd for passwords"),
    apply=apply,
    check=check,
    files=files,
    requires=("postfix", "accounts"),
)
