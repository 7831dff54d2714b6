"""labctl loads without Unix modules. Only the nspawn provider may need Linux."""

from __future__ import annotations

import subprocess
import sys

# Import the libraries first, because they work without these modules on Windows. Then import
# labctl's modules in a Python without everything that Windows lacks.
SCRIPT = """
import importlib, os, pkgutil, signal, socket, sys
import dns.resolver, fabric, filelock, imap_tools, jinja2, paramiko, platformdirs, pydantic
import rich.progress, rich.table, tenacity, typer, yaml, vagrant
import cryptography.hazmat.primitives.asymmetric.ed25519
import cryptography.hazmat.primitives.serialization
import multiprocessing, concurrent.futures.thread, gettext, http.server, smtplib, poplib, imaplib
import tarfile, tempfile, shutil, subprocess, unittest.mock

LACKING = ("fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "syslog")

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name in LACKING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
for name in LACKING:
    sys.modules.pop(name, None)
for name in ("geteuid", "getuid", "getgid", "chown", "fork", "killpg", "mkfifo", "uname"):
    if hasattr(os, name):
        delattr(os, name)
there = {"SIGABRT", "SIGBREAK", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM"}
there |= {"SIG_DFL", "SIG_IGN"}
for name in {name for name in dir(signal) if name.startswith("SIG")} - there:
    delattr(signal, name)
vars(socket).pop("AF_UNIX", None)

import labctl, provision
for package in (labctl, provision):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.startswith("labctl.providers.nspawn") and "__main__" not in module.name:
            importlib.import_module(module.name)
            print(module.name)
"""


def test_every_module_but_the_embedded_provider_loads_without_unix() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.splitlines()
    assert {"labctl.cli.app", "labctl.engine", "labctl.session", "provision.steps"} <= set(loaded)
