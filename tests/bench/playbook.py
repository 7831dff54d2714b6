"""The lab configured by Ansible (ansible/site.yml), from the benchmark's own environment."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from labctl.lab import load_lab
from tests.bench.labs import (
    NAME,
    data,
    finish,
    hosts,
    labctl,
    open_ssh,
    ssh_options,
    start,
)

_HERE = Path(__file__).parent / "ansible"
_CHECKOUT = Path(__file__).parents[2]
_VENV = _CHECKOUT / "build" / "ansible"


class Playbook:
    """The playbook and its inventory for reset hosts. Connections stay open between runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "ansible"
        self._folder.mkdir(mode=0o700)
        _install()
        for host in hosts():
            labctl("render", host.name, "--to", str(self._folder / "rendered" / host.name))
        self._inventory = self._folder / "inventory.json"
        self._inventory.write_text(json.dumps(self._hosts()))
        self._add_python_apt()

    def __call__(self) -> None:
        words = [
            str(_VENV / "bin" / "ansible-playbook"), "--inventory", str(self._inventory),
            str(_HERE / "site.yml"),
        ]  # fmt: skip
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(_HERE / "ansible.cfg"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._folder / "cp"),
            "ANSIBLE_LOCAL_TEMP": str(self._folder / "tmp"),
            "LC_ALL": "C.UTF-8",
        }
        finish(start(words, environment))

    def end(self) -> None:
        """Close the connections that Ansible keeps open, and remove its files."""
        for control in (self._folder / "cp").glob("*"):
            finish(start(["ssh", "-o", f"ControlPath={control}", "-O", "exit", "lab"]))
        shutil.rmtree(self._folder)

    def _hosts(self) -> object:
        packages = load_lab(NAME).edition.packages_for("debian")
        passwords = {each["host"]: each["password"] for each in data("credentials")["accounts"]}
        each = {
            host.name: {
                "ansible_host": str(host.address),
                "ansible_user": "root",
                "ansible_ssh_common_args": " ".join(ssh_options()),
                "account": host.account,
                "domain": host.domain,
                "password": passwords[host.name],
            }
            for host in hosts()
        }
        common = {
            "rendered": str(self._folder / "rendered"),
            "packages": [*packages.dns, *packages.mail, *packages.extra],
        }
        return {"lab": {"hosts": each, "vars": common}}

    def _add_python_apt(self) -> None:
        """Install what Ansible's apt module needs on a host. This is not measured."""
        install = "apt-get -qq update && apt-get -qq install --no-install-recommends python3-apt"
        with open_ssh(self._folder) as ssh:
            running = [start([*words, install]) for words in ssh.values()]
            for process in running:
                finish(process)


def _install() -> None:
    if not (_VENV / "bin" / "ansible-playbook").exists():
        finish(start([sys.executable, "-m", "venv", "--clear", str(_VENV)]))
        finish(start([
            str(_VENV / "bin" / "pip"), "install", "--quiet",
            "--constraint", str(_CHECKOUT / "constraints.txt"),
            "--requirement", str(_HERE / "requirements.txt"),
        ]))  # fmt: skip
