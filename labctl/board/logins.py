"""Who is logged in, by the cookie of the browser.

The helper knows the tokens. This process asks it, and remembers the answer for a moment, because
one page makes many requests.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress

from starlette.requests import HTTPConnection
from starlette.responses import Response

from labctl.board.client import HelperClient, Lost, NotDone
from labctl.board.requests import is_encrypted
from labctl.classroom import protocol
from labctl.classroom.protocol import Done, Welcome
from labctl.i18n import _, in_every_language

# Seconds for which a login is not asked for again.
_REMEMBERED = 30.0


class Logins:
    """The logins of a class, in memory only."""

    def __init__(self, helper: HelperClient, class_name: str) -> None:
        self._helper = helper
        # Several classes may have their boards on one machine, and cookies know no port.
        self._cookie = f"labctl-{class_name}"
        self._known: dict[str, tuple[float, Welcome]] = {}

    def token(self, connection: HTTPConnection) -> str:
        return connection.cookies.get(self._cookie, "")[:100]

    async def who(self, connection: HTTPConnection) -> Welcome:
        """Who is logged in; raises NotDone and Lost."""
        token = self.token(connection)
        if not token:
            raise NotDone(protocol.refusal("login", in_every_language(_("log in first"))))
        key = hashlib.sha256(token.encode()).hexdigest()
        found = self._known.get(key)
        if found is None or found[0] < time.monotonic():
            welcome = await self._helper.ask(protocol.Who(token=token), Welcome)
            if len(self._known) > 1000:
                self._known.clear()
            found = self._known[key] = (time.monotonic() + _REMEMBERED, welcome)
        return found[1]

    def set_cookie(self, connection: HTTPConnection, answer: Response, welcome: Welcome) -> None:
        answer.set_cookie(
            self._cookie,
            welcome.token,
            max_age=protocol.LOGIN_SECONDS,
            httponly=True,
            samesite="strict",
            secure=is_encrypted(connection),
        )

    async def log_out(self, connection: HTTPConnection, answer: Response) -> None:
        """Forget the token here and at the helper, and remove the cookie."""
        token = self.token(connection)
        self._known.clear()
        if token:
            # The cookie is removed in any case.
            with suppress(NotDone, Lost):
                await self._helper.ask(protocol.Logout(token=token), Done)
        answer.delete_cookie(self._cookie, httponly=True, samesite="strict")
