"""Limits on connections, so that many or slow connections of one client block nobody else."""

from __future__ import annotations

import asyncio
from collections import Counter
from ipaddress import ip_address
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from labctl.board.networks import network_of

# Connections of all, and of one network. A classroom may have one address for all.
MOST = 4000
MOST_OF_ONE = 1000
# Seconds in which a browser has to send a request, and in which it has to send a form.
REQUEST_SECONDS = 15.0
FORM_SECONDS = 15.0
# Messages of one terminal: at once, and in a second. Nobody types or moves a mouse so fast, and a
# paste has few. What is received is looked at in parts of so many bytes.
MESSAGES_AT_ONCE = 1000
MESSAGES_PER_SECOND = 300.0
_PART = 4096


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 that closes connections without a request, and those beyond the limit."""

    _open: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._late: asyncio.TimerHandle | None = None
        self._is_handed_over = False
        address = self.client[0] if self.client else ""
        self._network = network_of(address)
        self._open[self._network] += 1
        if self._open[self._network] > MOST_OF_ONE and not _is_here(address):
            transport.close()
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._expect_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._is_handed_over = True
        self._forget()
        super().handle_websocket_upgrade(event)

    def _expect_request(self) -> None:
        """Start the clock if the browser has to send a request; stop it if it has."""
        if self._is_handed_over:
            return
        waits = self.cycle is None or self.cycle.response_complete
        if self._late is not None and not waits:
            self._late.cancel()
            self._late = None
        elif self._late is None and waits and not self.transport.is_closing():
            self._late = self.loop.call_later(REQUEST_SECONDS, self.transport.close)

    def _forget(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        if self._network:
            self._open[self._network] -= 1
            if not self._open[self._network]:
                del self._open[self._network]
            self._network = ""


class LimitedWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that is closed if the browser sends too many messages.

    To take a small message costs far more than to send one, and nobody else is answered meanwhile.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._left, self._counted = float(MESSAGES_AT_ONCE), self.loop.time()

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _PART):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + _PART])

    def send_receive_event_to_app(self) -> None:
        self._count()
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        self._count()
        super().handle_ping()

    def _count(self) -> None:
        now = self.loop.time()
        earned = (now - self._counted) * MESSAGES_PER_SECOND
        self._left, self._counted = min(float(MESSAGES_AT_ONCE), self._left + earned) - 1, now
        if self._left < 0:
            self.transport.abort()


def _is_here(address: str) -> bool:
    """Whether it is this machine, perhaps a proxy with the browsers of all."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return True
