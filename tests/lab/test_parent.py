"""The book's third machine: `dns = "parent"` adds host0 with the zone jp and its delegations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.program import labctl, on_host


@pytest.fixture(scope="module", autouse=True)
def _with_host0(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    lab_file: Path = tmp_path_factory.mktemp("parent") / "labctl.toml"
    lab_file.write_text('dns = "parent"\n')
    labctl("destroy", "--yes")
    labctl("up", "--lab", str(lab_file))
    yield
    labctl("destroy", "--yes")


def test_host0_delegates_both_zones_with_glue() -> None:
    for number in ("1", "2"):
        asked = f"dig +norecurse @192.168.56.100 NS example{number}.jp"
        answer = on_host("host0", asked).out
        assert f"host{number}.example{number}.jp." in answer
        assert f"192.168.56.10{number}" in answer


def test_the_mail_hosts_resolve_each_other_through_host0() -> None:
    assert "nameserver 192.168.56.100" in on_host("host1", "cat /etc/resolv.conf").out
    assert on_host("host1", "dig +short MX example2.jp").out.strip() == "10 mail.example2.jp."
    assert on_host("host2", "dig +short mail.example1.jp").out.strip() == "192.168.56.101"


def test_mail_flows_and_a_second_up_changes_nothing() -> None:
    labctl("test-mail")
    assert not labctl("up", "--json").json["changed"]
    labctl("reset", "--yes")
    labctl("test-mail")
