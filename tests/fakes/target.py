"""A target whose host is in memory, for a step or a mail test without a machine."""

from __future__ import annotations

from pydantic import SecretStr

from labctl.credentials import Credentials
from labctl.lab import load_lab
from provision.step import Scene, Target
from tests.fakes.host import FakeHost, FakeRemote

UPSTREAM = ("192.0.2.53",)


def fake_target(host: FakeHost, letter: str = "") -> Target:
    """The mail server of the host's name in the default lab. Every password is `secret`."""
    lab = load_lab("default")
    passwords = {str(each.account): SecretStr("secret") for each in lab.mail_hosts}
    scene = Scene(lab, lab.host(host.name), UPSTREAM)
    return Target(scene, FakeRemote(host), Credentials(passwords=passwords), letter)
