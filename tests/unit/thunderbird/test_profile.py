"""A profile contains the chapter's settings, and only its owner can read its password."""

import json
import stat
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from labctl.lab import load_edition
from labctl.thunderbird import profile
from labctl.thunderbird.settings import settings_of

EDITION = load_edition("ubuntu-example")
ONE, TWO = EDITION.hosts


def read_user_js(folder: Path) -> dict[str, object]:
    lines = (folder / "user.js").read_text(encoding="utf-8").splitlines()
    pairs = (line.removeprefix("user_pref(").removesuffix(");") for line in lines)
    return dict(json.loads(f"[{pair}]") for pair in pairs)


@pytest.fixture
def without_nss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "find_nss", lambda: None)


def test_the_settings_are_the_books() -> None:
    settings = settings_of(ONE, EDITION)
    assert settings.address == "user1@example1.jp"
    assert (settings.imap_server, settings.imap_port) == ("mail.example1.jp", 143)
    assert (settings.smtp_server, settings.smtp_port) == ("mail.example1.jp", 25)
    values = [value for _title, value in settings.rows()]
    assert values[0] == "user1" and "IMAP mail.example1.jp" in values and "25" in values


@pytest.mark.usefixtures("without_nss")
def test_user_js_has_account_identity_and_servers(tmp_path: Path) -> None:
    assert (
        profile.write_profile(tmp_path / "p", settings_of(TWO, EDITION), TWO.address, "x") is False
    )
    found = read_user_js(tmp_path / "p")
    assert found["mail.server.server1.hostname"] == "mail.example2.jp"
    assert found["mail.server.server1.port"] == 143
    assert found["mail.smtpserver.smtp1.port"] == 25
    assert found["mail.identity.id1.useremail"] == "user2@example2.jp"
    assert found["network.dns.forceResolve"] == "192.168.56.102"


@pytest.mark.posix
@pytest.mark.usefixtures("without_nss")
def test_nobody_else_reads_it_and_no_password_is_in_clear(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    profile.write_profile(
        folder, settings_of(ONE, EDITION), IPv4Address("192.168.56.101"), "s3cret"
    )
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "s3cret" not in file.read_text(encoding="utf-8")


@pytest.mark.usefixtures("without_nss")
def test_what_thunderbird_keeps_besides_stays(tmp_path: Path) -> None:
    (tmp_path / "prefs.js").write_text("// kept", encoding="utf-8")
    profile.write_profile(tmp_path, settings_of(ONE, EDITION), ONE.address, "x")
    assert (tmp_path / "prefs.js").read_text(encoding="utf-8") == "// kept"
