"""What the doctor found, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from labctl.i18n import N_


class Verdict(StrEnum):
    """`warning`: a lab will run, but slowly or perhaps not."""

    OK = N_("ok")
    WARNING = N_("warning")
    LACKING = N_("lacking")


@dataclass(frozen=True)
class Diagnosis:
    """One thing looked at.

    `code` names it for machines and tests, `what` for people with what was found; `why` says
    what the lab needs it for, `mend` is the command to type or the page to open.
    """

    code: str
    verdict: Verdict
    what: str
    why: str = ""
    mend: str = ""


@dataclass(frozen=True)
class ProviderHealth:
    """One provider and all that was looked at for it."""

    provider: str
    diagnoses: tuple[Diagnosis, ...]

    @property
    def usable(self) -> bool:
        return all(each.verdict is not Verdict.LACKING for each in self.diagnoses)


@dataclass(frozen=True)
class Health:
    """All that the doctor found; well where one provider can be used."""

    system: str
    providers: tuple[ProviderHealth, ...]

    @property
    def ok(self) -> bool:
        return any(each.usable for each in self.providers)


def found(code: str, what: str) -> Diagnosis:
    return Diagnosis(code, Verdict.OK, what)


def lacking(code: str, what: str, why: str, mend: str) -> Diagnosis:
    return Diagnosis(code, Verdict.LACKING, what, why, mend)


def warning(code: str, what: str, why: str, mend: str) -> Diagnosis:
    return Diagnosis(code, Verdict.WARNING, what, why, mend)
