"""Installing packages: apt only where dpkg says that something is missing."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.errors import CommandFailed, LabError
from labctl.i18n import _
from labctl.results import Change
from provision.step import Target

# One dpkg-query for all; it says nothing of a package that it never heard of.
_INSTALLED = r"""
dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^ii *//p'
"""

# Postfix would otherwise be set up from guesses about the host's name and then started with
# them; the chapter begins with a server that is installed and not configured.
_INSTALL = r"""
export DEBIAN_FRONTEND=noninteractive
get() {
  apt-get -q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=1 -o Acquire::http::Timeout=15 \
    -o Dpkg::Options::=--force-confold "$@" 2>&1
}
[ -z "$(dpkg --audit)" ] || dpkg --configure -a --force-confold
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
said=$(get install --no-install-recommends "$@") || {
  printf '%s\n' "$said"
  # Old lists mend themselves by an update; a mirror that is not there does not.
  case $said in
    *"Could not resolve"*|*"Could not connect"*|*"Temporary failure"*) exit 100 ;;
  esac
  get update
  get install --no-install-recommends "$@"
}
"""

_UNREACHABLE = ("Could not connect", "Could not resolve", "Temporary failure", "Failed to fetch")


def missing_packages(target: Target, names: Sequence[str]) -> list[str]:
    """Those of `names` that are not fully installed on the host."""
    installed = target.remote.script(_INSTALLED, *names).stdout.split()
    return [name for name in names if name not in installed]


def install_packages(target: Target, names: Sequence[str]) -> list[Change]:
    """Installs what is missing of `names`, without recommended packages.

    Raises LabError where the package mirror can't be reached, CommandFailed for apt's other
    failures.
    """
    missing = missing_packages(target, names)
    if not missing:
        return []
    try:
        target.remote.script(_INSTALL, *missing, timeout=1800)
    except CommandFailed as error:
        if any(sign in error.output for sign in _UNREACHABLE):
            raise LabError(
                _("{host} can't reach its package mirror", host=target.host.name),
                cause=error.cause,
                hint=_("labctl net open, then labctl up"),
            ) from error
        raise
    return [Change(f"installed {name}") for name in missing]
