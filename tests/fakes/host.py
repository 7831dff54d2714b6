"""A host in memory: it records what is run on it and answers from a script.

A test says which command gets which answer. A command without an answer fails the test. Files
are kept: `install` writes them, `cat` reads them.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import paramiko

from labctl.endpoint import Endpoint
from labctl.errors import CommandFailed, WrongState, nobody_listens
from labctl.managed import ManagedFile
from labctl.quote import shell_line
from labctl.remote import Remote
from labctl.run import Completed
from labctl.scripts import PATIENCE, Script


@dataclass(frozen=True)
class Ran:
    """One command. Of a script, `words` are its name (its text if it has none) and arguments."""

    words: tuple[str, ...]
    user: str = "root"
    stdin: str = ""


@dataclass(frozen=True)
class Reply:
    """What a command says and how it ends; `seconds` is how long it takes."""

    stdout: str = ""
    stderr: str = ""
    status: int = 0
    seconds: float = 0


Answer = Callable[[Ran], Reply]


@dataclass
class FakeHost:
    """A host. `tick` is called before anything is done on it, and may raise.

    `otherwise` answers what no other answer is for.
    """

    name: str
    running: bool = True
    frozen: bool = False
    files: MutableMapping[str, ManagedFile] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)
    listening: dict[int, Callable[[socket.socket], None]] = field(default_factory=dict)
    tick: Callable[[str], None] = lambda _what: None
    otherwise: Answer | None = None
    _answers: list[tuple[tuple[str, ...], Answer]] = field(default_factory=list)

    def when(self, *words: str, answer: Answer) -> None:
        """Have every command that begins with these words answered so. The newest answer wins."""
        self._answers.insert(0, (words, answer))

    def says(
        self, *words: str, stdout: str = "", stderr: str = "", status: int = 0, seconds: float = 0
    ) -> None:
        """The same with a fixed answer."""
        reply = Reply(stdout, stderr, status, seconds)
        self.when(*words, answer=lambda _ran: reply)

    def commands(self) -> list[str]:
        """What was run, each as one line, in order."""
        return [shell_line(ran.words) for ran in self.ran]

    def reply(self, ran: Ran) -> Reply:
        """Run a command."""
        self.tick(f"{self.name}: {shell_line(ran.words)}")
        self.ran.append(ran)
        for words, answer in self._answers:
            if ran.words[: len(words)] == words:
                return answer(ran)
        if ran.words == ("cat",):
            return Reply(ran.stdin)
        if ran.words[0] == "cat" and len(ran.words) == 2:
            return self._cat(ran.words[1])
        if self.otherwise is not None:
            return self.otherwise(ran)
        raise AssertionError(f"{self.name} has no answer to: {shell_line(ran.words)}")

    def _cat(self, path: str) -> Reply:
        if path in self.files:
            return Reply(self.files[path].content)
        return Reply(stderr=f"cat: {path}: No such file or directory\n", status=1)

    def endpoint(self) -> Endpoint:
        """How to reach it, for tests without a provider."""
        nowhere = Path("/nonexistent")
        return Endpoint(self.name, "192.0.2.1", 22, "root", nowhere, nowhere)


class FakeRemote(Remote):
    """The way to a FakeHost, with the meaning and the errors of the real one."""

    def __init__(self, host: FakeHost, endpoint: Endpoint | None = None) -> None:
        self.endpoint = endpoint or host.endpoint()
        self.host = host
        self._abandoned = False
        self.is_open = False

    def close(self) -> None:
        self.is_open = False

    def abandon(self) -> None:
        self._abandoned = True
        self.close()

    @property
    def is_abandoned(self) -> bool:
        return self._abandoned

    def run(
        self,
        argv: Sequence[str],
        *,
        user: str = "root",
        stdin: str | bytes | None = None,
        check: bool = True,
        timeout: float = PATIENCE,
        left: Callable[[], float] | None = None,
    ) -> Completed:
        ran = Ran(tuple(argv), user, _text(stdin))
        timeout = timeout if left is None else min(timeout, left())
        return self._do(ran, shell_line(argv), check, timeout)

    def script(
        self,
        script: Script | str,
        *args: str,
        stdin: str | bytes | None = None,
        check: bool = True,
        timeout: float = PATIENCE,
        left: Callable[[], float] | None = None,
    ) -> Completed:
        ran = Ran((str(script), *args), stdin=_text(stdin))
        timeout = timeout if left is None else min(timeout, left())
        name = str(script) if isinstance(script, Script) else "-"
        return self._do(ran, shell_line(["sh", name]), check, timeout)

    def stream(self, argv: Sequence[str], *, user: str = "root") -> Iterator[str]:
        yield from self.run(argv, user=user, check=False).stdout.splitlines()

    def open_tcp(
        self,
        address: str,
        port: int,
        timeout: float = 15,
        left: Callable[[], float] | None = None,
    ) -> paramiko.Channel:
        self._ensure_reachable()
        if port not in self.host.listening:
            raise nobody_listens()
        ours, theirs = socket.socketpair()
        ours.settimeout(timeout)
        threading.Thread(target=self.host.listening[port], args=[theirs], daemon=True).start()
        # A channel is used as a socket here: send, recv, settimeout, close.
        return cast(paramiko.Channel, ours)

    def install(self, files: Sequence[ManagedFile]) -> list[str]:
        self._ensure_reachable()
        self.host.tick(f"{self.host.name}: install")
        changed = [file for file in files if self.host.files.get(file.path) != file]
        self.host.files.update({file.path: file for file in changed})
        return [file.path for file in changed]

    def _do(self, ran: Ran, line: str, check: bool, timeout: float) -> Completed:
        self._ensure_reachable()
        reply = self.host.reply(ran)
        if reply.seconds > timeout:
            raise CommandFailed(line, 124, f"timed out after {timeout} s", where=self.host.name)
        self._ensure_reachable()
        if check and reply.status:
            output = reply.stdout + reply.stderr
            raise CommandFailed(line, reply.status, output, where=self.host.name)
        return Completed(ran.words, reply.status, reply.stdout, reply.stderr)

    def _ensure_reachable(self) -> None:
        if self._abandoned or not self.host.running or self.host.frozen:
            raise WrongState(f"{self.host.name} does not answer over SSH")
        self.is_open = True


def _text(stdin: str | bytes | None) -> str:
    return stdin.decode() if isinstance(stdin, bytes) else stdin or ""
