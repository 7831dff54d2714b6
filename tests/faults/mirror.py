"""A package mirror that fails in a chosen way, in front of the machine's real mirror."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from labctl.providers.rootfs.apt import machine_setup

Behaviour = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """A request by apt for one file."""

    upstream = ""
    behaviour: Behaviour

    def do_GET(self) -> None:
        type(self).behaviour(self)

    def log_message(self, format: str, *args: object) -> None:
        """Do not log."""

    def pass_on(self, *, as_it_is: bool = True) -> None:
        """Send the real mirror's answer, or the same number of zero bytes."""
        wanted = urllib.request.Request(self.upstream + self.path)
        if "If-Modified-Since" in self.headers:
            wanted.add_header("If-Modified-Since", self.headers["If-Modified-Since"])
        try:
            with urllib.request.urlopen(wanted, timeout=60) as answer:
                size = int(answer.headers["Content-Length"])
                self.send_response(200)
                self.send_header("Content-Length", str(size))
                self.end_headers()
                self.wfile.write(answer.read() if as_it_is else bytes(size))
        except urllib.error.HTTPError as error:
            self.send_response(error.code)
            self.send_header("Content-Length", "0")
            self.end_headers()


def silent(request: Request) -> None:
    """Accept the request and never answer."""
    threading.Event().wait(600)


def slow(request: Request) -> None:
    """Delay every file by half a second."""
    time.sleep(0.5)
    request.pass_on()


def broken(request: Request) -> None:
    """Send correct package lists and damaged packages."""
    request.pass_on(as_it_is=not request.path.endswith(".deb"))


@contextmanager
def mirror(behaviour: Behaviour) -> Iterator[str]:
    """The mirror's address."""
    line = next(line for line in machine_setup().sources if "security" not in line)
    real = next(word for word in line.split() if word.startswith("http")).rstrip("/")
    handler = type("Handler", (Request,), {"upstream": real, "behaviour": staticmethod(behaviour)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.socket.close()
