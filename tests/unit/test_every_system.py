"""labctl can be imported on systems other than Linux."""

from __future__ import annotations

import subprocess
import sys

# Import the libraries first, because they support these systems. Then hide the Unix modules.
_IMPORT_ALL = """
import importlib, os, pkgutil, sys
import fabric, filelock, imap_tools, invoke, jinja2, paramiko, platformdirs, pydantic, rich, typer
import dns.resolver, rich.console, rich.progress, tenacity, vagrant, yaml
import logging.handlers, tempfile, shutil, subprocess, tarfile

for name in ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog"):
    sys.modules[name] = None
for name in ("geteuid", "getuid", "getegid", "getgid", "chown", "fork", "setsid", "mkfifo"):
    if hasattr(os, name):
        delattr(os, name)

import labctl, provision
count = 0
for package in (labctl, provision):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
            count += 1
print(count)
"""


def test_no_module_needs_unix_to_be_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 60
