"""Progress on stderr: plain lines without a terminal, and none for short operations."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from rich.console import Console

from labctl.lab import load_lab
from labctl.render import progress
from labctl.render.progress import Live


def screen_of(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> Console:
    """stderr, as a terminal or not."""
    screen = Console(force_terminal=terminal, width=80, color_system=None)
    monkeypatch.setattr(progress, "console_err", lambda: screen)
    return screen


def told(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, **wanted: bool) -> str:
    """The progress output for a host, with or without a terminal."""
    screen = screen_of(monkeypatch, terminal=terminal)
    with screen.capture() as captured, Live(load_lab("class-a"), **wanted) as shown:
        shown.progress("host1", "booting [host1]")
    return captured.get()


def test_without_a_terminal_each_step_is_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    line = told(monkeypatch, terminal=False)
    assert line.split() == ["0.0", "s", "host1", "booting", "[host1]"]


def test_what_is_over_in_seconds_is_shown_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert told(monkeypatch, terminal=False, fleeting=True) == ""
    assert "booting [host1]" in told(monkeypatch, terminal=True, fleeting=True)


def test_a_host_has_one_line_whoever_tells_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_of(monkeypatch, terminal=True)
    with screen.capture() as captured, Live(load_lab("class-a")) as shown:
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(lambda number: shown.progress("host1", f"step {number}"), range(20)))
        assert shown._bars is not None
        assert [task.fields["host"] for task in shown._bars.tasks] == ["host1"]
    assert "host1" in captured.get()


@pytest.mark.parametrize("terminal", [False, True])
def test_for_scripts_there_is_none(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    assert told(monkeypatch, terminal=terminal, quiet=True) == ""
