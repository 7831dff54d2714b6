"""`labctl class serve`: the board of a class, a web page."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli.class_options import ClassName, server_name
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.classroom.board import ServeLine
    from labctl.classroom.roll import Roll

# How the package's metadata mark what the board needs.
_OF_BOARD = re.compile(r"extra == .class\W")
DEFAULT_HOST, DEFAULT_PORT, DEFAULT_USER = "127.0.0.1", 8443, "nobody"


def serve(
    class_name: ClassName = None,
    host: Annotated[str, typer.Option("--host", help=_("Address of the page."))] = DEFAULT_HOST,
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
    user: Annotated[
        str, typer.Option("--user", help=_("User that runs the web page."))
    ] = DEFAULT_USER,
) -> None:
    from labctl.classroom.board import serve as run_board
    from labctl.classroom.roll import open_class
    from labctl.errors import LabError
    from labctl.quote import typed_line

    ensure_installed()
    roll = open_class(class_name)
    line = _typed(
        roll,
        {"--host": host, "--port": port, "--cert": cert, "--key": key, "--user": user},
        plain_http=plain_http,
    )
    tls = _tls(cert, key, line)
    _ensure_safe(host, line, is_secure=tls is not None, plain_http=plain_http)
    address = f"{'https' if tls else 'http'}://{_shown(host)}:{port}/"

    def ready() -> None:
        typer.echo(_("the board of the class {name}: {address}", name=roll.name, address=address))
        if tls is None and not _is_loopback(host):
            typer.echo(
                _("warning: without HTTPS anybody on the network can read codes and terminals"),
                err=True,
            )
        # Behind a web server of its own, the page has another address for students.
        url = () if _is_loopback(host) else ("--url", address)
        cards = typed_line(roll.command("cards", *url))
        typer.echo(_("codes to log in: {command}", command=cards))
        typer.echo(_("Ctrl-C ends it; the labs go on"))

    if run_board(roll, (host, port), tls, user, ready, line=line) != 0:
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


def _typed(roll: Roll, given: Mapping[str, object], *, plain_http: bool) -> ServeLine:
    """The command line as the person typed it, without what is the default anyway."""
    from labctl.classroom.board import ServeLine

    usual = {"--host": DEFAULT_HOST, "--port": DEFAULT_PORT, "--user": DEFAULT_USER}
    options = {
        name: str(value) for name, value in given.items() if value not in (None, usual.get(name))
    }
    flags = {"--plain-http": ""} if plain_http else {}
    return ServeLine(words=roll.command("serve"), options={**options, **flags})


def _tls(cert: Path | None, key: Path | None, line: ServeLine) -> tuple[Path, Path] | None:
    from labctl.errors import WrongUsage
    from labctl.hint import Hint

    if (cert is None) != (key is None):
        lacking = {"key": "FILE"} if key is None else {"cert": "FILE"}
        raise WrongUsage(
            _("--cert and --key belong together"), hint=Hint("", (line.with_options(**lacking),))
        )
    return (cert.absolute(), key.absolute()) if cert is not None and key is not None else None


def _shown(host: str) -> str:
    """The host in the address of the page: for all addresses, a name of this machine."""
    with suppress(ValueError):
        if ip_address(host).is_unspecified:
            return server_name()
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ensure_safe(host: str, line: ServeLine, *, is_secure: bool, plain_http: bool) -> None:
    """Raise WrongUsage if codes would cross a network in clear without being asked for."""
    from labctl.errors import WrongUsage
    from labctl.hint import Hint

    if is_secure or plain_http or _is_loopback(host):
        return
    raise WrongUsage(
        _("codes would cross the network unencrypted"),
        hint=Hint(
            _("use a certificate, or --plain-http on a network that you trust"),
            (
                line.with_options(cert="FILE", key="FILE"),
                line.with_options(**{"plain-http": ""}),
            ),
        ),
    )
