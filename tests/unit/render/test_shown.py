"""What a host says cannot steer the terminal on which it is printed."""

from __future__ import annotations

from pytest import CaptureFixture

from labctl.errors import LabError
from labctl.render.screen import print_error
from labctl.render.shown import escape


def test_control_sequences_become_visible_and_lines_stay() -> None:
    assert escape("\x1b]52;c;ZXZpbA==\x07\x1b[2J\r\x9b1m\x7f") == "␛]52;c;ZXZpbA==␇␛[2J␍�1m␡"
    assert escape("a\n\tb 日本語") == "a\n\tb 日本語"


def test_the_cause_of_an_error_cannot_write_over_what_labctl_says(
    capsys: CaptureFixture[str],
) -> None:
    error = LabError("host1 did not boot", cause="\x1b[1A\x1b[2K✓ all is well")
    print_error(error, "default", as_json=False)
    assert "\x1b" not in capsys.readouterr().err
