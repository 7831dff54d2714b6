"""A difference is told in the user's language, and the same in JSON for everybody."""

from __future__ import annotations

import json

import pytest

from labctl.difference import (
    A_PASSWORD,
    ANOTHER_PASSWORD,
    Changed,
    Difference,
    FileChange,
    HostDifference,
)
from labctl.i18n import speaking
from labctl.render.diff import print_difference

FILE = FileChange(
    "/etc/bind/rndc.key", "changed", (), True, ("640", "644"), ("root:bind", "root:root")
)
FOUND = Difference(
    "ready",
    (
        HostDifference(
            "host1",
            files=(FILE,),
            packages=(Changed("mutt", "", "2.2"),),
            services=(),
            accounts=(Changed("user1", A_PASSWORD, ANOTHER_PASSWORD),),
            groups=(),
        ),
    ),
)


@pytest.mark.parametrize(
    ("lang", "lines"),
    [
        (
            "en",
            [
                "  /etc/bind/rndc.key  changed"
                " (contents not shown, mode 640 → 644, owner root:bind → root:root)",
                "    ~ user1  a password → another password",
            ],
        ),
        (
            "ja",
            [
                "  /etc/bind/rndc.key  変更"
                " (内容は表示しません, パーミッション 640 → 644, 所有者 root:bind → root:root)",
                "    ~ user1  元のパスワード → 別のパスワード",
            ],
        ),
    ],
)
def test_people_read_it_in_their_language(
    lang: str, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with speaking(lang):
        print_difference(FOUND, as_json=False)
    assert set(lines) <= set(capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_json_does_not_depend_on_the_language(
    lang: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with speaking(lang):
        print_difference(FOUND, as_json=True)
    data = json.loads(capsys.readouterr().out)["data"]
    assert (data["since"], data["changed"]) == ("ready", True)
    (host,) = data["hosts"]
    assert host["files"] == [
        {
            "path": "/etc/bind/rndc.key",
            "kind": "changed",
            "diff": [],
            "hidden": True,
            "modes": ["640", "644"],
            "owners": ["root:bind", "root:root"],
            "note": "contents not shown, mode 640 → 644, owner root:bind → root:root",
        }
    ]
    assert host["accounts"] == [
        {"name": "user1", "before": "a password", "after": "another password"}
    ]
