"""Copies data between a browser's WebSocket and a terminal of the root helper."""

from __future__ import annotations

import asyncio
import json
from asyncio import StreamReader, StreamWriter

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from labctl.classroom import protocol
from labctl.classroom.protocol import (
    CAUGHT_UP,
    ENDED,
    INPUT,
    OUTPUT,
    SIZE,
    fitting_size,
    frame,
    frame_header,
    size_content,
)

# Bytes that a browser has not drawn yet before the host has to wait.
_MOST_AHEAD = 512 * 1024
# Close codes of our own (RFC 6455, section 7.4.2).
_HAS_ENDED = 4000


class Bridge:
    """One browser at one terminal.

    To the browser go its output as bytes, and `{"event": ...}` as text. From it come what is
    typed as bytes, and `{"columns": ..., "rows": ...}` or `{"drawn": bytes}` as text.
    """

    def __init__(self, socket: WebSocket, reader: StreamReader, writer: StreamWriter) -> None:
        self._socket = socket
        self._reader = reader
        self._writer = writer
        self._ahead = 0
        self._drawn = asyncio.Event()

    async def run(self) -> None:
        """Pass on both ways until one end is closed."""
        ways = [asyncio.create_task(self._to_browser()), asyncio.create_task(self._to_host())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        if self._socket.application_state is not WebSocketState.DISCONNECTED:
            try:
                await self._socket.close(1012)
            except RuntimeError:
                # The browser was faster.
                return

    async def _to_browser(self) -> None:
        while True:
            kind, length = frame_header(await self._reader.readexactly(protocol.HEADER_SIZE))
            content = await self._reader.readexactly(length)
            if kind == OUTPUT:
                self._ahead += length
                await self._socket.send_bytes(content)
                while self._ahead > _MOST_AHEAD:
                    self._drawn.clear()
                    await self._drawn.wait()
            elif kind == CAUGHT_UP:
                await self._tell(event="caught-up")
            elif kind == ENDED:
                await self._tell(event="ended", why=content.decode(errors="replace"))
                await self._socket.close(_HAS_ENDED)
                return

    async def _tell(self, **message: str) -> None:
        await self._socket.send_text(json.dumps(message))

    async def _to_host(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            if (typed := message.get("bytes")) is not None:
                self._writer.write(frame(INPUT, typed))
                await self._writer.drain()
            elif (text := message.get("text")) is not None:
                self._obey(json.loads(text))
            # What waits already is taken without a pause, and other browsers wait, too.
            await asyncio.sleep(0)

    def _obey(self, message: dict[str, int]) -> None:
        if "drawn" in message:
            self._ahead = max(0, self._ahead - int(message["drawn"]))
            self._drawn.set()
        elif "columns" in message:
            size = fitting_size(int(message["columns"]), int(message["rows"]))
            self._writer.write(frame(SIZE, size_content(*size)))
