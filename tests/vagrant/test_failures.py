"""Vagrant's own list of errors, held against what labctl makes of them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import CommandFailed, LabError
from labctl.providers.vagrant.failures import failure
from labctl.providers.vagrant.meanings import MEANINGS
from labctl.providers.vagrant.texts import CLASSES_BY_TEXT
from labctl.run import Completed

# Since Vagrant 2.4; the Vagrant of Debian 12 does not have them.
NEWER = {
    "BoxAddNoArchitectureSupport",
    "BoxAddNoMatchingArchitecture",
    "BoxAddNoMatchingProviderVersion",
    "BoxNotFoundWithProviderArchitecture",
    "DownloadAlreadyInProgress",
    "SSHKeyTypeNotSupportedByServer",
    "VagrantLocked",
}

# Errors of what labctl does not use: other commands, provisioners, shared folders, triggers, other
# providers. They get the general hint.
NOT_MET = re.compile(
    """Alias|Ansible|BatchMulti|BoxAddMetadataMulti|BoxAddName|BoxAlready|BoxChecksumInvalid
    |BoxConfigChanging|BoxRemove|BoxUpdate|Capability|CFEngine|CLIInvalid|CloudInit|CommandDep
    |CommandSuspend|CommandUnav|Communicator|CreateIso|Darwin|EnvInval|GuestMount|HostExplicit
    |ISOBuild|Linux|MultiVM|NFS|NoDefaultSynced|NoEnvironment|Oscdimg|Package|PluginInstallLicense
    |PluginUninstall|Provisioner|Push|RSync|SCP|SharedFolder|ShellExpand|SyncedFolder|Triggers
    |Upload|VagrantfileExists|VagrantfileTemplate|VirtualBoxDisks|VirtualBoxGuestProperty
    |VirtualBoxMount|VBoxManageError|WinRM|VagrantRemote""".replace("\n", "").replace(" ", "")
)

_LIST = """
require "json"
gem "vagrant"
require "vagrant"
found = Vagrant::Errors.constants.map { |name| Vagrant::Errors.const_get(name) }
errors = found.select { |each| each.is_a?(Class) && each < Vagrant::Errors::VagrantError }
puts JSON.generate(errors.to_h { |each|
  key = each.allocate.error_key rescue nil
  text = key && I18n.t("#{each.allocate.error_namespace}.#{key}", default: "").gsub(/%{\\w+}/, "X")
  [each.name, text.to_s]
})
"""


@pytest.fixture(scope="module")
def errors() -> dict[str, str]:
    """Vagrant's error classes with their texts."""
    done = subprocess.run(["ruby", "-e", _LIST], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return {name.rpartition("::")[2]: text for name, text in found.items()}


@pytest.fixture(scope="module")
def libvirt() -> list[str]:
    """The error classes of vagrant-libvirt, if it is installed."""
    files = Path("/usr/share/rubygems-integration/all/gems").glob(
        "vagrant-libvirt-*/lib/*/errors.rb"
    )
    return re.findall(r"class (\w+) <", "".join(each.read_text() for each in files))


def test_every_class_that_labctl_knows_is_vagrants(
    errors: dict[str, str], libvirt: list[str]
) -> None:
    if not libvirt:
        pytest.skip("vagrant-libvirt is not installed")
    known = {name for meaning in MEANINGS for name in meaning.classes}
    assert known - set(errors) - NEWER - set(libvirt) <= {"DownloaderInterrupted"}


def test_every_error_that_a_user_can_meet_is_explained(errors: dict[str, str]) -> None:
    plain = [
        name
        for name, text in errors.items()
        if not NOT_MET.match(name) and type(_failed(name, text)) is CommandFailed
    ]
    assert plain == []


# Errors in vagrant-libvirt's own program, and of what the lab's Vagrantfile does not use.
NOT_MET_LIBVIRT = re.compile(
    "CallChain|Package|Duplicate|Rsync|Serial|Tunnel|BoxError|VagrantLibvirtError|FogError"
)


def test_every_error_of_libvirt_that_a_user_can_meet_is_explained(libvirt: list[str]) -> None:
    if not libvirt:
        pytest.skip("vagrant-libvirt is not installed")
    met = [name for name in libvirt if not NOT_MET_LIBVIRT.match(name)]
    assert [name for name in met if type(_failed(name, "")) is CommandFailed] == []


def test_every_error_comes_with_a_hint(errors: dict[str, str]) -> None:
    for name, text in errors.items():
        assert _failed(name, text).hint, name


def test_a_class_decides_what_its_own_text_means(errors: dict[str, str]) -> None:
    """No text of an error that labctl knows by its class leads to another meaning."""
    for meaning in MEANINGS:
        for name in meaning.classes & set(errors):
            first = next(each for each in MEANINGS if each.matches(name, errors[name]))
            assert first.error is meaning.error, name


def test_the_texts_that_stand_for_a_class_of_vagrant_are_in_that_class(
    errors: dict[str, str],
) -> None:
    said = {name: " ".join(text.split()) for name, text in errors.items()}
    texts = {text: name for text, name in CLASSES_BY_TEXT.items() if name in said}
    assert len(texts) > len(CLASSES_BY_TEXT) / 2
    assert [text for text, name in texts.items() if text not in said[name]] == []


def test_the_other_texts_stand_for_a_class_of_libvirt(
    errors: dict[str, str], libvirt: list[str]
) -> None:
    if not libvirt:
        pytest.skip("vagrant-libvirt is not installed")
    assert set(CLASSES_BY_TEXT.values()) <= {*errors, *NEWER, *libvirt}


def _failed(name: str, text: str) -> LabError:
    done = Completed(("vagrant", "up"), 1, "", "")
    return failure(["up"], done, [(f"Vagrant::Errors::{name}", text)], Path("/log"))
