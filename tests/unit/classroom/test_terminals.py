"""Terminals that outlive their browsers: their limits, and how a login ends."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Event

import pytest

from labctl.classroom import terminal
from labctl.classroom.protocol import CAUGHT_UP, ENDED, HEADER_SIZE, OUTPUT, frame_header
from labctl.classroom.terminal import Place, Terminal, View
from labctl.classroom.terminals import Terminals
from labctl.errors import WrongState

pytest.importorskip("termios")

HERE, THERE = Place(1, 1, "host1"), Place(1, 1, "host2")
# Says who it is, and answers each line. `exit` ends it, as in a shell.
SHELL = "echo shell $$; while read -r word && [ $word != exit ]; do echo got $word; done"


@dataclass
class Screen:
    """A browser at a terminal, and the frames that it was sent."""

    view: View
    terminal: Terminal
    reader: asyncio.StreamReader
    shown: str = ""
    frames: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def hear(self) -> bytes:
        """Take the next frame; b"" if there is none any more. Returns its kind."""
        try:
            async with asyncio.timeout(20):
                kind, length = frame_header(await self.reader.readexactly(HEADER_SIZE))
                content = await self.reader.readexactly(length)
        except asyncio.IncompleteReadError:
            return b""
        self.frames.append((kind, content))
        if kind == OUTPUT:
            self.shown += content.decode()
        return kind

    async def wait_for(self, text: str) -> None:
        while text not in self.shown:
            assert await self.hear() in (OUTPUT, CAUGHT_UP), f"no {text!r} in {self.shown!r}"

    async def wait_for_end(self) -> str:
        """Why the terminal ended."""
        while await self.hear() != ENDED:
            assert self.frames, "the connection ended without a reason"
        return self.frames[-1][1].decode()

    @property
    def shells(self) -> list[str]:
        """The process ids of the shells that it was shown."""
        return re.findall(r"shell (\d+)\r\n", self.shown)


@asynccontextmanager
async def screen(
    opened: Terminals, place: Place = HERE, script: str = SHELL
) -> AsyncIterator[Screen]:
    """Open a terminal in a browser, and leave it at the end."""

    def login() -> Sequence[str]:
        return ("sh", "-c", f"stty -echo; {script}")

    ours, theirs = socket.socketpair()
    reader, closes = await asyncio.open_connection(sock=ours)
    _reader, writer = await asyncio.open_connection(sock=theirs)
    view = View(place, writer, (80, 24), login)
    try:
        terminal = await opened.at(view)
        terminal.show_to(view)
        yield Screen(view, terminal, reader)
    finally:
        view.leave()
        writer.close()
        closes.close()


def run(opened: Terminals, work: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run `work` while the terminals are watched."""

    async def all_of_it() -> None:
        watching = asyncio.create_task(opened.watch())
        try:
            await work()
        finally:
            watching.cancel()
            opened.close_all()

    asyncio.run(all_of_it())


# -- limits -------------------------------------------------------------------------------------


def test_a_program_that_prints_without_end_leaves_time_for_the_rest() -> None:
    opened = Terminals(2)

    async def work() -> None:
        async with screen(opened, script="exec yes") as found:
            found.view.leave()
            read = 0
            keep = found.terminal._keep

            def count(content: bytes) -> None:
                nonlocal read
                read += len(content)
                keep(content)

            found.terminal._keep = count  # type: ignore[method-assign]
            begun = time.monotonic()
            await asyncio.sleep(0.5)
            seconds = time.monotonic() - begun
            assert 0 < read <= terminal._MOST_UNSEEN * seconds + 2 * 65536

    run(opened, work)


def test_a_terminal_in_which_nobody_types_is_closed_and_says_why() -> None:
    opened = Terminals(2, idle=0.3)

    async def work() -> None:
        async with screen(opened) as idle:
            assert await idle.wait_for_end() == "idle"
            assert len(opened) == 0
            assert await idle.hear() == b""

    run(opened, work)


def test_a_terminal_in_which_somebody_types_stays_open() -> None:
    opened = Terminals(2, idle=1.0)

    async def work() -> None:
        async with screen(opened, HERE) as used, screen(opened, THERE) as idle:
            ends = asyncio.create_task(idle.wait_for_end())
            while not ends.done():
                used.view.type(b"here\n")
                await asyncio.sleep(0.1)
            assert ends.result() == "idle"
            await used.wait_for("got here")
            assert len(opened) == 1

    run(opened, work)


def test_more_terminals_than_allowed_are_refused_while_all_are_watched() -> None:
    opened = Terminals(1)

    async def work() -> None:
        async with screen(opened, HERE) as first:
            with pytest.raises(WrongState) as caught:
                async with screen(opened, THERE):
                    pass
            assert "too many terminals are open: 1" in caught.value.message
            # The one that is open is not affected, and can be opened in another browser.
            async with screen(opened, HERE) as again:
                first.view.type(b"here\n")
                await first.wait_for("got here")
                await again.wait_for("got here")
                assert again.shells == first.shells

    run(opened, work)


def test_a_terminal_that_nobody_watches_makes_room_for_another() -> None:
    opened = Terminals(2)
    places = [Place(1, seat, "host1") for seat in (1, 2, 3)]

    async def work() -> None:
        first: list[list[str]] = []
        for place in places[:2]:
            async with screen(opened, place) as left:
                await left.wait_for("shell")
                first.append(left.shells)
        async with screen(opened, places[2]) as third:
            await third.wait_for("shell")
            assert len(opened) == 2
            # The one that was not used for longest was closed.
            async with screen(opened, places[1]) as second:
                await second.wait_for("shell")
                assert second.shells == first[1]

    run(opened, work)


# -- the end of a login -------------------------------------------------------------------------


def test_after_exit_the_browser_is_told_and_the_next_one_logs_in() -> None:
    opened = Terminals(2)

    async def work() -> None:
        async with screen(opened) as first:
            await first.wait_for("shell")
            first.view.type(b"exit\n")
            assert await first.wait_for_end() == ""
        async with screen(opened) as second:
            await second.wait_for("shell")
            assert second.shells != first.shells

    run(opened, work)


# A login that ends at once, soon, or so late that a browser sees it end.
@pytest.mark.parametrize("seconds", [0, 0.2, 1.5])
def test_a_page_opened_right_after_exit_gets_a_new_login(seconds: float) -> None:
    opened = Terminals(2)
    script = f"{SHELL}; sleep {seconds}"

    async def work() -> None:
        async with screen(opened, script=script) as first:
            await first.wait_for("shell")
            first.view.type(b"exit\n")
        async with screen(opened, script=script) as second:
            while set(second.shells) <= set(first.shells):
                assert await second.hear() in (OUTPUT, CAUGHT_UP)
            second.view.type(b"here\n")
            await second.wait_for("got here")
            assert len(opened) == 1

    run(opened, work)


def test_a_login_that_ends_by_itself_is_not_repeated_without_end() -> None:
    opened = Terminals(2)

    async def work() -> None:
        async with screen(opened, script="echo shell $$; sleep 1") as first:
            await first.wait_for("shell")
            async with screen(opened, script="echo shell $$") as second:
                assert await second.wait_for_end() == ""
                assert len(second.shells) == 2
                assert len(opened) == 0

    run(opened, work)


# How a login ends, and whether that was a signal: the shell itself, or su(1) which tells of one.
@pytest.mark.parametrize(
    ("script", "was_killed"),
    [("kill -9 $$", True), ("exit 137", True), ("exit 143", True), ("exit 130", False)],
)
def test_the_browser_is_told_why_a_login_ended(script: str, was_killed: bool) -> None:
    asked: list[tuple[Place, bool]] = []

    def why(place: Place, killed: bool) -> str:
        asked.append((place, killed))
        return "stopped"

    opened = Terminals(2, why=why)

    async def work() -> None:
        async with screen(opened, script=script) as first:
            assert await first.wait_for_end() == "stopped"
        assert len(opened) == 0

    run(opened, work)
    assert asked == [(HERE, was_killed)]


def test_a_login_that_is_stopped_goes_on() -> None:
    """As nsenter(1) when its host shuts down, which waits for the login to end."""
    opened = Terminals(2)

    async def work() -> None:
        async with screen(opened, script="echo before; kill -STOP $$; echo after") as first:
            await first.wait_for("after")
            assert await first.wait_for_end() == ""

    run(opened, work)


def test_a_login_that_ends_is_nobody_elses_while_it_is_asked_why() -> None:
    ending, go_on = Event(), Event()

    def why(_place: Place, _killed: bool) -> str:
        ending.set()
        assert go_on.wait(20)
        return ""

    opened = Terminals(2, why=why)

    async def work() -> None:
        async with screen(opened) as first:
            await first.wait_for("shell")
            first.view.type(b"exit\n")
            assert await asyncio.to_thread(ending.wait, 20)
            async with screen(opened) as second:
                await second.wait_for("shell")
                assert second.shells != first.shells
                go_on.set()
                assert await first.wait_for_end() == ""
                second.view.type(b"here\n")
                await second.wait_for("got here")

    run(opened, work)


def test_a_browser_that_ended_the_login_is_not_logged_in_again() -> None:
    opened = Terminals(2)

    async def work() -> None:
        async with screen(opened) as first:
            await first.wait_for("shell")
            async with screen(opened) as second:
                await second.wait_for("shell")
                second.view.type(b"exit\n")
                assert await second.wait_for_end() == ""

    run(opened, work)


def test_a_browser_that_leaves_while_a_new_login_begins_is_forgotten() -> None:
    opened = Terminals(2)

    async def work() -> None:
        async with screen(opened, script=f"{SHELL}; sleep 1.5") as first:
            await first.wait_for("shell")
            first.view.type(b"exit\n")
        async with screen(opened) as second:
            leaves = second.view

            def login() -> Sequence[str]:
                leaves.leave()
                return ("sh", "-c", SHELL)

            leaves.login = login
            while not leaves.is_gone:
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.2)
        async with screen(opened) as third:
            await third.wait_for("shell")
            assert third.terminal.viewers == 1

    run(opened, work)
