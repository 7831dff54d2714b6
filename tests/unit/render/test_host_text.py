"""Log lines as text: with the time and the host, and a word if there are none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from labctl.mailtest.logs import LogLine
from labctl.render.host_text import print_log_lines

LINE = LogLine(
    "host1", datetime(2026, 11, 27, 1, 2, 3, tzinfo=UTC), "postfix/qmgr[7]: [ABC]: removed"
)


def test_each_line_has_its_time_and_host(capsys: pytest.CaptureFixture[str]) -> None:
    print_log_lines([LINE], as_json=False)
    out, err = capsys.readouterr()
    assert out == "01:02:03.000 host1 postfix/qmgr[7]: [ABC]: removed\n"
    assert err == ""


def test_logs_without_a_line_are_told_beside_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    print_log_lines([], as_json=False)
    assert capsys.readouterr() == ("", "the mail logs have no lines to show\n")


def test_a_program_gets_no_lines_and_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    print_log_lines([], as_json=True)
    assert capsys.readouterr() == ("", "")
