"""`labctl check` as an instructor uses it: a right lab, one wrong thing, and files for others."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from provision.steps import BOOK
from tests.lab.program import labctl, on_host


def test_a_whole_lab_is_all_right(ready: str, tmp_path: Path) -> None:
    report = tmp_path / "check.xml"
    ended = labctl("check", "--junit", str(report))
    assert ended.out.count("✓ host1") == ended.out.count("✓ host2") == len(BOOK)
    suite = ElementTree.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures")) == (str(2 * len(BOOK)), "0")


def test_one_wrong_thing_is_one_failure_with_a_hint_and_on_wish_its_line(ready: str) -> None:
    on_host("host2", "postconf -e mydestination=example1.jp; systemctl restart postfix")
    told = labctl("check", "--errors-only", code=1).out
    assert "mydestination" in told
    assert "✗ host2" in told and "✗ host1" not in told
    assert "not looked at yet: postfix comes first" in told
    assert "mydestination = $mydomain" not in told
    assert "mydestination = $mydomain" in labctl("check", "postfix", "--solution", code=1).out
    labctl("check", "--host", "host1")
    assert labctl("check", "dns", "aliases").out.count("✓ host2") == 2


def test_a_prepared_class_is_wrong_only_where_it_has_not_begun(ready: str) -> None:
    labctl("reset", "--to", "packages", "--yes")
    ended = labctl("check", "--json", code=1)
    outcomes = {(r["host"], r["step"]): r["outcome"] for r in ended.json["reports"]}
    assert outcomes["host1", "dns"] == outcomes["host1", "packages"] == "ok"
    assert outcomes["host1", "postfix"] == outcomes["host1", "accounts"] == "failed"
    assert outcomes["host1", "smtp-auth"] == "blocked"


def test_unknown_words_and_a_lab_that_is_down(ready: str) -> None:
    assert "mail-command" in labctl("check", "nothing", code=2).err
    assert "host1, host2" in labctl("check", "--host", "host9", code=2).err
    labctl("down")
    assert "labctl up" in labctl("check", code=4).err
