"""「自動起動とファイアウォールの設定」: ufw on, open for SSH, DNS, mail and the automatic set-up.

ufw's own three files are written as ufw writes them: one `ufw allow` takes as long as this
whole step.
"""

from __future__ import annotations

from labctl.i18n import N_
from labctl.managed import ManagedFile
from labctl.results import Change
from provision.firewall_check import EXTRA_RULES, RULES, check
from provision.render import render
from provision.services import SERVICES, host_script
from provision.step import Scene, Step, Target

# The kernel is asked, not ufw: what counts is what is loaded. The rules of the lab's ports can
# be replaced alone; a chain INPUT other than ufw's own means starting ufw anew.
_LOADED = (
    SERVICES
    + r"""
changed=$1; shift
loaded() {
  rules=$(iptables -S ufw-user-input 2>/dev/null) && [ "$rules" = "$wanted" ]
}
hooked() {
  [ "$(iptables -S INPUT)" = "-P INPUT DROP
-A INPUT -j ufw-before-logging-input
-A INPUT -j ufw-before-input
-A INPUT -j ufw-after-input
-A INPUT -j ufw-after-logging-input
-A INPUT -j ufw-reject-input
-A INPUT -j ufw-track-input" ]
}
wanted="-N ufw-user-input"
for rule do
  wanted="$wanted
-A ufw-user-input -p ${rule%:*} -m ${rule%:*} --dport ${rule#*:} -j ACCEPT"
done
enabled ufw
if ! hooked; then
  if iptables -S ufw-user-input >/dev/null 2>&1; then /lib/ufw/ufw-init flush-all; fi
  /lib/ufw/ufw-init start quiet
  echo "started ufw"
elif [ -n "$changed" ] || ! loaded; then
  iptables-restore -n </etc/ufw/user.rules
  if [ -e /proc/net/if_inet6 ]; then ip6tables-restore -n </etc/ufw/user6.rules; fi
  echo "reloaded ufw"
fi
"""
)


_OPEN = (*RULES, *EXTRA_RULES)


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """What `ufw allow` and `ufw enable` would leave."""
    return (
        render(scene, "/etc/ufw/ufw.conf"),
        render(scene, "/etc/ufw/user.rules", mode=0o640, rules=_OPEN),
        render(scene, "/etc/ufw/user6.rules", mode=0o640, rules=_OPEN),
    )


def apply(target: Target) -> list[Change]:
    """Writes ufw's files and has the kernel hold the rules."""
    written = target.install(files(target.scene))
    rules = [f"{protocol}:{port}" for port, protocols in _OPEN for protocol in protocols]
    return [*written, *host_script(target, _LOADED, "yes" if written else "", *rules)]


STEP = Step(
    name="firewall",
    section="自動起動とファイアウォールの設定",
    summary=N_("opens the ports of SSH, DNS and mail in ufw, and switches it on"),
    apply=apply,
    check=check,
    files=files,
    requires=("packages",),
)
