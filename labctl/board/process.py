"""The life of the web process: read the settings, bind, drop all privileges, serve.

Everything that needs privileges or a file is done first. Without them the process may not even be
able to read labctl's own folder.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.classroom.board import READY, ServeLine, WebRefused, WebSettings
from labctl.errors import LabError, MachineLacks, words_of
from labctl.hint import Hint, commands
from labctl.i18n import _

if TYPE_CHECKING:
    import uvicorn


def main() -> None:
    """Serve until standard input is closed; tell on standard output once ready, or why not."""
    settings = WebSettings.model_validate_json(sys.stdin.buffer.readline())
    try:
        run = prepared(settings)
    except LabError as error:
        _tell(refused(error))
        sys.exit(1)
    asyncio.run(run)


def refused(error: LabError) -> bytes:
    """The line that tells the other process why this one cannot serve."""
    hint = error.hint
    told = WebRefused(
        message=error.message, cause=error.cause, hint=hint.text, commands=hint.commands
    )
    return told.model_dump_json().encode() + b"\n"


def _tell(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def prepared(settings: WebSettings) -> Coroutine[Any, Any, None]:
    """Bind, load everything and give up all rights. Returns what serves."""
    # Loaded late by these libraries, when their files may be out of reach.
    import anyio._backends._asyncio
    import uvicorn

    assert anyio._backends._asyncio
    config = web_config(settings)
    bound = _bound(settings)
    give_up_rights(settings.uid, settings.gid)
    return _serve(uvicorn.Server(config), bound)


def web_config(settings: WebSettings) -> uvicorn.Config:
    """How the web server runs, with all of its files loaded.

    Raises:
        MachineLacks: The certificate or its key cannot be used, or the key is encrypted.
    """
    import uvicorn

    from labctl.board.app import make_app
    from labctl.board.connections import MOST, LimitedProtocol, LimitedWebSocket

    if settings.cert is not None and settings.key is not None:
        _ensure_no_pass_phrase(settings.cert, settings.key, settings.line)
    config = uvicorn.Config(
        make_app(settings),
        http=LimitedProtocol,
        ws=LimitedWebSocket,
        ssl_certfile=settings.cert,
        ssl_keyfile=settings.key,
        # Whoever sends nonsense must not fill the instructor's terminal.
        log_level="critical",
        access_log=False,
        server_header=False,
        # A proxy on this machine tells the browser's address and whether it speaks HTTPS.
        proxy_headers=True,
        forwarded_allow_ips=["127.0.0.1", "::1"],
        lifespan="off",
        timeout_graceful_shutdown=1,
        ws_max_size=1024 * 1024,
        limit_concurrency=MOST,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise MachineLacks(
            _("the certificate or its key cannot be used"),
            cause=words_of(error),
            hint=Hint("", (settings.line.with_options(cert="FILE", key="FILE"),)),
        ) from error
    return config


def _ensure_no_pass_phrase(cert: Path, key: Path, line: ServeLine) -> None:
    """Raise MachineLacks if the key is encrypted. OpenSSL would ask for its pass phrase.

    There may be no terminal to ask on, and a server that starts by itself has nobody to answer.
    """
    plain = "key-without-pass-phrase.pem"
    mend = commands(
        ["openssl", "pkey", "-in", str(key), "-out", plain],
        line.with_options(cert=str(cert), key=plain),
        text=_("write a key without pass phrase"),
    )

    def refuse() -> str:
        raise MachineLacks(_("the key {file} is encrypted", file=key), hint=mend)

    # What else is wrong is found when the certificate and the key are loaded.
    with suppress(OSError, ssl.SSLError):
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=refuse)


def _bound(settings: WebSettings) -> socket.socket:
    host, port = settings.host, settings.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(1024)
    except OSError as error:
        raise MachineLacks(
            _("the address {host} port {port} cannot be used", host=host, port=port),
            cause=words_of(error),
            hint=Hint(
                _("choose another port, or an address of this machine"),
                (settings.line.with_options(host="ADDRESS", port="PORT"),),
            ),
        ) from error
    return bound


def give_up_rights(uid: int, gid: int) -> None:
    """Become that user for good, if this process is root; no new rights in any case."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    os.umask(0o077)
    os.chdir("/")
    if sys.platform == "linux":
        import ctypes

        # prctl(2): PR_SET_NO_NEW_PRIVS; PR_SET_DUMPABLE, so that no other process of that user
        # reads the tokens in its memory.
        for option, value in ((38, 1), (4, 0)):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


async def _serve(server: uvicorn.Server, bound: socket.socket) -> None:
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    gone = asyncio.create_task(asyncio.to_thread(sys.stdin.buffer.read))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        _tell(READY)
    await asyncio.wait({serving, gone}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    # The thread that reads standard input would keep the process.
    os._exit(0)
