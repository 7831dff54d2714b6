"""Progress on stderr: one line per host."""

from __future__ import annotations

import time
from threading import Lock
from typing import Self

from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from labctl.lab import Lab
from labctl.render.screen import console_err
from labctl.render.shown import escape


class Live:
    """One line per host with its current operation and duration; plain lines without a terminal.

    With `fleeting`, for operations of a few seconds, there are no plain lines.
    """

    def __init__(self, lab: Lab, *, quiet: bool = False, fleeting: bool = False) -> None:
        self._hosts = [host.name for host in lab.hosts]
        self._quiet = quiet or (fleeting and not console_err().is_terminal)
        self._begun = time.monotonic()
        self._bars: Bars | None = None
        self._lines: dict[str, TaskID] = {}
        self._at_lines = Lock()

    def __enter__(self) -> Self:
        if not self._quiet and console_err().is_terminal:
            columns = (
                SpinnerColumn(finished_text="✓"),
                TextColumn("{task.fields[host]}", style="bold"),
                TimeElapsedColumn(),
                TextColumn("{task.description}"),
            )
            self._bars = Bars(*columns, console=console_err(), transient=True)
            self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def progress(self, host: str, what: str) -> None:
        """Progress callback (labctl.progress.Progress). Thread-safe."""
        if self._quiet:
            return
        if self._bars is None:
            seconds = time.monotonic() - self._begun
            console_err().print(escape(f"{seconds:6.1f} s  {host or '-':<6} {what}"))
            return
        with self._at_lines:
            for name in [host] if host else self._hosts:
                if name not in self._lines:
                    self._lines[name] = self._bars.add_task("", host=name, total=None)
                self._bars.update(self._lines[name], description=escape(what))

    def note(self, text: str) -> None:
        """Print a line that stays."""
        if not self._quiet:
            console_err().print(escape(text))
