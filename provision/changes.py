"""What a step changed, in the user's language: the steps' scripts say it in English.

A script on a host knows no catalog, so its lines are kept as they are (and stand so in JSON);
here is the sentence each of them is.
"""

from __future__ import annotations

import re
from functools import cache

from labctl.i18n import N_, _

# The more telling one first: `made {path} passable` is also a `made {path}`.
SENTENCES = (
    N_("wrote {path}"),
    N_("installed {package}"),
    N_("enabled {unit}"),
    N_("started {unit}"),
    N_("restarted {unit}"),
    N_("reloaded {unit}"),
    N_("built {path}"),
    N_("made {path} passable"),
    N_("made {path}"),
    N_("set owner and mode of {path}"),
    N_("set the password of {account}"),
    N_("ended the expiry of {account}"),
    N_("gave {account} a shell"),
    N_("added account {account}"),
    N_("added group {group}"),
    N_("added {account} to group {group}"),
    N_("took MAIL out of {path}"),
    N_("put smtpd back into its chroot"),
    N_("added dpkg-statoverride for {path}"),
    N_("took the book's settings out of {path}"),
)
_FIELD = re.compile(r"\\\{(\w+)\\\}")


def told(change: str) -> str:
    """The English line in the user's language; as it is where it is no sentence known here."""
    for sentence in SENTENCES:
        if found := _pattern(sentence).fullmatch(change):
            return _(sentence, **found.groupdict())
    return change


@cache
def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile(_FIELD.sub(r"(?P<\1>.+)", re.escape(sentence)))
