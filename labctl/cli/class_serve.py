"""`labctl class serve`: the board of a class, a web page."""

from __future__ import annotations

import re
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from labctl.cli.class_options import ClassName
from labctl.i18n import _

# How the package's metadata mark what the board needs.
_OF_BOARD = re.compile(r"extra == .class\W")
DEFAULT_PORT = 8443


def serve(
    class_name: ClassName = None,
    host: Annotated[str, typer.Option("--host", help=_("Address of the page."))] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, help=_("Port of the page."))
    ] = DEFAULT_PORT,
    cert: Annotated[
        Path | None,
        typer.Option("--cert", help=_("Certificate for HTTPS (PEM)."), dir_okay=False),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", help=_("Key of the certificate."), dir_okay=False),
    ] = None,
    plain_http: Annotated[
        bool,
        typer.Option("--plain-http", help=_("Serve a network without HTTPS: codes can be read.")),
    ] = False,
    user: Annotated[str, typer.Option("--user", help=_("User that runs the web page."))] = "nobody",
) -> None:
    from labctl.classroom.board import serve as run_board
    from labctl.classroom.roll import open_class
    from labctl.errors import LabError
    from labctl.quote import typed_line

    ensure_installed()
    tls = _tls(cert, key)
    _ensure_safe(host, is_secure=tls is not None, plain_http=plain_http)
    roll = open_class(class_name)
    shown = f"[{host}]" if ":" in host else host
    address = f"{'https' if tls else 'http'}://{shown}:{port}/"

    def ready() -> None:
        typer.echo(_("the board of the class {name}: {address}", name=roll.name, address=address))
        if tls is None and not _is_loopback(host):
            typer.echo(
                _("warning: without HTTPS anybody on the network can read codes and terminals"),
                err=True,
            )
        line = typed_line(roll.command("cards"))
        typer.echo(_("codes to log in: {command}", command=line))
        typer.echo(_("Ctrl-C ends it; the labs go on"))

    if run_board(roll, (host, port), tls, user, ready) != 0:
        raise LabError(_("the web page ended unexpectedly"))


def ensure_installed() -> None:
    """Raise MachineLacks with the command that installs what the board needs."""
    from importlib.metadata import requires
    from importlib.util import find_spec

    from labctl.errors import MachineLacks
    from labctl.hint import commands

    needed = filter(_OF_BOARD.search, requires("mail-labctl") or ())
    wanted = [each.split(";")[0] for each in needed]
    lacking = [each for each in wanted if not find_spec(re.split(r"[<>=]", each)[0])]
    if lacking:
        # By their names: labctl itself need not be where pip looks for packages.
        raise MachineLacks(
            _("the board needs packages that are not installed"),
            cause=", ".join(lacking),
            hint=commands([sys.executable, "-m", "pip", "install", *lacking]),
        )


def _tls(cert: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    from labctl.errors import WrongUsage
    from labctl.hint import commands

    if (cert is None) != (key is None):
        raise WrongUsage(
            _("--cert and --key belong together"),
            hint=commands("labctl class serve --cert FILE --key FILE"),
        )
    return (cert.absolute(), key.absolute()) if cert is not None and key is not None else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ensure_safe(host: str, *, is_secure: bool, plain_http: bool) -> None:
    """Raise WrongUsage if codes would cross a network in clear without being asked for."""
    from labctl.errors import WrongUsage
    from labctl.hint import commands

    if is_secure or plain_http or _is_loopback(host):
        return
    raise WrongUsage(
        _("codes would cross the network unencrypted"),
        hint=commands(
            "labctl class serve --cert FILE --key FILE",
            "labctl class serve --plain-http",
            text=_("use a certificate, or --plain-http on a network that you trust"),
        ),
    )
