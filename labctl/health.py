"""The results of the machine checks, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from labctl.hint import Hint
from labctl.i18n import N_


class Verdict(StrEnum):
    """`warning`: a lab runs, but slowly or unreliably. `unknown`: the check was not possible."""

    OK = N_("ok")
    WARNING = N_("warning")
    LACKING = N_("lacking")
    UNKNOWN = N_("unknown")


@dataclass(frozen=True)
class Diagnosis:
    """The result of one check.

    `code` names it for machines and tests, `what` for people with what was found. `why` says
    what the lab needs it for, or what was measured; `mend` is the command to type or the page
    to open. `measured` has the numbers behind it, in bytes: `used` and `allowed`.
    """

    code: str
    verdict: Verdict
    what: str
    why: str = ""
    mend: Hint = field(default_factory=Hint)
    measured: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ProviderHealth:
    """One provider and the results of its checks.

    `ignored` are the keys of the lab file that only other providers use.
    """

    provider: str
    diagnoses: tuple[Diagnosis, ...]
    ignored: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        return all(each.verdict is not Verdict.LACKING for each in self.diagnoses)


@dataclass(frozen=True)
class Health:
    """The results for all providers. `ok` if at least one provider can be used."""

    system: str
    providers: tuple[ProviderHealth, ...]

    @property
    def ok(self) -> bool:
        return any(each.usable for each in self.providers)


def found(code: str, what: str) -> Diagnosis:
    """The machine has it."""
    return Diagnosis(code, Verdict.OK, what)


def lacking(code: str, what: str, why: str, mend: Hint | str) -> Diagnosis:
    """The machine lacks it, and a lab needs it."""
    return Diagnosis(code, Verdict.LACKING, what, why, _hint(mend))


def warning(code: str, what: str, why: str, mend: Hint | str) -> Diagnosis:
    """A lab will run without it, but slowly or unreliably."""
    return Diagnosis(code, Verdict.WARNING, what, why, _hint(mend))


def unknown(code: str, what: str, why: str = "", mend: Hint | str = "") -> Diagnosis:
    """The check was not possible; `what` says why."""
    return Diagnosis(code, Verdict.UNKNOWN, what, why, _hint(mend))


def _hint(mend: Hint | str) -> Hint:
    return Hint(mend) if isinstance(mend, str) else mend
