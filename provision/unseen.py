"""Letters that a person does not see, or takes for a blank. Programs take them for letters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from labctl.results import StepReport

# Blanks of other widths, soft hyphens, marks of direction and of the byte order.
_UNSEEN = re.compile("[\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]")


def with_unseen(reports: Sequence[StepReport]) -> list[StepReport]:
    """The reports, in which such a letter in what was found is named: `plain<U+3000>login`."""
    return [
        replace(
            report,
            findings=tuple(
                each if each.ok else replace(each, found=named(each.found))
                for each in report.findings
            ),
        )
        for report in reports
    ]


def named(text: str) -> str:
    """The text with the code points of such letters in place of them."""
    return _UNSEEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)
