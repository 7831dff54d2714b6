"""A host's manifest is parsed from the output of one command and compared with an older one."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Mapping

import pytest

from labctl.difference import Changed, compare
from labctl.errors import WrongState
from labctl.manifest import Manifest, parse


def taken(files: Mapping[str, bytes], *lines: str, mode: int = 0o644) -> str:
    """The output of the command for a host with these files below /etc."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"etc/{name}")
            entry.size, entry.mode, entry.uname, entry.gname = len(content), mode, "root", "root"
            archive.addfile(entry, io.BytesIO(content))
    packed = base64.b64encode(buffer.getvalue()).decode()
    return "\n".join([*lines, f"files\t{packed}", ""])


MD5_OF_A = "0cc175b9c0f1b6a831c399e269772661"


def test_files_with_text_mode_and_owner() -> None:
    files = parse(taken({"mailname": b"example1.jp\n"}, mode=0o640)).files
    assert files["/etc/mailname"].text == "example1.jp\n"
    assert (files["/etc/mailname"].mode, files["/etc/mailname"].owner) == ("640", "root:root")


@pytest.mark.parametrize("content", [b"\0binary", b"\xff\xfe"])
def test_what_is_no_text_has_a_checksum_only(content: bytes) -> None:
    assert parse(taken({"x": content})).files["/etc/x"].text is None


def test_packages_count_when_they_are_installed() -> None:
    text = taken({}, "package\tpostfix\tii \t3.7.11", "package\told\trc \t1")
    assert parse(text).packages == {"postfix": "3.7.11"}


def test_enabled_is_what_systemds_links_say() -> None:
    text = taken(
        {},
        "link\tetc/systemd/system/multi-user.target.wants/named.service\t/lib/named.service",
        "link\tetc/systemd/system/apt-daily.timer\t/dev/null",
        "link\tetc/rc2.d/S01saslauthd\t../init.d/saslauthd",
        "link\tetc/rc2.d/K01exim4\t../init.d/exim4",
        "unit\tnamed.service\tactivating",
    )
    manifest = parse(text)
    assert manifest.at_boot == {
        "named.service": "enabled",
        "apt-daily.timer": "masked",
        "saslauthd.service": "enabled",
    }
    assert manifest.now == {"named.service": "active"}


@pytest.mark.parametrize("text", ["", "files\tnonsense\n", "files\t\n", "account\tx\nfiles\t\n"])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(WrongState):
        parse(text)


def test_nothing_differs_from_itself() -> None:
    manifest = parse(taken({"a": b"a"}, "account\tuser1:x:1001:1001::/home/user1:/bin/bash"))
    assert compare("host1", manifest, manifest).is_empty


def test_a_changed_file_is_a_unified_diff() -> None:
    before, after = (parse(taken({"main.cf": text})) for text in (b"a\nb\n", b"a\nc\n"))
    (change,) = compare("host1", before, after).files
    assert (change.path, change.kind) == ("/etc/main.cf", "changed")
    assert change.diff[3:] == (" a", "-b", "+c")


def test_a_secret_file_is_said_to_have_changed_and_not_how() -> None:
    before, after = (parse(taken({}, f"hidden\t{mark}\tetc/shadow")) for mark in ("1", "2"))
    (change,) = compare("host1", before, after).files
    assert (change.kind, change.diff, change.hidden) == ("changed", (), True)


def test_a_changed_mode_is_both_modes() -> None:
    before, after = (parse(taken({"mailname": b"x"}, mode=mode)) for mode in (0o644, 0o600))
    (change,) = compare("host1", before, after).files
    assert (change.diff, change.hidden) == ((), False)
    assert (change.modes, change.owners) == (("644", "600"), ())


def test_a_file_as_its_package_brings_it_is_not_told() -> None:
    brought = parse(taken({"x": b"a", "y": b"a"}, f"conffile\tetc/x\t{MD5_OF_A}"))
    assert [change.path for change in compare("h", Manifest(), brought).files] == ["/etc/y"]
    assert [change.path for change in compare("h", brought, Manifest()).files] == ["/etc/y"]


def test_a_removed_conffile_of_an_installed_package_is_told() -> None:
    line = f"conffile\tetc/x\t{MD5_OF_A}"
    (change,) = compare("h", parse(taken({"x": b"a"}, line)), parse(taken({}, line))).files
    assert change.kind == "removed"


def test_services_accounts_and_groups() -> None:
    link = "link\tetc/systemd/system/multi-user.target.wants/postfix.service\t/lib/postfix.service"
    before = parse(
        taken(
            {},
            link,
            "unit\tpostfix@-.service\tactive",
            "unit\tsystemd-tmpfiles-clean.service\tactive",
            "group\tsasl:x:45:postfix",
            "password\tuser1\tone",
            "account\tuser1:x:1001:1001::/home/user1:/bin/bash",
        )
    )
    after = parse(
        taken(
            {},
            "unit\tpostfix@-.service\tfailed",
            "group\tsasl:x:45:",
            "password\tuser1\ttwo",
            "account\tuser1:x:1001:1001::/home/user1:/bin/sh",
        )
    )
    found = compare("host1", before, after)
    assert found.services == (
        Changed("postfix.service", "enabled, inactive", "disabled, inactive"),
        Changed("postfix@-.service", "disabled, active", "disabled, failed"),
    )
    assert found.groups == (Changed("sasl", "gid 45: postfix", "gid 45"),)
    shell, password = found.accounts
    assert shell.after.endswith("/bin/sh")
    assert (password.before, password.after) == ("a password", "another password")
