"""All terminals of a class: which are open, how many may be, and when one is closed.

A terminal outlives the browser, so somebody has to close those that nobody uses any more.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from labctl.classroom.protocol import OUTPUT, frame
from labctl.classroom.terminal import Place, Terminal, View
from labctl.errors import LabError, WrongState
from labctl.hint import Hint
from labctl.i18n import _
from labctl.run import on_terminal

# Seconds without typing after which a terminal is closed, and between two looks at all of them.
IDLE_SECONDS = 2 * 3600.0
_LOOK_SECONDS = 0.5
# Called with the place of a login that ended by itself, and whether a signal ended it. Returns why,
# for the browsers: "" if the person logged out.
Why = Callable[[Place, bool], str]
# Returns the browser's terminal to its first state (ECMA-48, RIS).
_CLEAR = b"\x1bc"


class Terminals:
    """All terminals of a class, within limits. Belongs to an event loop."""

    def __init__(
        self,
        most: int,
        idle: float = IDLE_SECONDS,
        why: Why = lambda _place, _was_killed: "",
    ) -> None:
        """`most` terminals at once; each is closed after `idle` seconds without typing."""
        self._most = most
        self._idle = idle
        self._why = why
        self._open: dict[Place, Terminal] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    async def at(self, viewer: View) -> Terminal:
        """The terminal at the place of a browser; a new one if there is none.

        Raises:
            LabError: The host does not run, or there are too many terminals.
        """
        place = viewer.place
        if place in self._open:
            await self._open[place].wait_for_end()
        viewer.found_open = place in self._open
        if place not in self._open:
            command = await asyncio.to_thread(viewer.login)
            # Another browser may have been faster.
            if place not in self._open:
                self._open[place] = self._new(command, viewer.size)
                self._keep(self._run(place))
        terminal = self._open[place]
        terminal.resize(*viewer.size)
        return terminal

    def _new(self, command: Sequence[str], size: tuple[int, int]) -> Terminal:
        if len(self._open) >= self._most:
            self._close_unwatched()
        if len(self._open) >= self._most:
            raise WrongState(
                _("too many terminals are open: {count}", count=len(self._open)),
                hint=Hint(_("close one, and try again")),
            )
        master, slave = os.openpty()
        try:
            process = on_terminal(command, slave)
        except (LabError, OSError):
            os.close(master)
            raise
        finally:
            os.close(slave)
        terminal = Terminal(process, master)
        terminal.resize(*size)
        return terminal

    def _close_unwatched(self) -> None:
        """Close the terminal that nobody looks at and in which nobody typed for longest."""
        alone = [place for place, terminal in self._open.items() if not terminal.viewers]
        if alone:
            self.close(min(alone, key=lambda place: self._open[place].last_typed))

    async def _run(self, place: Place) -> None:
        terminal = self._open[place]
        await terminal.run()
        if self._open.get(place) is not terminal:
            return
        newcomers = terminal.leave_newcomers()
        # Whoever comes from now on gets a new login.
        del self._open[place]
        why = ""
        try:
            why = await asyncio.to_thread(lambda: self._why(place, terminal.was_killed()))
        finally:
            terminal.end(why)
        for viewer in newcomers:
            await self._log_in_again(viewer, why)

    async def _log_in_again(self, viewer: View, why: str) -> None:
        """Show a browser a new login in place of the one that has just ended."""
        try:
            terminal = await self.at(viewer)
        except LabError:
            # If the person asks for a login, the answer says why there is none.
            viewer.tell_end(why)
            return
        # Only once: a login that ends by itself is not repeated without end.
        viewer.found_open = False
        if not viewer.is_gone:
            viewer.writer.write(frame(OUTPUT, _CLEAR))
            terminal.show_to(viewer)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self, place: Place, why: str = "") -> None:
        if (terminal := self._open.pop(place, None)) is not None:
            terminal.end(why)

    def close_seat(self, seat: int, why: str = "") -> None:
        """Close all terminals on the hosts of a seat."""
        for place in [each for each in self._open if each.seat == seat]:
            self.close(place, why)

    def close_all(self) -> None:
        for place in list(self._open):
            self.close(place)

    async def watch(self) -> None:
        """Continue logins that are stopped, and close those in which nobody types, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for terminal in self._open.values():
                terminal.let_go_on()
            old = time.monotonic() - self._idle
            for place in [each for each, found in self._open.items() if found.last_typed < old]:
                self.close(place, "idle")
