"""The lab configured by a shell script over OpenSSH (shell/configure.sh)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.bench.labs import data, finish, hosts, labctl, ssh_options, start

_SCRIPT = Path(__file__).parent / "shell" / "configure.sh"


class Script:
    """The script and its files. It opens one connection to each host."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "shell"
        self._folder.mkdir(mode=0o700)
        passwords = {each["host"]: each["password"] for each in data("credentials")["accounts"]}
        for host in hosts():
            below = self._folder / host.name
            labctl("render", host.name, "--to", str(below / "files"))
            (below / "password").write_text(passwords[host.name] + "\n")
            (below / "address").write_text(f"{host.address}\n")
            (below / "account").write_text(f"{host.account}\n")

    def __call__(self) -> None:
        environment = {**os.environ, "SSH_OPTIONS": " ".join(ssh_options())}
        finish(start(["sh", str(_SCRIPT), str(self._folder)], environment))

    def end(self) -> None:
        """Remove the files of the script."""
        shutil.rmtree(self._folder)
