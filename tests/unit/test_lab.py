"""Editions and lab files: allowed values, and the errors for wrong ones."""

from __future__ import annotations

import copy
import tomllib
import traceback
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from labctl import resources
from labctl.edition_files import editions
from labctl.errors import ExitCode, LabError, WrongUsage
from labctl.lab import Edition, Lab, LabFile, load_edition, load_lab
from labctl.mistakes import mistakes

# Values that TOML can contain, and some from real lab files.
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["nspawn", "ja", "peers", "parent", "http://a:99999/", "http://[", "$(x)"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=4,
)
KEYS = st.sampled_from([*LabFile.model_fields, "hosts", "x"])


def load(folder: Path, text: str | bytes) -> Any:
    path = folder / "labctl.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_lab("default", path)


def refused(folder: Path, text: str | bytes) -> LabError:
    with pytest.raises(WrongUsage) as wrong:
        load(folder, text)
    assert str(folder / "labctl.toml") in wrong.value.message
    assert wrong.value.exit_code is ExitCode.USAGE
    assert wrong.value.hint
    return wrong.value


def test_without_a_lab_file_the_lab_is_the_books(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only labctl.session looks into the current folder.
    (tmp_path / "labctl.toml").write_text('dns = "parent"\n')
    monkeypatch.chdir(tmp_path)
    lab = load_lab("default")
    assert [host.fqdn for host in lab.hosts] == ["host1.example1.jp", "host2.example2.jp"]
    assert [host.mailbox for host in lab.hosts] == ["user1@example1.jp", "user2@example2.jp"]
    assert lab.peer(lab.host("host1")) == lab.host("host2")


def test_the_books_third_host_is_there_where_it_is_asked_for(tmp_path: Path) -> None:
    lab = load(tmp_path, 'dns = "parent"')
    assert [host.name for host in lab.hosts] == ["host0", "host1", "host2"]
    assert [host.name for host in lab.mail_hosts] == ["host1", "host2"]


def test_every_key_may_stand_in_a_lab_file(tmp_path: Path) -> None:
    text = """
    edition = "ubuntu-example"
    provider = "nspawn"
    lang = "ja"
    dns = "peers"
    network = "10.20.30.0/24"
    extras = ["thunderbird"]
    [passwords]
    user1 = "a:b c'$(x)"
    """
    choices = load(tmp_path, text).choices
    assert choices.model_fields_set == set(LabFile.model_fields)
    assert choices.passwords["user1"].get_secret_value() == "a:b c'$(x)"


def test_a_file_from_windows_editor_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, b'\xef\xbb\xbfdns = "parent"\r\n').choices.dns == "parent"


def test_what_is_not_labctls_own_is_kept_for_the_providers(tmp_path: Path) -> None:
    choices = load(tmp_path, 'lang = "ja"\nmemory = 512\n[vagrant]\ncpus = 2').choices
    assert choices.settings == {"memory": 512, "vagrant": {"cpus": 2}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('edition = "fedora"', "edition: there is no edition 'fedora'"),
        ('edition = "../labctl"', "edition: "),
        ("passwords = 1", "passwords: "),
        ("[passwords]\nuser1 = 1", "passwords.user1: "),
        ('[passwords]\nuser1 = "a\\nroot:b"', "passwords.user1: 1 to 128 printable"),
        ('[passwords]\nuser1 = "é"', "passwords.user1: 1 to 128 printable"),
        ('[passwords]\nuser1 = ""', "passwords.user1: 1 to 128 printable"),
        ('[passwords]\nuser9 = "x"', "passwords.user9: there is no such account"),
        ('extras = ["emacs"]', "extras.0: must be 'thunderbird'"),
        ("extras = 1", "extras: must be a list"),
        ("edition = 5", "edition: must be text"),
        ("cpus = 1\ndns =\n", "line 2, column 6: not a value of TOML"),
        ("dns: parent", "line 1, column 4: a key needs ="),
        ("lang = “ja”", 'line 1, column 8: "“" is not an ASCII character'),
        ("lang　= 'ja'", 'line 1, column 5: "　" is not an ASCII character'),
        ("dns = 'peers'\n［passwords］\n", 'line 2, column 1: "［" is not an ASCII character'),
        ('dns = "parent"\ndns = "peers"\n', "line 2, column 14: this key occurs twice"),
        ('dns = "parent"\ndns = "peers"', "this key occurs twice"),
        ('edition = "C:\\users\\a.yaml"', "a backslash in text"),
        (b"cpus = 1\nlang = '\x8b\xe6'", "line 2: not UTF-8"),
        ('lang = "ja"'.encode("utf-16"), "line 1: not UTF-8"),
        ("cpus = 1" + "0" * 5000, "a number"),
        ("cpus = " + "[" * 100_000, "brackets"),
    ],
)
def test_a_wrong_file_is_told_with_its_key_and_what_is_allowed(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    assert said in refused(tmp_path, text).cause


def test_a_lab_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(WrongUsage, match="cannot be read") as wrong:
            load_lab("default", path)
        assert wrong.value.cause
        assert wrong.value.hint


def test_a_wrong_password_is_in_no_message_and_no_traceback(tmp_path: Path) -> None:
    secret = "geheim\\u00e9geheim"
    with pytest.raises(WrongUsage) as wrong:
        load(tmp_path, f'[passwords]\nuser1 = "{secret}"')
    assert "geheim" not in "".join(traceback.format_exception(wrong.value))


@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_whatever_the_values_a_lab_file_is_taken_or_refused_with_its_key(
    values: dict[str, Any],
) -> None:
    try:
        LabFile.model_validate(values)
    except ValidationError as error:
        for detail in error.errors():
            assert detail["loc"][0] in values


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda text: text.decode("latin-1")))
def test_whatever_the_text_a_lab_file_is_taken_or_refused(tmp_path: Path, text: str) -> None:
    try:
        load(tmp_path, text.encode("utf-8", "surrogatepass"))
    except WrongUsage as error:
        assert str(tmp_path / "labctl.toml") in error.message
        assert error.cause


EDITION = yaml.safe_load((resources.editions() / "ubuntu-example.yaml").read_text("utf-8"))


def test_every_edition_that_labctl_carries_is_right() -> None:
    assert "ubuntu-example" in editions()
    for name in editions():
        assert load_edition(name).edition == name


def test_an_unknown_edition_is_answered_with_the_editions() -> None:
    with pytest.raises(WrongUsage, match="there is no edition 'x'") as wrong:
        load_edition("x")
    assert "ubuntu-example" in str(wrong.value.hint)


def changed(*place: Any, to: Any) -> dict[str, Any]:
    edition = copy.deepcopy(EDITION)
    inner = edition
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = to
    found: dict[str, Any] = edition
    return found


@pytest.mark.parametrize(
    ("edition", "said"),
    [
        (
            changed("hosts", 0, "address", to="192.168.56.102"),
            "hosts.1.address: hosts.0.address already has the value 192.168.56.102",
        ),
        (changed("hosts", 0, "address", to="10.0.0.1"), "hosts.0.address: 10.0.0.1 is not in"),
        (changed("hosts", 1, "address", to="192.168.56.255"), "hosts.1.address: 192.168.56.255"),
        (
            changed("parent", "address", to="192.168.56.1"),
            "network.machine: parent.address already has",
        ),
        (
            changed("hosts", 0, "name", to="host2"),
            "hosts.1.name: hosts.0.name already has the value host2",
        ),
        (
            changed("hosts", 1, "domain", to="example1.jp"),
            "hosts.1.domain: hosts.0.domain already has",
        ),
        (
            changed("hosts", 1, "account", to="user1"),
            "hosts.1.account: hosts.0.account already has",
        ),
        (changed("hosts", 0, "account", to=None), "hosts.0.account: host1 has no account"),
        (changed("hosts", 0, "account", to="root"), "hosts.0.account: the account root"),
        (changed("hosts", 0, "account", to="ubuntu"), "hosts.0.account: the account ubuntu"),
        (changed("network", "cidr", to="8.8.8.0/24"), "network.cidr: a private network"),
        (changed("bind", "zone_file", to="{host}.zone"), "bind.zone_file: a file name"),
        (changed("bind", "zone_file", to="{domain"), "bind.zone_file: a file name"),
        (changed("bind", "zones", to="{domain}"), "bind.zones: a file name"),
        (changed("hosts", 0, to=1), "hosts.0: must have keys: name, address, domain, account"),
        (changed("hosts", 0, "colour", to="red"), "hosts.0.colour: no such key; there are: name,"),
        (changed("packages", "debain", to={}), "packages.debain: must be 'debian' or 'rhel'"),
        (changed("released", to="soon"), "released: must be a date like 2026-07-01"),
        (changed("hosts", 0, "name", to="host 1; touch canary"), "lower-case letters"),
        (changed("hosts", 0, "domain", to="example1..jp"), "lower-case letters"),
        (changed("admin", to="$(touch canary)"), "lower-case letters"),
        (changed("packages", "debian", "dns", to=["--option", "bind9"]), "packages.debian.dns"),
        (changed("hosts", to=[]), "hosts"),
        (changed("providers", to=["vagrant"]), "providers"),
    ],
)
def test_a_wrong_edition_is_told_with_its_key(edition: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        Edition.model_validate(edition)
    assert said in mistakes(wrong.value, Edition).splitlines()[0]


PLACES = st.sampled_from(
    [(key,) for key in EDITION]
    + [("network", "cidr"), ("hosts", 0, "name"), ("hosts", 1, "address"), ("packages", "mail")]
)


@given(PLACES, VALUES | st.dates() | st.none())
def test_whatever_stands_in_an_edition_it_is_taken_or_refused(
    place: tuple[Any, ...], value: Any
) -> None:
    try:
        Edition.model_validate(changed(*place, to=value))
    except ValidationError as error:
        assert error.errors()


@pytest.fixture
def edition_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of labctl's edition for the test to change."""
    monkeypatch.setattr(resources, "editions", lambda: tmp_path)
    return tmp_path / "ubuntu-example.yaml"


def wrong_edition(path: Path, text: str) -> LabError:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(WrongUsage) as wrong:
        load_lab("default")
    assert str(path) in wrong.value.message
    assert wrong.value.cause
    assert "labctl editions --show" in str(wrong.value.hint)
    return wrong.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file has no keys"),
        ("- a", "the file has no keys"),
        ("edition: [", "line 1"),
        ("edition: x\n\tadmin: y", "line 2, column 1: a tab; indent with spaces"),
        ("edition: x: y", "line 1, column 11: a colon in text"),
        ("edition: x\nedition: y", "line 2, column 1: this key occurs twice"),
        ("edition: 2026-99-99", "edition: at most 32 lower-case letters"),
        ("edition: x\nadmin: \ud800", "line 2: not UTF-8"),
        ("? [a]\n: b", "line 1, column 3: not valid YAML"),
        ("edition: !!python/object:os.system x", "line 1, column 10: not valid YAML"),
        ("edition: " + "[" * 10_000, "brackets"),
        ("edition: " + "1" * 5000, "a number"),
        (
            yaml.safe_dump({**EDITION, "admin": "$(touch canary)"}),
            "admin: at most 32 lower-case letters",
        ),
        (yaml.safe_dump({**EDITION, "hosts": [1, 2]}), "hosts.0: "),
        (yaml.safe_dump({**EDITION, "host": []}), "host: no such key; there are: edition, title"),
    ],
)
def test_a_wrong_edition_file_is_told_with_its_place(
    edition_file: Path, text: str, said: str
) -> None:
    assert said in wrong_edition(edition_file, text).cause


@given(st.text(max_size=60) | st.text(":[]{}-?!&*#|>'\"%@`\n 0a", max_size=20))
def test_whatever_the_text_an_edition_is_refused(edition_file: Path, text: str) -> None:
    wrong_edition(edition_file, text)


@given(PLACES, VALUES)
def test_whatever_the_value_the_file_and_the_key_are_told(
    edition_file: Path, place: tuple[Any, ...], value: Any
) -> None:
    edition = changed(*place, to=value)
    edition_file.write_text(yaml.safe_dump(edition, allow_unicode=True), encoding="utf-8")
    try:
        load_lab("default")
    except WrongUsage as error:
        assert str(edition_file) in error.message
        assert str(place[0]) in error.cause, error.cause


def test_the_fingerprint_is_of_the_lab_and_not_of_passwords_and_language(tmp_path: Path) -> None:
    plain = load(tmp_path, "").fingerprint
    assert load(tmp_path, 'lang = "ja"\n[passwords]\nuser1 = "x"').fingerprint == plain
    assert load(tmp_path, 'extras = ["thunderbird"]').fingerprint == plain
    assert load(tmp_path, 'dns = "parent"').fingerprint != plain
    # What a lab file says to providers counts through the options of the lab's own provider.
    assert load(tmp_path, "memory = 512").fingerprint == plain
    lab = load(tmp_path, "")
    assert Lab(name=lab.name, edition=lab.edition, options={"memory": 512}).fingerprint != plain


def test_tomllib_is_what_these_tests_think() -> None:
    # These three leave tomllib as something else than its own error.
    for text in ("a = 1" + "0" * 5000, "a = " + "[" * 100_000):
        with pytest.raises((ValueError, RecursionError)) as left:
            tomllib.loads(text)
        assert not isinstance(left.value, tomllib.TOMLDecodeError)


@pytest.mark.parametrize(
    "value",
    [
        *("true", "167772160", '"8.8.8.0/24"', '"0.0.0.0/24"', '"127.0.0.0/24"'),
        *('"169.254.1.0/24"', '"224.0.0.0/24"', '"192.0.2.0/24"', "[]"),
    ],
)
def test_a_network_is_a_private_one(value: str, tmp_path: Path) -> None:
    file = tmp_path / "labctl.toml"
    file.write_text(f"network = {value}\n")
    with pytest.raises(WrongUsage) as refused:
        load_lab("default", file)
    assert refused.value.cause == "network: a private network like 10.20.30.0/24"


def test_errors_of_the_lab_file_are_in_the_language_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABCTL_LANG", "ja")
    file = tmp_path / "labctl.toml"
    file.write_text('dns = "both"\n')
    with pytest.raises(WrongUsage) as refused:
        load_lab("default", file)
    assert refused.value.cause == "dns: 'peers' または 'parent' を書きます"
