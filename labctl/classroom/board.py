"""The processes of the board: this one as root, the graders, and the unprivileged web process."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from subprocess import PIPE, Popen

from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.classroom.board_lock import held_by_board
from labctl.classroom.collector import Collector
from labctl.classroom.helper import Helper
from labctl.classroom.history import History, history_file
from labctl.classroom.open_files import allow_many_files
from labctl.classroom.roll import Roll
from labctl.classroom.unix import ending_signals, ensure_linux
from labctl.errors import LabError, MachineLacks, WrongState, WrongUsage
from labctl.hint import Command, Hint
from labctl.i18n import _
from labctl.run import attach

# What the web process prints once it answers.
READY = b"ready\n"
_STOP_SECONDS = 5.0
# Seconds between two looks at the folder of the class.
_CLASS_SECONDS = 1.0
_THREADS = 64


class ServeLine(BaseModel):
    """The command line that started the board, for hints: a person types it again.

    `words` name the class if they must. `options` have their values, a flag has "".
    """

    model_config = ConfigDict(frozen=True)

    words: Command = ("labctl", "class", "serve")
    options: Mapping[str, str] = {}

    def with_options(self, **changed: str) -> Command:
        """The line with other values of these options, like `port="PORT"`."""
        options = {**self.options, **{f"--{name}": value for name, value in changed.items()}}
        pairs = ((name, value) if value else (name,) for name, value in options.items())
        return (*self.words, *(word for pair in pairs for word in pair))


class WebSettings(BaseModel):
    """What the web process is told on its standard input, as one line of JSON."""

    model_config = ConfigDict(frozen=True)

    class_name: str
    socket: Path
    host: str
    port: int
    cert: Path | None = None
    key: Path | None = None
    uid: int
    gid: int
    line: ServeLine = ServeLine()


class WebRefused(BaseModel):
    """Why the web process cannot serve, as a line of JSON on its standard output."""

    model_config = ConfigDict(frozen=True)

    message: str
    cause: str
    hint: str
    commands: tuple[Command, ...]


def serve(
    roll: Roll,
    at: tuple[str, int],
    tls: tuple[Path, Path] | None,
    user: str,
    ready: Callable[[], None],
    *,
    line: ServeLine,
) -> int:
    """Run the board of a class until Ctrl-C or SIGTERM. Returns the exit status of its web part.

    Args:
        at: The address and port of the web page.
        tls: Certificate and key, in PEM.
        user: Who the web process becomes, if this one is root.
        ready: Called once the web page answers.
        line: What the person typed, for hints.

    Raises:
        MachineLacks: This machine does not have Linux, or the port or the certificate cannot be
            used.
        WrongState: A board of this class runs already, or the class was removed meanwhile.
        WrongUsage: There is no such user.
    """
    ensure_linux()
    uid, gid = ids_of(user, line)
    allow_many_files()
    # The graders import nothing from the current folder either.
    os.environ["PYTHONSAFEPATH"] = "1"
    with held_by_board(roll) as is_current, _private_folder(roll) as folder:
        history = History(history_file(roll))
        collector = Collector(roll, history)
        collector.start()
        try:
            settings = WebSettings(
                class_name=roll.name,
                socket=folder / "helper",
                host=at[0],
                port=at[1],
                cert=tls[0] if tls else None,
                key=tls[1] if tls else None,
                uid=uid,
                gid=gid,
                line=line,
            )
            helper = Helper(roll, history, collector)
            return asyncio.run(_run(helper, settings, ready, is_current))
        finally:
            collector.stop()
            history.close()


async def _run(
    helper: Helper,
    settings: WebSettings,
    ready: Callable[[], None],
    is_current: Callable[[], bool],
) -> int:
    """The helper, and the web process as its child, until one of them or the class ends."""
    loop = asyncio.get_running_loop()
    # By default there are few threads, and a reset that takes a while would keep a login waiting.
    loop.set_default_executor(ThreadPoolExecutor(_THREADS))
    asked = asyncio.Event()
    for number in ending_signals():
        loop.add_signal_handler(number, asked.set)
    helping = asyncio.create_task(helper.serve(settings.socket, settings.uid, settings.gid))
    web = _start_web(settings)
    ended = asyncio.create_task(asyncio.to_thread(web.wait))
    greeting = asyncio.create_task(asyncio.to_thread(_first_line, web))
    stop = asyncio.create_task(asked.wait())
    removed = asyncio.create_task(_removed(is_current))
    try:
        await asyncio.wait({greeting, ended, helping, stop}, return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            return 0
        if not helping.done():
            # A web process that ended at once has said why in its first line.
            _ensure_ready(await greeting)
            ready()
        await asyncio.wait({ended, stop, helping, removed}, return_when=asyncio.FIRST_COMPLETED)
        if helping.done():
            helping.result()
        if removed.done():
            raise WrongState(
                _("the class {name} was removed; its board ends", name=settings.class_name)
            )
        return ended.result() if ended.done() else 0
    finally:
        stop.cancel()
        removed.cancel()
        helping.cancel()
        await _end(web, ended)


async def _removed(is_current: Callable[[], bool]) -> None:
    """Wait until the class is gone. Its codes must not open the labs of a class made later."""
    while is_current():
        await asyncio.sleep(_CLASS_SECONDS)


def _start_web(settings: WebSettings) -> Popen[bytes]:
    """Start the web process. It ends when the pipe to its standard input is closed."""
    # -P: nothing is imported from the current folder, which may be anybody's.
    argv = [sys.executable, "-P", "-m", "labctl.board"]
    web = attach(argv, stdin=PIPE, stdout=PIPE, stderr=sys.stderr.buffer)
    assert web.stdin is not None  # a PIPE
    with suppress(BrokenPipeError):
        web.stdin.write(settings.model_dump_json().encode() + b"\n")
        web.stdin.flush()
    return web


def _ensure_ready(line: bytes) -> None:
    """Raise what the web process says is wrong, if it is not ready."""
    if line == READY:
        return
    try:
        told = WebRefused.model_validate_json(line)
    except ValidationError:
        raise LabError(_("the web page could not be started")) from None
    raise MachineLacks(told.message, cause=told.cause, hint=Hint(told.hint, told.commands))


def _first_line(web: Popen[bytes]) -> bytes:
    assert web.stdout is not None  # a PIPE
    return web.stdout.readline()


async def _end(web: Popen[bytes], ended: asyncio.Task[int]) -> None:
    if not ended.done():
        web.terminate()
        await asyncio.wait({ended}, timeout=_STOP_SECONDS)
    if not ended.done():
        web.kill()
    await ended


@contextmanager
def _private_folder(roll: Roll) -> Iterator[Path]:
    """A folder for the socket that only root may enter, until the socket is in it."""
    prefix = f"labctl-board-{sha256(os.fsencode(roll.folder)).hexdigest()[:12]}-"
    # What a killed board of this class left; there is no other one while this has the lock.
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ids_of(user: str, line: ServeLine) -> tuple[int, int]:
    """The ids of the web process: those of `user` if this process is root, else its own.

    Raises:
        WrongUsage: There is no such user, or it is root.
    """
    if os.geteuid() != 0:
        return os.getuid(), os.getgid()
    # Not available on every system, and labctl is imported on all of them.
    import pwd

    try:
        found = pwd.getpwnam(user)
    except KeyError as error:
        raise WrongUsage(
            _("there is no user {name} on this machine", name=user), hint=_another_user(line)
        ) from error
    if found.pw_uid == 0:
        raise WrongUsage(_("the web page must not run as root"), hint=_another_user(line))
    return found.pw_uid, found.pw_gid


def _another_user(line: ServeLine) -> Hint:
    return Hint(_("name another --user"), (line.with_options(user="USER"),))
