"""`labctl trace --json` is the same in every language, and its times are ISO 8601."""

import json
import re

import pytest

from labctl.i18n import choose_language
from labctl.mailtest.trace import trace_records
from labctl.render.trace import print_trace
from tests.unit.mailtest.recorded import records

FOUND = records("postfix-3.7.log", "postfix-3.7-receiver.log", "postfix-3.7-fates.log")


def printed(capsys: pytest.CaptureFixture[str], lang: str, *, as_json: bool) -> str:
    choose_language(lang)
    try:
        for queue_id in ("712A6228717", "85B3D212115", "36A42212092", "E8454212099"):
            print_trace(trace_records(FOUND, queue_id), as_json=as_json)
    finally:
        choose_language(None)
    return capsys.readouterr().out


def test_json_does_not_depend_on_the_language(capsys: pytest.CaptureFixture[str]) -> None:
    english = printed(capsys, "en", as_json=True)
    assert printed(capsys, "ja", as_json=True) == english
    assert english.isascii()


def test_people_read_it_in_their_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "ja", as_json=False) != printed(capsys, "en", as_json=False)


def test_a_stage_has_kind_and_facts_beside_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    print_trace(trace_records(FOUND, "712A6228717"), as_json=True)
    stages = json.loads(capsys.readouterr().out)["data"]["stages"]
    (delivered,) = [stage for stage in stages if stage["kind"] == "delivered"]
    assert delivered["role"] == "MDA"
    assert delivered["facts"]["to"] == "user1@example1.jp"
    assert delivered["what"] == "written to the mailbox of user1@example1.jp"
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+[+]00:00", stage["time"]) for stage in stages)
