"""The Typer application, and the one place where an error becomes text and an exit code."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from labctl import __version__, i18n
from labctl.commands import DEFAULT_LAB, NAME_VARIABLE
from labctl.errors import ExitCode, LabError, MachineLacks, words_of
from labctl.hint import Command, commands
from labctl.i18n import _
from labctl.streams import is_closed_pipe

# A command line that Typer refuses. Typer exports the child only, and brings Click's parent
# as its own since 0.26.
_Refused: Any = typer.BadParameter.__base__
_UP: Command = ("labctl", "up")


def _choose_language(words: Sequence[str]) -> None:
    """Take `--lang` before the help texts are made."""
    if value := _option(words, "--lang"):
        i18n.choose_language(value)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"labctl {__version__}")
        raise typer.Exit


def _lang(value: str | None) -> str | None:
    if value is not None and value not in i18n.LANGUAGES:
        allowed = ", ".join(i18n.LANGUAGES)
        raise typer.BadParameter(
            _("{value} is not one of: {names}", value=repr(value), names=allowed)
        )
    return value


def build() -> typer.Typer:
    """The application with all its commands."""
    from labctl.cli.commands import Commands

    app = typer.Typer(
        name="labctl",
        cls=Commands,
        help=_("Build, test and reset the textbook's two mail servers."),
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def top(
        version: Annotated[
            bool,
            typer.Option(
                "--version", callback=_version, is_eager=True, help=_("Show the version.")
            ),
        ] = False,
        lang: Annotated[
            str | None, typer.Option(callback=_lang, help=_("Language: ja or en."))
        ] = None,
    ) -> None:
        """Options before the command."""

    return app


def run(words: Sequence[str]) -> int:
    """Run the command line `words`; returns the exit code. Errors are printed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A message must get through with any file name and on a terminal without Japanese.
            stream.reconfigure(errors="backslashreplace")
    _choose_language(_own(words))
    interrupts = _Interrupts()
    try:
        code = build()(args=list(words), prog_name="labctl", standalone_mode=False)
    except (LabError, OSError) as error:
        if interrupts.seen:
            # The error is only a consequence of the interrupt.
            raise KeyboardInterrupt from error
        if isinstance(error, OSError) and is_closed_pipe(error):
            raise
        return _report(error if isinstance(error, LabError) else _of_machine(error), words)
    except typer.Abort as error:
        if interrupts.seen:
            # Typer takes Ctrl-C at a question as "no".
            raise KeyboardInterrupt from error
        sys.stderr.write(_("nothing was done") + "\n")
        return ExitCode.FAILED
    except _Refused as error:
        from labctl.cli.refusals import refusal

        return _report(refusal(error), words)
    if interrupts.seen:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else ExitCode.OK


class _Interrupts:
    """Remember Ctrl-C and SIGTERM: Typer turns the exception into an exit code."""

    def __init__(self) -> None:
        self.seen = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.seen = True
        raise KeyboardInterrupt


def _own(words: Sequence[str]) -> Sequence[str]:
    """The words that are labctl's own: what comes after `--` is a host's command."""
    return words[: words.index("--")] if "--" in words else words


def _report(error: LabError, words: Sequence[str]) -> int:
    from labctl.render.screen import print_error

    own = _own(words)
    if _UP in error.hint.commands:
        up = _up_again(own)
        lines = (up if line == _UP else line for line in error.hint.commands)
        error.hint = replace(error.hint, commands=tuple(lines))
    print_error(error, _named(own), as_json="--json" in own)
    return error.exit_code


def _up_again(words: Sequence[str]) -> Command:
    """The `labctl up` of a hint. It ends where this one was to end, or where the lab is now."""
    from labctl.session import again, open_session

    if words[:1] == ["up"]:
        until = _option(words, "--until")
        return (*_UP, "--until", until) if until else _UP
    with suppress(LabError):
        return again(open_session(_named(words)))
    return _UP


def _named(words: Sequence[str]) -> str:
    """The lab that the command line works on."""
    return _option(words, "--name") or os.environ.get(NAME_VARIABLE) or DEFAULT_LAB


def _option(words: Sequence[str], name: str) -> str:
    """The value of an option on the command line, or "". The last one counts."""
    value = ""
    for place, word in enumerate(words):
        if word.startswith(f"{name}="):
            value = word.removeprefix(f"{name}=")
        elif word == name and place + 1 < len(words):
            value = words[place + 1]
    return value


def refused_by_machine(error: OSError) -> int:
    """Print an error that comes after a command has ended; returns the exit code."""
    return _report(_of_machine(error), ())


def refused_by_defect(error: Exception, words: Sequence[str]) -> int:
    """Print that labctl itself is wrong; returns the exit code."""
    from labctl.cli.defect import as_defect

    return _report(as_defect(error), words)


def _of_machine(error: OSError) -> LabError:
    """What the system refused: no space, no permission, a read-only or vanished file."""
    if isinstance(error, FileNotFoundError) and _folder_is_gone():
        return MachineLacks(
            _("the current folder does not exist any more"),
            hint=commands("cd", text=_("go to another folder, then run the same command again")),
        )
    cause = words_of(error)
    if error.errno == errno.ENOSPC:
        return MachineLacks(
            _("a disk of this machine is full"),
            cause=cause,
            hint=commands(
                "df -h", text=_("find out which, free some space, then run the same command again")
            ),
        )
    return MachineLacks(
        _("labctl cannot continue because of a problem on this machine"),
        cause=cause,
        hint=commands("labctl status", text=_("check the lab, then run the same command again")),
    )


def _folder_is_gone() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False
