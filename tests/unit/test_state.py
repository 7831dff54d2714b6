"""The state between two commands: read completely, or refused with a hint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ExitCode, WrongState
from labctl.home import LabHome, lab_home
from labctl.state import LabState, read_state, write_state

STATE = LabState(provider="nspawn", fingerprint="0123", lab_file=Path("/a/labctl.toml"))


@pytest.fixture
def home() -> LabHome:
    return lab_home("class-a")


def test_a_lab_that_was_never_made_has_no_state(home: LabHome) -> None:
    assert read_state(home) is None


def test_what_was_written_is_read_again(home: LabHome) -> None:
    write_state(home, STATE)
    assert read_state(home) == STATE


def refused(home: LabHome) -> WrongState:
    with pytest.raises(WrongState) as wrong:
        read_state(home)
    assert str(home.state_file) in wrong.value.message
    assert wrong.value.cause
    assert str(wrong.value.hint) == "labctl destroy, labctl up"
    assert wrong.value.exit_code is ExitCode.STATE
    return wrong.value


@given(st.data())
def test_a_file_cut_anywhere_is_refused(home: LabHome, data: st.DataObject) -> None:
    write_state(home, STATE)
    whole = home.state_file.read_bytes()
    home.state_file.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    refused(home)


@given(st.binary(max_size=40))
def test_any_other_bytes_are_refused(home: LabHome, text: bytes) -> None:
    write_state(home, STATE)
    home.state_file.write_bytes(text)
    refused(home)


def test_another_version_is_named(home: LabHome) -> None:
    write_state(home, STATE)
    # That version may have any fields.
    home.state_file.write_text(json.dumps({"version": 99, "hosts": []}))
    assert "99" in refused(home).cause


def test_the_place_of_a_mistake_is_named(home: LabHome) -> None:
    write_state(home, STATE)
    home.state_file.write_text("{broken")
    assert refused(home).cause == "line 1, column 2: not valid JSON"


def test_a_missing_field_is_named(home: LabHome) -> None:
    write_state(home, STATE)
    home.state_file.write_text(json.dumps({"version": 1, "provider": "nspawn"}))
    assert "fingerprint" in refused(home).cause


def test_a_file_nested_without_end_is_refused(home: LabHome) -> None:
    write_state(home, STATE)
    home.state_file.write_text("[" * 200_000)
    refused(home)


@pytest.mark.posix
def test_a_file_that_cannot_be_opened_is_refused(home: LabHome) -> None:
    write_state(home, STATE)
    home.state_file.unlink()
    # A link to itself: nobody can open it, not even root.
    home.state_file.symlink_to(home.state_file)
    refused(home)
