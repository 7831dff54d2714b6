"""A check that opens the mailbox: the box is kept before, put back after, whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Barrier

import pytest

from labctl import grading
from labctl.errors import CommandFailed, LabError, WrongState
from labctl.grading import grade_hosts
from labctl.lab import load_lab
from labctl.results import Finding
from provision import observing
from provision.dialogue import Answer
from provision.mailbox import NoRoom, boxes_kept
from provision.patience import Deadline
from provision.step import Step, Target
from provision.steps import find_step
from provision.turns import alone_with_mailbox
from tests.fakes.grading import grade
from tests.fakes.host import FakeHost
from tests.fakes.target import fake_target

seen: list[str] = []
targets: list[Target] = []


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()
    targets.clear()


@pytest.fixture(autouse=True)
def _relays_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is at the hosts' addresses here, so nobody is dialled."""
    refused = Answer(False, "454 4.7.1 Relay access denied")
    for name in ("smtp_relay", "smtp_relay_after_auth"):
        monkeypatch.setattr(observing, name, lambda *_args: refused)


def note(target: Target) -> Sequence[Finding]:
    """A check that notes the mark of the message that it may send."""
    seen.append(target.letter)
    targets.append(target)
    return [Finding("mailbox.letter", True, "the letter")]


def fails(_target: Target) -> Sequence[Finding]:
    raise LabError("the check failed")


OPENS = replace(
    find_step("mail-command", load_lab("default")),
    check=note,
    requires=(),
    opens_mailbox=True,
    tried=False,
)


def host(locked: str = "") -> FakeHost:
    found = FakeHost("host1")
    found.says("mailbox-keep.sh", stdout="kept /tmp/root\nkept /tmp/user1\n")
    found.says("queue-clear.sh")
    found.says("mailbox-put-back.sh", stdout=locked)
    return found


def test_the_box_is_kept_and_put_back_without_the_checks_message() -> None:
    box = host()
    [report] = grade(fake_target(box), [OPENS])
    assert report.findings[0].ok
    queue = (seen[0], "/var/spool/postfix")
    # A message to postmaster reaches root.
    assert [ran.words for ran in box.ran] == [
        ("mailbox-keep.sh", "root", "user1"),
        ("queue-clear.sh", *queue),
        ("mailbox-put-back.sh", *queue, "root", "/tmp/root", "user1", "/tmp/user1"),
    ]
    assert seen[0].startswith("labctl.")


def test_of_a_locked_box_no_session_and_no_delivery_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grading, "_DEADLINE", 0.3)
    box = host()
    box.says("mailbox-keep.sh", stdout="kept /tmp/root\nkept /tmp/user1\nlocked user1\n")
    for script in ("stranger.sh", "ask-peer.sh", "evidence.sh"):
        box.says(script)
    grade(fake_target(box), [replace(OPENS, tried=True)])
    asked = {ran.words[0] for ran in box.ran}
    assert "stranger.sh" in asked
    assert not asked & {"try-mail.sh", "mail-came.sh"}
    with pytest.raises(TimeoutError), alone_with_mailbox(targets[-1]):
        pytest.fail("the mailbox is locked")


def test_on_a_full_disk_no_mail_is_tried() -> None:
    box = host()
    box.says("mailbox-keep.sh", status=73)
    for script in ("stranger.sh", "ask-peer.sh", "evidence.sh"):
        box.says(script)
    [report] = grade(fake_target(box), [replace(OPENS, tried=True)])
    assert report.findings[0].ok
    assert seen[-1] == ""
    asked = {ran.words[0] for ran in box.ran}
    assert not asked & {"mailbox-put-back.sh", "try-mail.sh", "mail-came.sh"}


def test_if_one_disk_is_full_the_boxes_of_the_other_host_are_put_back() -> None:
    box, full = host(), FakeHost("host2")
    full.says("mailbox-keep.sh", status=73)
    both = {each.name: fake_target(each) for each in (box, full)}
    with pytest.raises(NoRoom), boxes_kept(list(both.values()), "labctl.1"):
        pytest.fail("nothing can be tried")
    assert box.ran[-1].words[0] == "mailbox-put-back.sh"
    assert [ran.words[0] for ran in full.ran] == ["mailbox-keep.sh"]


def test_another_failure_to_keep_the_boxes_is_no_full_disk() -> None:
    box = host()
    box.says("mailbox-keep.sh", status=1)
    with pytest.raises(CommandFailed):
        grade(fake_target(box), [OPENS])


def test_by_default_a_message_is_sent_and_without_leave_none_is() -> None:
    box = host()
    grade_hosts({"host1": fake_target(box)}, [OPENS])
    assert seen[-1]
    grade_hosts({"host1": fake_target(box)}, [OPENS], sends=False)
    assert seen[-1] == ""
    assert box.ran[-1].words[1]


def test_each_run_has_a_mark_of_its_own() -> None:
    for _time in range(2):
        grade(fake_target(host()), [OPENS])
    assert len(set(seen)) == 2


def test_a_check_that_fails_leaves_the_box_put_back() -> None:
    box = host()
    with pytest.raises(LabError, match="the check failed"):
        grade(fake_target(box), [replace(OPENS, check=fails)])
    assert box.ran[-1].words[0] == "mailbox-put-back.sh"


def test_a_question_without_an_answer_is_a_finding_and_blocks_what_needs_it() -> None:
    def late(_target: Target) -> Sequence[Finding]:
        raise CommandFailed("sh dns-check.sh", 124, "")

    first = replace(OPENS, check=late, opens_mailbox=False)
    then = replace(find_step("dovecot", load_lab("default")), check=late, requires=(first.name,))
    one, two = grade(fake_target(host()), [first, replace(then, opens_mailbox=False)])
    assert [(each.code, each.ok) for each in one.findings] == [("mail-command.unknown", False)]
    assert one.findings[0].found == "no answer in time"
    assert (two.findings, two.blocked_by) == ((), "mail-command")


def test_what_a_script_said_last_is_told_if_it_failed() -> None:
    def fails_on_host(_target: Target) -> Sequence[Finding]:
        raise CommandFailed("sh x.sh", 1, "mktemp: No space left on device\n")

    [report] = grade(
        fake_target(host()), [replace(OPENS, check=fails_on_host, opens_mailbox=False)]
    )
    assert report.findings[0].found == "mktemp: No space left on device"


def test_sections_are_asked_at_once_and_by_one_deadline() -> None:
    both = Barrier(2, timeout=20)
    ends: list[Deadline | None] = []

    def meets(target: Target) -> Sequence[Finding]:
        both.wait()
        ends.append(target.ends)
        return [Finding("x.y", True, "met")]

    first = replace(OPENS, check=meets, opens_mailbox=False)
    then = replace(first, name="dovecot", requires=(first.name,))
    reports = grade(fake_target(host()), [first, then])
    assert all(report.findings[0].ok for report in reports)
    assert ends[0] is not None and ends[0] is ends[1]


def test_each_check_has_its_own_turns() -> None:
    turns = []

    def notes(target: Target) -> Sequence[Finding]:
        turns.append(target.turns)
        return [Finding("x.y", True, "right")]

    target, step = fake_target(host()), replace(OPENS, check=notes, opens_mailbox=False)
    grade(target, [step])
    grade(target, [step])
    assert len(set(map(id, [*turns, target.turns]))) == 3


def test_a_deadline_leaves_less_time_than_a_question_wants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("provision.patience._times", lambda _running: 1.0)
    target = replace(fake_target(host()), ends=Deadline(3))
    assert target.left(1) == 1
    assert 0 < target.left(10) <= 3
    over = replace(target, ends=Deadline(0))
    assert 0 < over.left(10) < 1
    assert over.at_least(0)() == 0
    assert 9 < over.at_least(10)() <= 10 < replace(over, ends=Deadline(20)).at_least(10)()


def test_a_box_that_stays_locked_is_told() -> None:
    with pytest.raises(WrongState, match="/var/mail/user1 is locked"):
        grade(fake_target(host("/var/mail/user1\n")), [OPENS])


def test_no_box_is_touched_if_no_chosen_step_opens_it() -> None:
    box = host()
    grade(fake_target(box), [replace(OPENS, opens_mailbox=False)])
    assert box.ran == []
    assert seen == [""]


def test_progress_and_report_name_the_section() -> None:
    said: list[tuple[str, str]] = []
    step: Step = replace(OPENS, opens_mailbox=False)
    [report] = grade(fake_target(host()), [step], lambda where, what: said.append((where, what)))
    assert said == [("host1", step.section)]
    assert (report.step, report.section, report.host) == (step.name, step.section, "host1")
    assert 0 <= report.seconds < 60
