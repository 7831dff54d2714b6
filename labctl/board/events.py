"""The rows of the class as a stream of server-sent events, which keeps open pages up to date."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from labctl.board.client import HelperClient, Lost, NotDone, received
from labctl.board.pages import now
from labctl.classroom import protocol
from labctl.classroom.protocol import Rows
from labctl.classroom.rows import Row

# Seconds between two signs of life to a browser.
_BEAT = 15.0


async def row_events(
    helper: HelperClient, watch: protocol.Watch, event: Callable[[Row], str]
) -> AsyncIterator[str]:
    """Each row that changes, as an event; at first all of them. Ends if the helper is lost.

    Between them the server's time is sent, as a sign of life and for the ages on the page.
    """
    try:
        async with helper.connected(watch) as (reader, _writer):
            yield _time()
            for _each in range((await received(reader, Rows)).count):
                yield event(await received(reader, Row))
            waiting = asyncio.ensure_future(received(reader, Row))
            try:
                while True:
                    done, _rest = await asyncio.wait({waiting}, timeout=_BEAT)
                    if not done:
                        yield _time()
                        continue
                    yield event(waiting.result())
                    waiting = asyncio.ensure_future(received(reader, Row))
            finally:
                waiting.cancel()
    except (Lost, NotDone):
        # The browser comes back by itself.
        return


def _time() -> str:
    return f"event: now\ndata: {now()}\n\n"
