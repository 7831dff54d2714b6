"""Can this machine run the lab as containers? The provider's own checks, as diagnoses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import platformdirs

from labctl.diagnosis import Diagnosis, found, lacking
from labctl.errors import LabError
from labctl.i18n import _
from labctl.machine import Machine


def diagnose(machine: Machine) -> tuple[Diagnosis, ...]:
    """All that containers need; on other systems than Linux only that it is not Linux."""
    if machine.system != "linux":
        return (
            lacking(
                "linux-root",
                _("this is not Linux"),
                _("the lab's containers are made by Linux's kernel"),
                _("use VirtualBox: labctl up --provider vagrant"),
            ),
        )
    from labctl.providers.nspawn import machine as nspawn

    state = platformdirs.user_state_path("labctl")
    return (
        _tried(
            "linux-root", _("Linux, and root"), _("containers need both"), nspawn.ensure_linux_root
        ),
        _tried(
            "programs",
            ", ".join(nspawn.PROGRAMS),
            _("they make and run the containers"),
            nspawn.ensure_programs,
        ),
        _tried(
            "kernel",
            _("namespaces and overlayfs"),
            _("a host is a container on layers of files"),
            nspawn.ensure_kernel,
        ),
        _tried(
            "inotify",
            _("enough inotify instances"),
            _("systemd in a container hangs without"),
            lambda: nspawn.ensure_inotify(2),
        ),
        _tried(
            "disk",
            _("disk space for {folder}", folder=state),
            _("the hosts' image and layers lie there"),
            lambda: nspawn.ensure_disk(Path(state)),
        ),
    )


def _tried(code: str, what: str, why: str, ensure: Callable[[], None]) -> Diagnosis:
    try:
        ensure()
    except LabError as error:
        text = f"{error.message} ({error.cause})" if error.cause else error.message
        return lacking(code, text, why, str(error.hint))
    return found(code, what)
