"""Folders, files and passwords with every shell character: none reaches a shell unquoted.

A canary file appears if a shell executes part of a name.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.pulled import labctl_in
from tests.lab.program import labctl, on_host

NASTY = 'a b;touch canary #\'"x"$(touch canary)`touch canary`|&*?~,:\\%h\n日本'
PASSWORD = "a b;touch /canary #'\"$(touch /canary)`touch /canary`|&*?~,:\\%h"


def test_a_whole_lab_in_a_folder_with_such_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labctl("destroy", "--yes")
    folder = tmp_path / NASTY
    folder.mkdir()
    lab_file = folder / f"{NASTY}.toml"
    password = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
    lab_file.write_text(f'[passwords]\nuser1 = "{password}"\n')
    monkeypatch.chdir(folder)

    with labctl_in(XDG_STATE_HOME=folder / "state"):
        labctl("up", "--lab", lab_file.name)
        assert not labctl("up", "--json").json["changed"]
        labctl("test-mail")
        labctl("reset", "--yes")
        labctl("check")
        for host in ("host1", "host2"):
            on_host(host, "test ! -e /canary -a ! -e /root/canary -a ! -e /home/ubuntu/canary")
        labctl("render", "host1", "--to", str(folder / "render"))
        labctl("down")
    assert not list(tmp_path.rglob("canary"))
