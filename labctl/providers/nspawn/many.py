"""What many labs on one machine need of it together."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from labctl.health import Diagnosis, found, lacking, warning
from labctl.i18n import _, ngettext
from labctl.machine import Machine
from labctl.providers.checks import Check
from labctl.providers.nspawn import checks
from labctl.providers.nspawn.kernel_limits import needs, raise_limits
from labctl.providers.nspawn.lab_limits import missing_controllers

_LINUX = ("linux",)


def checks_of_many(state: Path, hosts: int, to_start: int, to_make: int) -> tuple[Check, ...]:
    """The checks, in the order in which to mend what is lacking.

    Args:
        state: The folder of one of the labs.
        hosts: The hosts of all labs.
        to_start: Those of them that do not run yet.
        to_make: Those of them that do not exist yet.
    """
    return (
        Check("linux-root", checks.linux_and_root),
        Check("programs", checks.programs_there, systems=_LINUX),
        Check("kernel", checks.kernel_fits, systems=_LINUX),
        Check("user-ids", checks.user_ids_free, systems=_LINUX),
        Check("kernel-limits", partial(limits, hosts), systems=_LINUX),
        Check("memory", partial(memory, to_start), systems=_LINUX),
        Check("disk", partial(disk, state, to_start, to_make), systems=_LINUX),
        Check(
            "controllers",
            partial(checks.limits_enforced, missing_controllers),
            quick=False,
            systems=_LINUX,
        ),
    )


def limits(hosts: int, machine: Machine) -> Diagnosis:
    """The kernel's limits; the mend is one file."""
    wanted = needs(hosts, machine)
    if not wanted.short:
        told = ", ".join(f"{each.setting} = {each.limit} ≥ {each.needed}" for each in wanted.limits)
        return found(
            "kernel-limits",
            ngettext(
                "the kernel's limits suffice for {count} host",
                "the kernel's limits suffice for {count} hosts",
                hosts,
            )
            + f": {told}",
        )
    return lacking(
        "kernel-limits",
        ngettext(
            "limits of the kernel are too low for {count} host",
            "limits of the kernel are too low for {count} hosts",
            hosts,
        ),
        ", ".join(f"{each.setting} = {each.limit} < {each.needed}" for each in wanted.short),
        raise_limits(wanted.short),
    )


def memory(to_start: int, machine: Machine) -> Diagnosis:
    free, wanted = machine.free_memory(), needs(to_start, machine).memory
    told = ngettext(
        "memory for {count} more host: {needed} MiB, free: {free} MiB",
        "memory for {count} more hosts: {needed} MiB, free: {free} MiB",
        to_start,
        needed=wanted // 1024**2,
        free=free // 1024**2,
    )
    if free >= wanted:
        return found("memory", told)
    return warning(
        "memory",
        told,
        _("a machine without free memory becomes slow or ends programs"),
        _("stop other programs or labs, or take fewer seats"),
    )


def disk(state: Path, to_start: int, to_make: int, machine: Machine) -> Diagnosis:
    """The disk for new hosts. Hosts that exist have most of their files, so they only warn."""
    count = to_make or to_start
    free, wanted = machine.free_disk(state), needs(count, machine).disk
    told = ngettext(
        "disk for {count} more host: {needed} MiB, free: {free} MiB",
        "disk for {count} more hosts: {needed} MiB, free: {free} MiB",
        count,
        needed=wanted // 1024**2,
        free=free // 1024**2,
    )
    if free >= wanted:
        return found("disk", told)
    say = lacking if to_make else warning
    return say(
        "disk",
        told,
        str(state),
        _("free some space, or set XDG_STATE_HOME to a larger disk"),
    )
