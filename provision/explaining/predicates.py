"""Conditions on the facts that more than one kind of behaviour has."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from provision.causes import Case, Explanation, Told


def told_by(key: str) -> Callable[[Case], Told | None]:
    """A fact of which any line is the cause."""

    def holds(case: Case) -> Told | None:
        lines = case.own.facts.lines(key)
        return Told(lines[0]) if lines else None

    return holds


def reason(pattern: str) -> Callable[[Case], Told | None]:
    """The log lines of this try say it."""

    def holds(case: Case) -> Told | None:
        found = re.search(pattern, case.log)
        return Told(found[0]) if found else None

    return holds


def unless_answered(each: Explanation) -> Explanation:
    """The same, unless the other host's mail server refused: then it was found and reached."""

    def holds(case: Case) -> Told | None:
        return None if _was_answered(case) else each.holds(case)

    return replace(each, holds=holds)


def _was_answered(case: Case) -> bool:
    if case.peer is None:
        return False
    address = re.escape(str(case.peer.host.address))
    return bool(re.search(rf"\[{address}\](:\d+)? said: [45]\d\d", case.words))


def submission(case: Case) -> str:
    """What `mail` and the log say of a message that the account hands over, or of its delivery."""
    return f"{case.own.mail['own-said']}\n{case.seen.found}\n{case.log}"


def said(pattern: str) -> Callable[[Case], Told | None]:
    """The program's own words, or the log's, name the cause."""

    def holds(case: Case) -> Told | None:
        found = re.search(pattern, submission(case))
        return Told(found[0].strip()) if found else None

    return holds
