"""What the web process may ask the root helper for: a few verbs, each with fixed fields.

A request is one line of JSON on a connection of its own, and so is the answer. Rows follow with a
line for each, so that no line grows with the class: after `look` all of them, after `watch` also
each that changes. `terminal` is followed by frames in both directions. Every request but `login`
carries the token of a browser, and the helper decides by it: the web process has no rights of its
own.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from labctl.classroom.rows import Said, Section

# Seconds after which a browser has to log in again.
LOGIN_SECONDS = 12 * 3600
# Bytes of a line and of a frame.
LONGEST_LINE = 4 * 1024 * 1024
LONGEST_FRAME = 1024 * 1024

_Seat = Annotated[int, Field(ge=1, le=999)]
_Word = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
# Columns and rows of a terminal.
LEAST_SIZE, MOST_SIZE = 2, 1000
_Size = Annotated[int, Field(ge=LEAST_SIZE, le=MOST_SIZE)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Login(_Message):
    """Exchange a code for a token. Answer: Welcome."""

    verb: Literal["login"] = "login"
    code: Annotated[str, Field(max_length=100)]


class _WithToken(_Message):
    token: Annotated[str, Field(max_length=100)]


class Who(_WithToken):
    """Whose token it is. Answer: Welcome."""

    verb: Literal["who"] = "who"


class Logout(_WithToken):
    verb: Literal["logout"] = "logout"


class Watch(_WithToken):
    """The rows that the token may see, then each that changes. Answer: Rows, then each row."""

    verb: Literal["watch"] = "watch"
    projector: bool = False


class Look(_WithToken):
    """The same rows once. Answer: Rows, then each row."""

    verb: Literal["look"] = "look"
    projector: bool = False


class Progress(_WithToken):
    """How many sections were right at what time. Answer: Curve."""

    verb: Literal["progress"] = "progress"


class _OnSeat(_WithToken):
    seat: _Seat


class Check(_OnSeat):
    """Grade a seat now. Answer: Done."""

    verb: Literal["check"] = "check"


class Reset(_OnSeat):
    """Return a seat to a checkpoint, by default to where the class begins. Answer: Done."""

    verb: Literal["reset"] = "reset"
    to: _Word | None = None


class Undo(_OnSeat):
    """Take back the last reset of a seat. Answer: Done."""

    verb: Literal["undo"] = "undo"


class Drill(_OnSeat):
    """Break one thing at a seat. Answer: Done."""

    verb: Literal["drill"] = "drill"
    name: _Word


class Note(_OnSeat):
    """Keep a note on a seat; "" removes it. Answer: Done."""

    verb: Literal["note"] = "note"
    text: Annotated[str, Field(max_length=500)]


class OpenTerminal(_OnSeat):
    """Log in on a host. Answer: Done, then frames."""

    verb: Literal["terminal"] = "terminal"
    host: _Word
    columns: _Size = 80
    rows: _Size = 24


Request = Annotated[
    Login
    | Who
    | Logout
    | Watch
    | Look
    | Progress
    | Check
    | Reset
    | Undo
    | Drill
    | Note
    | OpenTerminal,
    Field(discriminator="verb"),
]
REQUEST: TypeAdapter[Request] = TypeAdapter(Request)


class Welcome(_Message):
    """Who logged in, and what the class is. `seat` is 0 for the instructor.

    `drills` are names, `checkpoints` what a reset can go to.
    """

    token: str
    seat: int
    class_name: str
    hosts: tuple[str, ...]
    sections: tuple[Section, ...]
    drills: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()

    @property
    def is_instructor(self) -> bool:
        return self.seat == 0


class Rows(_Message):
    """How many rows follow, each as an answer of its own."""

    count: Annotated[int, Field(ge=0)]


class Curve(_Message):
    """The number of right sections of the whole class over time, and of seats that are done.

    A point is (seconds of the epoch, right sections, seats that are done).
    """

    points: tuple[tuple[float, int, int], ...]
    sections: int
    seats: int


class Done(_Message):
    """A verb was carried out. `said` is a sentence on what it did, or empty."""

    said: Said = {}


class Refused(_Message):
    """The answer to a request that is not carried out. `said` is a sentence on why.

    `kind` is `login` if the token or code is unknown, `rights` if it may not do that, `request`
    if the request is wrong, `busy` if a limit is reached, `failed` otherwise.
    """

    kind: Literal["login", "rights", "request", "busy", "failed"]
    said: Annotated[Said, Field(min_length=1)]
    hint: Said = {}


def answer_line(answer: BaseModel) -> bytes:
    """An answer as the helper sends it."""
    name = type(answer).__name__
    return f'{{"{name}":{answer.model_dump_json()}}}\n'.encode()


async def say(writer: asyncio.StreamWriter, answer: BaseModel) -> None:
    """Send an answer."""
    writer.write(answer_line(answer))
    await writer.drain()


# -- frames of a terminal -----------------------------------------------------------------------

_HEADER = struct.Struct(">cI")
HEADER_SIZE = _HEADER.size
# To the helper: what was typed, a new size. From it: output, the end of what was shown before,
# and why the terminal ended.
INPUT, SIZE = b"i", b"r"
OUTPUT, CAUGHT_UP, ENDED = b"o", b"c", b"e"


def frame(kind: bytes, content: bytes = b"") -> bytes:
    return _HEADER.pack(kind, len(content)) + content


def frame_header(header: bytes) -> tuple[bytes, int]:
    """The kind and length of a frame. Raises ValueError if it is too long."""
    kind, length = _HEADER.unpack(header)
    if length > LONGEST_FRAME:
        raise ValueError("frame too long")
    return kind, length


def size_content(columns: int, rows: int) -> bytes:
    return struct.pack(">HH", columns, rows)


def size_from(content: bytes) -> tuple[int, int]:
    """Columns and rows. Raises ValueError if they are no size."""
    try:
        columns, rows = struct.unpack(">HH", content)
    except struct.error as error:
        raise ValueError("no size") from error
    if (columns, rows) != fitting_size(columns, rows):
        raise ValueError("no size")
    return columns, rows


def fitting_size(columns: int, rows: int) -> tuple[int, int]:
    """The nearest size that a terminal may have. A window may be smaller or larger."""
    width, height = (max(LEAST_SIZE, min(each, MOST_SIZE)) for each in (columns, rows))
    return width, height


def refusal(kind: Any, said: Said, hint: Said | None = None) -> Refused:
    return Refused(kind=kind, said=said, hint=hint or {})
