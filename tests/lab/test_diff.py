"""`labctl diff` shows exactly what a user changed, and no secret."""

from __future__ import annotations

import shutil
from typing import Any

from labctl.home import lab_home
from tests.lab.program import LAB, labctl, on_host


def differs(*args: str) -> dict[str, Any]:
    """The hosts with differences, by name."""
    found = labctl("diff", "--json", *args).json
    return {
        host.pop("host"): {kind: changes for kind, changes in host.items() if changes}
        for host in found["hosts"]
        if any(host[kind] for kind in host if kind != "host")
    }


def names(changes: list[dict[str, str]], key: str = "name") -> set[str]:
    return {change[key] for change in changes}


def test_a_lab_nobody_touched_differs_in_nothing(ready: str) -> None:
    assert differs() == {}
    assert "nothing differs from ready" in labctl("diff").out
    labctl("test-mail")
    assert differs() == {}


def test_every_kind_of_change_is_seen_on_its_host(ready: str) -> None:
    on_host(
        "host1",
        "postconf -e mydestination=wrong.example; chmod 600 /etc/mailname; rm /etc/mailutils.conf;"
        " systemctl disable --now dovecot; useradd -m student; gpasswd -d postfix sasl;"
        " usermod -s /bin/sh user1; echo user1:not-this-secret | chpasswd;"
        " dpkg --force-depends -r dovecot-pop3d",
    )
    found = differs()
    assert set(found) == {"host1"}
    host1 = found["host1"]
    files = {change["path"]: change for change in host1["files"]}
    assert "-mydestination = $mydomain" in files["/etc/postfix/main.cf"]["diff"]
    assert "+mydestination = wrong.example" in files["/etc/postfix/main.cf"]["diff"]
    assert files["/etc/mailname"]["note"] == "mode 644 → 600"
    assert files["/etc/mailutils.conf"]["kind"] == "removed"
    assert {
        "name": "dovecot.service",
        "before": "enabled, active",
        "after": "disabled, inactive",
    } in (host1["services"])
    assert names(host1["packages"]) == {"dovecot-pop3d"}
    assert names(host1["accounts"]) == {"student", "user1"}
    assert names(host1["groups"]) == {"sasl", "student"}
    assert differs("host2") == {}


def test_no_secret_is_kept_or_shown(ready: str) -> None:
    on_host("host2", "echo user2:not-this-secret | chpasswd; echo key >/etc/bind/rndc.key")
    shown = labctl("diff").out
    assert "user2  a password → another password" in shown
    assert "/etc/bind/rndc.key  changed (contents not shown)" in shown
    shadow = on_host("host2", "cut -d: -f2 /etc/shadow; cat /etc/bind/rndc.key").out.split()
    secrets = [word for word in shadow if len(word) > 12]
    assert secrets
    kept = [path for path in (lab_home(LAB).state / "baselines").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in kept if path.name != "places.json"} == {0o600}
    for path in kept:
        assert not any(secret in path.read_text("utf-8") for secret in secrets)
    assert not any(secret in shown for secret in secrets)


def test_what_is_compared_with_follows_a_reset_and_its_undo(ready: str) -> None:
    on_host("host1", "echo work >/etc/work")
    labctl("reset", "--to", "dns", "--yes")
    assert differs() == {}
    assert names(differs("--since", "packages")["host1"]["packages"]) >= {"postfix", "dovecot-core"}

    labctl("reset", "--undo", "--yes")
    assert names(differs()["host1"]["files"], "path") == {"/etc/work"}


def test_a_checkpoint_made_before_the_hosts_ran_is_known_after_a_reset_to_it(ready: str) -> None:
    shutil.rmtree(lab_home(LAB).state / "baselines" / "os", ignore_errors=True)
    refused = labctl("diff", "--since", "os", code=4)
    assert f"labctl reset --name {LAB} --to os" in refused.err
    labctl("reset", "--to", "os", "--yes")
    assert differs() == {}
    on_host("host1", "echo hello >/etc/motd")
    assert names(differs()["host1"]["files"], "path") == {"/etc/motd"}
