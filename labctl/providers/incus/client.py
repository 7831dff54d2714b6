"""The `incus` command line client: the only way in which labctl speaks to a server.

Every command line that goes to a server is made here. The methods of `Incus` run it, except for
what the checks of a machine ask (`question`), and what SSH or a person runs in a host (`line_in`).
The client brings remotes, certificates and tokens. `incus query` sends one request of Incus's
REST API and prints the answer's JSON (https://linuxcontainers.org/incus/docs/main/rest-api/).
Every call that labctl waits for has a time limit: a cluster without a majority of its members does
not answer at all. Only a connection or a shell in a host (`line_in`) has none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from labctl.errors import CommandFailed, LabError, MachineLacks
from labctl.i18n import _
from labctl.providers.incus.refusals import Busy, NotThere, Server, error_from, no_answer
from labctl.quote import shell_line
from labctl.run import Completed, run
from labctl.scripts import Script
from labctl.waiting import retry_while

_PACKAGE = "labctl.providers.incus"

# Seconds. The first request after a member failed takes 10 s until the cluster gives it up.
PATIENCE = 30.0
_GIVEN_UP = 15.0
LONG = 600.0
_BUSY_SECONDS = 120.0


@dataclass(frozen=True)
class Incus:
    """The client, for one remote and one project; both may be "" for the client's defaults."""

    remote: str = ""
    project: str = ""

    def of(self, project: str) -> Incus:
        """The same server, another project."""
        return Incus(self.remote, project)

    @property
    def title(self) -> str:
        """The server's name in messages."""
        return self.server.title

    @property
    def server(self) -> Server:
        return Server(self.remote)

    def name(self, thing: str = "") -> str:
        """A thing's name with its remote in front, as most subcommands take it."""
        return f"{self.remote}:{thing}" if self.remote else thing

    def get(
        self, *path: str, query: Mapping[str, str] | None = None, timeout: float = PATIENCE
    ) -> Any:
        """The answer's metadata to a GET; raises NotThere, MachineLacks or LabError."""
        return json.loads(self._query("GET", path, query or {}, None, timeout))

    @cached_property
    def major_version(self) -> int:
        """The first number of the server's version."""
        return int(self.of("").get()["environment"]["server_version"].partition(".")[0])

    def has(self, *path: str) -> bool:
        try:
            self.get(*path)
        except NotThere:
            return False
        return True

    def send(
        self,
        method: str,
        *path: str,
        data: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> None:
        """Send a request that changes something, and wait until the server has done it."""
        retry_while(
            lambda error: isinstance(error, Busy),
            lambda: self._query(method, path, query or {}, data or {}, timeout),
            seconds=_BUSY_SECONDS,
        )

    def _query(
        self,
        method: str,
        path: Sequence[str],
        parameters: Mapping[str, str],
        data: Mapping[str, Any] | None,
        timeout: float,
    ) -> str:
        if self.project:
            parameters = {"project": self.project, **parameters}
        url = "/".join(["/1.0", *(quote(part, safe="@") for part in path)])
        url += f"?{urlencode(parameters)}" if parameters else ""
        words = ["incus", "query", "--request", method]
        if data is not None:
            words += ["--wait", "--data", json.dumps(data)]
        return self._run([*words, self.name(url)], timeout=timeout).stdout

    def question(self, path: str) -> tuple[str, ...]:
        """The command that asks the server for a path below /1.0, as a check of a machine runs it.

        It asks in no project. The machine ends a question that takes too long (Machine.ask).
        """
        return ("incus", "query", self.name(f"/1.0{path}"))

    def command(
        self, *words: str, stdin: str | None = None, timeout: float = PATIENCE
    ) -> Completed:
        """Run a subcommand of the client; raises what `get` raises."""
        where = ["--project", self.project] if self.project else []
        return self._run(["incus", words[0], *where, *words[1:]], stdin=stdin, timeout=timeout)

    def _run(self, argv: Sequence[str], *, timeout: float, stdin: str | None = None) -> Completed:
        try:
            return run(argv, stdin=stdin, timeout=timeout)
        except CommandFailed as error:
            raise self._explained(error, timeout) from error

    def _explained(self, error: CommandFailed, timeout: float) -> LabError:
        if error.returncode == 124:
            return no_answer(self.server, _("timed out after {seconds:.0f} s", seconds=timeout))
        said = error.output.strip().rpartition("Error: ")[2]
        return error_from(said, error.command, self.server)

    # -- instances --------------------------------------------------------------------------

    def line_in(self, host: str, *options: str) -> tuple[str, ...]:
        """The beginning of a command line that runs a command in an instance.

        Args:
            options: Options of `incus exec`.
        """
        where = ("--project", self.project) if self.project else ()
        return ("incus", "exec", self.name(host), *where, *options, "--")

    def run_in(
        self,
        host: str,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout: float = PATIENCE,
    ) -> Completed:
        """Run a command as root in an instance, without a terminal and without input.

        Raises:
            CommandFailed: It failed, or did not end in time.
            MachineLacks: The server does not answer.
        """
        words = [*self.line_in(host, "-T", "-n"), *argv]
        try:
            done = run(words, check=False, timeout=timeout)
        except CommandFailed:
            # Out of time: a server that went silent keeps a command waiting, too.
            self.get("instances", host, timeout=_GIVEN_UP)
            raise
        if not done.ok:
            # Whatever the host's own programs say: the server's trouble is none of the host.
            error = error_from(done.stderr.strip().rpartition("Error: ")[2], words[1], self.server)
            if done.stderr.startswith("Error: ") and isinstance(error, MachineLacks):
                raise error
        if check and not done.ok:
            output = done.stdout + done.stderr
            raise CommandFailed(shell_line(argv), done.returncode, output, where=host)
        return done

    def script_in(
        self, host: str, name: str, *args: str, check: bool = True, timeout: float = PATIENCE
    ) -> Completed:
        """Run one of this package's scripts in an instance; an error shows only its name."""
        script = Script(_PACKAGE, name)
        argv = ["sh", "-euc", script.text, "sh", *args]
        try:
            return self.run_in(host, argv, check=check, timeout=timeout)
        except CommandFailed as error:
            raise CommandFailed(
                shell_line(["sh", name, *args]), error.returncode, error.output, where=host
            ) from error

    def push(self, host: str, path: str, text: str, mode: int, uid: int) -> None:
        """Write a file in an instance, which need not run. The text goes to standard input."""
        owner = ["--uid", str(uid), "--gid", str(uid), "--mode", f"{mode:04o}"]
        self.command(
            "file", "push", "--quiet", "--create-dirs", *owner, "-", self.name(host + path),
            stdin=text,
        )  # fmt: skip
