"""From a behaviour that fails to one cause: the first explanation that holds.

An explanation is data: the code of its finding, a predicate over the facts, and its texts. The
explanations of a behaviour are in `provision.explaining`, the most specific ones first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from labctl.i18n import _
from labctl.results import Finding
from provision.behaviour import Evidence, Seen
from provision.unknown import unknown_cause


@dataclass(frozen=True)
class Case:
    """A behaviour that failed on `own`. `peer` is the other host, if it was tried too."""

    seen: Seen
    own: Evidence
    peer: Evidence | None = None

    @property
    def log(self) -> str:
        return "\n".join(self.seen.log)

    @property
    def words(self) -> str:
        """What was seen, and the log."""
        return f"{self.seen.found}\n{self.log}"

    def turned(self) -> Case | None:
        """The same from the other host's side, for causes on the host that receives."""
        return None if self.peer is None else Case(self.seen, self.peer, self.own)


@dataclass(frozen=True)
class Told:
    """What an explanation found: the values of its texts, and a solution in place of its own."""

    found: str
    name: str = ""
    solution: str = ""


@dataclass(frozen=True)
class Explanation:
    """One cause. `holds` returns what it found, or None.

    Texts and `solution` may have the fields {name} and {found}, and the words of the host's
    family (Family.words), `code` the field {name}. If `at_peer`, `holds` looks at the other host,
    and the finding is that host's.
    """

    code: str
    holds: Callable[[Case], Told | None]
    what: str
    expected: str
    hint: str
    solution: str = ""
    at_peer: bool = False


@dataclass(frozen=True)
class Cause:
    """A finding and the host that it belongs to. `rejected` are the explanations before it.

    `instead` is the section that reports it, if its own section is not graded.
    """

    host: str
    finding: Finding
    rejected: tuple[str, ...] = ()
    instead: str = ""

    @property
    def step(self) -> str:
        return self.instead or self.finding.code.partition(".")[0]


def first_cause(case: Case, explanations: Sequence[Explanation], unknown: str) -> Cause:
    """The first explanation that holds, or the honest finding that the cause is unknown.

    Args:
        unknown: the section and subject of the code of a finding without a cause.
    """
    rejected: list[str] = []
    for each in explanations:
        there = case.turned() if each.at_peer else case
        told = each.holds(there) if there is not None else None
        if told is not None and there is not None:
            finding = _finding(each, told, there.own.scene.family.words())
            return Cause(there.own.host.name, finding, tuple(dict.fromkeys(rejected)))
        rejected.append(each.code.replace("{name}", "*"))
    return Cause(case.seen.host, _unknown(case, unknown), tuple(dict.fromkeys(rejected)))


def _finding(each: Explanation, told: Told, system: Mapping[str, str]) -> Finding:
    words = {**system, "name": told.name, "found": told.found}
    return Finding(
        code=each.code.replace("{name}", told.name),
        ok=False,
        what=_(each.what, **words),
        found=told.found,
        expected=_(each.expected, **words) if each.expected else "",
        hint=_(each.hint, **words),
        solution=told.solution or _filled(each.solution, words),
    )


def _filled(solution: str, words: Mapping[str, str]) -> str:
    """Other braces in it are those of a shell or of a file."""
    for name, word in words.items():
        solution = solution.replace(f"{{{name}}}", word)
    return solution


def _unknown(case: Case, code: str) -> Finding:
    seen = case.seen
    return unknown_cause(
        code,
        _(seen.name),
        [seen.found, *seen.log],
        _("it works"),
        "mailq; postconf -n; postconf -P",
    )
