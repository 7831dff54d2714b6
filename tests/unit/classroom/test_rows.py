"""From grades to the cells of the board, and their times."""

from __future__ import annotations

from labctl.classroom.cells import graded, sections_of
from labctl.classroom.rows import Cell, CellState, Graded, Row, Stay, dated, place_of
from labctl.grading import Grades
from labctl.lab import load_lab
from labctl.results import Finding, StepReport

RIGHT, WRONG, NOT_YET, UNKNOWN = (
    CellState.RIGHT,
    CellState.WRONG,
    CellState.NOT_YET,
    CellState.UNKNOWN,
)


def report(step: str, host: str, *findings: Finding, blocked_by: str = "") -> StepReport:
    return StepReport(step, step, host, 0.1, findings=findings, blocked_by=blocked_by)


GOOD = Finding("a.good", True, "good")
BAD = Finding("a.bad", False, "bad", found="x", expected="y", hint="look at z")


def row(*cells: Cell) -> Row:
    return Row(seat=1, label="s01", cells=cells)


def test_a_section_is_right_if_it_is_right_on_every_host() -> None:
    grades = Grades((report("dns", "host1", GOOD), report("dns", "host2", GOOD)))
    assert graded(1, grades).cells == (Cell(step="dns", state=RIGHT),)


def test_a_section_that_is_wrong_on_one_host_says_what_and_where() -> None:
    grades = Grades((report("dns", "host1", GOOD), report("dns", "host2", GOOD, BAD)))
    (cell,) = graded(1, grades).cells
    (detail,) = cell.details
    assert cell.state is WRONG
    assert (detail.host, detail.found["en"], detail.expected["ja"]) == ("host2", "x", "y")
    assert detail.hint["en"] == "look at z"


def test_what_a_host_says_is_short_and_has_no_control_characters() -> None:
    bad = Finding("a.bad", False, "bad", found="\x1b[2J\0\ud800\x9b a\tb\nc" + "x" * 5000)
    (cell,) = graded(1, Grades((report("dns", "host1", bad),))).cells
    for said in cell.details[0].found.values():
        assert said.startswith("\ufffd[2J" + "\ufffd" * 3 + " a\tb\ncx") and len(said) == 1000
    cell.model_dump_json()


def test_a_hostile_host_does_not_make_a_row_too_long_to_send() -> None:
    bad = Finding("a.bad", False, "bad", found="\0" * 5000, expected="<" * 5000, hint="あ" * 5000)
    reports = [report(f"step{each}", "host1", *[bad] * 30) for each in range(20)]
    cells = graded(1, Grades((report("dns", "host1", BAD), *reports))).cells
    assert {cell.state for cell in cells} == {WRONG} and len(cells) == 21
    assert len(cells[0].details) == 1 and cells[1].details and not cells[-1].details
    assert len(row(*cells).model_dump_json().encode()) < 80_000


def test_a_section_that_waits_names_what_comes_first() -> None:
    grades = Grades((report("dns", "host1", BAD), report("mail", "host1", blocked_by="dns")))
    cell = graded(1, grades).cells[1]
    assert (cell.state, cell.waits_for) == (NOT_YET, "dns")


def test_wrong_on_one_host_outweighs_waiting_on_the_other() -> None:
    grades = Grades((report("mail", "host1", blocked_by="dns"), report("mail", "host2", BAD)))
    assert graded(1, grades).cells[0].state is WRONG


def test_a_state_that_stays_keeps_its_time() -> None:
    found = Graded(seat=1, cells=(Cell(step="a", state=RIGHT), Cell(step="b", state=WRONG)))
    before = row(Cell(step="a"), Cell(step="b"))
    after = dated(before, found, {"a": (RIGHT, 10.0), "b": (RIGHT, 20.0)}, 100.0)
    assert [cell.since for cell in after.cells] == [10.0, 100.0]
    assert after.looked == 100.0


def test_a_seat_is_at_its_first_section_that_is_not_right_since_the_ones_before_are() -> None:
    cells = (
        Cell(step="a", state=RIGHT, since=10),
        Cell(step="b", state=RIGHT, since=50),
        Cell(step="c", state=NOT_YET, since=20),
        Cell(step="d", state=WRONG, since=90),
    )
    assert place_of(cells) == ("c", 50)
    assert place_of(cells[2:]) == ("c", 20)
    # A section that was right before and has just been broken.
    assert place_of([cells[0], Cell(step="b", state=WRONG, since=70)]) == ("b", 70)
    assert place_of(cells[:2]) == ("", 0.0)


def test_nobody_came_to_a_section_before_the_lesson_began() -> None:
    found = Graded(seat=1, cells=(Cell(step="a", state=RIGHT), Cell(step="b", state=WRONG)))
    last = {"a": (RIGHT, 10.0), "b": (WRONG, 20.0)}
    before = row(Cell(step="a"), Cell(step="b"))
    after = dated(before, found, last, 72000.0, 71000.0)
    assert (after.at, after.at_since) == ("b", 71000.0)
    # The section itself is wrong for longer.
    assert after.cells[1].since == 20.0
    assert (
        dated(before, found, {**last, "a": (RIGHT, 71500.0)}, 72000.0, 71000.0).at_since == 71500.0
    )
    done = Graded(seat=1, cells=found.cells[:1])
    assert dated(row(Cell(step="a")), done, last, 72000.0, 71000.0).at_since == 0.0


def test_a_seat_that_cannot_be_graded_is_not_shown_as_it_was() -> None:
    before = row(Cell(step="a", state=RIGHT, since=10))
    after = dated(before, Graded(seat=1, problem={"en": "off", "ja": "停止"}), {}, 100.0)
    assert after.cells[0].state is UNKNOWN
    assert after.problem["en"] == "off"
    again = dated(after, Graded(seat=1, cells=before.cells), {"a": (RIGHT, 10.0)}, 200.0)
    assert (again.problem, again.cells[0].since) == ({}, 10.0)


def test_what_is_said_of_the_disk_is_of_the_last_whole_grading() -> None:
    much = {"en": "9 GiB", "ja": "9 GiB"}
    before = row(Cell(step="a", state=RIGHT))
    after = dated(before, Graded(seat=1, cells=before.cells, disk=much), {}, 100.0)
    early = dated(after, Graded(seat=1, cells=before.cells, early=True), {}, 110.0)
    off = dated(early, Graded(seat=1, problem={"en": "off", "ja": "停止"}, disk=much), {}, 120.0)
    assert after.disk == early.disk == off.disk == much
    assert dated(off, Graded(seat=1, cells=before.cells), {}, 130.0).disk == {}


def test_the_projector_sees_no_person_and_no_details() -> None:
    (cell,) = graded(1, Grades((report("dns", "host1", BAD),))).cells
    person = {"student": "山田", "note": "late", "disk": {"en": "9 GiB", "ja": "9 GiB"}}
    text = row(cell).model_copy(update=person).for_projector().model_dump_json()
    shown = row(cell).model_copy(update=person).for_projector()
    assert not any(word in text for word in ("山田", "late", "look at z", "9 GiB"))
    assert shown.cells[0].state is WRONG


def test_a_student_sees_the_details_unless_they_solve_a_drill() -> None:
    (cell,) = graded(1, Grades((report("dns", "host1", BAD),))).cells
    mine = row(cell).model_copy(update={"student": "山田", "note": "late"})
    shown = mine.for_student()
    assert (shown.student, shown.note, shown.cells) == ("山田", "", (cell,))
    symptom = {"en": "user1 cannot connect", "ja": "user1 は接続できません"}
    drilled = mine.model_copy(update={"drill": symptom})
    shown = drilled.for_student()
    assert shown.drill == symptom
    assert shown.cells == (Cell(step="dns", state=WRONG),)
    assert drilled.for_projector().drill == {}


def test_a_drill_is_shown_until_a_grading_finds_none() -> None:
    symptom = {"en": "user1 cannot connect", "ja": "user1 は接続できません"}
    cells = (Cell(step="a", state=WRONG),)
    early = dated(row(*cells), Graded(seat=1, cells=cells, drill=symptom, early=True), {}, 100.0)
    assert early.drill == symptom
    assert dated(early, Graded(seat=1, cells=cells), {}, 110.0).drill == {}


def test_the_columns_are_the_sections_of_the_book_in_both_languages() -> None:
    sections = sections_of(load_lab("default"))
    assert [each.step for each in sections][:3] == ["dns", "packages", "postfix"]
    assert all(each.title["ja"] and each.title["en"] for each in sections)


def at(step: str, since: float) -> Row:
    """A seat at a section, as a grading found it."""
    cells = tuple(Cell(step=each) for each in ("a", "b", "c"))
    return row(*cells).model_copy(update={"at": step, "at_since": since})


def test_a_moment_at_an_earlier_section_does_not_end_a_stay() -> None:
    """A student who is stuck restarts services, and a grading notices."""
    stay = Stay()
    stuck = at("c", 100.0)
    fallen = stay.kept(stuck, at("b", 700.0), 700.0, 0.0)
    assert fallen.at_since == 700.0
    further = stay.kept(fallen, at("a", 705.0), 705.0, 0.0)
    again = stay.kept(further, at("b", 710.0), 710.0, 0.0)
    assert again.at_since == 700.0
    back = stay.kept(again, at("c", 720.0), 720.0, 0.0)
    assert back.at_since == 100.0
    # Nor does what the grading after it says.
    assert stay.kept(back, at("c", 720.0), 780.0, 0.0).at_since == 100.0


def test_a_longer_time_at_an_earlier_section_ends_a_stay() -> None:
    stay = Stay()
    fallen = stay.kept(at("c", 100.0), at("b", 700.0), 700.0, 0.0)
    assert stay.kept(fallen, at("c", 900.0), 900.0, 0.0).at_since == 900.0


def test_who_goes_on_and_falls_back_was_not_there_all_the_time() -> None:
    stay = Stay()
    further = stay.kept(at("b", 100.0), at("c", 700.0), 700.0, 0.0)
    assert stay.kept(further, at("b", 710.0), 710.0, 0.0).at_since == 710.0


def test_no_stay_is_longer_than_the_lesson() -> None:
    assert Stay().kept(at("c", 100.0), at("c", 100.0), 900.0, 800.0).at_since == 800.0
    done = at("", 0.0)
    assert Stay().kept(at("c", 100.0), done, 900.0, 0.0) == done
