"""The Typer application, and the one place where an error becomes text and an exit code."""

from __future__ import annotations

import io
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from types import FrameType
from typing import Annotated, Any

import typer

from labctl import __version__, i18n
from labctl.errors import ExitCode, LabError, MachineLacks, WrongUsage
from labctl.i18n import _

# A command line that Typer refuses. Typer exports the child only, and brings Click's parent
# as its own since 0.26.
_Refused: Any = typer.BadParameter.__base__


def _choose_language(words: Sequence[str]) -> None:
    """`--lang` must be known before the help texts are made."""
    for place, word in enumerate(words):
        if word.startswith("--lang="):
            i18n.choose_language(word.removeprefix("--lang="))
        elif word == "--lang" and place + 1 < len(words):
            i18n.choose_language(words[place + 1])


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"labctl {__version__}")
        raise typer.Exit


def _lang(value: str | None) -> str | None:
    if value is not None and value not in i18n.LANGUAGES:
        allowed = ", ".join(i18n.LANGUAGES)
        raise typer.BadParameter(_("{value} is none of: {names}", value=repr(value), names=allowed))
    return value


def build() -> typer.Typer:
    """The application with all its commands."""
    from labctl.cli.commands import Commands

    app = typer.Typer(
        name="labctl",
        cls=Commands,
        help=_("Brings up, tests and resets the textbook's two mail servers."),
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
    """Runs the command line `words`; returns the exit code, with errors already told."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name that is no text, or a terminal that knows no Japanese, stops no message.
            stream.reconfigure(errors="backslashreplace")
    _choose_language(_own(words))
    interrupts = _Interrupts()
    try:
        code = build()(args=list(words), prog_name="labctl", standalone_mode=False)
    except (LabError, OSError) as error:
        if interrupts.seen:
            # What broke off because we did is no error of its own.
            raise KeyboardInterrupt from error
        return _report(error if isinstance(error, LabError) else _of_machine(error), words)
    except typer.Abort as error:
        if interrupts.seen:
            # Typer takes Ctrl-C at a question for a "no".
            raise KeyboardInterrupt from error
        sys.stderr.write(_("nothing was done") + "\n")
        return ExitCode.FAILED
    except _Refused as error:
        return _report_refusal(error, words)
    if interrupts.seen:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else ExitCode.OK


class _Interrupts:
    """Remembers Ctrl-C and SIGTERM: Typer makes a mere exit code of the exception."""

    def __init__(self) -> None:
        self.seen = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.seen = True
        raise KeyboardInterrupt


def _own(words: Sequence[str]) -> Sequence[str]:
    """The words that are labctl's: what stands after `--` is a host's command."""
    return words[: words.index("--")] if "--" in words else words


def _report(error: LabError, words: Sequence[str]) -> int:
    from labctl.render.screen import print_error

    error.hint = replace(error.hint, text=_for_named_lab(error.hint.text, _own(words)))
    print_error(error, as_json="--json" in _own(words))
    return error.exit_code


def _for_named_lab(hint: str, words: Sequence[str]) -> str:
    """The hint with its commands for the lab that the command line names.

    Most of what can go wrong does so where nobody knows of the lab's name: written there for
    the default lab, its commands would do their work on that one.
    """
    name = _named(words)
    if not name or "--name" in hint:
        return hint
    from labctl.cli.commands import that_take_a_lab

    pattern = rf"\blabctl ({'|'.join(that_take_a_lab())})(?![a-z-])"
    # By a function: what is no name may hold what is special in a replacement.
    return re.sub(pattern, lambda found: f"{found[0]} --name {name}", hint)


def _named(words: Sequence[str]) -> str:
    """The lab of `--name`; empty for the default one, and where LABCTL_NAME has said it."""
    for place, word in enumerate(words):
        if word.startswith("--name="):
            return word.removeprefix("--name=")
        if word == "--name" and place + 1 < len(words):
            return words[place + 1]
    return ""


def _report_refusal(error: Any, words: Sequence[str]) -> int:
    """Unknown words, missing ones, values out of range."""
    if "--json" not in _own(words):
        error.show()
        return ExitCode.USAGE
    command = error.ctx.command_path if error.ctx is not None else "labctl"
    return _report(WrongUsage(error.format_message(), hint=f"{command} --help"), words)


def refused_by_machine(error: OSError) -> int:
    """Tells of an error behind a command's end; returns the exit code."""
    return _report(_of_machine(error), ())


def _of_machine(error: OSError) -> LabError:
    """What the system refused: no space, no permission, a read-only or vanished file."""
    cause = ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
    return MachineLacks(
        _("this machine did not let labctl go on"),
        cause=cause,
        hint=_("labctl status, then the same command again"),
    )
