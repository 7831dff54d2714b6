"""What can befall a mail server, done to a running lab and mended again.

Each is a context: on entry the fault is there, at the end the lab is whole, whatever happened
in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from labctl.errors import LabError
from labctl.i18n import _
from labctl.progress import Progress, silent
from labctl.providers.base import Provider
from labctl.results import HostState
from labctl.waiting import wait_until
from provision.step import Target

# How long a host may take to go off, in seconds.
_OFF = 60.0

# Stopped first, so that the master starts no other child meanwhile; a child may end by itself.
_KILL_POSTFIX = """
master=$(tr -d ' ' </var/spool/postfix/pid/master.pid)
kill -STOP "$master"
kill -KILL "$master" $(pgrep -P "$master") || :
"""
# In both directions; in front of ufw's own rules, which let established connections through.
_CUT = """
iptables -w -I INPUT -s "$1" -j DROP
iptables -w -I OUTPUT -d "$1" -j DROP
"""
_JOIN = """
while iptables -w -D INPUT -s "$1" -j DROP 2>/dev/null; do :; done
while iptables -w -D OUTPUT -d "$1" -j DROP 2>/dev/null; do :; done
"""


@contextmanager
def postfix_killed(target: Target, progress: Progress = silent) -> Iterator[None]:
    """Postfix's master and all its children ended by SIGKILL; then restarted by its admin."""
    progress(target.host.name, _("killing Postfix"))
    try:
        target.remote.script(_KILL_POSTFIX)
        yield
    finally:
        progress(target.host.name, _("starting Postfix again"))
        target.remote.run(["systemctl", "restart", "postfix"])


@contextmanager
def network_cut(target: Target, progress: Progress = silent) -> Iterator[None]:
    """Nothing passes between the host and the other mail server; all others reach both."""
    progress(target.host.name, _("cutting the network"))
    try:
        target.remote.script(_CUT, str(target.peer.address))
        yield
    finally:
        progress(target.host.name, _("joining the network"))
        join_network(target)


def join_network(target: Target) -> None:
    """Takes away what `network_cut` put there, also where a killed labctl left it."""
    target.remote.script(_JOIN, str(target.peer.address))


@contextmanager
def host_off(target: Target, provider: Provider, progress: Progress = silent) -> Iterator[None]:
    """The host shut down by its own poweroff; then booted. Raises LabError as the provider does."""
    name = target.host.name
    progress(name, _("switching off"))
    try:
        # The answer may be cut off with the host.
        with suppress(LabError):
            target.remote.run(["systemctl", "--no-block", "poweroff"])
        target.remote.close()
        wait_until(_OFF, lambda: provider.status()[name] is not HostState.RUNNING)
        yield
    finally:
        provider.start(progress)
        target.remote.close()


@contextmanager
def power_cut(
    targets: Sequence[Target], provider: Provider, progress: Progress = silent
) -> Iterator[None]:
    """The hosts without power from one moment to the next; then booted."""
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
