"""`make bench-board BENCH_OPTIONS="--class NAME"`: measure the board of a class that runs.

Needs a class of the state folder in use whose seats are all graded right, and root. It starts the
board itself. Measured are: the first grading of all seats; the time from a change on a host to
the changed cell in the page's events, with the other seats running; the first page, alone and
with as many browsers as wanted that hold their events open.
"""

from __future__ import annotations

import argparse
import http.client
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlencode

from labctl.classroom.codes import Codes, load_codes
from labctl.classroom.roll import read_roll
from tests.bench.timing import Aim, Measures, Unit, machine

PORT = 18543
ALONE, LOADED = "first page, one browser", "first page, {count} browsers with open events"
BREAK, REPAIR = "a change to its wrong cell", "a repair to its right cell"
WHOLE = "first grading of {count} seats"
_MILLISECONDS = Unit("ms", 1e-3, 1)
# A line that breaks the section `postfix`, and the command that tells when it was done.
_BROKEN = "postconf -e 'mydestination = broken.example'; date +%s.%N"


def main() -> None:
    """Print Markdown tables on stdout and progress on stderr."""
    parser = argparse.ArgumentParser(prog="make bench-board", description=__doc__)
    parser.add_argument("--class", dest="name", required=True)
    parser.add_argument("--rounds", type=int, default=5, help="changes, each at another seat")
    parser.add_argument("--browsers", type=int, default=30)
    wanted = parser.parse_args()
    measures, said = Measures(), machine()
    roll = read_roll(wanted.name)
    seats = len(roll.seats)
    with board(wanted.name) as codes:
        cookie = log_in(codes.instructor)
        with Events(cookie) as events:
            measures.add(WHOLE.format(count=seats), events.until_all_looked(seats))
            for number in range(wanted.rounds):
                change(measures, events, wanted.name, roll.seats[number % seats].number)
        pages(measures, codes, wanted.browsers)
    loaded = LOADED.format(count=wanted.browsers)
    aims = [
        Aim("first grading of the class", WHOLE.format(count=seats), bound=15.0),
        Aim("from a change to the changed cell", BREAK, bound=3.0),
        Aim("from a repair to the changed cell", REPAIR, bound=3.0),
        Aim("first page", ALONE, bound=0.1),
        Aim("first page with many browsers", loaded, ALONE, 2.0),
    ]
    print(
        "\n\n".join(
            [
                "Measured on " + said,
                *("\n".join(x) for x in (measures.figures(), measures.aims(aims))),
            ]
        )
    )


@contextmanager
def board(name: str) -> Iterator[Codes]:
    """`labctl class serve` until the block ends."""
    argv = [sys.executable, "-m", "labctl", "class", "serve", "--class", name, "--port", str(PORT)]
    with tempfile.TemporaryFile() as sink:
        process = subprocess.Popen(argv, stdout=sink, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 60
            while not answers():
                if process.poll() is not None or time.monotonic() > deadline:
                    sink.seek(0)
                    raise SystemExit(sink.read().decode())
                time.sleep(0.02)
            yield load_codes(read_roll(name))
        finally:
            process.terminate()
            process.wait(30)


def answers() -> bool:
    try:
        return ask("GET", "/login")[0] == 200
    except OSError:
        return False


def ask(
    method: str, path: str, body: str | None = None, cookie: str = ""
) -> tuple[int, bytes, str]:
    """Status, content and cookie of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{PORT}"}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, (answer.headers["Set-Cookie"] or "").split(";")[0]


def log_in(code: str) -> str:
    """The cookie of a new login."""
    status, _content, cookie = ask("POST", "/login", urlencode({"code": code}))
    assert status == 303, status
    return cookie


class Events:
    """The instructor's events as a browser receives them: each row, and when it came."""

    def __init__(self, cookie: str) -> None:
        self._begun = time.time()
        self._rows: dict[int, tuple[float, str]] = {}
        self._came = threading.Condition()
        self._connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=600)
        self._connection.request("GET", "/board/events", headers={"Cookie": cookie})
        self._socket = self._connection.sock
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        self._reading = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Events:
        self._reading.start()
        return self

    def __exit__(self, *_error: object) -> None:
        # A close would wait for the thread that reads.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reading.join()
        self._connection.close()

    def _read(self) -> None:
        seen: list[str] = []
        try:
            while line := self._answer.readline().decode():
                if line.startswith("data:"):
                    seen.append(line)
                elif seen and not line.strip():
                    row = "".join(seen)
                    seen = []
                    number = re.search(r'id="seat-(\d+)"', row)
                    assert number is not None
                    with self._came:
                        self._rows[int(number[1])] = (time.time(), row)
                        self._came.notify_all()
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            # Closed by __exit__.
            return

    def until_all_looked(self, seats: int) -> float:
        """Seconds from the first page to the grading of the last seat."""
        with self._came:
            good = self._came.wait_for(
                lambda: (
                    len(self._rows) == seats
                    and all('<td class="age"><time' in row for _at, row in self._rows.values())
                ),
                600,
            )
        assert good, "not all seats were graded"
        return max(at for at, _row in self._rows.values()) - self._begun

    def until(self, seat: int, wrong: bool, after: float) -> float:
        """Seconds from `after` until the row of the seat has a wrong cell, or none."""
        with self._came:
            good = self._came.wait_for(
                lambda: (
                    ("cell wrong" in self._rows[seat][1]) is wrong and self._rows[seat][0] > after
                ),
                60,
            )
            at = self._rows[seat][0]
        assert good, f"the cell of seat {seat} did not change"
        return at - after


def change(measures: Measures, events: Events, name: str, seat: int) -> None:
    """Break a section at a seat and repair it. The hosts have the clock of this machine."""
    before = on_host(name, seat, "postconf -h mydestination").strip()
    done = float(on_host(name, seat, _BROKEN))
    measures.add(BREAK, events.until(seat, True, done))
    # A student needs a moment, too.
    time.sleep(4)
    repair = f"postconf -e 'mydestination = {before}'; systemctl reload postfix; date +%s.%N"
    done = float(on_host(name, seat, repair))
    measures.add(REPAIR, events.until(seat, False, done))
    time.sleep(2)


def on_host(name: str, seat: int, command: str) -> str:
    lab = f"{name}-s{seat:02}"
    argv = [sys.executable, "-m", "labctl", "ssh", "host1", "--name", lab, "--user", "root"]
    return subprocess.run(
        [*argv, "--", "sh", "-c", command], check=True, capture_output=True, text=True
    ).stdout


def pages(measures: Measures, codes: Codes, browsers: int) -> None:
    """The first page alone, and with many browsers that hold their events open."""
    cookie = log_in(codes.instructor)
    # Without what is done only once.
    first_page(cookie)
    for _round in range(10):
        measures.add(ALONE, first_page(cookie), _MILLISECONDS)
    with ExitStack() as stack:
        for _each in range(browsers):
            stack.enter_context(Events(log_in(codes.instructor)))
        time.sleep(1)
        for _round in range(10):
            measures.add(LOADED.format(count=browsers), first_page(cookie), _MILLISECONDS)
            time.sleep(0.2)


def first_page(cookie: str) -> float:
    begun = time.monotonic()
    status, content, _cookie = ask("GET", "/board", cookie=cookie)
    assert status == 200 and b"</html>" in content
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
