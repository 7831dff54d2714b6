"""One terminal on a host, and the browsers that look at it.

It is one login, outlives the browser and keeps its latest output. The login is the provider's own
way in, so it works when sshd or the firewall of the host is broken. Several browsers of the same
person see the same terminal.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from subprocess import Popen, TimeoutExpired

from labctl.classroom.protocol import CAUGHT_UP, ENDED, OUTPUT, frame
from labctl.run import let_go_on

# Bytes of output that a browser that comes back is shown again.
_KEPT = 256 * 1024
# Bytes that wait for a browser before the host is made to wait, and seconds until the browser is
# given up. It may come back.
_MOST_WAITING = 512 * 1024
_PATIENCE = 15.0
# Bytes of output in a second, while somebody looks and while nobody does. A program that prints
# without end must not keep this process from its other work.
_MOST_SHOWN = 4_000_000.0
_MOST_UNSEEN = 500_000.0
# Bytes that were typed and not read.
_MOST_TYPED = 4 * 1024 * 1024
# A page that is opened right after `exit` finds a login that is still ending, and gets a new one.
# Seconds after typing in which a login may be about to end, and for which a browser waits then.
_MAY_END = 2.0
_WAIT_FOR_END = 0.5
# Seconds that a login may take to end after it closed its terminal, and its exit statuses if
# SIGKILL or SIGTERM ended the shell. By number: Windows, which only imports this, lacks SIGKILL.
_ENDS_SECONDS = 1.0
_KILLED = (128 + 9, 128 + 15)
# Seconds after a browser came in which the end of the login is not its own doing, if it typed
# nothing.
_JUST_CAME = 10.0


@dataclass(frozen=True)
class Place:
    """Whose terminal it is (a seat, or 0 for the instructor), and on which host of which seat."""

    owner: int
    seat: int
    host: str


@dataclass(eq=False)
class View:
    """One browser at a terminal. It gets what `writer` is given.

    `size` is in columns and rows. `login` gives the command that logs in; it may take a moment.
    `found_open` is set if the terminal was there before the browser came.
    """

    place: Place
    writer: asyncio.StreamWriter
    size: tuple[int, int]
    login: Callable[[], Sequence[str]]
    terminal: Terminal | None = None
    came: float = field(default_factory=time.monotonic)
    found_open: bool = False
    has_typed: bool = False
    is_gone: bool = False

    def type(self, content: bytes) -> None:
        self.has_typed = True
        if self.terminal is not None:
            self.terminal.type(content)

    def resize(self, columns: int, rows: int) -> None:
        self.size = (columns, rows)
        if self.terminal is not None:
            self.terminal.resize(columns, rows)

    def leave(self) -> None:
        self.is_gone = True
        if self.terminal is not None:
            self.terminal.leave(self)

    def wants_login(self) -> bool:
        """Whether the login that ended was ending already when the browser came."""
        is_new = time.monotonic() - self.came < _JUST_CAME
        return self.found_open and is_new and not self.has_typed

    def tell_end(self, why: str = "") -> None:
        with suppress(OSError):
            self.writer.write(frame(ENDED, why.encode()))
            self.writer.close()


class Terminal:
    """One login on one host. Belongs to an event loop."""

    def __init__(self, process: Popen[bytes], master: int) -> None:
        self._process = process
        self._master = master
        self._kept = bytearray()
        self._typed = bytearray()
        self._viewers: set[View] = set()
        self._is_writing = False
        self._is_over = False
        self._readable = asyncio.Event()
        self._ended = asyncio.Event()
        self.last_typed = time.monotonic()
        os.set_blocking(master, False)

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def show_to(self, viewer: View) -> None:
        """Show what was on the screen, and from now on what comes."""
        for start in range(0, len(self._kept), _KEPT // 8):
            viewer.writer.write(frame(OUTPUT, bytes(self._kept[start : start + _KEPT // 8])))
        viewer.writer.write(frame(CAUGHT_UP))
        viewer.terminal = self
        self._viewers.add(viewer)

    async def wait_for_end(self) -> None:
        """Wait a moment if somebody has just typed: that may have been the end of the login."""
        if time.monotonic() - self.last_typed < _MAY_END:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _WAIT_FOR_END)

    def leave(self, viewer: View) -> None:
        self._viewers.discard(viewer)

    def leave_newcomers(self) -> list[View]:
        """Let those go for whom the login ended too early. Returns them."""
        found = [viewer for viewer in self._viewers if viewer.wants_login()]
        self._viewers.difference_update(found)
        return found

    def resize(self, columns: int, rows: int) -> None:
        # Not available on every system, and labctl is imported on all of them.
        import termios

        if self._is_over:
            return
        with suppress(OSError, termios.error):
            termios.tcsetwinsize(self._master, (rows, columns))

    def type(self, content: bytes) -> None:
        """Type on the terminal. What the host does not read yet waits."""
        if self._is_over:
            return
        self.last_typed = time.monotonic()
        if len(self._typed) + len(content) <= _MOST_TYPED:
            self._typed += content
            self._write()

    def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._typed:
                del self._typed[: os.write(self._master, self._typed[:4096])]
        except BlockingIOError:
            pass
        except OSError:
            # The login has just ended.
            self._typed.clear()
        if self._typed and not self._is_writing:
            loop.add_writer(self._master, self._write)
        elif not self._typed and self._is_writing:
            loop.remove_writer(self._master)
        self._is_writing = bool(self._typed)

    async def run(self) -> None:
        """Pass on what the host prints, until the login ends."""
        while content := await self._read():
            self._keep(content)
            for viewer in self._viewers:
                viewer.writer.write(frame(OUTPUT, content))
            await self._wait_for_viewers()
            await asyncio.sleep(len(content) / (_MOST_SHOWN if self._viewers else _MOST_UNSEEN))

    async def _read(self) -> bytes:
        """The next output; b"" when the login has ended."""
        if self._is_over:
            return b""
        loop = asyncio.get_running_loop()
        self._readable.clear()
        loop.add_reader(self._master, self._readable.set)
        await self._readable.wait()
        if self._is_over:
            return b""
        loop.remove_reader(self._master)
        try:
            return os.read(self._master, 65536)
        except OSError:
            # The last process on the terminal ended.
            return b""

    def _keep(self, content: bytes) -> None:
        self._kept += content
        if len(self._kept) > 2 * _KEPT:
            # From the beginning of a line, so that no character and no sequence is cut.
            del self._kept[: self._kept.find(b"\n", len(self._kept) - _KEPT) + 1 or -_KEPT]

    async def _wait_for_viewers(self) -> None:
        slow = [
            viewer
            for viewer in self._viewers
            if viewer.writer.transport.get_write_buffer_size() > _MOST_WAITING
        ]
        for viewer in slow:
            try:
                await asyncio.wait_for(viewer.writer.drain(), _PATIENCE)
            except (TimeoutError, OSError):
                self.leave(viewer)
                viewer.writer.transport.abort()

    def end(self, why: str = "") -> None:
        """Hang up. The viewers are told why."""
        loop = asyncio.get_running_loop()
        # Before the descriptor is closed, whose number may soon be another file's.
        loop.remove_writer(self._master)
        loop.remove_reader(self._master)
        self._is_over = True
        self._readable.set()
        self._ended.set()
        for viewer in self._viewers:
            viewer.tell_end(why)
        self._viewers.clear()
        with suppress(OSError):
            os.close(self._master)
        with suppress(OSError):
            self._process.terminate()
        # A login that ignores the hang-up is killed by its lab at the latest.
        loop.run_in_executor(None, self._process.wait)

    def let_go_on(self) -> None:
        """Continue the login if it is stopped, so that its host can shut down."""
        let_go_on(self._process)

    def was_killed(self) -> bool:
        """Whether a signal ended the login, as when its host stops. May wait a moment for it."""
        try:
            status = self._process.wait(_ENDS_SECONDS)
        except TimeoutExpired:
            return False
        return status < 0 or status in _KILLED
