"""The pages and their requests. Everything that changes something is done by the root helper."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from labctl.board import client
from labctl.board.bridge import Bridge
from labctl.board.client import HelperClient, Lost, NotDone, received
from labctl.board.events import row_events
from labctl.board.logins import Logins
from labctl.board.pages import Pages, Static
from labctl.board.requests import LANGUAGE_COOKIE, form_of, is_encrypted, is_script, language_of
from labctl.board.security import Guard
from labctl.board.wrong_codes import WrongCodes
from labctl.classroom import protocol
from labctl.classroom.board import WebSettings
from labctl.classroom.protocol import Curve, Done, Refused, Welcome
from labctl.classroom.rows import Row
from labctl.i18n import LANGUAGES, _, in_every_language

_STATUS = {"login": 401, "rights": 403, "request": 400, "busy": 429, "failed": 409}
# What a form can ask for, and the field of the request that it may fill.
_FIELDS = {"check": "", "reset": "to", "undo": "", "drill": "name", "note": "text"}

Handler = Callable[[Request, Welcome], Awaitable[Response]]


def make_app(settings: WebSettings) -> Guard:
    """The web application of a class."""
    return Guard(Board(settings).app)


class Board:
    """The web process. It keeps no state that a restart must not lose."""

    def __init__(self, settings: WebSettings) -> None:
        self._helper = HelperClient(settings.socket)
        self._logins = Logins(self._helper, settings.class_name)
        self._class_name = settings.class_name
        self._static = Static()
        self._pages = Pages(self._static.version)
        self._wrong = WrongCodes()
        self.app = Starlette(
            routes=self._routes(), exception_handlers={404: self._no_page, 405: self._no_page}
        )

    def _routes(self) -> list[Route | WebSocketRoute]:
        page, teach = self._page, self._teaching
        return [
            Route("/", page(self._home)),
            Route("/login", self._login_page),
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/language", self._choose_language, methods=["POST"]),
            Route("/board", teach(self._board)),
            Route("/board/events", teach(self._board_events)),
            Route("/board/progress", teach(self._progress)),
            Route("/projector", teach(self._projector)),
            Route("/projector/events", teach(self._projector_events)),
            Route("/me", page(self._me)),
            Route("/me/events", page(self._my_events)),
            Route("/seats/{seat:int}", page(self._seat)),
            Route("/seats/{seat:int}/sections/{step}", page(self._seat)),
            Route("/seats/{seat:int}/{verb}", page(self._act), methods=["POST"]),
            Route("/seats/{seat:int}/terminals/{host}", page(self._terminal)),
            WebSocketRoute("/seats/{seat:int}/terminals/{host}/stream", self._stream),
            Route("/static/{name:path}", self._file),
        ]

    # -- who it is --------------------------------------------------------------------------

    def _page(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A page for whoever is logged in; others are led to the login."""

        async def answer(request: Request) -> Response:
            try:
                return await handler(request, await self._logins.who(request))
            except NotDone as error:
                if error.refused.kind == "login" and request.method == "GET":
                    return RedirectResponse("/login", 303)
                return self._refused(request, error.refused)
            except Lost:
                return self._refused(request, client.lost(), 503)

        return answer

    def _teaching(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A page for the instructor. A student is led home."""

        async def answer(request: Request, who: Welcome) -> Response:
            return await handler(request, who) if who.is_instructor else RedirectResponse("/", 303)

        return self._page(answer)

    def _refused(self, request: Request, refused: Refused, status: int | None = None) -> Response:
        status = status or _STATUS[refused.kind]
        if is_script(request):
            return self._html(request, "refused_part", status, refused=refused)
        return self._html(request, "refused", status, who=None, refused=refused)

    async def _no_page(self, request: Request, _error: Exception) -> Response:
        refused = protocol.refusal("request", in_every_language(_("there is no such page")))
        return self._refused(request, refused, 404)

    def _html(
        self, request: HTTPConnection, template: str, status: int = 200, **values: object
    ) -> HTMLResponse:
        lang = language_of(request)
        page = self._pages.render(
            template, lang, class_name=self._class_name, path=request.url.path, **values
        )
        return HTMLResponse(page, status)

    # -- login ------------------------------------------------------------------------------

    async def _login_page(self, request: Request) -> Response:
        return self._html(request, "login", who=None, refused={})

    async def _login(self, request: Request) -> Response:
        address = request.client.host if request.client else ""
        code = (await form_of(request)).get("code", "")
        if not self._wrong.may_try(address):
            said = in_every_language(_("Too many wrong codes. Wait a minute."))
            return self._html(request, "login", 429, who=None, refused=said)
        try:
            welcome = await self._helper.ask(protocol.Login(code=code[:100]), Welcome)
        except NotDone as error:
            refused = error.refused
            if refused.kind not in ("login", "busy"):
                return self._refused(request, refused)
            if refused.kind == "login":
                self._wrong.add(address)
            status = _STATUS[refused.kind]
            return self._html(request, "login", status, who=None, refused=refused.said)
        except Lost:
            return self._refused(request, client.lost(), 503)
        answer = RedirectResponse("/", 303)
        self._logins.set_cookie(request, answer, welcome)
        return answer

    async def _logout(self, request: Request) -> Response:
        answer = RedirectResponse("/login", 303)
        await self._logins.log_out(request, answer)
        return answer

    async def _choose_language(self, request: Request) -> Response:
        form = await form_of(request)
        path = form.get("path", "/")
        # Only to a page of this server.
        target = path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
        answer = RedirectResponse(target, 303)
        if form.get("language") in LANGUAGES:
            answer.set_cookie(
                LANGUAGE_COOKIE,
                form["language"],
                max_age=365 * 86400,
                httponly=True,
                samesite="strict",
                secure=is_encrypted(request),
            )
        return answer

    # -- pages ------------------------------------------------------------------------------

    async def _home(self, _request: Request, who: Welcome) -> Response:
        return RedirectResponse("/board" if who.is_instructor else "/me", 303)

    async def _rows(self, request: Request, *, projector: bool = False) -> tuple[Row, ...]:
        look = protocol.Look(token=self._logins.token(request), projector=projector)
        return await self._helper.rows(look)

    async def _board(self, request: Request, who: Welcome) -> Response:
        rows, curve = await asyncio.gather(self._rows(request), self._curve(request))
        return self._html(request, "board", who=who, rows=rows, curve=curve)

    async def _projector(self, request: Request, who: Welcome) -> Response:
        rows = await self._rows(request, projector=True)
        return self._html(request, "projector", who=who, rows=rows)

    async def _me(self, request: Request, who: Welcome) -> Response:
        if who.is_instructor:
            return RedirectResponse("/board", 303)
        rows = await self._rows(request)
        return self._html(request, "me", who=who, row=rows[0])

    async def _seat(self, request: Request, who: Welcome) -> Response:
        number, step = request.path_params["seat"], request.path_params.get("step", "")
        rows = await self._rows(request)
        row = next((each for each in rows if each.seat == number), None)
        if row is None or not who.is_instructor:
            return RedirectResponse("/", 303)
        template = "seat_part" if is_script(request) else "seat"
        return self._html(request, template, who=who, row=row, step=step)

    async def _curve(self, request: Request) -> Curve:
        return await self._helper.ask(protocol.Progress(token=self._logins.token(request)), Curve)

    async def _progress(self, request: Request, _who: Welcome) -> Response:
        return self._html(request, "progress", curve=await self._curve(request))

    async def _terminal(self, request: Request, who: Welcome) -> Response:
        number, host = request.path_params["seat"], request.path_params["host"]
        if host not in who.hosts or not (who.is_instructor or who.seat == number):
            return RedirectResponse("/", 303)
        return self._html(request, "terminal", who=who, seat=number, host=host)

    # -- what is done to a seat -------------------------------------------------------------

    async def _act(self, request: Request, _who: Welcome) -> Response:
        form = await form_of(request)
        number, verb = request.path_params["seat"], request.path_params["verb"]
        field = _FIELDS.get(verb)
        asked = {"verb": verb, "token": self._logins.token(request), "seat": number}
        if field and (form.get(field) or verb == "note"):
            asked[field] = form.get(field, "")
        try:
            wanted = protocol.REQUEST.validate_python(asked)
        except ValueError:
            wanted = None
        if wanted is None or field is None:
            said = in_every_language(_("The request is wrong."))
            raise NotDone(protocol.refusal("request", said))
        done = await self._helper.ask(wanted, Done)
        if is_script(request):
            return self._html(request, "done_part", done=done)
        return RedirectResponse(f"/seats/{number}", 303)

    # -- events -----------------------------------------------------------------------------

    async def _board_events(self, request: Request, who: Welcome) -> Response:
        return await self._events(request, who, "row")

    async def _projector_events(self, request: Request, who: Welcome) -> Response:
        return await self._events(request, who, "projector_row", projector=True)

    async def _my_events(self, request: Request, who: Welcome) -> Response:
        return await self._events(request, who, "my_row")

    async def _events(
        self, request: Request, who: Welcome, template: str, *, projector: bool = False
    ) -> Response:
        """Each row that changes, as HTML in a server-sent event."""
        watch = protocol.Watch(token=self._logins.token(request), projector=projector)
        lang = language_of(request)

        def event(row: Row) -> str:
            html = self._pages.render(template, lang, row=row, who=who)
            lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
            return f"event: row\n{lines}\n"

        return StreamingResponse(
            row_events(self._helper, watch, event), media_type="text/event-stream"
        )

    # -- terminals --------------------------------------------------------------------------

    async def _stream(self, socket: WebSocket) -> None:
        token = self._logins.token(socket)
        asked = socket.query_params
        try:
            columns, rows = protocol.fitting_size(
                int(asked.get("columns", "80")), int(asked.get("rows", "24"))
            )
            wanted = protocol.OpenTerminal(
                token=token,
                seat=socket.path_params["seat"],
                host=socket.path_params["host"],
                columns=columns,
                rows=rows,
            )
            async with self._helper.connected(wanted) as (reader, writer):
                await received(reader, Done)
                await socket.accept()
                await Bridge(socket, reader, writer).run()
        except NotDone as error:
            if error.refused.kind in ("login", "rights", "request"):
                await socket.close(1008)
                return
            await socket.accept()
            said = error.refused.said.get(language_of(socket), "")
            await socket.send_text(json.dumps({"event": "refused", "said": said}))
            await socket.close(4001)
        except (ValueError, Lost):
            await socket.close(1011)
        except WebSocketDisconnect:
            return

    # -- files ------------------------------------------------------------------------------

    async def _file(self, request: Request) -> Response:
        found = self._static.files.get(request.path_params["name"])
        if found is None:
            return Response("", 404)
        content, kind = found
        # The version in the address changes with the files.
        headers = {"Cache-Control": "public, max-age=86400", "Content-Type": kind}
        return Response(content, headers=headers)
