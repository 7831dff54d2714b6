"""The Typer application, and the one place where an error becomes text and an exit code."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from labctl import __version__, i18n
from labctl.errors import ExitCode, LabError
from labctl.i18n import _


def _language_asked_for() -> None:
    """`--lang` must be known before the help texts are made."""
    words = sys.argv[1:]
    for place, word in enumerate(words):
        if word == "--":
            return
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
    from labctl.cli.commands import register

    app = typer.Typer(
        name="labctl",
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

    register(app)
    return app


def main() -> None:
    """Runs labctl and exits with one of its exit codes."""
    _language_asked_for()
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        build()()
    except LabError as error:
        sys.exit(_report(error))
    except SystemExit as leaving:
        if leaving.code == ExitCode.INTERRUPTED:
            sys.stderr.write(_("interrupted; the next labctl up goes on from here") + "\n")
        raise
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        sys.stderr.close()
        sys.exit(ExitCode.OK)


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _report(error: LabError) -> int:
    from labctl.render import print_error

    print_error(error, as_json="--json" in sys.argv[1:])
    return int(error.exit_code)
