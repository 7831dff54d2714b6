"""What a browser's request says besides its address: language, encryption, form.

All of it comes from outside, so it is read in one place, with limits.
"""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from starlette.requests import HTTPConnection, Request

from labctl.board.connections import FORM_SECONDS
from labctl.i18n import LANGUAGES

LANGUAGE_COOKIE = "labctl-language"


def language_of(connection: HTTPConnection) -> str:
    """The chosen language, else the first that the browser asks for, else Japanese."""
    chosen = connection.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return str(chosen)
    for part in connection.headers.get("accept-language", "").split(","):
        if part.strip()[:2].lower() in LANGUAGES:
            return part.strip()[:2].lower()
    return "ja"


def is_encrypted(connection: HTTPConnection) -> bool:
    """Whether the browser speaks HTTPS, to this process or to a proxy on this machine."""
    return connection.url.scheme in ("https", "wss")


def is_script(request: Request) -> bool:
    """Whether the script of a page asks. It needs a part of a page only."""
    return request.headers.get("x-part") == "1"


async def form_of(request: Request) -> dict[str, str]:
    try:
        async with asyncio.timeout(FORM_SECONDS):
            body = await request.body()
    except TimeoutError:
        return {}
    fields = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}
