"""The editions that labctl carries, and files of a user's own."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from labctl import i18n
from labctl.edition_files import editions, is_path, load_edition
from labctl.errors import WrongUsage
from labctl.lab import Lab, load_lab
from labctl.providers.settings import edition_mistakes
from labctl.session import open_lab
from labctl.system import System
from provision import dns, postfix
from provision.step import Scene
from provision.steps import STEPS, book_steps, steps_of, wrong_sections


def lab_of(name: str) -> Lab:
    return Lab(name="lab", edition=load_edition(name))


def file_of(lab: Lab, host: str, path: str) -> str:
    scene = Scene(lab, lab.host(host), ("10.0.0.53",), System("debian", "12"))
    files = {each.path: each.content for each in (*dns.files(scene), *postfix.files(scene))}
    return files[path]


@pytest.mark.parametrize("name", editions())
def test_each_edition_names_steps_that_there_are(name: str) -> None:
    known = {step.name for step in STEPS}
    assert {section.step for section in load_edition(name).sections} <= known


def test_the_published_ubuntu_book_has_host0_and_no_smtp_auth() -> None:
    lab = lab_of("ubuntu")
    assert [host.fqdn for host in lab.hosts] == [
        "host0.test", "host1.example1.test", "host2.example2.test",
    ]  # fmt: skip
    assert [str(host.address) for host in lab.hosts] == [
        "192.168.1.11", "192.168.1.12", "192.168.1.13",
    ]  # fmt: skip
    names = [step.name for step in book_steps(lab)]
    assert names == [
        "dns", "packages", "postfix", "accounts", "aliases", "mail-command", "dovecot",
    ]  # fmt: skip


def test_a_step_requires_only_what_the_edition_has() -> None:
    names = {step.name for step in steps_of(lab_of("ubuntu"))}
    required = {name for step in steps_of(lab_of("ubuntu")) for name in step.requires}
    assert required <= names and "firewall" not in names


def test_its_postfix_trusts_the_hosts_network_alone() -> None:
    text = file_of(lab_of("ubuntu"), "host1", "/etc/postfix/main.cf")
    assert "mynetworks = 192.168.1.0/24 127.0.0.0/8\n" in text
    assert "sasl" not in text
    assert "mynetworks =" not in file_of(lab_of("ubuntu-example"), "host1", "/etc/postfix/main.cf")


def test_its_zones_have_the_books_file_names() -> None:
    text = file_of(lab_of("ubuntu"), "host1", "/etc/bind/named.conf.my-zones")
    assert 'file "/etc/bind/example1.test.zone"' in text
    assert "recursion no;" in file_of(lab_of("ubuntu"), "host1", "/etc/bind/named.conf.options")
    assert "recursion yes;" in file_of(lab_of("ubuntu"), "host0", "/etc/bind/named.conf.options")
    assert "nameserver 192.168.1.11\n" in file_of(lab_of("ubuntu"), "host2", "/etc/resolv.conf")


def test_the_english_book_gives_its_own_titles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")
    assert steps_of(lab_of("almalinux"))[1].section == "Installing Postfix"
    # A book that exists in Japanese only is cited in Japanese, with a translation beside it.
    assert steps_of(lab_of("ubuntu"))[1].section == "Postfixのインストール [Installing Postfix]"
    monkeypatch.setattr(i18n, "_chosen", "ja")
    for name in editions():
        assert steps_of(lab_of(name))[1].section == "Postfixのインストール"


@pytest.mark.parametrize("name", editions())
def test_every_title_can_be_read_in_english(name: str) -> None:
    for section in load_edition(name).sections:
        assert (section.title.en or section.title.gloss or "").isascii()
        assert section.title.en or section.title.gloss


def test_another_network_keeps_the_place_of_each_address(tmp_path: Path) -> None:
    file = tmp_path / "labctl.toml"
    file.write_text('edition = "ubuntu"\nnetwork = "10.20.30.0/24"\n')
    lab = load_lab("lab", file)
    assert [str(host.address) for host in lab.hosts] == [
        "10.20.30.11",
        "10.20.30.12",
        "10.20.30.13",
    ]
    assert lab.network.machine == IPv4Address("10.20.30.1")
    assert "mynetworks = 10.20.30.0/24" in file_of(lab, "host1", "/etc/postfix/main.cf")
    assert "192.168.1." not in file_of(lab, "host1", "/etc/bind/example1.test.zone")


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("10.20.30.0/28", "too small"),
        ("8.8.8.0/24", "a private network"),
        ("127.0.0.0/8", "a private network"),
        ("10.20.30.1/24", "an address within 10.20.30.0/24"),
        ("lab", "network"),
    ],
)
def test_a_network_that_cannot_be_is_refused(tmp_path: Path, network: str, said: str) -> None:
    file = tmp_path / "labctl.toml"
    file.write_text(f'network = "{network}"\n')
    with pytest.raises(WrongUsage) as wrong:
        load_lab("lab", file)
    assert str(file) in wrong.value.message
    assert wrong.value.cause.startswith("network: ") and said in wrong.value.cause


def test_an_edition_of_ones_own_is_found_beside_the_lab_file(tmp_path: Path) -> None:
    text = Path(str(load_path("ubuntu"))).read_text(encoding="utf-8")
    (tmp_path / "our-school.yaml").write_text(
        text.replace("edition: ubuntu", "edition: our-school").replace("example1.test", "one.test"),
        encoding="utf-8",
    )
    file = tmp_path / "labctl.toml"
    file.write_text('edition = "./our-school.yaml"\n')
    lab = load_lab("lab", file)
    assert (lab.edition.edition, lab.host("host1").fqdn) == ("our-school", "host1.one.test")


def test_a_parent_that_cannot_delegate_is_refused(tmp_path: Path) -> None:
    text = load_path("ubuntu-example").read_text(encoding="utf-8")
    (tmp_path / "our.yaml").write_text(text.replace("example2.jp", "two.test"), encoding="utf-8")
    file = tmp_path / "labctl.toml"
    file.write_text('edition = "./our.yaml"\n')
    assert load_lab("lab", file).host("host2").domain == "two.test"
    file.write_text('edition = "./our.yaml"\ndns = "parent"\n')
    with pytest.raises(WrongUsage) as wrong:
        load_lab("lab", file)
    assert wrong.value.cause == "dns: two.test is not below jp, the domain of host0"
    assert "peers" in str(wrong.value.hint)


def load_path(name: str) -> Path:
    from labctl.edition_files import edition_file

    return edition_file(name, Path.cwd())


@pytest.mark.parametrize(
    ("line", "wrong", "said"),
    [
        ("dns: parent", "dns: both", "dns: must be 'peers' or 'parent'"),
        ("released: 2026-07-01", "released: soon", "released: "),
        (
            "  - step: dns",
            "  - step: packages",
            "sections.1.step: sections.0.step already has the value packages",
        ),
        ("admin: ubuntu", "admin: ubuntu\ncolour: red", "colour: "),
        ("192.168.1.12", "10.0.0.12", "10.0.0.12 is not in 192.168.1.0/24"),
        ("  zones: named.conf.my-zones", "  zones: ../named.conf", "bind.zones: a file name"),
        ("  zones: named.conf.my-zones", "  zones: -x", "bind.zones: a file name"),
        ("  zones: named.conf.my-zones", "  zones: ..", "bind.zones: a file name"),
        ("  zones: named.conf.my-zones", "  zones: rndc.key", "bind.zones: the file rndc.key"),
        ("released: 2026-07-01", "released: 2026", "released: must be a date like 2026-07-01"),
        ("released: 2026-07-01", "released: 0", "released: must be a date like 2026-07-01"),
        ("id: ubuntu,", "id: Ubuntu,", "system.id: must be one of: debian, ubuntu, almalinux"),
        ('"24.04"}', "noble}", "system.version: must be numbers like 24.04"),
        ('"24.04"}', '"24.04", arch: arm}', "system.arch: no such key; there are: id, version"),
        ("admin: ubuntu", "admin: root", "admin: the account root"),
        ("account: user1", "account: postmaster", "hosts.0.account: the account postmaster"),
        ("- name: host1", "- name: localhost", "hosts.0.name: localhost"),
        ("os: Ubuntu 24.04.2 LTS Server", 'os: " "', "os: one line of 1 to 200 characters"),
        ("ja: DNSサーバーの構築", 'ja: "a\\nb"', "sections.0.title.ja: one line"),
        ("version: 1.0.0", 'version: "1\\e[31m"', "version: one line"),
    ],
)
def test_a_wrong_edition_names_the_file_the_key_and_what_is_allowed(
    tmp_path: Path, line: str, wrong: str, said: str
) -> None:
    path = tmp_path / "our.yaml"
    text = load_path("ubuntu").read_text(encoding="utf-8")
    assert line in text
    path.write_text(text.replace(line, wrong, 1), encoding="utf-8")
    with pytest.raises(WrongUsage) as refused:
        load_edition(str(path))
    assert str(path) in refused.value.message
    assert said in refused.value.cause


@pytest.mark.parametrize(
    ("line", "wrong", "said"),
    [
        (
            "step: dovecot",
            "step: webmail",
            "sections.6.step: there is no step 'webmail'; steps: dns",
        ),
        ("    memory: 1024", "    memroy: 1024", "providers.vagrant.memroy: no such key"),
        ("    memory: 1024", "    memory: all", "providers.vagrant.memory: must be a whole number"),
        (
            "    memory: 1024",
            '    memory: "1024"',
            "providers.vagrant.memory: must be a whole number",
        ),
        (
            "  vagrant:",
            "  vagrnt:",
            "providers.vagrnt: there is no provider 'vagrnt'; providers: vagrant",
        ),
    ],
)
def test_a_step_or_an_option_that_labctl_has_not_is_refused_when_the_lab_is_opened(
    tmp_path: Path, line: str, wrong: str, said: str
) -> None:
    path = tmp_path / "our.yaml"
    text = load_path("ubuntu").read_text(encoding="utf-8")
    assert line in text
    path.write_text(text.replace(line, wrong), encoding="utf-8")
    file = tmp_path / "labctl.toml"
    file.write_text('edition = "./our.yaml"\n')
    with pytest.raises(WrongUsage) as refused:
        open_lab("other", file)
    assert str(path) in refused.value.message
    assert said in refused.value.cause


@pytest.mark.parametrize("name", editions())
def test_the_editions_that_labctl_carries_name_only_what_it_has(name: str) -> None:
    # They are not checked again when a lab is opened.
    assert wrong_sections(load_edition(name)) == []
    assert edition_mistakes(load_edition(name)) == []


def test_a_section_of_chapter_6_comes_after_its_packages() -> None:
    edition = load_edition("ubuntu")
    dns, packages, postfix, *rest = edition.sections
    turned = edition.model_copy(update={"sections": (postfix, packages, dns, *rest)})
    assert wrong_sections(turned) == ["sections.0.step: must come after packages"]
    assert wrong_sections(edition) == []


def test_what_looks_like_a_number_is_text(tmp_path: Path) -> None:
    path = tmp_path / "our.yaml"
    text = load_path("ubuntu").read_text(encoding="utf-8")
    path.write_text(
        text.replace("version: 1.0.0", "version: 1.10").replace('"24.04"', "24.10"), "utf-8"
    )
    edition = load_edition(str(path))
    assert (edition.version, edition.system) == ("1.10", System("ubuntu", "24.10"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "labctl.toml"
    file.write_text('edition = "./none.yaml"\n')
    with pytest.raises(WrongUsage) as refused:
        load_lab("lab", file)
    assert "none.yaml" in refused.value.cause
    assert "ubuntu-example" in str(refused.value.hint)


def test_a_folder_is_no_edition(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="is a folder") as refused:
        load_edition("./", tmp_path)
    assert "ubuntu-example" in str(refused.value.hint)


@pytest.mark.parametrize("name", ["./a.yaml", "a.yaml", "/x/y.yml", "..\\a.yaml"])
def test_a_name_with_a_path_is_a_file(name: str) -> None:
    assert is_path(name)


def test_a_moved_edition_is_still_whole() -> None:
    moved = load_edition("almalinux").moved_to(IPv4Network("172.20.0.0/16"))
    assert type(moved).model_validate(moved.model_dump()) == moved


def test_what_was_run_of_an_edition_makes_no_other_lab() -> None:
    lab = lab_of("ubuntu")
    untold = lab.edition.model_copy(update={"tested": None})
    assert lab.edition.tested is not None
    assert Lab(name="lab", edition=untold).fingerprint == lab.fingerprint
