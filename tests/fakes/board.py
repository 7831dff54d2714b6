"""A running board on a class in memory: the real helper and the real web application."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlencode

import uvicorn

from labctl.board.process import web_config
from labctl.classroom.board import WebSettings
from labctl.classroom.codes import Codes, load_codes
from labctl.classroom.collector import Collector
from labctl.classroom.grader import Early, Grader
from labctl.classroom.helper import Helper
from labctl.classroom.history import History
from labctl.classroom.roll import Roll
from labctl.classroom.rows import Graded


class InThread:
    """Grades in the collector's own thread, where the labs in memory are."""

    def __init__(self, class_name: str) -> None:
        self._early: dict[int, Early] = {}
        self._grader = Grader(class_name, lambda found: self._early[found.seat](found))

    def grade(self, number: int, early: Early, _is_over: Callable[[], bool]) -> Graded | None:
        self._early[number] = early
        return self._grader.grade(number)

    def end(self) -> None:
        pass


@dataclass(frozen=True)
class RunningBoard:
    """Where it answers, and its parts."""

    port: int
    socket: Path
    codes: Codes
    collector: Collector
    history: History

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running_board(roll: Roll, folder: Path) -> Iterator[RunningBoard]:
    """Serve the class on a free port until the block ends."""
    history = History(roll.folder / "history.sqlite")
    collector = Collector(roll, history, InThread)
    bound = socket.create_server(("127.0.0.1", 0))
    port = bound.getsockname()[1]
    settings = WebSettings(
        class_name=roll.name,
        socket=folder / "helper",
        host="127.0.0.1",
        port=port,
        uid=os.getuid(),
        gid=os.getgid(),
    )
    server = uvicorn.Server(web_config(settings))
    ready = Event()

    async def serve() -> None:
        helping = asyncio.create_task(
            Helper(roll, history, collector).serve(settings.socket, os.getuid(), os.getgid())
        )
        while not settings.socket.exists():
            await asyncio.sleep(0.01)
        ready.set()
        await server.serve(sockets=[bound])
        helping.cancel()
        await asyncio.gather(helping, return_exceptions=True)

    thread = Thread(target=lambda: asyncio.run(serve()))
    collector.start()
    thread.start()
    assert ready.wait(20)
    try:
        yield RunningBoard(port, settings.socket, load_codes(roll), collector, history)
    finally:
        server.should_exit = True
        thread.join(20)
        collector.stop()
        history.close()
        bound.close()


@dataclass
class Browser:
    """What a browser keeps and sends, without drawing anything."""

    board: RunningBoard
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
        return self._ask("GET", path, None, headers)

    def post(
        self, address: str, /, *, origin: str | None = None, **fields: str
    ) -> tuple[int, str, http.client.HTTPMessage]:
        """Send a form from a page of the given origin, by default the board's."""
        headers = {"Origin": self.board.origin if origin is None else origin}
        return self._send(address, fields, headers)

    def log_in(self, code: str, **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
        return self._send("/login", {"code": code}, {"Origin": self.board.origin, **headers})

    def _send(
        self, address: str, fields: dict[str, str], headers: dict[str, str]
    ) -> tuple[int, str, http.client.HTTPMessage]:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", address, urlencode(fields), {**kind, **headers})

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def _ask(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, str, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.board.port, timeout=20)
        connection.request(
            method, path, body, {"Cookie": self.cookie, "Accept-Language": "en", **headers}
        )
        answer = connection.getresponse()
        text = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _equals, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        return answer.status, text, answer.headers
