"""Run a host's scripts on this machine, in a folder that stands for the host's root."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.scripts import Script

# The scripts are for the lab's hosts: GNU or busybox tools of Linux.
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the hosts' scripts need Linux tools")
_FOLDERS = ("/var/mail", "/var/spool/postfix", "/var/tmp", "/var/log")


class Host:
    """A folder with the host's files, and programs that a test puts in front of the real ones."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.programs = root / "programs"
        for folder in (*_FOLDERS, "/home/user1"):
            (root / folder.lstrip("/")).mkdir(parents=True)
        self.programs.mkdir()
        self.program("getent", f'echo "user1:x:1001:1001::{root}/home/user1:/bin/bash"')
        self.program("postsuper", "cat >/dev/null")

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def program(self, name: str, text: str) -> None:
        """Have the scripts find this program first."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run(self, script: Script, *args: str, stdin: str = "") -> str:
        """What the script prints. It must succeed."""
        text = script.text
        for folder in _FOLDERS:
            text = text.replace(folder, f"{self.root}{folder}")
        # Both wait long for the lock of a mailbox; here it is given up at once.
        for wait, less in (("-lt 500", "-lt 5"), ("% 100", "% 3"), ("sleep 0.05", ":")):
            text = text.replace(wait, less)
        text = re.sub(r"sleep (0\.)?1\b", ":", text)
        environment = {**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["sh", "-euc", text, "sh", *args],
            input=stdin.encode(),
            capture_output=True,
            check=False,
            env=environment,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.decode(errors="replace")
