"""What every request must satisfy, and what every answer says to the browser."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LONGEST_BODY = 16 * 1024

# No Strict-Transport-Security: it would also apply to every other port of this name, such as a
# later board without HTTPS. The port of this board has no plain HTTP that it could lead away from.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With "no-referrer" a browser would send `Origin: null` with a form.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Refuses what comes from another origin, and adds the headers to all answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not is_same_origin(scope):
            # Before the handshake, so that the browser gets 403.
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _with_headers(send)
        if scope["method"] not in ("GET", "HEAD") and not is_same_origin(scope):
            await PlainTextResponse("wrong origin", 403)(scope, receive, answer)
        elif _length(scope) > _LONGEST_BODY:
            await PlainTextResponse("too long", 413)(scope, receive, answer)
        else:
            await self._app(scope, receive, answer)


def _with_headers(send: Send) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return answer


def is_same_origin(scope: Scope) -> bool:
    """Whether the request comes from a page of this very server (RFC 6454).

    The scheme is not compared: a proxy in front may speak HTTPS for this process.
    """
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = headers.get(b"host", b"").decode("latin-1")
    return bool(host) and urlsplit(origin).netloc == host


def _length(scope: Scope) -> int:
    """The length of the body; one without a length counts as too long."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return _LONGEST_BODY + 1
    length = headers.get(b"content-length", b"0")
    return int(length) if length.isdigit() else _LONGEST_BODY + 1
