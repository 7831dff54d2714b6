"""A virtual screen for graphical programs, and the programs on it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from labctl.home import lab_home
from labctl.waiting import wait_until

T = TypeVar("T")
Environment = Mapping[str, str]


def until(ask: Callable[[], T | None], seconds: float = 240) -> T:
    """Wait until `ask` returns a result. The first start takes long."""
    found = wait_until(seconds, ask, every=0.3, retry_errors=False)
    assert found, f"no result after {seconds} s"
    return found


@contextmanager
def own_screen(lab: str, display: str, home: Path) -> Iterator[Environment]:
    """The environment of a program with its own X server and home folder, for a lab.

    Args:
        display: The name of the screen, such as `:87`.
    """
    server = subprocess.Popen(
        ["Xvfb", display, "-screen", "0", "1280x900x24"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    environment = {
        **os.environ,
        # labctl finds its lab in the user's folders, independent of Thunderbird's HOME.
        "XDG_STATE_HOME": str(lab_home(lab).state.parents[2]),
        "XDG_CACHE_HOME": str(lab_home(lab).cache.parent),
        "HOME": str(home),
        "DISPLAY": display,
        "GDK_BACKEND": "x11",
        "LABCTL_NAME": lab,
    }
    try:
        until(lambda: Path(f"/tmp/.X11-unix/X{display[1:]}").exists(), 20)
        yield environment
    finally:
        server.terminate()
        server.wait()


class Running:
    """A program and its children, which end together."""

    def __init__(self, argv: Sequence[str], environment: Environment) -> None:
        self._argv, self._environment = list(argv), environment

    def __enter__(self) -> None:
        self._process = subprocess.Popen(
            self._argv,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(30)


def xdotool(environment: Environment, *words: str) -> str:
    done = subprocess.run(
        ["xdotool", *words], env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def send_letter(
    thunderbird: Sequence[str], to: str, subject: str, is_done: Callable[[], bool], on: Environment
) -> None:
    """Write a message in Thunderbird's window and send it until it is done.

    Args:
        thunderbird: The command line with which Thunderbird opens its profile.
        is_done: What is waited for, such as the message in a mailbox.
    """
    compose = f"to='{to}',subject='{subject}',body='sent by Thunderbird'"
    with Running([*thunderbird, "-compose", compose], on):
        until(lambda: xdotool(on, "search", "--onlyvisible", "--name", subject))
        window = xdotool(on, "search", "--onlyvisible", "--name", subject).split()[-1]

        def sent() -> bool:
            # The window accepts keys only after it is drawn completely.
            xdotool(on, "windowfocus", window, "key", "ctrl+Return")
            return is_done()

        until(sent)
