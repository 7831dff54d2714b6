"""A daemon as a step wants it: enabled, running, and started after its files were written.

The last is read from the host (a file newer than the daemon's pid file), so that an `up`
that was killed between writing and restarting is continued by the next one.
"""

from __future__ import annotations

from collections.abc import Sequence

from labctl.results import Change
from provision.step import Target

# Shell functions for the steps' scripts. Each prints what it changed, one thing a line.
SERVICES = r"""
enabled() {
  case $(systemctl is-enabled "$1" 2>/dev/null) in
    enabled*|alias) return 0 ;;
    masked*) systemctl unmask --quiet "$1" ;;
  esac
  systemctl enable --quiet "$1" 2>/dev/null
  echo "enabled $1"
}
newer_than() {
  than=$1; shift
  for file do [ "$file" -nt "$than" ] && return 0; done
  return 1
}
restarted() {
  systemctl reset-failed "$1" 2>/dev/null || :
  systemctl restart "$1"
  echo "restarted $1"
}
"""

_DAEMON = (
    SERVICES
    + r"""
unit=$1 pid=$2 changed=$3; shift 3
enabled "$unit"
if [ -n "$changed" ] || ! systemctl is-active --quiet "$unit" || newer_than "$pid" "$@"; then
  restarted "$unit"
fi
"""
)


def host_script(target: Target, text: str, *args: str, timeout: float = 60) -> list[Change]:
    """Runs a script that prints what it changed, one thing a line."""
    done = target.remote.script(text, *args, timeout=timeout)
    return [Change(line) for line in done.stdout.splitlines()]


def keep_running(
    target: Target, unit: str, pid_file: str, files: Sequence[str], *, changed: bool
) -> list[Change]:
    """Enables the unit, and restarts it where it does not run or is older than its `files`."""
    return host_script(target, _DAEMON, unit, pid_file, "yes" if changed else "", *files)
