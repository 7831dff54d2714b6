"""A change of a step as a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from labctl.i18n import N_, _
from labctl.results import Change, ChangeKind

SENTENCES: Mapping[ChangeKind, str] = {
    ChangeKind.WROTE: N_("wrote {subject}"),
    ChangeKind.INSTALLED: N_("installed {subject}"),
    ChangeKind.ENABLED: N_("enabled {subject}"),
    ChangeKind.STARTED: N_("started {subject}"),
    ChangeKind.RESTARTED: N_("restarted {subject}"),
    ChangeKind.RELOADED: N_("reloaded {subject}"),
    ChangeKind.BUILT: N_("built {subject}"),
    ChangeKind.MADE: N_("made {subject}"),
    ChangeKind.MADE_PASSABLE: N_("made {subject} accessible"),
    ChangeKind.SET_OWNER: N_("set owner and mode of {subject}"),
    ChangeKind.SET_PASSWORD: N_("set the password of {subject}"),
    ChangeKind.ENDED_EXPIRY: N_("removed the expiry of {subject}"),
    ChangeKind.GAVE_SHELL: N_("set the shell of {subject}"),
    ChangeKind.ADDED_ACCOUNT: N_("added account {subject}"),
    ChangeKind.ADDED_GROUP: N_("added group {subject}"),
    ChangeKind.ADDED_POSTFIX_TO_GROUP: N_("added postfix to group {subject}"),
    ChangeKind.ADDED_STATOVERRIDE: N_("added dpkg-statoverride for {subject}"),
    ChangeKind.CHROOTED: N_("returned {subject} to its chroot"),
    ChangeKind.CLEARED_MAIL: N_("removed MAIL from {subject}"),
    ChangeKind.CLEARED_SETTINGS: N_("removed the book's settings from {subject}"),
}


def told(change: Change) -> str:
    """The change in the user's language."""
    return _(SENTENCES[change.kind], subject=change.subject)


def in_english(change: Change) -> str:
    """The change in English, as the JSON field `what` has it in every language."""
    return SENTENCES[change.kind].format(subject=change.subject)
