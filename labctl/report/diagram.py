"""A message's way as a sequence diagram: lanes, arrows and notes with coordinates.

This is only geometry. The page's template draws it as SVG. Time runs downwards. The sentences are
in a column of their own at the right, so that none crosses a lane.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from labctl.i18n import _
from labctl.mailtest.trace import Stage, StageKind, Trace
from labctl.report.lines import broken
from labctl.report.wording import wording_of

WIDTH = 960
_TIME_WIDTH = 66
_LANES_END = 500
_TEXT = 520
_HEAD = 52
_LINE = 17
_ROW_SPACE = 9
# Cells (a Latin letter is one, a kanji two) that fit into the text column.
_TEXT_CELLS = 66


@dataclass(frozen=True)
class Lane:
    """A participant. `role` is MUA, MTA or MDA, `name` is the account or the host."""

    role: str
    name: str
    x: int


@dataclass(frozen=True)
class Row:
    """One stage: an arrow between two lanes, a dashed answer, or a note on one (start == end).

    `lines` is the sentence, broken to fit its column. Lengths are SVG user units.
    """

    y: int
    seconds: str
    start: int
    end: int
    is_answer: bool
    is_trouble: bool
    term: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class SequenceDiagram:
    """The whole diagram. `title` is its text for screen readers."""

    title: str
    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...]
    height: int
    text_x: int = _TEXT
    width: int = WIDTH


Place = tuple[str, str]


@dataclass(frozen=True)
class _Step:
    stage: Stage
    start: Place
    end: Place
    is_answer: bool = False


def sequence_of(trace: Trace) -> SequenceDiagram:
    """The diagram of one message's way."""
    steps = list(_steps(trace))
    places = list(dict.fromkeys(place for step in steps for place in (step.start, step.end)))
    lanes = _lanes(sorted(places, key=lambda place: _order(place, places, trace)))
    at = {(lane.role, lane.name): lane.x for lane in lanes}
    rows: list[Row] = []
    y = _HEAD + 20
    for step in steps:
        words = wording_of(step.stage)
        lines = broken(words.what, _TEXT_CELLS)
        seconds = (step.stage.time - steps[0].stage.time).total_seconds()
        rows.append(
            Row(
                y=y,
                seconds=f"{seconds:.3f}",
                start=at[step.start],
                end=at[step.end],
                is_answer=step.is_answer,
                is_trouble=step.stage.kind.is_trouble,
                term=words.term,
                lines=tuple(lines),
            )
        )
        y += _LINE * (len(lines) + 1) + _ROW_SPACE
    title = _(
        "the path of the message from {sender} to {recipients}",
        sender=trace.sender or "<>",
        recipients=", ".join(trace.recipients),
    )
    return SequenceDiagram(title, lanes, tuple(rows), y)


def _steps(trace: Trace) -> Iterator[_Step]:
    """Each stage as a movement between two places, or as an event at one."""
    writer = ("MUA", trace.sender)
    before: Place = writer
    for stage in trace.stages:
        server = ("MTA", stage.host)
        match stage.kind:
            case StageKind.FETCHED:
                mailbox = (to for to in trace.recipients if to.partition("@")[0] == stage.reader)
                yield _Step(stage, ("MDA", stage.host), ("MUA", next(mailbox, stage.reader)))
            case StageKind.SUBMITTED | StageKind.SUBMITTED_AUTH:
                yield _Step(stage, writer, server)
                before = server
            case StageKind.DELIVERED:
                yield _Step(stage, server, ("MDA", stage.host))
            case StageKind.CONNECTED:
                yield _Step(stage, before, server)
            case StageKind.RELAYED:
                # The line was written after the next server's answer.
                yield _Step(stage, _answering(stage, trace), server, is_answer=True)
            case _:
                yield _Step(stage, server, server)


def _answering(stage: Stage, trace: Trace) -> Place:
    """The server that gave the queue id in the answer, or the sender's own if none is known."""
    for other in trace.stages:
        if other.host != stage.host and other.queue_id == stage.facts.get("next_queue_id"):
            return ("MTA", other.host)
    return ("MTA", stage.host)


def _order(place: Place, places: list[Place], trace: Trace) -> tuple[int, int]:
    """Writer first, servers in the order of the way, each mailbox after its server, reader last."""
    role, name = place
    hosts = list(dict.fromkeys(stage.host for stage in trace.stages))
    if role == "MUA":
        return (-1, 0) if name == trace.sender else (len(hosts), places.index(place))
    return hosts.index(name), 0 if role == "MTA" else 1


def _lanes(places: list[Place]) -> tuple[Lane, ...]:
    room = (_LANES_END - _TIME_WIDTH) / max(1, len(places))
    return tuple(
        Lane(role, name, round(_TIME_WIDTH + room * (number + 0.5)))
        for number, (role, name) in enumerate(places)
    )
