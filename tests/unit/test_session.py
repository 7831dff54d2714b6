"""Opening a lab: which lab file is used, and which language results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl import i18n
from labctl.destroy import destroy_lab
from labctl.engine import bring_up
from labctl.errors import WrongState, WrongUsage
from labctl.home import lab_home
from labctl.managed import ManagedFile
from labctl.reset import go_back, newest_before_reset
from labctl.results import HostState
from labctl.session import Session, again, open_session
from labctl.state import LabState, write_state
from labctl.status import look, look_at_all
from labctl.system import DEBIAN_12, DEBIAN_13
from tests.fakes.lab import MemoryLab, memory_lab


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("LABCTL_LANG", raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    yield
    i18n.prefer_language(None)


def class_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Path:
    """A folder with a lab file, which is where the user is."""
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "labctl.toml").write_text(f'provider = "nspawn"\n{text}\n')
    monkeypatch.chdir(folder)
    return folder


def test_the_lab_file_of_the_folder_is_found_again_from_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = class_folder(tmp_path, monkeypatch, 'dns = "parent"')
    first = open_session("default")
    assert first.lab_file == folder / "labctl.toml"
    state = LabState(provider="nspawn", fingerprint="", lab_file=first.lab_file)
    write_state(first.home, state)

    monkeypatch.chdir(tmp_path)
    assert open_session("default").lab == first.lab


def test_the_lab_file_chooses_the_language_before_the_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_folder(tmp_path, monkeypatch, 'lang = "ja"')
    assert i18n.language() == "en"
    open_session("default")
    assert i18n.language() == "ja"
    monkeypatch.setenv("LABCTL_LANG", "en")
    assert i18n.language() == "en"


# -- a lab in memory ------------------------------------------------------------------------


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> MemoryLab:
    return memory_lab(monkeypatch, "class-a")


def test_a_lab_without_hosts_is_neither_made_nor_up(lab: MemoryLab) -> None:
    session = lab.session()
    assert session.state is None
    with pytest.raises(WrongState, match="the lab class-a was never created"):
        session.ensure_made()
    with pytest.raises(WrongState) as refused:
        session.ensure_up()
    assert refused.value.message == "the lab class-a is not running"
    assert refused.value.cause == "host1: absent, host2: absent"


def test_a_lab_is_up_if_every_host_runs(lab: MemoryLab) -> None:
    bring_up(lab.session(), lab.progress, "os")
    lab.session().ensure_made()
    lab.session().ensure_up()
    lab.session().provider.cut_power(["host2"])
    with pytest.raises(WrongState) as refused:
        lab.session().ensure_up()
    assert refused.value.message == "host2 does not run"
    assert refused.value.cause == "host2: stopped"
    assert "labctl up" in str(refused.value.hint)


def test_several_hosts_that_do_not_run_are_told_together(lab: MemoryLab, tmp_path: Path) -> None:
    file = tmp_path / "labctl.toml"
    file.write_text('dns = "parent"\n')
    bring_up(open_session("class-a", file, "fake"), lab.progress, "os")
    session = open_session("class-a", file, "fake")
    session.provider.cut_power(["host0", "host2"])
    with pytest.raises(WrongState) as refused:
        session.ensure_up()
    assert refused.value.message == "host0, host2 do not run"


def test_targets_are_the_hosts_with_the_labs_passwords(lab: MemoryLab) -> None:
    bring_up(lab.session(), lab.progress, "os")
    session = lab.session()
    with session.targets() as targets:
        assert list(targets) == ["host1", "host2"]
        for name, target in targets.items():
            assert target.host.name == name
            assert target.remote.endpoint.host == name
            assert target.scene.upstream == session.provider.upstream_resolvers()
            assert target.credentials == session.credentials
    with session.targets(["host2"]) as targets:
        assert list(targets) == ["host2"]


def test_connections_end_with_the_block(lab: MemoryLab) -> None:
    bring_up(lab.session(), lab.progress, "os")
    with pytest.raises(KeyError), lab.session().targets() as targets:
        targets["host1"].remote.install([ManagedFile("/etc/note", "")])
        assert any(remote.is_open for remote in lab.world.remotes)
        raise KeyError
    assert not any(remote.is_open for remote in lab.world.remotes)


def test_an_unknown_host_has_no_scene(lab: MemoryLab) -> None:
    with pytest.raises(WrongUsage):
        lab.session().scene("host9")
    assert lab.session().scene("host1").host.name == "host1"


def test_a_lab_keeps_the_provider_that_made_it(lab: MemoryLab) -> None:
    bring_up(lab.session(), lab.progress, "os")
    assert open_session("class-a").provider.name == "fake"
    with pytest.raises(WrongState) as refused:
        open_session("class-a", provider="nspawn")
    assert refused.value.message == "the lab class-a was created with fake"
    assert "labctl destroy" in str(refused.value.hint)


def made_with_nspawn(name: str, release: str | None, lab_file: Path | None = None) -> Session:
    """A lab as `labctl up --provider nspawn --release ...` leaves it on disk."""
    session = open_session(name, lab_file, "nspawn", release)
    state = LabState(
        provider="nspawn",
        fingerprint=session.lab.fingerprint,
        lab_file=lab_file,
        release=session.release,
    )
    write_state(session.home, state)
    return open_session(name)


def test_a_lab_remembers_its_release() -> None:
    assert made_with_nspawn("a", "trixie").provider.system == DEBIAN_13
    assert made_with_nspawn("b", "bookworm").provider.system == DEBIAN_12
    assert open_session("a").scene("host1").system == DEBIAN_13


def test_the_release_of_the_command_line_overrides_the_lab_file(tmp_path: Path) -> None:
    file = tmp_path / "labctl.toml"
    file.write_text('release = "bookworm"\n[nspawn]\nrelease = "bookworm"\n')
    assert open_session("a", file, "nspawn").provider.system == DEBIAN_12
    made = made_with_nspawn("a", "trixie", file)
    assert made.provider.system == DEBIAN_13
    assert made.state and made.state.fingerprint == made.lab.fingerprint


def test_a_lab_has_one_release(tmp_path: Path) -> None:
    file = tmp_path / "labctl.toml"
    file.write_text('release = "trixie"\n')
    made = made_with_nspawn("a", None, file)
    again = open_session("a", release="trixie")
    assert again.lab.fingerprint == made.lab.fingerprint
    with pytest.raises(WrongState) as refused:
        open_session("a", release="bookworm")
    assert refused.value.message == "the hosts of the lab a have Debian 13 (trixie)"
    assert str(refused.value.hint) == "labctl destroy, labctl up --release bookworm"


@pytest.mark.parametrize(
    ("provider", "release", "said"),
    [
        ("nspawn", "buster", "there is no release 'buster'"),
        ("nspawn", "", "there is no release ''"),
        ("vagrant", "trixie", "--release has no effect with the provider vagrant"),
        ("incus", "trixie", "--release has no effect with the provider incus"),
    ],
)
def test_a_release_that_the_provider_does_not_have(provider: str, release: str, said: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        open_session("a", provider=provider, release=release)
    assert refused.value.message == said


def test_up_again_goes_no_further_than_the_last_one(lab: MemoryLab) -> None:
    assert " ".join(again(lab.session())) == "labctl up"
    bring_up(lab.session(), lab.progress, "dns")
    assert " ".join(again(lab.session())) == "labctl up --until dns"
    bring_up(lab.session(), lab.progress)
    assert " ".join(again(lab.session())) == "labctl up"


def test_up_again_after_a_reset_leaves_the_rest_to_the_student(lab: MemoryLab) -> None:
    bring_up(lab.session(), lab.progress)
    go_back(lab.session(), "dns", lab.progress)
    assert " ".join(again(lab.session())) == "labctl up --until dns"
    assert (look("class-a").complete, look("class-a").at) == ("ready", "dns")
    lab.session().provider.halt()
    with pytest.raises(WrongState) as refused:
        lab.session().ensure_up()
    assert str(refused.value.hint) == "labctl up --until dns"
    go_back(lab.session(), newest_before_reset(lab.session()), lab.progress)
    assert " ".join(again(lab.session())) == "labctl up"


def test_a_host_is_reached_while_the_other_one_is_off(lab: MemoryLab) -> None:
    bring_up(lab.session(), lab.progress, "dns")
    lab.session().provider.cut_power(["host2"])
    assert lab.session().endpoint("host1").host == "host1"
    with lab.session().targets(["host1"]) as targets:
        assert list(targets) == ["host1"]
    lab.session().ensure_up(["host1"])
    with pytest.raises(WrongState) as refused:
        lab.session().endpoint("host2")
    assert refused.value.message == "host2 does not run"
    assert refused.value.cause == "host2: stopped"
    assert str(refused.value.hint) == "labctl up --until dns"


# -- destroy and status ---------------------------------------------------------------------


def test_destroy_removes_the_lab_and_may_be_repeated(lab: MemoryLab) -> None:
    bring_up(lab.session(), lab.progress, "os")
    destroy_lab("class-a", lab.progress)
    assert not lab.home.state.exists()
    assert lab.world.hosts == {}
    destroy_lab("class-a", lab.progress)


@pytest.mark.parametrize("spoilt", ["{", None])
def test_destroy_finds_a_lab_whose_state_is_lost(lab: MemoryLab, spoilt: str | None) -> None:
    bring_up(lab.session(), lab.progress, "os")
    if spoilt is None:
        lab.home.state_file.unlink()
    else:
        lab.home.state_file.write_text(spoilt)
    destroy_lab("class-a", lab.progress)
    assert not lab.home.state.exists()
    assert lab.world.hosts == {}


def test_destroy_finds_a_lab_whose_lab_file_is_gone(lab: MemoryLab, tmp_path: Path) -> None:
    file = tmp_path / "labctl.toml"
    file.write_text('dns = "parent"\n')
    session = open_session("class-a", file, "fake")
    bring_up(session, lab.progress, "os")
    assert set(lab.world.hosts) == {"host0", "host1", "host2"}
    file.unlink()
    destroy_lab("class-a", lab.progress)
    assert lab.world.hosts == {}


def test_status_says_what_is_there(lab: MemoryLab) -> None:
    bring_up(lab.session(), lab.progress, "dns")
    lab.session().provider.cut_power(["host2"])
    status = look("class-a")
    assert (status.name, status.provider, status.complete) == ("class-a", "fake", "dns")
    assert [info.name for info in status.checkpoints] == ["os", "dns"]
    first, second = status.hosts
    assert (first.name, first.state) == ("host1", HostState.RUNNING)
    assert second.state is HostState.STOPPED
    host = lab.session().lab.host("host1")
    assert (first.fqdn, first.address, first.mailbox) == (
        host.fqdn,
        str(host.address),
        host.mailbox,
    )
    assert status.folders["state"] == lab.home.state
    assert not status.ok
    lab.session().provider.start()
    assert look("class-a").ok


def test_a_lab_that_cannot_be_read_does_not_hide_the_others(lab: MemoryLab) -> None:
    bring_up(lab.session(), lab.progress, "os")
    other = lab_home("spoilt")
    other.state.mkdir(parents=True)
    other.state_file.write_text("{")
    good, spoilt = look_at_all(["class-a", "spoilt"])
    assert good.ok
    assert (spoilt.name, spoilt.ok, spoilt.hosts) == ("spoilt", False, ())
    assert "state.json" in spoilt.problem
