"""`up` on a lab in memory: every way it can begin, go on, be interrupted and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.baselines import Baselines
from labctl.engine import (
    Segment,
    UpResult,
    bring_up,
    checkpoint_of,
    plan,
    step_names,
    steps_until,
    stop_names,
)
from labctl.errors import CommandFailed, LabError, MachineLacks, WrongState, WrongUsage
from labctl.health import lacking
from labctl.home import lab_home
from labctl.results import Change, ChangeKind, HostState, StepReport
from labctl.state import LabState, read_state, write_state
from provision.step import Step, Target
from provision.steps import STEPS, steps_of
from tests.books import LAB
from tests.fakes.lab import HOSTS, STEPS_IN_MEMORY, MemoryLab, memory_lab, path_of

# Thunderbird is an extra that the lab file asks for; nothing of it is in a lab without one.
APPLIED = [step for step in STEPS if step.wanted is None]
NAMES = [step.name for step in APPLIED]


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> MemoryLab:
    return memory_lab(monkeypatch)


def up(lab: MemoryLab, until: str | None = None, *, every: bool = False) -> UpResult:
    lab.said.clear()
    lab.world.done.clear()
    return bring_up(lab.session(), lab.progress, until, every=every)


def complete(lab: MemoryLab) -> str:
    state = read_state(lab.home)
    assert state is not None
    return state.complete


def changes(result: UpResult) -> list[tuple[str, str]]:
    return [(report.step, report.host) for report in result.reports if report.changes]


# -- a new lab ------------------------------------------------------------------------------


def test_a_new_lab_gets_every_step_on_every_host_and_three_checkpoints(lab: MemoryLab) -> None:
    result = up(lab)
    assert (result.made, result.started, result.changed) == (True, True, True)
    assert changes(result) == [(name, host) for name in NAMES for host in HOSTS]
    assert result.saved == ("dns", "packages", "ready")
    assert lab.checkpoints() == ["os", "dns", "packages", "ready"]
    assert [lab.steps_on(host) for host in HOSTS] == [NAMES, NAMES]
    assert complete(lab) == "ready"


def test_the_result_says_what_the_lab_is_and_how_long_it_took(lab: MemoryLab) -> None:
    result = up(lab)
    assert (result.lab, result.provider, result.until) == ("default", "fake", STEPS[-1].name)
    assert result.reason == lab.session().choice.reason
    assert result.is_whole
    assert 0 < result.seconds < 60
    assert all(0 <= report.seconds < 60 for report in result.reports)
    sections = {step.name: step.section for step in steps_of(LAB)}
    assert all(report.section == sections[report.step] for report in result.reports)


def test_each_checkpoint_is_the_state_after_its_step(lab: MemoryLab) -> None:
    up(lab)
    for name in ("os", "dns", "packages", "ready"):
        disks = lab.world.checkpoints[name].disks
        done = [step.name for step in APPLIED if path_of(step.name) in disks["host1"]]
        assert done == [] if name == "os" else checkpoint_of(find(done[-1])) == name
        assert disks["host1"].keys() == disks["host2"].keys()


def find(name: str) -> Step:
    return next(step for step in STEPS if step.name == name)


def test_what_the_hosts_looked_like_is_kept_for_each_saved_checkpoint(lab: MemoryLab) -> None:
    up(lab)
    kept = Baselines(lab.home)
    assert kept.at == "ready"
    for name in ("dns", "packages", "ready"):
        files = kept.read(name, "host2").files
        assert set(files) == set(lab.world.checkpoints[name].disks["host2"])
    assert not kept.has("os", HOSTS)


def test_the_machine_is_looked_at_before_anything_is_made(lab: MemoryLab) -> None:
    lab.world.lacks = lacking("machine", "no disk", "", "")
    with pytest.raises(MachineLacks):
        up(lab)
    assert lab.world.done == ["look at the machine"]
    assert read_state(lab.home) is None


def test_progress_names_each_step_on_its_host_and_each_checkpoint(lab: MemoryLab) -> None:
    up(lab)
    for step in steps_of(LAB):
        for host in HOSTS if step.name in NAMES else ():
            assert (host, f"{step.name}  {step.section}") in lab.said
    saving = [message for host, message in lab.said if host == ""]
    assert saving == [f"saving the checkpoint {name}" for name in ("dns", "packages", "ready")]
    assert ("host1", "done") in lab.said


# -- until and every ------------------------------------------------------------------------


def test_until_os_gives_bare_hosts_that_run(lab: MemoryLab) -> None:
    result = up(lab, "os")
    assert (result.made, result.started, result.reports, result.saved) == (True, True, (), ())
    assert set(lab.session().provider.status().values()) == {HostState.RUNNING}
    assert complete(lab) == "os"
    assert Baselines(lab.home).at == "os"
    assert (result.until, result.is_whole) == ("os", False)
    again = up(lab, "os")
    assert (again.made, again.started, again.changed) == (False, False, False)


def test_until_a_step_ends_there_with_its_checkpoint(lab: MemoryLab) -> None:
    result = up(lab, "postfix")
    assert result.until == "postfix"
    assert result.saved == ("dns", "packages", "postfix")
    assert lab.steps_on("host1") == NAMES[: NAMES.index("postfix") + 1]
    assert complete(lab) == "postfix"
    assert not result.is_whole


def test_until_a_checkpoint_ends_at_the_step_that_has_it(lab: MemoryLab) -> None:
    result = up(lab, "ready")
    assert checkpoint_of(find(result.until)) == "ready"
    assert complete(lab) == "ready"


def test_a_lab_goes_on_from_the_step_where_it_ended(lab: MemoryLab) -> None:
    up(lab, "dns")
    result = up(lab)
    assert (result.made, result.started) == (False, False)
    assert changes(result) == [(name, host) for name in NAMES[1:] for host in HOSTS]
    assert result.saved == ("packages", "ready")
    assert complete(lab) == "ready"


def test_with_every_each_step_has_a_checkpoint(lab: MemoryLab) -> None:
    result = up(lab, every=True)
    assert result.saved == tuple(checkpoint_of(step) for step in APPLIED)
    for step in APPLIED:
        disk = lab.world.checkpoints[checkpoint_of(step)].disks["host2"]
        assert set(disk) == {path_of(name) for name in NAMES[: NAMES.index(step.name) + 1]}


def test_a_step_long_done_gets_no_checkpoint_of_a_later_state(lab: MemoryLab) -> None:
    up(lab, "accounts")
    result = up(lab, every=True)
    done = NAMES[: NAMES.index("accounts") + 1]
    assert result.saved == tuple(checkpoint_of(step) for step in APPLIED if step.name not in done)


def test_a_checkpoint_of_a_steps_own_is_saved_again_if_it_was_dropped(lab: MemoryLab) -> None:
    up(lab)
    lab.session().provider.drop("packages")
    assert up(lab).saved == ("packages",)


def test_an_unknown_step_is_refused_with_the_names_there_are(lab: MemoryLab) -> None:
    with pytest.raises(WrongUsage) as refused:
        up(lab, "nothing")
    assert "'nothing'" in refused.value.message
    assert str(refused.value.hint) == "steps: " + ", ".join(stop_names(LAB))
    assert lab.world.done == []


# -- a lab that is there --------------------------------------------------------------------


def test_on_a_whole_lab_nothing_is_done(lab: MemoryLab) -> None:
    up(lab)
    before = lab.world.disks()
    result = up(lab)
    assert (result.made, result.started, result.changed, result.saved) == (False, False, False, ())
    assert len(result.reports) == len(NAMES) * len(HOSTS)
    assert lab.world.disks() == before
    assert "save" not in lab.world.done


def test_what_a_person_broke_is_mended_where_it_is_broken(lab: MemoryLab) -> None:
    up(lab)
    before = lab.world.disks()
    lab.break_step("postfix", "host2")
    result = up(lab)
    assert changes(result) == [("postfix", "host2")]
    assert (result.changed, result.saved) == (True, ())
    assert lab.world.disks() == before


def test_stopped_hosts_are_started_and_reached_anew(lab: MemoryLab) -> None:
    up(lab)
    lab.session().provider.halt()
    result = up(lab)
    assert (result.made, result.started, result.changed) == (False, True, True)
    assert changes(result) == []


def test_packages_that_a_provider_brings_restart_the_hosts_between_segments(
    lab: MemoryLab,
) -> None:
    lab.world.preinstalls = ("mail",)
    result = up(lab)
    assert result.started
    assert lab.world.done.count("start") == 2
    assert lab.steps_on("host1") == NAMES
    # Two hosts before the restart, the same two after it.
    assert [remote.host.name for remote in lab.world.remotes] == [*HOSTS, *HOSTS]


def test_hosts_are_started_once_if_nothing_restarts_them(lab: MemoryLab) -> None:
    up(lab)
    assert lab.world.done.count("start") == 1
    assert [remote.host.name for remote in lab.world.remotes] == list(HOSTS)


def test_a_restart_after_the_start_counts_as_one(lab: MemoryLab) -> None:
    up(lab, "dns")
    lab.world.preinstalls = ("mail",)
    assert up(lab).started is True


# -- what goes wrong ------------------------------------------------------------------------


def broken(step: str, host: str, error: LabError) -> tuple[Step, ...]:
    """The steps, one of which fails on one host."""
    whole = {each.name: each for each in STEPS_IN_MEMORY}

    works = whole[step].apply

    def fails(target: Target) -> Sequence[Change]:
        if target.host.name == host:
            raise error
        return works(target)

    whole[step] = replace(whole[step], apply=fails)
    return tuple(whole.values())


def test_a_step_that_fails_names_itself_and_its_host(
    lab: MemoryLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = CommandFailed("systemctl start postfix", 1, "no such unit\n")
    with monkeypatch.context() as patch:
        patch.setattr("provision.steps.STEPS", broken("postfix", "host2", error))
        with pytest.raises(CommandFailed) as failed:
            up(lab)
    assert failed.value.message == "postfix on host2: systemctl start postfix"
    assert failed.value.cause == "exit 1\nno such unit"
    # No thread goes on, and no connection is left open.
    assert all(remote.is_abandoned for remote in lab.world.remotes)
    assert complete(lab) == ""
    assert lab.checkpoints() == ["os", "dns", "packages"]

    result = up(lab)
    assert ("postfix", "host2") in changes(result)
    assert complete(lab) == "ready"


def test_connections_are_closed_in_the_end_and_after_a_failure(lab: MemoryLab) -> None:
    up(lab)
    lab.session().provider.drop("ready")
    lab.world.fail("save", WrongState("disk full"))
    with pytest.raises(WrongState):
        up(lab)
    assert lab.world.remotes
    assert not any(remote.is_open for remote in lab.world.remotes)


def test_a_checkpoint_that_cannot_be_saved_is_saved_by_the_next_up(lab: MemoryLab) -> None:
    lab.world.fail("save", WrongState("disk full"))
    with pytest.raises(WrongState):
        up(lab)
    assert (lab.checkpoints(), complete(lab)) == (["os"], "")
    assert up(lab).saved == ("dns", "packages", "ready")
    assert complete(lab) == "ready"


def test_where_the_last_complete_up_ended_survives_one_that_fails(lab: MemoryLab) -> None:
    up(lab, "dns")
    lab.world.fail("save", WrongState("disk full"))
    with pytest.raises(WrongState):
        up(lab)
    assert complete(lab) == "dns"
    assert Baselines(lab.home).at == "dns"


def test_interrupted_anywhere_the_next_up_makes_the_same_lab(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = memory_lab(monkeypatch, "whole")
    up(whole)
    calls = len(whole.world.done)
    assert calls > 30
    for after in range(calls):
        lab = memory_lab(monkeypatch, f"cut-{after}")
        lab.world.end_after(after)
        with pytest.raises(KeyboardInterrupt):
            up(lab)
        lab.world.end_after(None)
        up(lab)
        assert lab.world.disks() == whole.world.disks(), after
        assert lab.checkpoints() == whole.checkpoints(), after
        for name, kept in whole.world.checkpoints.items():
            assert lab.world.checkpoints[name].disks == kept.disks, (after, name)
        assert complete(lab) == "ready"
        assert not up(lab).changed


def test_another_lab_file_than_the_labs_is_refused_and_changes_nothing(lab: MemoryLab) -> None:
    up(lab, "dns")
    before = read_state(lab.home)
    assert before is not None
    write_state(lab.home, before.model_copy(update={"fingerprint": "another"}))
    with pytest.raises(WrongState) as refused:
        up(lab)
    assert refused.value.message == "the lab file does not match lab default"
    assert str(refused.value.hint) == "labctl destroy, labctl up"
    assert lab.world.done == ["look at the machine"]
    assert complete(lab) == "dns"


def test_the_state_says_how_the_lab_was_made(
    lab: MemoryLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labctl.toml").write_text('lang = "en"\n')
    up(lab, "dns")
    session = lab.session()
    assert read_state(lab.home) == LabState(
        provider="fake",
        fingerprint=session.lab.fingerprint,
        lab_file=tmp_path / "labctl.toml",
        complete="dns",
    )
    up(lab, "os")
    assert complete(lab) == "os"


def test_a_lab_without_a_lab_file_remembers_none(lab: MemoryLab) -> None:
    up(lab, "os")
    state = read_state(lab_home("default"))
    assert state is not None
    assert state.lab_file is None


# -- the plan -------------------------------------------------------------------------------


def cuts(segments: Sequence[Segment]) -> list[str]:
    return [segment.steps[-1].name for segment in segments]


def test_the_plan_cuts_after_the_steps_that_have_a_checkpoint() -> None:
    segments = plan(STEPS)
    assert [step for segment in segments for step in segment.steps] == list(STEPS)
    own = [step.name for step in STEPS if step.checkpoint is not None]
    assert [segment.checkpoint for segment in segments[:2]] == ["dns", "packages"]
    assert set(cuts(segments)) == {*own, STEPS[-1].name}
    assert [segment.is_last for segment in segments] == [False] * (len(segments) - 1) + [True]


def test_the_plan_of_a_part_ends_with_its_last_step() -> None:
    assert cuts(plan(steps_until("postfix", LAB))) == ["dns", "packages", "postfix"]
    assert plan(()) == ()


def test_with_every_each_step_is_a_segment() -> None:
    assert cuts(plan(STEPS, every=True)) == [step.name for step in STEPS]


def test_a_segment_knows_the_packages_of_its_steps() -> None:
    assert [segment.packages for segment in plan(STEPS)][:2] == [("dns",), ("mail",)]


# As a step reports it.
A_CHANGE = Change(ChangeKind.WROTE, "/etc/x")


def report(*changed: Change) -> StepReport:
    return StepReport("postfix", "section", "host1", 0, changes=changed)


def test_when_a_checkpoint_is_due() -> None:
    [own] = plan(steps_until("dns", LAB))
    middle = replace(plan(steps_until("postfix", LAB), every=True)[-1], is_last=False)
    last = replace(middle, is_last=True)
    changed = report(A_CHANGE)
    assert own.is_due([], [report()])
    assert not own.is_due(["dns"], [report()])
    assert not middle.is_due([], [report()])
    assert middle.is_due([], [report(), changed])
    assert not middle.is_due(["postfix"], [changed])
    assert last.is_due([], [report()])


def test_the_names_of_steps_and_stops() -> None:
    assert step_names(LAB) == ["os", *(step.name for step in STEPS)]
    assert stop_names(LAB)[: len(step_names(LAB))] == step_names(LAB)
    assert "ready" in stop_names(LAB)
    assert steps_until(None, LAB) == steps_of(LAB)
    assert steps_until("os", LAB) == ()
    assert steps_until("dns", LAB) == steps_of(LAB)[:1]


def test_lost_passwords_are_told_and_made_anew_by_the_next_up(lab: MemoryLab) -> None:
    up(lab)
    lab.home.credentials_file.unlink()
    with pytest.raises(WrongState, match="the passwords of the lab default are not known"):
        lab.session().targets().__enter__()
    up(lab)
    with lab.session().targets() as targets:
        assert set(targets) == set(HOSTS)
