"""The user ids of the hosts on this machine: a range that nothing else uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.errors import MachineLacks
from labctl.providers.rootfs import users

pwd = pytest.importorskip("pwd")


@pytest.fixture
def subuid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """This machine's subuid(5), empty."""
    path = tmp_path / "subuid"
    monkeypatch.setattr(users, "_SUBUID", path)
    return path


def test_the_range_is_one_that_systemd_nspawn_can_give_files_to() -> None:
    # nspawn-patch-uid.c keeps the lower 16 bits.
    assert users.FIRST % users.COUNT == 0
    assert users.COUNT == 0x10000
    # https://systemd.io/UIDS-GIDS/: above systemd's own container range, below the sign bit.
    assert users.RANGE.start > 0x6FFF_FFFF
    assert users.RANGE.stop <= 0x7FFE_0000


def test_a_machine_as_debian_makes_it_has_the_range_free(subuid: Path) -> None:
    users.ensure_free()
    subuid.write_text("alice:100000:65536\n# comment\nbob:600100000:65536\n\nbroken\n")
    users.ensure_free()


@pytest.mark.parametrize(
    "line",
    [
        f"alice:{users.FIRST}:65536",
        f"alice:{users.FIRST + 65535}:1",
        "alice:100000:2000000000",
    ],
)
def test_a_range_given_to_somebody_else_is_refused(subuid: Path, line: str) -> None:
    subuid.write_text(f"bob:100000:65536\n{line}\n")
    with pytest.raises(MachineLacks, match="user ids") as refused:
        users.ensure_free()
    assert refused.value.cause.startswith("alice: ")
    assert refused.value.hint


def test_a_user_with_an_id_of_the_range_is_refused(
    subuid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain_user = pwd.struct_passwd(("carol", "x", users.FIRST + 7, 100, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwall", lambda: [domain_user])
    with pytest.raises(MachineLacks) as refused:
        users.ensure_free()
    assert refused.value.cause == f"carol: {users.FIRST + 7}–{users.FIRST + 7}"


@pytest.mark.parametrize("line", [f"alice:{users.FIRST - 65536}:65536", f"a:{users.RANGE.stop}:1"])
def test_a_range_beside_is_somebody_elses_business(subuid: Path, line: str) -> None:
    subuid.write_text(line)
    users.ensure_free()
