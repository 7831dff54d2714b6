"""Who may log in to a host, and which host keys labctl accepts."""

from __future__ import annotations

import stat
from pathlib import Path

import paramiko
import pytest

from labctl.home import lab_home
from tests.lab.program import LAB, labctl, on_host

ADDRESS = "192.168.56.101"


@pytest.mark.parametrize("user", ["root", "ubuntu", "user1"])
def test_login_by_password(ready_once: str, user: str) -> None:
    """root cannot; an account of the lab can, as on the book's server."""
    on_host("host1", "echo root:right | chpasswd; echo ubuntu:right | chpasswd")
    try:
        password = _credentials()["user1"] if user == "user1" else "right"
        assert _logs_in(user, password) is (user != "root")
        assert not _logs_in(user, "wrong")
    finally:
        on_host("host1", "usermod --lock root; usermod --lock ubuntu")


def _credentials() -> dict[str, str]:
    accounts = labctl("credentials", "--json").json["accounts"]
    return {each["user"]: each["password"] for each in accounts}


def _logs_in(user: str, password: str) -> bool:
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.load_host_keys(str(lab_home(LAB).known_hosts))
        try:
            client.connect(
                ADDRESS, username=user, password=password, look_for_keys=False, allow_agent=False
            )
        except paramiko.AuthenticationException:
            return False
    return True


def test_a_lab_has_keys_of_its_own(ready_once: str) -> None:
    home = lab_home(LAB)
    assert stat.S_IMODE(home.key_file.stat().st_mode) == 0o600
    pinned = dict(line.split(" ", 1) for line in home.known_hosts.read_text().splitlines())
    keys = {
        address: on_host(host, "cat /etc/ssh/ssh_host_*_key.pub").out.strip()
        for address, host in ((ADDRESS, "host1"), ("192.168.56.102", "host2"))
    }
    assert pinned == keys
    assert len(set(keys.values())) == 2
    login = home.key_file.with_suffix(".pub").read_text()
    assert on_host("host1", "cat /root/.ssh/authorized_keys").out == login
    known = Path.home() / ".ssh" / "known_hosts"
    assert not known.exists() or ADDRESS not in known.read_text()


def test_a_host_with_another_key_is_refused_until_a_reset(ready: str) -> None:
    on_host(
        "host1",
        "rm /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key;"
        " systemctl restart ssh",
    )
    for refused in (
        labctl("up", code=4),
        labctl("test-mail", code=4),
        labctl("ssh", "host1", "--", "touch", "/root/was-here", code=4),
    ):
        assert "the SSH host key of host1 is not the one that labctl recorded" in refused.err
        assert "labctl reset" in refused.err
    labctl("reset", "--yes")
    assert on_host("host1", "test -e /root/was-here", code=None).code == 1
    labctl("test-mail")
