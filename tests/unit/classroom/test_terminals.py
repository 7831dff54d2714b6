"""Terminals that outlive their browsers: a program that prints without end stays within limits."""

from __future__ import annotations

import asyncio
import time

import pytest

from labctl.classroom import terminals
from labctl.classroom.terminals import Place, Terminals

pytest.importorskip("termios")


def test_a_program_that_prints_without_end_leaves_time_for_the_rest() -> None:
    async def work() -> tuple[int, float]:
        opened = Terminals(2)
        found = await opened.at(Place(1, 1, "host1"), (80, 24), lambda: ("yes",))
        read = 0
        keep = found._keep

        def count(content: bytes) -> None:
            nonlocal read
            read += len(content)
            keep(content)

        found._keep = count  # type: ignore[method-assign]
        begun = time.monotonic()
        await asyncio.sleep(1)
        seconds = time.monotonic() - begun
        opened.close_all()
        return read, seconds

    read, seconds = asyncio.run(work())
    assert 0 < read <= terminals._MOST_UNSEEN * seconds + 2 * 65536
