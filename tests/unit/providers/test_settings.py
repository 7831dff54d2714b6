"""What a lab file says to providers: who takes it, and how a mistake is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ExitCode, LabError, WrongUsage
from labctl.lab import Lab, LabFile, load_edition
from labctl.providers.nspawn.lab_limits import Limits
from labctl.providers.nspawn.options import NspawnOptions
from labctl.providers.options import read_options
from labctl.providers.registry import provider_class, provider_names
from labctl.providers.settings import (
    check_settings,
    edition_mistakes,
    ignored_keys,
    known_keys,
    releases,
    server_provider,
    with_release,
)
from labctl.providers.vagrant.options import VagrantOptions
from labctl.session import open_lab, open_session

EDITION = load_edition("ubuntu-example")


def says(**settings: Any) -> Lab:
    """A lab whose lab file has these keys."""
    return Lab(name="default", edition=EDITION, choices=LabFile.model_validate(settings))


def vagrant(lab: Lab) -> VagrantOptions:
    return read_options("vagrant", VagrantOptions, lab)


def refused(lab: Lab) -> LabError:
    with pytest.raises(WrongUsage) as wrong:
        check_settings(lab, Path("labctl.toml"))
    assert "labctl.toml" in wrong.value.message
    assert wrong.value.exit_code is ExitCode.USAGE
    assert "memory" in str(wrong.value.hint)
    return wrong.value


def test_without_a_lab_file_the_edition_decides() -> None:
    options = vagrant(says())
    assert (options.box, options.memory, options.cpus) == ("bento/ubuntu-24.04", 1024, 1)
    assert options.hypervisor == "virtualbox"
    assert read_options("nspawn", NspawnOptions, says()).mirror is None


def test_a_key_at_the_top_comes_before_the_edition_and_a_table_before_both() -> None:
    assert vagrant(says(memory=2048)).memory == 2048
    lab = says(memory=2048, vagrant={"memory": 4096, "version": "1"})
    assert (vagrant(lab).memory, vagrant(lab).version, vagrant(lab).cpus) == (4096, "1", 1)


def test_a_key_that_only_another_provider_knows_is_reported() -> None:
    lab = says(cpus=2, hypervisor="libvirt", mirror="http://mirror.example/debian")
    assert ignored_keys("nspawn", lab) == ("cpus", "hypervisor")
    assert ignored_keys("vagrant", lab) == ("mirror",)
    assert read_options("nspawn", NspawnOptions, lab).mirror == "http://mirror.example/debian"


def test_a_lab_file_may_say_how_much_the_hosts_of_a_lab_take() -> None:
    """Limits are of one host in the file, and of all hosts together in the kernel."""
    options = read_options("nspawn", NspawnOptions, says(memory=512, processes=200, weight=50))
    assert options.limits(2) == Limits(memory=1024 * 1024**2, processes=400, weight=50)
    plain = read_options("nspawn", NspawnOptions, says()).limits(2)
    assert plain == Limits(memory=2 * 768 * 1024**2, processes=2000, weight=100)


def test_the_table_of_another_provider_is_no_mistake() -> None:
    lab = says(vagrant={"memory": 4096}, nspawn={"mirror": "http://mirror.example/debian"})
    check_settings(lab, None)
    for name in provider_names():
        assert ignored_keys(name, lab) == ()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"memory": 1}, "memory: "),
        ({"memory": "much"}, "memory: "),
        ({"memory": "1024"}, "memory: must be a whole number"),
        ({"memory": 1024.0}, "memory: must be a whole number"),
        ({"cpus": True}, "cpus: must be a whole number"),
        ({"disk": "4"}, "disk: must be a whole number"),
        ({"vagrant": {"memory": "1024"}}, "vagrant.memory: must be a whole number"),
        ({"vagrant": {"box": 5}}, "vagrant.box: must be text"),
        ({"hosts": 3}, "hosts: no such key"),
        ({"settings": {}}, "settings: no such key"),
        ({"provider": "docker"}, "provider: there is no provider 'docker'"),
        ({"hypervisor": "bhyve"}, "hypervisor: must be 'virtualbox' or 'libvirt'"),
        ({"mirror": "ftp://mirror"}, "mirror: an address like"),
        ({"mirror": "http://mirror:99999/"}, "mirror: "),
        ({"mirror": "http://mirror/ main [trusted=yes]"}, "mirror: printable ASCII"),
        ({"vagrant": 1}, "vagrant: must be a table"),
        ({"vagrant": {"memory": 1}}, "vagrant.memory: "),
        ({"vagrant": {"mirror": "http://m/"}}, "vagrant.mirror: no such key; there are: box,"),
        ({"nspawn": {"cpus": 2}}, "nspawn.cpus: no such key; there are: mirror"),
    ],
)
def test_a_mistake_is_told_with_its_key_whatever_the_provider(
    settings: dict[str, Any], said: str
) -> None:
    for provider in (None, *provider_names()):
        assert said in refused(says(**{"provider": provider, **settings})).cause


def test_a_wrong_key_is_told_with_all_that_a_lab_file_can_say() -> None:
    hint = str(refused(says(nowhere=1)).hint)
    known = [each.strip() for each in hint.partition(":")[2].split(",")]
    # labctl's own keys, an option of each provider, and the providers' tables.
    assert {"edition", "lang", "cpus", "weight", "remote", *provider_names()} <= set(known)
    assert len(known) == len(set(known))


def test_two_mistakes_are_told_together() -> None:
    assert refused(says(memory=1, nowhere=2)).cause.count("\n") == 1


def test_an_edition_that_lacks_what_a_provider_needs_is_told() -> None:
    edition = EDITION.model_copy(update={"providers": {}})
    with pytest.raises(WrongUsage) as wrong:
        vagrant(Lab(name="default", edition=edition))
    assert "ubuntu-example" in wrong.value.message
    assert "providers.vagrant.box: " in wrong.value.cause
    assert str(wrong.value.hint).startswith("keys: ") and "box" in str(wrong.value.hint)


def test_all_that_an_edition_lacks_is_told_together() -> None:
    providers = {"vagrant": {"box": 5, "memroy": 1024}}
    edition = EDITION.model_copy(update={"providers": providers})
    with pytest.raises(WrongUsage) as wrong:
        vagrant(Lab(name="default", edition=edition))
    box, version, memory = wrong.value.cause.splitlines()
    assert box == "providers.vagrant.box: must be text"
    assert version == "providers.vagrant.version: this key is missing"
    assert memory.startswith("providers.vagrant.memroy: no such key; there are: box, version")


def test_values_of_a_lab_file_that_do_not_fit_together_are_told_of_the_lab_file() -> None:
    """No key alone is wrong, so nobody noticed it when the file was read."""
    lab = says(net="bridge")
    check_settings(lab, Path("labctl.toml"))
    with pytest.raises(WrongUsage) as wrong:
        vagrant(lab)
    assert wrong.value.message == "the lab file does not fit the provider vagrant"
    assert wrong.value.cause.startswith("bridge: the name of a network card is missing")
    assert str(wrong.value.hint).startswith("keys: box, version, memory")
    assert vagrant(says(net="bridge", bridge="eth0")).bridge == "eth0"


def test_values_of_an_edition_that_do_not_fit_together_are_told_of_the_edition() -> None:
    providers = {"vagrant": {**EDITION.providers["vagrant"], "net": "bridge"}}
    edition = EDITION.model_copy(update={"providers": providers})
    with pytest.raises(WrongUsage) as wrong:
        vagrant(Lab(name="default", edition=edition))
    assert "the edition ubuntu-example does not fit" in wrong.value.message
    assert wrong.value.cause.startswith("providers.vagrant.bridge: ")


def test_every_mistake_of_an_edition_is_told() -> None:
    providers = {"vagrant": {"memory": "all"}, "nspawn": {"cpus": 2}, "docker": {}}
    told = edition_mistakes(EDITION.model_copy(update={"providers": providers}))
    assert [each.partition(": ")[0] for each in told] == [
        "providers.vagrant.memory",
        "providers.nspawn.cpus",
        "providers.docker",
    ]


def test_only_nspawn_has_releases_and_only_incus_a_remote() -> None:
    assert releases() == ("bookworm", "trixie")
    assert server_provider() == ("incus", "remote")
    for name in provider_names():
        assert provider_class(name).server_option in (
            "",
            *provider_class(name).Options.model_fields,
        )


def test_without_a_provider_that_has_servers_none_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("labctl.providers.settings.provider_names", lambda: ("nspawn", "vagrant"))
    with pytest.raises(WrongUsage, match="on a server") as refused:
        server_provider()
    assert str(refused.value.hint) == "providers: nspawn, vagrant"


def test_another_release_changes_nothing_else_of_what_the_lab_file_says() -> None:
    lab = says(memory=512, nspawn={"processes": 200, "release": "bookworm"})
    other = with_release(lab, "nspawn", "trixie")
    options = read_options("nspawn", NspawnOptions, other)
    assert (options.release, options.memory, options.processes) == ("trixie", 512, 200)
    assert (other.name, other.edition, other.options) == (lab.name, lab.edition, lab.options)
    assert read_options("nspawn", NspawnOptions, lab).release == "bookworm"


def test_who_asks_for_a_wrong_release_is_told_the_right_ones() -> None:
    with pytest.raises(WrongUsage) as wrong:
        with_release(says(), "nspawn", "buster")
    assert str(wrong.value.hint) == "releases: bookworm, trixie"
    with pytest.raises(WrongUsage) as wrong:
        with_release(says(), "vagrant", "trixie")
    assert str(wrong.value.hint) == "providers with it: nspawn"


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just([1])


@given(st.dictionaries(st.sampled_from([*known_keys(), "x"]), VALUES | st.just({"box": 1})))
def test_whatever_the_values_they_are_taken_or_refused_with_a_key(values: dict[str, Any]) -> None:
    own = {key: values[key] for key in values if key not in LabFile.model_fields}
    lab = says(**own)
    try:
        check_settings(lab, None)
    except WrongUsage as error:
        assert any(error.cause.startswith(key) for key in own)
    else:
        for name in provider_names():
            ignored_keys(name, lab)


@pytest.fixture
def class_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "labctl.toml"


def test_opening_a_lab_checks_what_its_file_says_to_providers(class_file: Path) -> None:
    class_file.write_text("memory = 1\n")
    with pytest.raises(WrongUsage, match=re.escape(str(class_file))):
        open_lab("default")


def test_only_the_options_of_the_labs_own_provider_make_another_lab(class_file: Path) -> None:
    def fingerprint(text: str) -> str:
        class_file.write_text(f'provider = "nspawn"\n{text}')
        return open_session("default").lab.fingerprint

    plain = fingerprint("")
    assert fingerprint("[vagrant]\nmemory = 4096") == plain
    assert fingerprint("memory = 4096") == plain
    assert fingerprint('mirror = "http://mirror.example/debian"') != plain
    assert fingerprint('[nspawn]\nmirror = "http://mirror.example/debian"') != plain
