"""What takes longest is asked first, and everything else begins when it is on its way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from provision.dialogue import Answer
from provision.head_start import asked_first
from provision.patience import Deadline
from provision.step import Step, Target
from tests.fakes.host import FakeHost
from tests.fakes.target import fake_target

REFUSED = Answer(False, "535 5.7.8 authentication failed")
Question = Callable[[Target, Callable[[], None]], Answer]


def step(question: Question | None) -> Step:
    return Step("auth", "section auth", "", lambda _: [], lambda _: [], asks_first=question)


def target(name: str = "host1") -> Target:
    return fake_target(FakeHost(name))


def test_the_others_begin_when_the_question_is_on_its_way_and_do_not_wait_for_its_answer() -> None:
    is_refused, order = threading.Event(), []

    def ask(_target: Target, asked: Callable[[], None]) -> Answer:
        order.append("asked")
        asked()
        assert is_refused.wait(10)
        order.append("answered")
        return REFUSED

    with asked_first([target()], [step(ask)], Deadline(5)) as [one]:
        order.append("others")
        is_refused.set()
        assert one.first_answer is not None
        assert one.first_answer() == REFUSED
    assert order == ["asked", "others", "answered"]


def test_a_question_that_never_gets_on_its_way_keeps_the_others_waiting_for_a_moment_only() -> None:
    is_over = threading.Event()

    def hang(_target: Target, _asked: Callable[[], None]) -> Answer:
        is_over.wait(10)
        return REFUSED

    with asked_first([target()], [step(hang)], Deadline(5)) as [one]:
        assert not is_over.is_set()
        is_over.set()
        assert one.first_answer is not None
        assert one.first_answer() == REFUSED


def test_a_server_that_is_not_there_keeps_nobody_waiting() -> None:
    def closed(_target: Target, _asked: Callable[[], None]) -> Answer:
        return Answer(False, "nothing answers on this port")

    with asked_first([target()], [step(closed)], Deadline(5)) as [one]:
        assert one.first_answer is not None
        assert one.first_answer().text == "nothing answers on this port"


def test_the_question_has_the_deadline_of_the_check() -> None:
    ends, seen = Deadline(5), []

    def ask(asked_target: Target, _asked: Callable[[], None]) -> Answer:
        seen.append(asked_target.ends)
        return REFUSED

    with asked_first([target()], [step(ask)], ends):
        pass
    assert seen == [ends]


def test_without_such_a_question_the_targets_stay_as_they_are() -> None:
    one = target()
    with asked_first([one], [step(None)], Deadline(5)) as targets:
        assert targets == [one]


def test_each_host_is_asked_for_which_the_step_is() -> None:
    def ask(asked_target: Target, _asked: Callable[[], None]) -> Answer:
        return Answer(False, asked_target.host.name)

    only = replace(step(ask), wanted=lambda scene: scene.host.name == "host2")
    with asked_first([target("host1"), target("host2")], [only], Deadline(5)) as [one, two]:
        assert one.first_answer is None
        assert two.first_answer is not None
        assert two.first_answer().text == "host2"
