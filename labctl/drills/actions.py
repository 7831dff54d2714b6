"""What a drill does to a host, as data: commands and scripts, with the host's own names in them.

A word may name a fact about the host in braces: `{address}`, `{peer_domain}`, `{main_cf}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labctl.scripts import Script
from provision.step import Target


@dataclass(frozen=True)
class Action:
    """A command, or a script with its arguments."""

    words: tuple[str, ...]
    script: Script | None = None


def command(line: str | Sequence[str]) -> Action:
    """A command as a list of words, or as text without quoting that is split at spaces."""
    return Action(tuple(line.split() if isinstance(line, str) else line))


def script(name: str, *args: str, package: str = "labctl.drills") -> Action:
    """A script of this package."""
    return Action(args, Script(package, name))


def perform(target: Target, actions: Sequence[Action]) -> None:
    """Do the actions on a host, one after the other.

    Raises:
        LabError: an action failed.
    """
    names = names_of(target)
    for action in actions:
        words = [word.format_map(names) for word in action.words]
        if action.script is None:
            target.remote.run(words)
        else:
            target.remote.script(action.script, *words)


def names_of(target: Target) -> Mapping[str, str]:
    """The words that an action may use: names of both mail servers, and paths of the system."""
    host, peer, family = target.host, target.peer, target.family
    return {
        "name": host.name,
        "address": str(host.address),
        "domain": host.domain,
        "user": str(host.account),
        "peer_address": str(peer.address),
        "peer_domain": peer.domain,
        "peer_user": str(peer.account),
        "network": str(target.lab.network.cidr),
        "machine": str(target.lab.network.machine),
        "main_cf": family.postfix.main_cf,
        "postfix": family.postfix.unit,
        "spool": family.postfix.spool,
        "bind": family.bind.unit,
        "bind_options": family.bind.options,
        "bind_zones": family.bind.zones,
        "bind_cache": family.bind.cache,
        "zone_file": family.bind.zone_file(host.domain),
        "saslauthd": family.sasl.unit,
        "sasl_defaults": family.sasl.defaults,
        "sasl_group": family.sasl.group,
        "smtpd_conf": family.sasl.smtpd_conf,
        "dovecot": family.dovecot.unit,
        "dovecot_folder": family.dovecot.folder,
    }
