"""The output of `labctl check`: section, hosts, findings, and a hint before the solution."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from labctl.grading import Grades
from labctl.render import check
from labctl.render.check import print_checks, print_grades, watching
from labctl.results import Finding, StepReport
from provision.steps import STEPS

RIGHT = Finding("dns.named", True, "BIND runs", "active", "active", "status says", "restart named")
WRONG = Finding(
    "postfix.mydestination",
    False,
    "mydestination",
    found="[bold]example2.jp[/]",
    expected="$mydomain",
    hint="look at postconf -n",
    solution="mydestination = $mydomain",
)
GRADES = Grades(
    (
        StepReport("dns", "DNS節", "host1", 0.1, findings=(RIGHT,)),
        StepReport("dns", "DNS節", "host2", 0.1, findings=(RIGHT,)),
        StepReport("postfix", "main.cf節", "host1", 0.1, findings=(RIGHT, WRONG)),
        StepReport("postfix", "main.cf節", "host2", 0.1, findings=(RIGHT,)),
        StepReport("smtp-auth", "SASL節", "host1", 0, blocked_by="postfix"),
    )
)


@pytest.fixture(autouse=True)
def _console(monkeypatch: pytest.MonkeyPatch) -> None:
    """A console of the usual width whose output this test reads."""
    monkeypatch.setattr(check, "console", lambda: Console(highlight=False, width=80))


def printed(
    capsys: pytest.CaptureFixture[str], *, errors_only: bool = False, solution: bool = False
) -> list[str]:
    print_grades(GRADES, errors_only=errors_only, solution=solution, as_json=False)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_line_a_section_with_its_hosts_and_a_sum(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys)
    assert "✓ host1  ✓ host2  DNS節  dns" in lines
    assert "✗ host1  ✓ host2  main.cf節  postfix" in lines
    assert "– host1  SASL節  smtp-auth" in lines
    assert lines[-1] == "3 right, 1 wrong, 1 not checked yet"


def test_what_comes_first_names_the_other_host(capsys: pytest.CaptureFixture[str]) -> None:
    mail = StepReport("mail-command", "mail節", "host2", 0, blocked_by="postfix")
    print_grades(Grades((*GRADES.reports, mail)), errors_only=True, solution=False, as_json=False)
    said = capsys.readouterr().out
    assert "host1  not checked yet: postfix comes first" in said
    assert "host2  not checked yet: postfix on host1 comes first" in said


def test_watching_shows_all_sections_and_of_the_rest_what_the_screen_has_room_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(lines: int) -> str:
        screen = Console(width=80, height=lines, force_terminal=True, color_system=None)
        monkeypatch.setattr(check, "console", lambda: screen)
        with watching(errors_only=False, solution=False) as show:
            show(GRADES)
        return capsys.readouterr().out

    low, high = seen(7), seen(24)
    assert "SASL節" in low and "SASL節" in high
    assert "look at postconf -n" not in low and "2 more; the check without --watch" in low
    assert "look at postconf -n" in high and "more to look at" not in high


def test_only_what_is_wrong_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(printed(capsys))
    assert "look at postconf -n" in text
    assert "status says" not in text
    assert "host1  not checked yet: postfix comes first" in text


def test_a_value_from_a_host_is_shown_as_it_is_and_never_read_as_markup(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert any(line.endswith("found  [bold]example2.jp[/]") for line in printed(capsys))


def test_the_line_is_shown_on_wish_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert not any("mydestination = $mydomain" in line for line in printed(capsys))
    assert any("mydestination = $mydomain" in line for line in printed(capsys, solution=True))


def test_errors_only_leaves_out_hosts_and_sections_that_are_right(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = printed(capsys, errors_only=True)
    assert not any("dns" in line for line in lines)
    assert "✗ host1  main.cf節  postfix" in lines
    assert lines[-1].startswith("3 right")


def test_all_right_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    grades = Grades(GRADES.reports[:2])
    print_grades(grades, errors_only=True, solution=False, as_json=False)
    assert capsys.readouterr().out.strip() == "all 2 are right"


def test_json_says_how_each_section_ended_and_every_finding(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_grades(GRADES, errors_only=False, solution=False, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    reports = document["data"]["reports"]
    assert [each["outcome"] for each in reports] == ["ok", "ok", "failed", "ok", "blocked"]
    assert reports[2]["findings"][1]["code"] == "postfix.mydestination"
    assert reports[4]["blocked_by"] == "postfix"


def test_watching_shows_each_new_grade(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(errors_only=False, solution=False) as show:
        show(GRADES)
        show(Grades(GRADES.reports[:2]))
    assert "all 2 are right" in capsys.readouterr().out


def test_the_list_of_checks_says_what_each_stands_on(capsys: pytest.CaptureFixture[str]) -> None:
    print_checks(STEPS, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(STEPS)
    assert any("mail-command" in line and "postfix, accounts, aliases" in line for line in lines)


def test_a_long_title_continues_below_itself_and_no_line_ends_with_spaces(
    capsys: pytest.CaptureFixture[str],
) -> None:
    title = "mailコマンドを使ったメール送受信のテスト [Testing mail with the mail command]"
    reports = [
        StepReport("mail-command", title, host, 0, findings=(WRONG,)) for host in ("host1", "host2")
    ]
    print_grades(Grades(tuple(reports)), errors_only=False, solution=False, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("✗ host1  ✗ host2  mailコマンド")
    assert lines[1].startswith(" " * 18) and lines[1].endswith("mail-command")
    assert not any(line.endswith(" ") for line in lines)


def test_findings_with_one_hint_show_it_once(capsys: pytest.CaptureFixture[str]) -> None:
    packages = [
        Finding("packages.package", False, f"package {name}", "", "installed", "look at dpkg -l")
        for name in ("postfix", "dovecot-imapd")
    ]
    other = StepReport("packages", "節", "host2", 0, findings=(*packages, WRONG))
    print_grades(Grades((other,)), errors_only=False, solution=False, as_json=False)
    said = capsys.readouterr().out
    assert said.count("look at dpkg -l") == 1
    assert said.index("dovecot-imapd") < said.index("look at dpkg -l") < said.index("mydestination")
