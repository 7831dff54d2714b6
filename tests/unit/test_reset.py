"""Going back to a checkpoint and forth again, on a lab in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import count

import pytest

from labctl.baselines import Baselines
from labctl.changed import changed_since
from labctl.engine import bring_up
from labctl.errors import LabError, MachineLacks, WrongState, WrongUsage
from labctl.health import lacking
from labctl.hint import commands
from labctl.managed import ManagedFile
from labctl.reset import (
    KEPT_BEFORE_RESET,
    ResetResult,
    go_back,
    kept_before_reset,
    newest_before_reset,
    remove_kept,
    target_of_reset,
)
from labctl.results import HostState
from tests.fakes.lab import HOSTS, MemoryLab, memory_lab, path_of

NOTE = "/etc/note"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A second passes between two resets."""
    seconds = count()

    def now(form: str) -> str:
        assert form == "%Y%m%d-%H%M%S"
        return f"time-{next(seconds)}"

    monkeypatch.setattr("labctl.reset.time.strftime", now)
    yield


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> MemoryLab:
    """The whole lab, as `labctl up` leaves it."""
    lab = memory_lab(monkeypatch)
    bring_up(lab.session(), lab.progress)
    lab.world.done.clear()
    return lab


def reset(lab: MemoryLab, to: str | None = None) -> ResetResult:
    session = lab.session()
    return go_back(session, target_of_reset(session, to), lab.progress)


def undo(lab: MemoryLab) -> ResetResult:
    session = lab.session()
    return go_back(session, newest_before_reset(session), lab.progress)


def write(lab: MemoryLab, text: str) -> None:
    """A person leaves a note on host1."""
    lab.world.hosts["host1"].files[NOTE] = ManagedFile(NOTE, text)


def note(lab: MemoryLab) -> str:
    file = lab.world.hosts["host1"].files.get(NOTE)
    return file.content if file is not None else ""


# -- which checkpoint -----------------------------------------------------------------------


def test_by_default_the_lab_goes_back_to_where_the_last_up_ended(lab: MemoryLab) -> None:
    assert target_of_reset(lab.session(), None) == "ready"


def test_a_lab_that_ended_earlier_goes_back_there(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = memory_lab(monkeypatch)
    bring_up(lab.session(), lab.progress, "dns")
    assert target_of_reset(lab.session(), None) == "dns"


def test_a_checkpoint_or_a_step_with_one_can_be_asked_for(lab: MemoryLab) -> None:
    assert target_of_reset(lab.session(), "os") == "os"
    assert target_of_reset(lab.session(), "dns") == "dns"
    # The step of that name ends with the checkpoint `ready`.
    assert target_of_reset(lab.session(), "autoconfig") == "ready"


def test_an_unknown_checkpoint_is_refused_with_the_names_there_are(lab: MemoryLab) -> None:
    with pytest.raises(WrongUsage) as refused:
        target_of_reset(lab.session(), "nothing")
    assert "'nothing'" in refused.value.message
    assert str(refused.value.hint) == "checkpoints: os, dns, packages, ready"


def test_a_step_without_a_checkpoint_says_how_to_get_one(lab: MemoryLab) -> None:
    with pytest.raises(WrongUsage) as refused:
        target_of_reset(lab.session(), "postfix")
    assert refused.value.message == "no checkpoint was saved after the step postfix"
    assert refused.value.cause == "checkpoints: os, dns, packages, ready"
    assert str(refused.value.hint) == "labctl destroy, labctl up --checkpoints every"


def test_a_lab_that_was_never_made_cannot_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = memory_lab(monkeypatch, "class-a")
    for asked in (None, "ready"):
        with pytest.raises(WrongState) as refused:
            target_of_reset(lab.session(), asked)
        assert refused.value.message == "the lab class-a was never created"


def test_before_the_first_complete_up_a_checkpoint_has_to_be_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab = memory_lab(monkeypatch)
    lab.world.fail("save", WrongState("disk full"))
    with pytest.raises(WrongState):
        bring_up(lab.session(), lab.progress)
    with pytest.raises(WrongState) as refused:
        target_of_reset(lab.session(), None)
    assert refused.value.message == "no labctl up has completed yet"
    assert refused.value.hint.text == "checkpoints: os"
    assert refused.value.hint.commands == (
        ("labctl", "up"),
        ("labctl", "reset", "--to", "CHECKPOINT"),
    )
    assert target_of_reset(lab.session(), "os") == "os"


def test_the_checkpoints_of_a_lab_whose_state_is_lost_can_be_named(lab: MemoryLab) -> None:
    lab.home.state_file.unlink()
    assert target_of_reset(lab.session(), "dns") == "dns"
    with pytest.raises(WrongState):
        target_of_reset(lab.session(), None)


# -- going back -----------------------------------------------------------------------------


def test_a_reset_brings_all_hosts_back_and_starts_them(lab: MemoryLab) -> None:
    ready = lab.world.disks()
    lab.break_step("postfix", "host1")
    write(lab, "mine")
    lab.session().provider.halt()
    result = reset(lab)
    assert result.checkpoint == "ready"
    assert 0 <= result.seconds < 60
    assert lab.world.disks() == ready
    assert set(lab.session().provider.status().values()) == {HostState.RUNNING}
    assert ("host2", "going back to ready") in lab.said


def test_the_machine_is_looked_at_first(lab: MemoryLab) -> None:
    lab.world.lacks = lacking("machine", "no disk", "", "")
    with pytest.raises(MachineLacks):
        reset(lab)
    assert lab.world.done == ["look at the machine"]


def test_the_state_before_a_reset_is_kept_and_can_be_brought_back(lab: MemoryLab) -> None:
    write(lab, "mine")
    result = reset(lab)
    assert result.kept_as == "before-reset-time-0"
    assert note(lab) == ""
    origins = {info.name: info.origin for info in lab.session().provider.checkpoints()}
    assert origins[result.kept_as] == "reset"

    back = undo(lab)
    assert back.checkpoint == "before-reset-time-0"
    assert note(lab) == "mine"


def test_an_undo_uses_its_state_up_and_can_be_undone_itself(lab: MemoryLab) -> None:
    write(lab, "mine")
    reset(lab)
    assert not undo(lab).takes_back_undo
    assert lab.checkpoints() == ["os", "dns", "packages", "ready", "before-undo-time-1"]
    assert undo(lab).takes_back_undo
    assert note(lab) == ""
    undo(lab)
    assert note(lab) == "mine"


def test_after_a_later_reset_an_undo_takes_that_one_back(lab: MemoryLab) -> None:
    reset(lab)
    undo(lab)
    write(lab, "mine")
    reset(lab)
    assert not undo(lab).takes_back_undo
    assert note(lab) == "mine"


def test_two_undos_within_a_second_keep_two_states(
    lab: MemoryLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.reset.time.strftime", lambda _form: "now")
    write(lab, "mine")
    reset(lab)
    assert undo(lab).kept_as == "before-undo-now"
    assert undo(lab).kept_as == "before-undo-now-2"
    assert undo(lab).kept_as == "before-undo-now"
    assert note(lab) == "mine"


def test_states_before_an_undo_count_among_those_that_are_kept(lab: MemoryLab) -> None:
    for _number in range(KEPT_BEFORE_RESET):
        reset(lab)
    undo(lab)
    reset(lab)
    kept = lab.checkpoints()[4:]
    assert kept == ["before-reset-time-1", "before-undo-time-3", "before-reset-time-4"]
    remove_kept(lab.session(), kept_before_reset(lab.session(), "before-undo-time-3"))
    assert "before-undo-time-3" not in lab.checkpoints()


def test_without_a_reset_there_is_nothing_to_undo(lab: MemoryLab) -> None:
    with pytest.raises(WrongState, match="there is no reset to undo") as caught:
        newest_before_reset(lab.session())
    assert caught.value.hint == commands("labctl checkpoints")
    with pytest.raises(WrongUsage) as refused:
        kept_before_reset(lab.session(), "ready")
    assert refused.value.hint.commands == (("labctl", "checkpoints"),)


def test_a_lab_that_was_never_made_has_nothing_to_undo_or_remove(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = memory_lab(monkeypatch).session()
    for act in (newest_before_reset, lambda each: kept_before_reset(each, "ready")):
        with pytest.raises(WrongState, match="the lab default was never created") as caught:
            act(session)
        assert caught.value.hint == commands("labctl up")


def test_the_newest_three_states_are_kept(lab: MemoryLab) -> None:
    for number in range(5):
        write(lab, f"note {number}")
        reset(lab)
    assert KEPT_BEFORE_RESET == 3
    kept = [name for name in lab.checkpoints() if name.startswith("before-reset-")]
    assert kept == ["before-reset-time-2", "before-reset-time-3", "before-reset-time-4"]
    assert lab.checkpoints()[:4] == ["os", "dns", "packages", "ready"]
    undo(lab)
    assert note(lab) == "note 4"


def test_the_newest_is_the_one_saved_last_whatever_the_clock_says(
    lab: MemoryLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.reset.time.strftime", lambda _form: "9")
    reset(lab)
    monkeypatch.setattr("labctl.reset.time.strftime", lambda _form: "1")
    reset(lab)
    assert newest_before_reset(lab.session()) == "before-reset-1"


def test_a_reset_ends_the_drill(lab: MemoryLab) -> None:
    lab.home.drill_file.write_text("{}")
    reset(lab)
    assert not lab.home.drill_file.exists()


def test_an_undo_brings_the_drill_back_and_a_second_one_ends_it(lab: MemoryLab) -> None:
    lab.home.drill_file.write_text('{"name":"port-closed","hints":2}')
    reset(lab)
    undo(lab)
    assert lab.home.drill_file.read_text() == '{"name":"port-closed","hints":2}'
    undo(lab)
    assert not lab.home.drill_file.exists()
    undo(lab)
    assert lab.home.drill_file.exists()


def test_an_undo_ends_a_drill_that_began_after_the_reset(lab: MemoryLab) -> None:
    reset(lab)
    lab.home.drill_file.write_text("{}")
    undo(lab)
    assert not lab.home.drill_file.exists()


def test_the_drill_of_a_state_that_is_removed_is_forgotten(lab: MemoryLab) -> None:
    lab.home.drill_file.write_text("{}")
    name = reset(lab).kept_as
    assert lab.home.kept_drill_file(name).exists()
    remove_kept(lab.session(), name)
    assert not lab.home.kept_drill_file(name).exists()


@pytest.mark.parametrize("error", [WrongState("a layer is missing"), KeyboardInterrupt()])
def test_a_reset_that_fails_drops_nothing_and_leaves_the_drill(
    lab: MemoryLab, error: BaseException
) -> None:
    reset(lab)
    lab.home.drill_file.write_text("{}")
    before = lab.checkpoints()
    lab.world.fail("restore", error)
    with pytest.raises(type(error)):
        reset(lab)
    assert lab.checkpoints() == before
    assert lab.home.drill_file.exists()
    assert Baselines(lab.home).at == "ready"


def test_interrupted_anywhere_the_lab_is_in_one_of_the_two_states(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for after in range(8):
        lab = memory_lab(monkeypatch, f"cut-{after}")
        bring_up(lab.session(), lab.progress)
        ready = lab.world.disks()
        write(lab, "mine")
        lab.world.end_after(after)
        with suppress(KeyboardInterrupt):
            reset(lab, "dns")
        lab.world.end_after(None)
        assert note(lab) in ("mine", "")
        # Whatever happened, both ways are open.
        reset(lab, "ready")
        assert lab.world.disks() == ready, after


# -- what the lab looked like ---------------------------------------------------------------


def test_where_the_lab_is_follows_resets_and_their_undoing(lab: MemoryLab) -> None:
    kept = Baselines(lab.home)
    reset(lab, "dns")
    assert kept.at == "dns"
    undo(lab)
    assert kept.at == "ready"
    undo(lab)
    assert kept.at == "dns"


def test_the_first_reset_to_a_checkpoint_keeps_what_the_hosts_look_like(lab: MemoryLab) -> None:
    kept = Baselines(lab.home)
    assert not kept.has("os", HOSTS)
    reset(lab, "os")
    assert kept.read("os", "host1").files == {}


def test_a_baseline_that_is_there_is_not_taken_again(lab: MemoryLab) -> None:
    remotes = len(lab.world.remotes)
    reset(lab)
    assert len(lab.world.remotes) == remotes


def test_the_baseline_of_a_dropped_state_is_forgotten(lab: MemoryLab) -> None:
    folder = lab.home.state / "baselines" / "before-reset-time-0"
    reset(lab)
    folder.mkdir()
    undo(lab)
    assert not folder.exists()


def test_a_state_before_a_reset_can_be_removed(lab: MemoryLab) -> None:
    first, second = reset(lab).kept_as, reset(lab).kept_as
    remove_kept(lab.session(), kept_before_reset(lab.session(), first))
    names = [info.name for info in lab.session().provider.checkpoints()]
    assert first not in names and second in names
    assert undo(lab).checkpoint == second


@pytest.mark.parametrize("name", ["ready", "before-reset-never"])
def test_nothing_else_can_be_removed(lab: MemoryLab, name: str) -> None:
    with pytest.raises(WrongUsage, match="is not the state before a reset"):
        kept_before_reset(lab.session(), name)
    kept = reset(lab).kept_as
    with pytest.raises(WrongUsage) as caught:
        kept_before_reset(lab.session(), name)
    assert kept in caught.value.hint.text


def test_diff_tells_what_a_person_changed(lab: MemoryLab) -> None:
    write(lab, "mine\n")
    lab.break_step("postfix", "host2")
    found = changed_since(lab.session(), None, None)
    assert found.since == "ready"
    first, second = found.hosts
    assert [(file.path, file.kind) for file in first.files] == [(NOTE, "added")]
    assert [(file.path, file.kind) for file in second.files] == [(path_of("postfix"), "removed")]


def test_diff_takes_another_checkpoint_or_one_host(lab: MemoryLab) -> None:
    found = changed_since(lab.session(), "dns", "host2")
    [host] = found.hosts
    assert (found.since, host.host) == ("dns", "host2")
    assert path_of("postfix") in [file.path for file in host.files]
    assert path_of("dns") not in [file.path for file in host.files]


def test_diff_follows_a_reset(lab: MemoryLab) -> None:
    reset(lab, "dns")
    found = changed_since(lab.session(), None, None)
    assert (found.since, all(host.is_empty for host in found.hosts)) == ("dns", True)


@pytest.mark.parametrize(
    ("since", "host", "error"),
    [("nothing", None, WrongUsage), (None, "host9", WrongUsage), ("os", None, WrongState)],
)
def test_diff_refuses_what_it_cannot_compare_with(
    lab: MemoryLab, since: str | None, host: str | None, error: type[LabError]
) -> None:
    with pytest.raises(error):
        changed_since(lab.session(), since, host)


def test_diff_needs_a_lab_that_is_up(lab: MemoryLab) -> None:
    lab.session().provider.halt()
    with pytest.raises(WrongState, match="is not running"):
        changed_since(lab.session(), None, None)
