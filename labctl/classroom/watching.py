"""The rows of a class as one person may see them: now, and as they change.

A student sees only their own seat, the instructor sees all of them, and the projector shows what
everybody may read.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from labctl.classroom.codes import INSTRUCTOR
from labctl.classroom.collector import Collector
from labctl.classroom.protocol import Rows, say
from labctl.classroom.rows import Row


def _shown(row: Row, owner: int, projector: bool) -> Row | None:
    """The row as the owner may see it, or None."""
    if projector:
        return row.for_projector()
    if owner == INSTRUCTOR:
        return row
    return row.for_student() if row.seat == owner else None


async def say_rows(
    owner: int, projector: bool, collector: Collector, writer: asyncio.StreamWriter
) -> None:
    """Send all rows that the owner may see."""
    all_of_them = [_shown(row, owner, projector) for row in collector.rows()]
    rows = [row for row in all_of_them if row is not None]
    await say(writer, Rows(count=len(rows)))
    for row in rows:
        await say(writer, row)


async def watch(
    owner: int,
    projector: bool,
    collector: Collector,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Send all rows, then each one that changes, until the page is closed."""
    loop = asyncio.get_running_loop()
    changed: dict[int, Row] = {}
    ready = asyncio.Event()

    def put(row: Row) -> None:
        # Only the newest row of a seat waits, however slow the browser is.
        changed[row.seat] = row
        ready.set()

    def tell(row: Row) -> None:
        # The loop may have ended in the meantime.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(put, row)

    end = collector.listen(tell)
    gone = asyncio.create_task(reader.read())
    try:
        await say_rows(owner, projector, collector, writer)
        while not gone.done():
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            ready.clear()
            rows, changed = changed, {}
            for row in rows.values():
                if (shown := _shown(row, owner, projector)) is not None:
                    await say(writer, shown)
    finally:
        end()
        gone.cancel()
