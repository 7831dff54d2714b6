"""The real Thunderbird with the edition that has no SMTP AUTH.

The book tells the reader to choose "normal password" for the outgoing server, which offers no
AUTH. `labctl thunderbird` chooses "no authentication". Both are tried.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from labctl import dial
from labctl.home import lab_home
from labctl.mailtest.watch import Watch
from labctl.session import open_session
from labctl.thunderbird.profile import preferences, write_profile
from labctl.thunderbird.settings import settings_of
from provision.step import Target
from tests.lab.account import set_up_account, text_of
from tests.lab.screen import Environment, Running, own_screen, send_letter, until
from tests.releases.story import Story, told

Targets = Mapping[str, Target]


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def story(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    with told("ubuntu", request.param, tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture(scope="module")
def screen(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    with own_screen(story.name, ":88", tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def targets(story: Story) -> Iterator[Targets]:
    with open_session(story.name).targets(["host1", "host2"]) as found:
        yield found


def sent_and_received(
    targets: Targets, profile: Path, subject: str, screen: Environment
) -> list[str]:
    """Send to the other host with the profile. Returns what host1's smtpd logged meanwhile."""
    watch = Watch(targets, "labctl.thunderbird")
    one, two = targets["host1"], targets["host2"]
    program = ["thunderbird", "--no-remote", "--profile", str(profile)]

    def arrived() -> bool:
        box = two.remote.run(["cat", "/var/mail/user2"], check=False).stdout
        return f"Subject: {subject}" in box

    send_letter(
        dial.inside(one.remote.endpoint.netns, program), two.host.mailbox, subject, arrived, screen
    )
    return [record.text for record in watch.logs_of(one) if record.program == "smtpd"]


def test_the_prepared_account_reads_and_sends(
    story: Story, targets: Targets, screen: Environment
) -> None:
    one, two = targets["host1"], targets["host2"]
    subject = "to Thunderbird from mail"
    two.remote.run(
        ["mail", "-s", subject, one.host.mailbox], user="user2", stdin="for Thunderbird\n"
    )
    box = ["grep", "-qsF", subject, "/var/mail/user1"]
    until(lambda: one.remote.run(box, check=False).ok)
    profile = lab_home(story.name).state / "thunderbird" / "host1"
    store = profile / "ImapMail" / one.host.mail_name
    with Running([sys.executable, "-m", "labctl", "thunderbird"], screen):
        until(lambda: any(subject in text_of(file) for file in store.glob("INBOX*")))
    said = sent_and_received(targets, profile, "without authentication", screen)
    assert any("client=" in text for text in said)
    assert not any("sasl" in text for text in said)


def test_normal_password_as_in_the_book(
    targets: Targets, screen: Environment, tmp_path: Path
) -> None:
    one = targets["host1"]
    settings = replace(settings_of(one.host, one.lab.edition), smtp_auth=True)
    assert preferences(settings, one.host.address)["mail.smtpserver.smtp1.authMethod"] == 3
    write_profile(tmp_path, settings, one.host.address, one.credentials.password("user1"))
    # The password for reading only: a question for the other one would keep the message back.
    logins = tmp_path / "logins.json"
    kept = json.loads(logins.read_text())
    kept["logins"] = [each for each in kept["logins"] if each["hostname"].startswith("imap:")]
    logins.write_text(json.dumps(kept))
    said = sent_and_received(targets, tmp_path, "with a normal password", screen)
    assert not any("sasl" in text for text in said)


def test_name_address_and_password_are_enough(
    targets: Targets, screen: Environment, tmp_path: Path
) -> None:
    one, watch = targets["host1"], Watch(targets, "labctl.thunderbird")
    wanted = {
        ("server.server.hostname", '"mail.example1.test"'),
        ("server.server.userName", '"user1"'),
        ("smtpserver.smtp.hostname", '"mail.example1.test"'),
        ("smtpserver.smtp.authMethod", "1"),
    }
    offered = set_up_account(
        tmp_path / "profile",
        one.lab.edition.parent.address,
        ("user1", one.host.mailbox, one.credentials.password("user1")),
        wanted,
        screen,
        one.remote.endpoint.netns,
    )
    assert {"143", "25", "No Encryption"} <= set(offered)
    assert any("user=<user1>" in record.text for record in watch.logs_of(one))
