"""The honest finding of a check that knows no cause: what was seen, and where to look next."""

from __future__ import annotations

from collections.abc import Iterable

from labctl.i18n import _
from labctl.results import Finding

# How the code of such a finding ends.
_SUFFIX = ".unknown"


def unknown_cause(
    place: str, what: str, seen: Iterable[str], expected: str, solution: str
) -> Finding:
    """The finding for what does not work for no known reason.

    Args:
        place: The section and, if there is one, the subject: `smtp-auth`, `dovecot.imap`.
        seen: An answer, and the lines of the log that may explain it.
        solution: Commands that show more.
    """
    return Finding(
        code=unknown_code(place),
        ok=False,
        what=what,
        found="\n".join(dict.fromkeys(seen)).strip() or _("nothing in the log"),
        expected=expected,
        hint=_("It does not work, and labctl does not know the cause. The log is the next step."),
        solution=solution,
    )


def unknown_code(place: str) -> str:
    return place + _SUFFIX


def is_unknown(finding: Finding) -> bool:
    """Whether this is a failure without a known cause."""
    return not finding.ok and finding.code.endswith(_SUFFIX)
