"""A daemon as a step wants it: enabled, running, and started after its files were written.

The last is read from the host (a file newer than the daemon's own mark), so that an `up`
that was killed between writing and restarting is continued by the next one.
"""

from __future__ import annotations

from collections.abc import Sequence

from labctl.i18n import _
from labctl.results import Change, Finding
from provision.step import Target

# Shell functions for the steps' scripts. Each prints what it changed, one thing a line.
SERVICES = r"""
enabled() {
  case $(systemctl is-enabled "$1" 2>/dev/null) in
    enabled*|alias) return 0 ;;
    masked*) systemctl unmask --quiet "$1" ;;
  esac
  # systemctl has an init script enabled by update-rc.d, and stumbles over its generated unit.
  case $(systemctl show --value -p FragmentPath "$1") in
    /run/*) update-rc.d "$1" enable ;;
    *) systemctl enable --quiet "$1" 2>/dev/null || update-rc.d "$1" enable ;;
  esac
  echo "enabled $1"
}
newer_than() {
  than=$1; shift
  for file do [ "$file" -nt "$than" ] && return 0; done
  return 1
}
restarted() {
  systemctl reset-failed "$1" 2>/dev/null || :
  [ "$(systemctl show --value -p NeedDaemonReload "$1")" != yes ] || systemctl daemon-reload
  systemctl restart "$1"
  echo "restarted $1"
}
"""

_DAEMON = (
    SERVICES
    + r"""
unit=$1 marker=$2 changed=$3 reload=$4; shift 4
enabled "$unit"
if ! systemctl is-active --quiet "$unit"; then
  restarted "$unit"
elif [ -n "$changed" ] || newer_than "$marker" "$@"; then
  if [ -z "$reload" ]; then
    restarted "$unit"
  else
    systemctl reload "$unit"
    echo "reloaded $unit"
  fi
fi
"""
)


def host_script(target: Target, text: str, *args: str) -> list[Change]:
    """Runs a script that prints what it changed, one thing a line."""
    done = target.remote.script(text, *args)
    return [Change(line) for line in done.stdout.splitlines()]


def keep_running(
    target: Target,
    unit: str,
    marker: str,
    files: Sequence[str],
    *,
    changed: bool,
    reload: bool = False,
) -> list[Change]:
    """Enables the unit, starts it, and has it read its `files` where they are newer.

    `marker` is a file the daemon makes whenever it reads them. `reload` where the daemon need
    not be restarted for that.
    """
    flags = ("yes" if flag else "" for flag in (changed, reload))
    return host_script(target, _DAEMON, unit, marker, *flags, *files)


def starts_at_boot(code: str, what: str, unit: str, state: str) -> Finding:
    """Whether a unit is enabled; `state` is what systemctl is-enabled said of it."""
    return Finding(
        code=code,
        ok=state == "enabled",
        what=what,
        found=state,
        expected="enabled",
        hint=_("A running service is not yet one that starts with the server."),
        solution=f"systemctl enable {unit}",
    )
