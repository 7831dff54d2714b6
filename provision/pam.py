"""Lines in the file of a service for PAM (pam.conf(5)) for which it refuses every password."""

from __future__ import annotations

import re

from provision.facts import Facts

# Modules that ask for more than the password: for a list, a time, a place, a program's word.
_ASKING = re.compile(
    r"(auth|account)\s.*\bpam_(listfile|access|succeed_if|time|exec|localuser|nologin|wheel|group"
    r"|rhosts|shells|securetty|faillock|tally2?)\.so\b"
)


def refusing_lines(facts: Facts) -> list[str]:
    """Lines that deny, those that name a module or a file that does not exist, those that may deny.

    A password that is right was refused. So a line that may deny has denied.

    Args:
        facts: with the file as `pam`, and what scripts/pam.sh misses as `pam-missing`.
    """
    lines = [line for line in facts.lines("pam") if not line.lstrip().startswith("#")]
    denying = [line for line in lines if "pam_deny" in line]
    asking = [line for line in lines if _ASKING.match(line)]
    return [*denying, *facts.lines("pam-missing"), *asking]
