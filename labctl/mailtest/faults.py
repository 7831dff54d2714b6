"""Faults of a mail server, caused on a running lab and repaired again.

Each is a context manager: the fault begins on entry and is repaired on exit, even after an
error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from labctl.errors import LabError
from labctl.hint import commands
from labctl.i18n import _
from labctl.progress import Progress, silent
from labctl.providers.base import Provider
from labctl.results import HostState
from labctl.scripts import Script
from labctl.waiting import wait_until
from provision.step import Target

# Seconds that a host may take to switch off.
_OFF = 60.0

_KILL = Script("labctl.mailtest", "postfix-kill.sh")
_CUT = Script("labctl.mailtest", "network-cut.sh")
_JOIN = Script("labctl.mailtest", "network-join.sh")


@contextmanager
def postfix_killed(target: Target, progress: Progress = silent) -> Iterator[None]:
    """Kill Postfix's master and all its children, then restart it as an administrator would."""
    progress(target.host.name, _("killing Postfix"))
    try:
        target.remote.script(_KILL, target.family.postfix.spool)
        yield
    finally:
        progress(target.host.name, _("starting Postfix again"))
        target.remote.run(["systemctl", "restart", target.family.postfix.unit])


@contextmanager
def network_cut(target: Target, progress: Progress = silent) -> Iterator[None]:
    """Drop all packets between the host and the other mail server. All others reach both."""
    progress(target.host.name, _("cutting the network"))
    try:
        target.remote.script(_CUT, str(target.peer.address))
        yield
    finally:
        progress(target.host.name, _("reconnecting the network"))
        join_network(target)


def join_network(target: Target) -> None:
    """Remove the rules of `network_cut`, also those that a killed labctl left behind."""
    target.remote.script(_JOIN, str(target.peer.address))


@contextmanager
def host_off(target: Target, provider: Provider, progress: Progress = silent) -> Iterator[None]:
    """Shut the host down by its own poweroff, then boot it.

    Raises:
        LabError: The host still runs after a minute, or what the provider raises.
    """
    name = target.host.name
    progress(name, _("switching off"))
    try:
        # The connection may end before the answer.
        with suppress(LabError):
            target.remote.run(["systemctl", "--no-block", "poweroff"])
        target.remote.close()
        if not wait_until(_OFF, lambda: provider.status()[name] is not HostState.RUNNING):
            raise LabError(
                _("{host} did not switch off", host=name),
                cause=_("timed out after {seconds:.0f} s", seconds=_OFF),
                # It may still switch off later.
                hint=commands("labctl up"),
            )
        yield
    finally:
        provider.start(progress)
        target.remote.close()


@contextmanager
def power_cut(
    targets: Sequence[Target], provider: Provider, progress: Progress = silent
) -> Iterator[None]:
    """Cut the power of the hosts at once, then boot them."""
    for target in targets:
        progress(target.host.name, _("cutting the power"))
    try:
        provider.cut_power([target.host.name for target in targets])
        for target in targets:
            target.remote.close()
        yield
    finally:
        provider.start(progress)
        for target in targets:
            target.remote.close()
