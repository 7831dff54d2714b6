"""Every lab has one folder with its name. An invalid name never becomes a path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import WrongUsage
from labctl.home import (
    ensure_folder_of,
    lab_home,
    lab_names,
    write_atomically,
    write_for_person,
)


@pytest.mark.posix
def test_all_of_a_lab_lies_below_one_folder_but_the_lock() -> None:
    home = lab_home("class-a")
    assert home.state == Path(os.environ["XDG_STATE_HOME"]) / "labctl" / "labs" / "class-a"
    for path in (home.state_file, home.credentials_file, home.key_file, home.known_hosts):
        assert path.is_relative_to(home.state)
    # `destroy` removes the folder while it holds the lock.
    assert home.lock_file.parent == home.state.parent
    assert home.cache == Path(os.environ["XDG_CACHE_HOME"]) / "labctl"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../../etc", "/etc", "a/b", "A", "-a", "a-", "ä", "a" * 33, "a\n", "a b"],
)
def test_what_is_no_name_is_refused_before_it_is_a_path(name: str) -> None:
    with pytest.raises(WrongUsage, match="is not a valid name of a lab"):
        lab_home(name)


@given(st.text(max_size=40))
def test_whatever_the_name_the_folder_is_a_child_of_the_labs(name: str) -> None:
    try:
        home = lab_home(name)
    except WrongUsage as error:
        assert error.hint
    else:
        assert home.state.parent == lab_home("default").state.parent
        assert home.state.name == name


@pytest.mark.posix
def test_links_on_the_way_are_followed_as_the_kernel_names_mounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "link"))
    assert lab_home("default").state.is_relative_to(tmp_path / "disk")


def test_a_relative_folder_means_the_same_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    assert lab_home("default").state.is_absolute()


def test_labs_are_listed_by_their_folders() -> None:
    assert lab_names() == []
    for name in ("b", "a"):
        lab_home(name).state.mkdir(parents=True)
    lab_home("a").lock_file.touch()
    (lab_home("a").state.parent / "lost+found").mkdir()
    assert lab_names() == ["a", "b"]


@pytest.mark.posix
def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    write_atomically(path, "pässword\n", mode=0o600)
    assert path.read_text(encoding="utf-8") == "pässword\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secret"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \udcff")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.posix
def test_a_persons_file_is_written_through_a_link_or_a_pipe_and_never_in_its_place(
    tmp_path: Path,
) -> None:
    file, link, pipe = tmp_path / "file", tmp_path / "link", tmp_path / "pipe"
    file.touch()
    link.symlink_to(file)
    write_for_person(link, "linked")
    assert link.is_symlink()
    assert file.read_text() == "linked"

    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_for_person(pipe, "piped")
    assert pipe.is_fifo()
    assert os.read(reader, 100) == b"piped"
    os.close(reader)


@pytest.mark.parametrize("place", ["", "file/below"])
def test_what_a_person_named_and_is_no_place_for_a_file_is_wrong_usage(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WrongUsage, match="cannot be written"):
        write_for_person(tmp_path / place, "text")


def test_a_folder_that_does_not_exist_is_not_made_for_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongUsage) as refused:
        write_for_person(Path("mispelt/report.xml"), "text")
    assert refused.value.cause == f"there is no folder {tmp_path / 'mispelt'}"
    assert list(tmp_path.iterdir()) == []
    ensure_folder_of(Path("report.xml"))
    write_for_person(Path("report.xml"), "text")
