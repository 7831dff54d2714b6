"""A daemon as a step wants it: enabled, running, and started after its files were written.

Whether it was is read from the host (a file newer than the daemon's own mark). So an `up` that
was killed between writing and restarting is continued by the next one.
"""

from __future__ import annotations

from collections.abc import Sequence

from labctl.i18n import _
from labctl.results import Change, Finding
from labctl.scripts import Script
from provision.changes import flag, host_script
from provision.facts import Facts
from provision.step import Target

_KEEP_RUNNING = Script("provision", "keep-running.sh")


def keep_running(
    target: Target,
    unit: str,
    marker: str,
    files: Sequence[str],
    *,
    changed: bool,
    reload: bool = False,
) -> list[Change]:
    """Enable the unit, start it, and have it read its files again if they are newer.

    Args:
        marker: a file that the daemon makes whenever it reads its `files`.
        changed: the files were just written.
        reload: a reload is enough for the daemon to read them.
    """
    return host_script(target, _KEEP_RUNNING, unit, marker, flag(changed), flag(reload), *files)


def by_hand(active: str, process: str) -> str:
    """A remark if a daemon runs although its unit does not, "" otherwise.

    Args:
        active: what `systemctl is-active` said of the unit.
        process: the number of the daemon's process, "" if there is none.
    """
    is_by_hand = active != "active" and bool(process)
    return _("it runs, but systemd did not start it") if is_by_hand else ""


def frozen(code: str, what: str, facts: Facts) -> Finding | None:
    """A daemon that a signal has stopped, of those that the fact `frozen` names."""
    names = facts.lines("frozen")
    if not names:
        return None
    return Finding(
        code=code,
        ok=False,
        what=what,
        found=f"{names[0]}: T",
        expected=_("running"),
        hint=_("A stopped process does nothing. Which state does ps -e -o stat,comm show?"),
        solution=f"pkill -CONT -x {names[0]}",
    )


# The state of a unit that systemd refuses to load (systemctl(1), LoadState).
_REFUSED = "bad-setting"


def starts_at_boot(code: str, what: str, unit: str, state: str, running_unit: str = "") -> Finding:
    """Whether a unit is enabled and can be started.

    Args:
        state: what `systemctl is-enabled` said of it, or that systemd refuses its file; "" for a
            unit that systemd does not know.
        running_unit: the unit that the daemon belongs to, if it is another one.
    """
    return Finding(
        code=code,
        ok=state in ("enabled", "alias"),
        what=what,
        found=state or "disabled",
        expected="enabled",
        hint=_(
            "systemd refuses the file of this unit, and cannot start it again. systemctl status "
            "says why."
        )
        if state == _REFUSED
        else _("A service that runs now does not necessarily start at boot."),
        solution=_mend(state, unit, running_unit or unit),
    )


def _mend(state: str, unit: str, running_unit: str) -> str:
    if state == _REFUSED:
        return f"systemctl cat {unit}; systemd-analyze verify {unit}.service"
    enable = f"systemctl enable {unit}"
    if not state.startswith("masked"):
        return enable
    return f"systemctl unmask {' '.join(dict.fromkeys((unit, running_unit)))}; {enable}"
