"""Whether Postfix asks Dovecot about passwords, in place of saslauthd."""

from __future__ import annotations

from labctl.scripts import Script
from provision.facts import Facts

# Its facts are also those of smtp-auth-check.sh.
SASL_TYPE = Script("provision", "sasl-type.sh")


def asks_dovecot(facts: Facts) -> bool:
    """Whether it does. A service of master.cf may say otherwise than main.cf."""
    return (facts["override"] or facts["type"]) == "dovecot"
