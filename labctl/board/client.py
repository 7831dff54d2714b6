"""Requests to the root helper."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from labctl.classroom import protocol
from labctl.classroom.protocol import Curve, Done, Refused, Rows, Welcome
from labctl.classroom.rows import Row
from labctl.i18n import _, in_every_language

_ANSWERS: dict[str, type[BaseModel]] = {
    each.__name__: each for each in (Curve, Done, Refused, Rows, Welcome, Row)
}
Answer = TypeVar("Answer", bound=BaseModel)


class NotDone(Exception):
    """The helper refused."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.kind)
        self.refused = refused


class Lost(Exception):
    """The helper does not answer: it ended, and so will this process."""


@dataclass(frozen=True)
class HelperClient:
    """The helper behind a Unix socket. Each request has a connection of its own."""

    socket: Path

    async def ask(self, request: BaseModel, expected: type[Answer]) -> Answer:
        """Send a request and return its answer.

        Raises:
            NotDone: The helper refused.
            Lost: It does not answer.
        """
        async with self.connected(request) as (reader, _writer):
            return await received(reader, expected)

    async def rows(self, request: protocol.Look) -> tuple[Row, ...]:
        """Send a request for rows and return them; raises as `ask`."""
        async with self.connected(request) as (reader, _writer):
            count = (await received(reader, Rows)).count
            return tuple([await received(reader, Row) for _each in range(count)])

    @asynccontextmanager
    async def connected(
        self, request: BaseModel
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection on which the request was sent."""
        try:
            reader, writer = await asyncio.open_unix_connection(
                self.socket, limit=protocol.LONGEST_LINE
            )
        except OSError as error:
            raise Lost from error
        try:
            writer.write(request.model_dump_json().encode() + b"\n")
            yield reader, writer
        finally:
            writer.close()


async def received(reader: asyncio.StreamReader, expected: type[Answer]) -> Answer:
    """The next answer on a connection; raises NotDone and Lost."""
    try:
        line = await reader.readline()
        ((name, content),) = json.loads(line).items()
        answer = _ANSWERS[name].model_validate(content)
    except (OSError, ValueError, KeyError) as error:
        raise Lost from error
    if isinstance(answer, Refused):
        raise NotDone(answer)
    if not isinstance(answer, expected):
        raise Lost
    return answer


def lost() -> Refused:
    """What a browser is told if the helper does not answer."""
    return protocol.refusal("failed", in_every_language(_("the board is being restarted")))
