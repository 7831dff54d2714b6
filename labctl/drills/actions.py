"""What a drill does to a host, as data: commands and scripts, with the host's own names in them.

A word may name a fact about the host in braces: `{address}`, `{peer_domain}`, `{main_cf}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labctl.lab import Host, Lab
from labctl.scripts import Script
from provision.families.base import Firewall
from provision.step import Scene, Target

# A setting with which Dovecot looks for a Maildir, and what makes it mbox again for sed(1).
_MAILBOX = {
    "2.3": {
        "maildir": "mail_location = maildir:~/Maildir",
        "mbox_again": "s|^mail_location.*|mail_location = mbox:~/mail:INBOX=/var/mail/%u|",
    },
    "2.4": {
        "maildir": "mail_driver = maildir",
        "mbox_again": "s|^mail_driver.*|mail_driver = mbox|",
    },
}


@dataclass(frozen=True)
class Action:
    """A command, or a script with its arguments. A script may be one line that a family has."""

    words: tuple[str, ...]
    script: Script | str | None = None


def command(line: str | Sequence[str]) -> Action:
    """A command as a list of words, or as text without quoting that is split at spaces."""
    return Action(tuple(line.split() if isinstance(line, str) else line))


def line(text: str) -> Action:
    """A whole line for the shell, as the host's family has it."""
    return Action((), text)


def script(name: str, *args: str, package: str = "labctl.drills") -> Action:
    """A script of this package."""
    return Action(args, Script(package, name))


def perform(target: Target, actions: Sequence[Action]) -> None:
    """Do the actions on a host, one after the other.

    Raises:
        LabError: an action failed.
    """
    names = names_of(target.scene)
    for action in actions:
        words = [word.format_map(names) for word in action.words]
        if action.script is None:
            target.remote.run(words)
        elif isinstance(action.script, str):
            target.remote.script(action.script.format_map(names))
        else:
            target.remote.script(action.script, *words)


def placeholders(lab: Lab, host: Host) -> Mapping[str, str]:
    """The names of a mail server and of the other one."""
    peer = lab.peer(host)
    return {
        "name": host.name,
        "address": str(host.address),
        "domain": host.domain,
        "user": str(host.account),
        "peer_name": peer.name,
        "peer_address": str(peer.address),
        "peer_domain": peer.domain,
        "peer_user": str(peer.account),
        "network": str(lab.network.cidr),
        "machine": str(lab.network.machine),
    }


def names_of(scene: Scene) -> Mapping[str, str]:
    """The words that an action may use: names of both mail servers, and paths of the system."""
    host, family = scene.host, scene.family
    return {
        **placeholders(scene.lab, host),
        **family.words(),
        "zone_file": family.bind.zone_file(host.domain),
        **_doors(family.firewall, str(scene.peer.address)),
        **_MAILBOX[family.dovecot.syntax],
    }


def _doors(firewall: Firewall, peer: str) -> Mapping[str, str]:
    """Command lines about the ports that drills open and close."""
    mail = (25, 110, 143)
    return {
        "open_25": firewall.opening(25, "tcp"),
        **{f"close_{port}": firewall.closing(port, "tcp") for port in mail},
        "close_53_udp": f"{firewall.closing(53, '')}; {firewall.opening(53, 'tcp')}",
        "deny_25": firewall.denying(25),
        "deny_25_to_peer": firewall.denying(25, peer),
        "stop_all_out": firewall.stopping_out,
        "allow_25_to_peer": firewall.not_denying(25, peer),
    }
