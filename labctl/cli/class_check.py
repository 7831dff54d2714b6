"""`labctl class check`: grade the seats of a class."""

from __future__ import annotations

from labctl.cli.class_options import ClassName, GradeBook, Seats, StepOptions, work
from labctl.cli.options import AsJson, Junit, NoMail, exit_unless

# Grading mostly waits: a refused password takes two seconds. With more at once, hosts become so
# slow that their answers come too late.
_SEATS_PER_PROCESSOR = 2


def check(
    seat: Seats = None,
    step: StepOptions = None,
    junit: Junit = None,
    csv: GradeBook = None,
    no_mail: NoMail = False,
    class_name: ClassName = None,
    as_json: AsJson = False,
) -> None:
    from labctl.classroom.grades import check_seat
    from labctl.classroom.roll import lab_of, open_class
    from labctl.classroom.work import processors
    from labctl.grading import chosen_steps
    from labctl.render.classes import print_class_grades
    from labctl.render.grade_book import write_grade_book
    from labctl.render.junit import class_cases, write_junit

    roll = open_class(class_name)
    seats = roll.chosen(seat or [])
    steps = step or []
    # A wrong name is told once, before anything is graded.
    chosen_steps(steps, lab_of(roll))
    results = work(
        seats,
        lambda one, progress: check_seat(roll, one, steps, progress, sends=not no_mail),
        quiet=as_json,
        at_once=_SEATS_PER_PROCESSOR * processors(),
    )
    # Before the document: if a file cannot be written, the error is the only document.
    if junit is not None:
        write_junit(junit, "labctl class check", class_cases(results))
    if csv is not None:
        write_grade_book(csv, results)
    print_class_grades(roll, results, as_json=as_json)
    exit_unless(all(result.value is not None and result.value.ok for result in results))
