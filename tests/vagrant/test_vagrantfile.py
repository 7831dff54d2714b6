"""The production Vagrantfile: valid for every edition, with the same machines with and without
labctl."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from labctl import resources
from labctl.home import LabHome
from labctl.lab import Lab, load_edition
from labctl.providers.options import read_options
from labctl.providers.vagrant.lab_folder import machines, write_folder
from labctl.providers.vagrant.options import VagrantOptions
from tests.vagrant.conftest import ROOT

EDITIONS = sorted(path.stem for path in resources.editions().glob("*.yaml"))

# Print the machines of Vagrant's configuration instead of creating them.
_SHOW = """
require "json"
gem "vagrant"
require "vagrant"
env = Vagrant::Environment.new(cwd: ARGV[0], local_data_path: ARGV[1])
puts JSON.generate(env.machine_names.to_h { |name|
  vm = env.machine(name, :virtualbox).config.vm
  networks = vm.networks.select { |kind, _| kind == :private_network }.map(&:last)
  vb = vm.get_provider_config(:virtualbox)
  [name, { hostname: vm.hostname, box: vm.box, version: vm.box_version,
           network: networks.map { |each|
             each.slice(:ip, :netmask, :hostname, :virtualbox__intnet)
           },
           customized: vb.customizations.map { |_, words| words.last(2) }.to_h,
           linked: vb.linked_clone, title: vb.name,
           folders: vm.synced_folders.reject { |_, folder| folder[:disabled] }.keys }]
})
"""


def options(lab: Lab) -> VagrantOptions:
    return read_options("vagrant", VagrantOptions, lab)


def shown(folder: Path, data: Path, edition: str) -> dict[str, dict[str, object]]:
    done = subprocess.run(
        ["ruby", "-e", _SHOW, str(folder), str(data)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LABCTL_EDITION": edition},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, object]] = json.loads(done.stdout)
    return found


def validate(folder: Path, data: Path, edition: str) -> None:
    done = subprocess.run(
        ["vagrant", "validate"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LABCTL_EDITION": edition, "VAGRANT_DOTFILE_PATH": str(data)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("edition", EDITIONS)
def test_vagrant_validates_it_in_a_checkout_and_in_a_lab(edition: str, tmp_path: Path) -> None:
    lab = Lab(name="default", edition=load_edition(edition))
    validate(ROOT, tmp_path / "data", edition)
    home = LabHome(name="default", state=tmp_path / "state", cache=tmp_path / "cache")
    validate(write_folder(lab, options(lab), home), tmp_path / "data", edition)


@pytest.mark.parametrize("edition", EDITIONS)
def test_plain_vagrant_makes_the_machines_that_labctl_makes(edition: str, tmp_path: Path) -> None:
    lab = Lab(name="checkout", edition=load_edition(edition))
    home = LabHome(name="checkout", state=tmp_path / "state", cache=tmp_path / "cache")
    plain = shown(ROOT, tmp_path / "data", edition)
    made = shown(write_folder(lab, options(lab), home), tmp_path / "data2", edition)
    assert plain == made
    assert list(plain) == [host.name for host in lab.hosts]
    # In the range of most homes, the hosts are on a network of their own.
    alone = {"virtualbox__intnet": "labctl-checkout"} if edition == "ubuntu" else {}
    for host in lab.hosts:
        assert plain[host.name] == {
            "hostname": host.fqdn,
            "box": lab.edition.providers["vagrant"]["box"],
            "version": lab.edition.providers["vagrant"]["version"],
            "network": [
                {
                    "ip": str(host.address),
                    "netmask": str(lab.network.cidr.netmask),
                    "hostname": True,
                    **alone,
                }
            ],
            "customized": {
                "--memory": str(lab.edition.providers["vagrant"]["memory"]),
                "--cpus": lab.edition.providers["vagrant"]["cpus"],
            },
            "linked": True,
            "title": f"labctl-checkout-{host.name}",
            "folders": [],
        }


def test_the_labs_own_choices_come_first() -> None:
    edition = load_edition("ubuntu-example")
    lab = Lab.model_validate(
        {"name": "big", "edition": edition, "choices": {"memory": 2048, "dns": "parent"}}
    )
    made = machines(lab, options(lab))
    assert made["memory"] == 2048
    assert isinstance(made["hosts"], list)
    assert [host["name"] for host in made["hosts"]] == ["host0", "host1", "host2"]
