"""A drill on a lab in memory: begun, hinted at, looked at, solved."""

from __future__ import annotations

import pytest

from labctl.drills import exercise
from labctl.drills.actions import names_of
from labctl.drills.catalogue import DRILLS, find_drill
from labctl.drills.exercise import Running, next_hint, pick, running
from labctl.engine import bring_up
from labctl.errors import LabError, WrongState, WrongUsage
from labctl.quote import shell_line
from labctl.state import write_state
from tests.books import LAB
from tests.fakes.host import Ran, Reply
from tests.fakes.lab import MemoryLab, memory_lab, path_of

DRILL = find_drill("port-closed")
HOST = "host1"
REPAIR = "ufw allow 25/tcp"
BROKEN = "firewall"


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> MemoryLab:
    """The whole lab. Any command of a drill removes what the firewall's step wrote."""
    lab = memory_lab(monkeypatch)
    bring_up(lab.session(), lab.progress)

    def spoil(_ran: Ran) -> Reply:
        lab.break_step(BROKEN, HOST)
        return Reply()

    lab.world.hosts[HOST].otherwise = spoil
    return lab


def start(lab: MemoryLab) -> None:
    session = lab.session()
    with session.targets() as targets:
        exercise.start(session, targets, DRILL, lab.progress)


def look(lab: MemoryLab) -> exercise.Attempt:
    session = lab.session()
    with session.targets() as targets:
        return exercise.look(session, targets, lab.progress)


def solve(lab: MemoryLab) -> exercise.Solution:
    session = lab.session()
    with session.targets() as targets:
        return exercise.solve(session, targets, lab.progress)


def repair(lab: MemoryLab, *, works: bool) -> None:
    """Have the drill's own repair mend the host, or only claim to."""

    def answer(_ran: Ran) -> Reply:
        if works:
            bring_up(lab.session(), lab.progress)
        return Reply()

    lab.world.hosts[HOST].when(REPAIR, answer=answer)


def test_a_drill_breaks_the_lab_on_its_host(lab: MemoryLab) -> None:
    start(lab)
    assert BROKEN not in lab.steps_on("host1")
    assert BROKEN in lab.steps_on("host2")
    assert running(lab.home) == Running(name=DRILL.name, hints=0)
    assert running(lab.home).drill is DRILL


def test_a_second_drill_is_refused_while_one_is_on(lab: MemoryLab) -> None:
    start(lab)
    lab.world.done.clear()
    with pytest.raises(WrongState) as refused:
        start(lab)
    assert DRILL.name in refused.value.message
    assert "labctl drill solve" in str(refused.value.hint)
    # Nothing was looked at or broken.
    assert not [call for call in lab.world.done if "/etc/book" in call or "ufw" in call]


def test_a_lab_that_is_wrong_gets_no_drill(lab: MemoryLab) -> None:
    lab.break_step("dns", "host2")
    with pytest.raises(WrongState) as refused:
        start(lab)
    assert "labctl check" in str(refused.value.hint)
    assert BROKEN in lab.steps_on("host1")
    assert not lab.home.drill_file.exists()


def test_what_is_on_is_written_down_before_anything_is_broken(lab: MemoryLab) -> None:
    def end(_ran: Ran) -> Reply:
        raise KeyboardInterrupt

    lab.world.hosts["host1"].otherwise = end
    with pytest.raises(KeyboardInterrupt):
        start(lab)
    assert running(lab.home).name == DRILL.name


def test_hints_come_one_by_one_and_the_last_one_again(lab: MemoryLab) -> None:
    start(lab)
    hints = [next_hint(lab.session()) for _time in range(len(DRILL.hints) + 2)]
    numbers = [number for _text, number, _total in hints]
    assert numbers == [1, 2, 3, 3, 3]
    assert [text for text, _number, _total in hints[:3]] == [
        hint.format(**names_of(lab.session().scene(HOST))) for hint in DRILL.hints
    ]
    assert {total for _text, _number, total in hints} == {3}
    assert hints[-1] == hints[2]
    assert running(lab.home).hints == 3


def test_looking_grades_the_lab_and_leaves_the_drill_on(lab: MemoryLab) -> None:
    start(lab)
    attempt = look(lab)
    assert attempt.drill is DRILL
    assert not attempt.mended
    assert running(lab.home).name == DRILL.name


def test_a_lab_that_was_mended_in_any_way_ends_the_drill(lab: MemoryLab) -> None:
    start(lab)
    bring_up(lab.session(), lab.progress)
    attempt = look(lab)
    assert (attempt.drill, attempt.mended) == (DRILL, True)
    assert not lab.home.drill_file.exists()


def test_solving_mends_by_the_drills_own_repair(lab: MemoryLab) -> None:
    start(lab)
    repair(lab, works=True)
    names = names_of(lab.session().scene(HOST))
    assert solve(lab) == exercise.Solution(DRILL, names, HOST, REPAIR)
    assert any(ran.words == (REPAIR,) for ran in lab.world.hosts["host1"].ran)
    assert not lab.world.hosts["host2"].commands().count(shell_line([REPAIR]))
    assert look_is_over(lab)


def test_solving_runs_up_if_the_repair_is_not_enough(lab: MemoryLab) -> None:
    start(lab)
    repair(lab, works=False)
    lab.break_step("postfix", "host2")
    solve(lab)
    assert path_of(BROKEN) in lab.world.hosts["host1"].files
    assert path_of("postfix") in lab.world.hosts["host2"].files
    assert look_is_over(lab)


def test_a_solution_that_fails_leaves_the_drill_on(lab: MemoryLab) -> None:
    start(lab)
    lab.world.hosts["host1"].says(REPAIR, status=1, stderr="no such rule\n")
    with pytest.raises(LabError) as failed:
        solve(lab)
    assert REPAIR not in failed.value.message
    assert running(lab.home).name == DRILL.name


def look_is_over(lab: MemoryLab) -> bool:
    with pytest.raises(WrongState):
        look(lab)
    return True


def test_without_a_drill_there_is_nothing_to_hint_at_or_solve(lab: MemoryLab) -> None:
    for action in (lambda: next_hint(lab.session()), lambda: look(lab), lambda: solve(lab)):
        with pytest.raises(WrongState) as refused:
            action()
        assert refused.value.message == "no drill is active"
        assert str(refused.value.hint) == "labctl drill start --random"


def test_a_note_that_cannot_be_read_counts_as_no_drill(lab: MemoryLab) -> None:
    start(lab)
    lab.home.drill_file.write_text("{")
    with pytest.raises(WrongState, match="no drill is active"):
        running(lab.home)
    # What it broke is found by the check before the next one.
    with pytest.raises(WrongState, match="a drill needs a correct lab"):
        start(lab)


def test_a_lab_that_is_not_correct_is_told_with_its_first_failure(lab: MemoryLab) -> None:
    lab.break_step("postfix", HOST)
    with pytest.raises(WrongState) as refused:
        start(lab)
    assert refused.value.cause.startswith(f"{HOST}: ")


def refused_hint(lab: MemoryLab) -> str:
    with pytest.raises(WrongState, match="a drill needs a correct lab") as refused:
        start(lab)
    return str(refused.value.hint)


def test_what_makes_the_lab_correct_depends_on_where_it_ended(
    lab: MemoryLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.break_step("postfix", HOST)
    assert refused_hint(lab) == "labctl check, labctl reset"
    state = lab.session().state
    assert state is not None
    write_state(lab.home, state.model_copy(update={"complete": "dns"}))
    # A seat of a class that begins at `dns`: a plain reset would not help.
    assert refused_hint(lab) == "labctl check, labctl reset --to ready"
    part = memory_lab(monkeypatch)
    bring_up(part.session(), part.progress, until="dns")
    assert refused_hint(part) == "labctl check, labctl up"


def test_a_drill_is_picked_by_name_by_level_or_at_random() -> None:
    assert pick(DRILL.name, None, LAB) is DRILL
    assert {pick(None, 2, LAB).level for _time in range(20)} == {2}
    assert pick(None, None, LAB) in DRILLS
    assert len({pick(None, None, LAB).name for _time in range(200)}) > 3
    with pytest.raises(WrongUsage) as caught:
        pick(None, 9, LAB)
    assert caught.value.hint.commands == (("labctl", "drill", "list"),)
