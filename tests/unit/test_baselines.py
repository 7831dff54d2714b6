"""labctl remembers the last checkpoint of the lab through resets and undos."""

from __future__ import annotations

import pytest

from labctl.baselines import Baselines
from labctl.errors import WrongState
from labctl.home import lab_home


def test_the_lab_stands_where_an_up_or_a_reset_left_it() -> None:
    kept = Baselines(lab_home("default"))
    assert kept.at == ""
    kept.set_current("ready")
    kept.went_back("dns", "before-reset-1")
    assert kept.at == "dns"


def test_an_undone_reset_leads_back_to_where_it_stood() -> None:
    kept = Baselines(lab_home("default"))
    kept.set_current("ready")
    kept.went_back("dns", "before-reset-1")
    kept.went_back("before-reset-1", "before-reset-2")
    kept.forget("before-reset-1")
    assert kept.at == "ready"
    kept.went_back("before-reset-2", "before-reset-3")
    assert kept.at == "dns"


def test_what_was_not_kept_says_which_reset_keeps_it() -> None:
    kept = Baselines(lab_home("default"))
    assert not kept.has("ready", ["host1"])
    with pytest.raises(WrongState) as raised:
        kept.read("ready", "host1")
    assert str(raised.value.hint) == "labctl reset --to ready"


def test_an_unreadable_memory_is_as_good_as_none() -> None:
    home = lab_home("default")
    Baselines(home).set_current("ready")
    (home.state / "baselines" / "places.json").write_text("{", encoding="utf-8")
    assert Baselines(home).at == ""
