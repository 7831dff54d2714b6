"""What the doctor found, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from labctl.hint import Hint
from labctl.i18n import N_


class Verdict(StrEnum):
    """`warning`: a lab will run, but slowly or perhaps not. `unknown`: it could not be asked."""

    OK = N_("ok")
    WARNING = N_("warning")
    LACKING = N_("lacking")
    UNKNOWN = N_("unknown")


@dataclass(frozen=True)
class Diagnosis:
    """One thing looked at.

    `code` names it for machines and tests, `what` for people with what was found. `why` says
    what the lab needs it for, or what was measured; `mend` is the command to type or the page
    to open.
    """

    code: str
    verdict: Verdict
    what: str
    why: str = ""
    mend: Hint = field(default_factory=Hint)


@dataclass(frozen=True)
class ProviderHealth:
    """One provider and all that was looked at for it.

    `ignored` are the keys of the lab file that only other providers know.
    """

    provider: str
    diagnoses: tuple[Diagnosis, ...]
    ignored: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        return all(each.verdict is not Verdict.LACKING for each in self.diagnoses)


@dataclass(frozen=True)
class Health:
    """All that the doctor found. It is well if one provider can be used."""

    system: str
    providers: tuple[ProviderHealth, ...]

    @property
    def ok(self) -> bool:
        return any(each.usable for each in self.providers)


def found(code: str, what: str) -> Diagnosis:
    """The machine has it."""
    return Diagnosis(code, Verdict.OK, what)


def lacking(code: str, what: str, why: str, mend: Hint | str) -> Diagnosis:
    """The machine lacks it: no lab without it."""
    return Diagnosis(code, Verdict.LACKING, what, why, _hint(mend))


def warning(code: str, what: str, why: str, mend: Hint | str) -> Diagnosis:
    """A lab will run without it, but slowly or perhaps not."""
    return Diagnosis(code, Verdict.WARNING, what, why, _hint(mend))


def unknown(code: str, what: str, why: str = "", mend: Hint | str = "") -> Diagnosis:
    """It could not be asked; `what` says why not."""
    return Diagnosis(code, Verdict.UNKNOWN, what, why, _hint(mend))


def _hint(mend: Hint | str) -> Hint:
    return Hint(mend) if isinstance(mend, str) else mend
