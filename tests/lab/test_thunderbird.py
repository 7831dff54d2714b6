"""The real Thunderbird on a virtual screen, with labctl's profile and with an empty one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pytest
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from labctl.home import lab_home
from labctl.mailtest.mailcommand import user_of
from labctl.mailtest.trace import StageKind, trace_records
from labctl.mailtest.watch import Watch
from provision.step import Target
from tests.lab import marionette
from tests.lab.program import LAB, labctl

T = TypeVar("T")
Targets = Mapping[str, Target]
DISPLAY = ":87"


# A Thunderbird that resolves every name with the lab's DNS, as one on a host does.
IN_THE_LAB = 'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"'


def until(ask: Callable[[], T | None], seconds: float = 240) -> T:
    """Wait until `ask` returns a result. The first start takes long."""
    found = Retrying(
        stop=stop_after_delay(seconds),
        wait=wait_fixed(0.3),
        retry=retry_if_result(lambda answer: not answer),
    )(ask)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a program with its own X server and home folder."""
    home = tmp_path_factory.mktemp("home")
    server = subprocess.Popen(
        ["Xvfb", DISPLAY, "-screen", "0", "1280x900x24"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    environment = {
        **os.environ,
        # labctl finds its lab in the user's folders, independent of Thunderbird's HOME.
        "XDG_STATE_HOME": str(lab_home(LAB).state.parents[2]),
        "XDG_CACHE_HOME": str(lab_home(LAB).cache.parent),
        "HOME": str(home),
        "DISPLAY": DISPLAY,
        "GDK_BACKEND": "x11",
        "LABCTL_NAME": LAB,
    }
    until(lambda: Path(f"/tmp/.X11-unix/X{DISPLAY[1:]}").exists(), 20)
    yield environment
    server.terminate()
    server.wait()


class Running:
    """A program and its children, which end together."""

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        self._argv, self._environment = argv, environment

    def __enter__(self) -> None:
        self._process = subprocess.Popen(
            self._argv,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(30)


def _text(file: Path) -> str:
    if file.suffix == ".msf" or not file.exists():
        return ""
    return file.read_text(encoding="utf-8", errors="replace")


def preferences(profile: Path) -> set[tuple[str, str]]:
    """Thunderbird's preferences: names (without its numbers) and values."""
    lines = re.findall(r'^user_pref\("mail\.([^"]+)", (.+)\);$', _text(profile / "prefs.js"), re.M)
    return {(re.sub(r"\d+", "", name), value) for name, value in lines}


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


def xdotool(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        ["xdotool", *words], env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def test_it_fetches_what_mail_sent_and_sends_with_auth(
    targets: Targets, screen: dict[str, str]
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
        until(lambda: any(subject in _text(file) for file in store.glob("INBOX*")))
    sent = next(r for r in watch.logs_of(two) if r.program == "pickup")

    def fetched() -> bool:
        stages = trace_records(watch.logs(), sent.queue_id).stages
        fetches = [stage.facts for stage in stages if stage.kind is StageKind.FETCHED]
        return {"user": "user1", "protocol": "IMAP"} in fetches

    until(fetched)

    out = "from Thunderbird to mail"
    compose = f"to='{two.host.mailbox}',subject='{out}',body='sent by Thunderbird'"
    argv = ["thunderbird", "--no-remote", "--profile", str(profile), "-compose", compose]
    with Running(argv, screen):
        until(lambda: xdotool(screen, "search", "--onlyvisible", "--name", out))
        window = xdotool(screen, "search", "--onlyvisible", "--name", out).split()[-1]

        def arrived() -> bool:
            # The window accepts keys only after it is drawn completely.
            xdotool(screen, "windowfocus", window, "key", "ctrl+Return")
            box = two.remote.run(["cat", "/var/mail/user2"], check=False).stdout
            return f"Subject: {out}" in box

        until(arrived)
    said = [record.text for record in watch.logs_of(one) if record.program == "smtpd"]
    assert any("sasl_method=" in text and "sasl_username=user1" in text for text in said)
    for target in (one, two):
        target.remote.run(["rm", "-rf", f"/var/mail/{user_of(target)}"])


def test_name_address_and_password_are_enough(
    targets: Targets, screen: dict[str, str], tmp_path: Path
) -> None:
    one, watch = targets["host1"], Watch(targets, "labctl.thunderbird")

    def asked_for() -> list[str]:
        return one.remote.run(["journalctl", "-qu", "autoconfig", "-o", "cat"]).stdout.splitlines()

    profile, resolver = tmp_path / "profile", tmp_path / "resolv.conf"
    profile.mkdir()
    (profile / "user.js").write_text(marionette.PREFERENCES)
    resolver.write_text(f"nameserver {one.host.address}\n")
    argv = ["unshare", "--mount", "sh", "-euc", IN_THE_LAB, "sh", str(resolver)]
    argv += ["thunderbird", "--no-remote", "--profile", str(profile), *marionette.OPTIONS]
    environment = {k: v for k, v in screen.items() if not k.lower().endswith("_proxy")}
    before = len(asked_for())
    with Running(argv, environment), marionette.Marionette(profile) as window:

        def field(selector: str) -> str:
            return until(lambda: window.find(selector), 60)

        window.type(field("#realName"), "user1")
        window.type(field("#email"), one.host.mailbox)
        window.click(field("#forward:enabled"))
        offered = window.text(field("email-config-found"))
        window.click(field("#forward:enabled"))
        window.type(field("#password"), one.credentials.password(user_of(one)))
        window.click(field("#forward:enabled"))
        until(lambda: preferences(profile) >= ACCOUNT, 60)
    # Thunderbird stores only a port that differs from the default IMAP port.
    assert {"143", "25", "No Encryption", "Normal Password"} <= set(offered.splitlines())
    # Thunderbird did not guess: it requested the configuration and received it.
    asked = [line.partition(": ")[2] for line in asked_for()[before:]]
    assert asked[:2] == ["url:/mail/config-v1.1.xml", "response:200"]
    assert any("Login: user=<user1>" in record.text for record in watch.logs_of(one))


def test_where_the_lab_file_asks_it_is_on_host1_and_shown_over_ssh(
    targets: Targets, screen: dict[str, str], tmp_path: Path
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
