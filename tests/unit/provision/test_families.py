"""The family of a host: the files follow it, and an unknown system is refused."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import provision
from labctl import resources
from labctl.errors import WrongState
from labctl.lab import Lab, load_edition, load_lab
from labctl.system import (
    ALMALINUX_9,
    DEBIAN_12,
    DEBIAN_13,
    UBUNTU_24_04,
    UBUNTU_26_04,
    System,
)
from provision import boot_order, dns, dovecot, postfix, smtp_auth, steps
from provision.families import family_of, systems
from provision.step import Scene

LAB = load_lab("lab")


def content(step_files: object, system: System, name: str) -> str:
    scene = Scene(LAB, LAB.host("host1"), (), system)
    (found,) = [file for file in step_files(scene) if file.path.endswith(name)]  # type: ignore[operator]
    return str(found.content)


def own_paths() -> set[str]:
    """The absolute paths that not all families have."""
    words = [set(family_of(system).words().values()) for system in systems()]
    everywhere = words[0].intersection(*words)
    return {word for word in words[0].union(*words) - everywhere if word.startswith("/")}


def strings_of(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_a_path_that_differs_between_families_stands_in_their_modules_only() -> None:
    assert {"/etc/postfix/sasl/smtpd.conf", "/etc/default/saslauthd"} <= own_paths()
    program = Path(provision.__file__).parent
    modules = [*program.glob("*.py"), *program.glob("explaining/*.py")]
    modules += (program.parent / "labctl").rglob("*.py")
    named = {
        (module.name, path)
        for module in modules
        for text in strings_of(module)
        for path in own_paths()
        if re.search(rf"(?<![\w/]){re.escape(path)}(?![\w/.-])", text)
        # The name of a template.
        and not (resources.templates() / f"{text[1:]}.j2").exists()
    }
    assert not named


@pytest.mark.parametrize("system", systems(), ids=str)
def test_every_step_renders_for_every_system(system: System) -> None:
    scene = Scene(LAB, LAB.host("host1"), (), system)
    paths = [file.path for step in steps.STEPS for file in step.files(scene)]
    assert len(paths) == len(set(paths)) > 10


@pytest.mark.parametrize(
    ("found", "known"),
    [
        (DEBIAN_12, DEBIAN_12),
        (System("debian", "14"), DEBIAN_13),
        # Debian's testing has no number; it is newer than any release.
        (System("debian", ""), DEBIAN_13),
        (System("ubuntu", "24.10"), UBUNTU_24_04),
        (System("ubuntu", "26.10"), UBUNTU_26_04),
        (UBUNTU_26_04, DEBIAN_13),
    ],
)
def test_a_release_is_treated_as_the_last_known_one_before_it(found: System, known: System) -> None:
    assert family_of(found) == family_of(known)


@pytest.mark.parametrize("system", [System("gentoo", "2.15"), System("debian", "11")])
def test_an_unknown_system_is_refused_with_the_known_ones(system: System) -> None:
    with pytest.raises(WrongState) as caught:
        family_of(system)
    assert str(system) in caught.value.message
    assert "debian 12, debian 13, ubuntu 24.04, ubuntu 26.04, almalinux 9" in str(caught.value.hint)


def test_debian_13_includes_only_files_that_its_bind_has() -> None:
    for name in ("named.conf", "named.conf.local"):
        text = content(dns.files, DEBIAN_13, name)
        assert "rfc1918" not in text and "default-zones" not in text
    assert 'include "/etc/bind/named.conf.root-hints";' in content(
        dns.files, DEBIAN_13, "named.conf"
    )
    assert 'include "/etc/bind/zones.rfc1918";' in content(dns.files, DEBIAN_12, "named.conf.local")


def test_reverse_lookups_of_private_addresses_never_wait_for_an_outside_resolver() -> None:
    """Each message would wait for one: smtpd looks up the name of its client."""

    def zones(system: System, upstream: tuple[str, ...]) -> str:
        scene = Scene(LAB, LAB.host("host1"), upstream, system)
        files = {file.path: file.content for file in dns.files(scene)}
        return files["/etc/bind/named.conf.local"]

    for zone in ("10", "16.172", "31.172", "168.192"):
        line = f'zone "{zone}.in-addr.arpa" {{ type forward; forwarders {{ }}; }};'
        assert line in zones(DEBIAN_13, ("10.0.0.53",))
        assert line not in zones(DEBIAN_13, ())
        assert line not in zones(DEBIAN_12, ("10.0.0.53",))


def test_the_boot_order_is_for_the_unit_that_starts_postfix() -> None:
    def units(system: System) -> list[str]:
        scene = Scene(LAB, LAB.host("host1"), (), system)
        return [file.path.split("/")[4] for file in boot_order.files(scene)]

    assert units(DEBIAN_12) == ["postfix.service.d", "postfix@.service.d"]
    assert units(DEBIAN_13) == ["postfix.service.d"]


def test_dovecot_has_the_settings_of_its_version() -> None:
    old = "".join(
        content(dovecot.files, DEBIAN_12, name) for name in ("10-mail.conf", "10-auth.conf")
    )
    new = "".join(
        content(dovecot.files, DEBIAN_13, name) for name in ("10-mail.conf", "10-auth.conf")
    )
    assert "mail_location = mbox:~/mail:INBOX=/var/mail/%u\n" in old
    assert "disable_plaintext_auth = no\n" in old
    assert "mail_location" not in new and "disable_plaintext_auth" not in new
    for line in (
        "mail_driver = mbox",
        "mail_path = ~/mail",
        "mail_inbox_path = /var/mail/%{user}",
        "auth_allow_cleartext = yes",
    ):
        assert f"{line}\n" in new


def test_saslauthd_and_postfix_of_debian_13_are_told_each_others_places() -> None:
    def paths(system: System) -> list[str]:
        return [file.path for file in smtp_auth.files(Scene(LAB, LAB.host("host1"), (), system))]

    drop_in = "/etc/systemd/system/saslauthd.service.d/pid-file.conf"
    assert drop_in in paths(DEBIAN_13) and drop_in not in paths(DEBIAN_12)
    assert "\nPIDFile=\n" in content(smtp_auth.files, DEBIAN_13, "pid-file.conf")
    line = "cyrus_sasl_config_path = /etc/postfix/sasl\n"
    assert line in content(postfix.files, DEBIAN_13, "main.cf")
    assert line not in content(postfix.files, DEBIAN_12, "main.cf")


ALMALINUX = Lab(name="lab", edition=load_edition("almalinux"))


def almalinux_files(system: System, host: str = "host1") -> dict[str, str]:
    scene = Scene(ALMALINUX, ALMALINUX.host(host), (), system)
    chosen = [step for step in steps.steps_of(ALMALINUX) if step.applies_to(scene)]
    files = [file for step in chosen for file in step.files(scene)]
    assert len({file.path for file in files}) == len(files)
    return {file.path: file.content for file in files}


@pytest.mark.parametrize("host", ["host0", "host1", "host2"])
@pytest.mark.parametrize("system", systems(), ids=str)
def test_the_almalinux_edition_renders_for_every_system(system: System, host: str) -> None:
    assert almalinux_files(system, host)


def test_the_almalinux_edition_has_its_own_paths_on_almalinux() -> None:
    files = almalinux_files(ALMALINUX_9)
    assert {
        "/etc/named.conf",
        "/var/named/example1.jp.zone",
        "/etc/firewalld/zones/public.xml",
        "/etc/sysconfig/saslauthd",
        "/etc/sasl2/smtpd.conf",
        "/etc/postfix/main.cf",
    } <= set(files)
    named = files["/etc/named.conf"]
    assert named.count("options {") == named.count('zone "example1.jp"') == 1
    assert "include" not in named
    assert "compatibility_level = 2\n" in files["/etc/postfix/main.cf"]
    assert "START" not in files["/etc/sysconfig/saslauthd"]
    assert not [path for path in files if "ufw" in path or "mailutils" in path or "bind/" in path]


def test_debian_dressed_as_almalinux_has_its_firewall_and_its_mail_command() -> None:
    files = almalinux_files(DEBIAN_12)
    assert '<port port="53" protocol="udp"/>' in files["/etc/firewalld/zones/public.xml"]
    assert "/etc/mailutils.conf" not in files and "/etc/ufw/user.rules" not in files
    assert "/etc/default/saslauthd" in files and "/etc/bind/example1.jp.zone" in files


@pytest.mark.parametrize(
    ("system", "file"), [(DEBIAN_12, "mailutils.conf"), (ALMALINUX_9, "s-nail.rc")]
)
def test_the_domain_of_a_sender_is_set_in_the_file_of_the_mail_command(
    system: System, file: str
) -> None:
    assert file in family_of(system).mail_command.writing_from("example1.jp")
