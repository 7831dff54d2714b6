"""The real Thunderbird on a virtual screen, with labctl's profile and with an empty one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from labctl.home import lab_home
from labctl.mailtest.mailcommand import user_of
from labctl.mailtest.trace import StageKind, trace_records
from labctl.mailtest.watch import Watch
from provision.step import Target
from tests.lab.account import set_up_account, text_of
from tests.lab.program import LAB, labctl
from tests.lab.screen import Environment, Running, own_screen, send_letter, until, xdotool

Targets = Mapping[str, Target]


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    with own_screen(LAB, ":87", tmp_path_factory.mktemp("home")) as found:
        yield found


ACCOUNT = {
    ("server.server.type", '"imap"'),
    ("server.server.hostname", '"mail.example1.jp"'),
    ("server.server.userName", '"user1"'),
    ("server.server.socketType", "0"),
    ("smtpserver.smtp.hostname", '"mail.example1.jp"'),
    ("smtpserver.smtp.port", "25"),
    ("smtpserver.smtp.username", '"user1"'),
    ("smtpserver.smtp.try_ssl", "0"),
}


def test_it_fetches_what_mail_sent_and_sends_with_auth(
    targets: Targets, screen: Environment
) -> None:
    watch = Watch(targets, "labctl.thunderbird")
    one, two = targets["host1"], targets["host2"]
    subject = "to Thunderbird from mail"
    two.remote.run(
        ["mail", "-s", subject, one.host.mailbox], user=user_of(two), stdin="for Thunderbird\n"
    )
    # The message exists before Thunderbird's first check, which also downloads texts.
    box = ["grep", "-qsF", subject, f"/var/mail/{user_of(one)}"]
    until(lambda: one.remote.run(box, check=False).ok)
    profile = lab_home(LAB).state / "thunderbird" / "host1"
    store = profile / "ImapMail" / "mail.example1.jp"
    with Running([sys.executable, "-m", "labctl", "thunderbird"], screen):
        # Thunderbird names the file of the inbox INBOX or sometimes INBOX-1.
        until(lambda: any(subject in text_of(file) for file in store.glob("INBOX*")))
    sent = next(r for r in watch.logs_of(two) if r.program == "pickup")

    def fetched() -> bool:
        stages = trace_records(watch.logs(), sent.queue_id).stages
        fetches = [stage.facts for stage in stages if stage.kind is StageKind.FETCHED]
        return {"user": "user1", "protocol": "IMAP"} in fetches

    until(fetched)

    out = "from Thunderbird to mail"
    send_letter(
        ["thunderbird", "--no-remote", "--profile", str(profile)],
        two.host.mailbox,
        out,
        lambda: f"Subject: {out}" in two.remote.run(["cat", "/var/mail/user2"], check=False).stdout,
        screen,
    )
    said = [record.text for record in watch.logs_of(one) if record.program == "smtpd"]
    assert any("sasl_method=" in text and "sasl_username=user1" in text for text in said)
    for target in (one, two):
        target.remote.run(["rm", "-rf", f"/var/mail/{user_of(target)}"])


def version() -> int:
    """The first number of Thunderbird's version; Debian's releases may have different ones."""
    said = subprocess.run(["thunderbird", "--version"], capture_output=True, text=True, check=True)
    return int(said.stdout.split()[-1].partition(".")[0])


def test_name_address_and_password_are_enough(
    targets: Targets, screen: Environment, tmp_path: Path
) -> None:
    one, watch = targets["host1"], Watch(targets, "labctl.thunderbird")

    def asked_for() -> list[str]:
        return one.remote.run(["journalctl", "-qu", "autoconfig", "-o", "cat"]).stdout.splitlines()

    before = len(asked_for())
    entered = ("user1", one.host.mailbox, one.credentials.password("user1"))
    offered = set_up_account(tmp_path / "profile", one.host.address, entered, ACCOUNT, screen)
    assert {"mail.example1.jp", "No Encryption", "user1"} <= set(offered)
    if version() > 140:
        # Later ones show this before they store it. IMAP's own port is never stored.
        assert {"143", "25", "Normal Password"} <= set(offered)
    # Thunderbird did not guess: it requested the configuration and received it.
    asked = [line.partition(": ")[2] for line in asked_for()[before:]]
    assert asked[:2] == ["url:/mail/config-v1.1.xml", "response:200"]
    assert any("user=<user1>" in record.text for record in watch.logs_of(one))


def test_where_the_lab_file_asks_it_is_on_host1_and_shown_over_ssh(
    targets: Targets, screen: Environment, tmp_path: Path
) -> None:
    lab_file = tmp_path / "labctl.toml"
    lab_file.write_text('extras = ["thunderbird"]\n')
    up = labctl("up", "--lab", str(lab_file), "--json").json
    changed = {(report["host"], report["step"]) for report in up["reports"] if report["changes"]}
    assert changed == {("host1", "thunderbird")}
    labctl("check", "thunderbird")
    home, one = lab_home(LAB), targets["host1"]
    # As a reader does, except for the password prompt of ssh.
    one.remote.script(
        "install -d -m 700 -o user1 ~user1/.ssh;"
        " install -m 600 -o user1 ~/.ssh/authorized_keys ~user1/.ssh/"
    )
    known = f"UserKnownHostsFile={home.known_hosts}"
    argv = ["ssh", "-F", "none", "-X", "-i", str(home.key_file), "-o", known]
    argv += [f"user1@{one.host.address}", "thunderbird"]
    with Running(argv, screen):
        until(lambda: xdotool(screen, "search", "--onlyvisible", "--class", "thunderbird"), 60)
        assert one.remote.run(["pgrep", "-u", "user1", "-f", "lib/thunderbird"]).ok
    labctl("destroy", "--yes")
