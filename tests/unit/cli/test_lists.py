"""`labctl steps`, `labctl checkpoints`, and the checkpoint that `reset --to STEP` means."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.errors import WrongUsage
from labctl.home import lab_home
from labctl.providers.nspawn.store import LayerStore, Record, Saved, Stack
from labctl.providers.record import now
from labctl.reset import target_of_reset
from labctl.session import open_session
from labctl.state import LabState, write_state
from provision.steps import STEPS
from tests.unit.cli.program import completed, labctl


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab with the usual checkpoints and the checkpoints of two steps."""
    monkeypatch.chdir(tmp_path)
    home = lab_home("default")
    names = ("os", "dns", "packages", "postfix", "accounts", "ready")
    saved = tuple(
        Saved(name=name, created=now(), origin="up", stack=Stack(image=())) for name in names
    )
    stack = Stack(image=(), layers=("a",))
    saved = tuple(each.model_copy(update={"stack": stack}) for each in saved)
    LayerStore(home.state).write(Record(base=stack, top="b", checkpoints=saved))
    write_state(home, LabState(provider="nspawn", fingerprint="", complete="ready"))


def test_steps_are_listed_in_the_books_order() -> None:
    listed = labctl("steps", "--json", code=0).json["data"]["steps"]
    assert [step["name"] for step in listed] == [step.name for step in STEPS]
    assert listed[2]["section"] == "main.cfの設定 [Setting up main.cf]"
    assert {step["checkpoint"] for step in listed} == {None, "dns", "packages", "ready"}


def test_steps_say_what_they_do_in_the_users_language() -> None:
    assert "builds the alias database" in labctl("steps", code=0).out
    japanese = labctl("steps", code=0, env={"LABCTL_LANG": "ja"}).out
    assert "エイリアスのデータベースを構築する" in japanese


def test_checkpoints_are_listed(kept: None) -> None:
    listed = labctl("checkpoints", "--json", code=0).json["data"]["checkpoints"]
    assert [each["name"] for each in listed][:2] == ["os", "dns"]
    assert {each["origin"] for each in listed} == {"up"}
    assert "packages" in labctl("checkpoints", code=0).out


def test_the_state_before_a_reset_is_removed_on_wish(kept: None) -> None:
    store = LayerStore(lab_home("default").state)
    record = store.read()
    assert record is not None
    name = "before-reset-20261125-032820"
    store.write(record.with_checkpoint(record.checkpoints[0].model_copy(update={"name": name})))
    assert "--yes" in labctl("checkpoints", "--remove", name, code=2).err
    assert name in labctl("checkpoints", code=0).out
    assert name not in labctl("checkpoints", "--remove", name, "--yes", code=0).out
    refused = labctl("checkpoints", "--remove", "ready", "--yes", code=2).err
    assert "ready is not the state before a reset" in refused
    assert "ready" in labctl("checkpoints", code=0).out


def test_the_name_of_a_checkpoint_is_never_cut(kept: None) -> None:
    store = LayerStore(lab_home("default").state)
    record = store.read()
    assert record is not None
    name = "before-reset-20261125-032820"
    store.write(record.with_checkpoint(record.checkpoints[0].model_copy(update={"name": name})))
    assert name in labctl("checkpoints", code=0, env={"COLUMNS": "50"}).out


def test_without_a_lab_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = labctl("checkpoints", "--name", "class-a", code=0).out
    assert told.splitlines() == [
        "there are none",
        "next: this saves some",
        "  labctl up --name class-a",
    ]


@pytest.mark.parametrize(
    ("asked", "checkpoint"),
    [(None, "ready"), ("dns", "dns"), ("postfix", "postfix"), ("autoconfig", "ready")],
)
def test_reset_takes_a_checkpoint_or_a_step(kept: None, asked: str | None, checkpoint: str) -> None:
    assert target_of_reset(open_session("default"), asked) == checkpoint


def test_reset_to_a_step_that_was_not_kept_says_how_to_keep_it(kept: None) -> None:
    with pytest.raises(WrongUsage) as raised:
        target_of_reset(open_session("default"), "firewall")
    assert "--checkpoints every" in str(raised.value.hint)


def test_reset_to_nonsense_names_what_there_is(kept: None) -> None:
    with pytest.raises(WrongUsage) as raised:
        target_of_reset(open_session("default"), "nonsense")
    assert "os, dns, packages, postfix, accounts, ready" in str(raised.value.hint)


def test_completion_offers_the_labs_checkpoints(kept: None) -> None:
    assert completed("labctl reset --to p").out.split() == ["packages", "postfix"]
