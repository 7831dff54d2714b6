"""A message is data: it can be said again in the other language."""

from __future__ import annotations

import pickle

from labctl.errors import LabError
from labctl.i18n import _, in_every_language, ngettext, speaking


def test_a_message_is_said_in_the_chosen_language() -> None:
    with speaking("ja"):
        japanese = _("the lab {name} was removed", name="s07")
    with speaking("en"):
        english = _("the lab {name} was removed", name="s07")
    assert english == "the lab s07 was removed"
    assert japanese != english
    assert "s07" in japanese


def test_a_message_can_be_said_in_the_other_language_later() -> None:
    with speaking("en"):
        said = in_every_language(_("the lab {name} was removed", name="s07"))
    with speaking("ja"):
        assert said["ja"] == _("the lab {name} was removed", name="s07")
    assert said["en"] == "the lab s07 was removed"


def test_a_message_within_a_message_is_said_in_the_same_language() -> None:
    with speaking("en"):
        inner = _("absent")
        said = in_every_language(_("{what}; {why}", what=inner, why="ENOSPC"))
    assert said["en"] == "absent; ENOSPC"
    assert said["ja"].startswith(in_every_language(inner)["ja"])
    assert "absent" not in said["ja"]


def test_a_message_of_a_number_has_the_form_of_its_language() -> None:
    with speaking("ja"):
        messages = [
            ngettext("{count} member, online", "{count} members, all online", count)
            for count in (1, 2)
        ]
    assert [in_every_language(each)["en"] for each in messages] == [
        "1 member, online",
        "2 members, all online",
    ]


def test_a_text_of_the_user_is_the_same_in_every_language() -> None:
    assert in_every_language("reject_rbl_client") == {
        "ja": "reject_rbl_client",
        "en": "reject_rbl_client",
    }


def test_an_error_keeps_its_message_for_both_languages() -> None:
    with speaking("en"):
        error = LabError(_("the lab {name} was removed", name="s07"))
    assert in_every_language(error.message)["ja"] != error.message


def test_a_message_passes_from_process_to_process() -> None:
    with speaking("en"):
        message = _("the lab {name} was removed", name="s07")
    again = pickle.loads(pickle.dumps(message))
    assert in_every_language(again) == in_every_language(message)
