"""Thunderbird's own account set-up: a person types name, address and password only."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from ipaddress import IPv4Address
from pathlib import Path

from labctl import dial
from tests.lab import marionette
from tests.lab.screen import Environment, Running, until

Preferences = set[tuple[str, str]]

# A Thunderbird that resolves every name with the lab's DNS, as one on a host does.
_IN_THE_LAB = 'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"'


def text_of(file: Path) -> str:
    """A text file of a profile; "" if it does not exist or is an index."""
    if file.suffix == ".msf" or not file.exists():
        return ""
    return file.read_text(encoding="utf-8", errors="replace")


def preferences(profile: Path) -> Preferences:
    """Thunderbird's preferences: names (without its numbers) and values."""
    lines = re.findall(
        r'^user_pref\("mail\.([^"]+)", (.+)\);$', text_of(profile / "prefs.js"), re.M
    )
    return {(re.sub(r"\d+", "", name), value) for name, value in lines}


def set_up_account(
    profile: Path,
    resolver: IPv4Address,
    entered: Sequence[str],
    wanted: Collection[tuple[str, str]],
    on: Environment,
    netns: Path | None = None,
) -> list[str]:
    """Set up an account in an empty profile until the preferences have what is wanted.

    Args:
        resolver: The name server that Thunderbird asks.
        entered: Name, address and password.
        netns: The network namespace that Thunderbird runs in.

    Returns:
        The lines of the settings that Thunderbird offered.
    """
    profile.mkdir()
    (profile / "user.js").write_text(marionette.PREFERENCES)
    resolv_conf = profile / "resolv.conf"
    resolv_conf.write_text(f"nameserver {resolver}\n")
    argv = ["unshare", "--mount", "sh", "-euc", _IN_THE_LAB, "sh", str(resolv_conf)]
    argv += ["thunderbird", "--no-remote", "--profile", str(profile), *marionette.OPTIONS]
    environment = {k: v for k, v in on.items() if not k.lower().endswith("_proxy")}
    name, address, password = entered
    program = Running(dial.inside(netns, argv), environment)
    with program, marionette.Marionette(profile, netns) as window:

        def field(selector: str) -> str:
            return until(lambda: window.find(selector), 60)

        window.type(field("#realName"), name)
        window.type(field("#email"), address)
        window.click(field("#forward:enabled"))
        offered = window.text(field("email-config-found"))
        window.click(field("#forward:enabled"))
        window.type(field("#password"), password)
        window.click(field("#forward:enabled"))
        until(lambda: preferences(profile) >= set(wanted), 60)
    return offered.splitlines()
