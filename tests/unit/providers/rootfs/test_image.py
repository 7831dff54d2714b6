"""The cache of image layers, and one build of a layer, without mmdebstrap and containers."""

from __future__ import annotations

import shutil
import sys
from collections import namedtuple
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from labctl.errors import CommandFailed, LabError, MachineLacks, WrongState
from labctl.lab import load_lab
from labctl.providers.rootfs import build, image
from labctl.providers.rootfs.apt import AptSetup
from labctl.providers.rootfs.build import Builder, can_build
from labctl.providers.rootfs.cgroup import Cgroup
from labctl.providers.rootfs.image import Image, sweep_if_idle
from labctl.providers.rootfs.recipe import PACKAGE_SETS, Layer, Recipe
from labctl.run import Completed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="images are built on Linux")

EDITION = load_lab("lab").edition
APT = AptSetup(
    suite="bookworm",
    sources=("deb http://deb.debian.org/debian bookworm main",),
    settings=(("Acquire::Retries", "3"),),
    proxies=(("http", "http://tanaka:secret@127.0.0.1:3142"),),
    certificates=(),
)


class Workshop:
    """Stands for the Builder: a layer is a folder with one file. `built` are the titles."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.built: list[str] = []
        self.below: list[list[str]] = []

    @contextmanager
    def build(self, layer: Layer, below: Sequence[Path]) -> Iterator[Path]:
        self.built.append(layer.title)
        self.below.append([path.name for path in below])
        root = self.folder / f".build-{layer.name}" / "root"
        root.mkdir(parents=True)
        (root / "file").write_text(layer.title)
        yield root
        shutil.rmtree(root.parent)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
def workshop(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    found = Workshop(cache)
    monkeypatch.setattr(image, "Builder", lambda _folder, _recipe: found)
    return found


class Heard(list[str]):
    """A progress callback that keeps the messages."""

    def __call__(self, host: str, message: str) -> None:
        assert host == ""
        self.append(message)


def open_image(cache: Path, apt: AptSetup = APT) -> Image:
    return Image(cache, EDITION, apt, "192.168.56.1")


def ensured(cache: Path) -> Image:
    """The cache with all layers, as the next labctl sees it."""
    open_image(cache).ensure(open_image(cache).layers(PACKAGE_SETS), Heard())
    return open_image(cache)


def test_each_layer_is_built_once_on_those_below_it(cache: Path, workshop: Workshop) -> None:
    found, heard = open_image(cache), Heard()
    layers = found.layers(PACKAGE_SETS)
    found.ensure(layers, heard)
    os_, dns, mail = (layer.name for layer in layers)
    assert workshop.built == ["os", "dns", "mail"]
    assert workshop.below == [[], [os_], [os_, dns]]
    assert (found.path(mail) / "file").read_text() == "mail"
    assert [message.rpartition(" ")[2] for message in heard] == ["os", "dns", "mail"]
    heard.clear()
    open_image(cache).ensure(layers, heard)
    assert (workshop.built, heard) == (["os", "dns", "mail"], [])
    # Nobody else on this machine may run a host's sudo.
    assert cache.stat().st_mode & 0o777 == 0o700


def test_only_what_is_missing_is_built(cache: Path, workshop: Workshop) -> None:
    found = open_image(cache)
    found.ensure(found.layers(()), Heard())
    assert workshop.built == ["os"]
    found.ensure(found.layers(PACKAGE_SETS), Heard())
    assert workshop.built == ["os", "dns", "mail"]


def test_an_altered_layer_is_built_again_with_those_on_it(cache: Path, workshop: Workshop) -> None:
    found = ensured(cache)
    layers = found.layers(PACKAGE_SETS)
    (found.path(layers[1].name) / "file").write_text("somebody was here")
    workshop.built.clear()
    found.ensure(layers, Heard())
    assert workshop.built == ["dns", "mail"]
    assert (found.path(layers[1].name) / "file").read_text() == "dns"
    assert not list(cache.glob(".build-*"))


def test_a_layer_that_was_altered_under_running_hosts_is_left(
    cache: Path, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ensured(cache)
    layers = found.layers(PACKAGE_SETS)
    top = found.path(layers[2].name)
    (found.path(layers[1].name) / "file").write_text("somebody was here")
    monkeypatch.setattr(
        image, "overlays_using", lambda layer: ["/labs/a/host1"] if layer == top else []
    )
    workshop.built.clear()
    with pytest.raises(WrongState) as failed:
        found.ensure(layers, Heard())
    assert failed.value.cause == "/labs/a/host1"
    assert (workshop.built, top.exists()) == ([], True)


def test_the_layers_of_a_lab_are_built_again_with_the_same_recipe(
    cache: Path, workshop: Workshop
) -> None:
    found = ensured(cache)
    names = tuple(layer.name for layer in found.layers(PACKAGE_SETS))
    shutil.rmtree(found.path(names[2]))
    workshop.built.clear()
    found.ensure_again(names, Heard())
    assert workshop.built == ["mail"]
    assert found.path(names[2]).exists()


def test_the_layers_of_a_lab_cannot_be_built_with_another_recipe(
    cache: Path, workshop: Workshop
) -> None:
    ensured(cache)
    names = tuple(layer.name for layer in open_image(cache).layers(PACKAGE_SETS))
    other = open_image(cache, AptSetup("trixie", APT.sources, (), (), ()))
    other.ensure_again(names, Heard())
    shutil.rmtree(cache / names[1])
    workshop.built.clear()
    with pytest.raises(WrongState) as failed:
        open_image(cache, AptSetup("trixie", APT.sources, (), (), ())).ensure_again(names, Heard())
    assert failed.value.cause == str(cache / names[1])
    assert str(failed.value.hint) == "labctl destroy, labctl up"
    assert workshop.built == []


def test_leftovers_of_a_killed_build_go_unless_one_builds_now(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_if_idle(cache)
    assert not cache.exists()
    leftover = cache / ".build-os-1"
    leftover.mkdir(parents=True)
    ended: list[str] = []
    monkeypatch.setattr(Cgroup, "kill", lambda group: ended.append(group.name))
    with FileLock(cache / ".lock"):
        sweep_if_idle(cache)
        assert leftover.exists()
        assert ended == []
    sweep_if_idle(cache)
    assert not leftover.exists()
    assert ended == [build.image_cgroup(cache).name]


# -- names of layers ------------------------------------------------------------------------


def test_a_layer_is_named_by_everything_that_goes_into_it() -> None:
    def names(apt: AptSetup = APT, machine: str = "192.168.56.1") -> list[str]:
        return [layer.name for layer in Recipe(EDITION, apt, machine).layers(PACKAGE_SETS)]

    usual = names()
    assert usual == names()
    assert [name.partition("-")[0] for name in usual] == ["os", "dns", "mail"]
    others = [
        names(AptSetup("trixie", APT.sources, APT.settings, APT.proxies, ())),
        names(AptSetup("bookworm", ("deb x y z",), APT.settings, APT.proxies, ())),
        names(AptSetup("bookworm", APT.sources, (), APT.proxies, ())),
        names(machine="192.168.57.1"),
    ]
    for other in others:
        # What is on a layer follows from it.
        assert not set(other) & set(usual)


# -- building -------------------------------------------------------------------------------

Usage = namedtuple("Usage", "total used free")


class Machine:
    """What the builder runs; `fails` is the output of the command that fails.

    `confs` are the mode and the text of each file with settings of apt, while the command ran.
    """

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.confs: list[tuple[int, str]] = []
        self.mounted: list[tuple[Path, list[Path]]] = []
        self.free = 50 * 1024**3
        self.fails: str | None = None

    def run(self, argv: Sequence[str], *, log: Path) -> Completed:
        self.ran.append(list(argv))
        for path in log.parent.glob(".build-*/labctl-apt.conf"):
            self.confs.append((path.stat().st_mode, path.read_text()))
        if self.fails is not None:
            raise CommandFailed("mmdebstrap", 1, self.fails)
        return Completed(tuple(argv), 0, "", "")

    def mount(self, target: Path, lower: Sequence[Path], upper: Path, work: Path) -> None:
        self.mounted.append((target, list(lower)))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Machine:
    cache.mkdir()
    found = Machine()
    monkeypatch.setattr(build, "run", found.run)
    monkeypatch.setattr(build, "mount_overlay", found.mount)
    monkeypatch.setattr(build, "unmount_below", lambda _folder: None)
    monkeypatch.setattr(Cgroup, "entering", lambda _group, argv: ["entered", *argv])
    monkeypatch.setattr(Cgroup, "kill", lambda _group: None)
    monkeypatch.setattr("labctl.providers.rootfs.users.give", lambda _path, _uid=0: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: Usage(0, 0, found.free))
    return found


RECIPE = Recipe(EDITION, APT, "192.168.56.1")


def built(cache: Path, sets: int) -> None:
    layers = RECIPE.layers(PACKAGE_SETS[:sets])
    below = [cache / layer.name for layer in layers[:-1]]
    with Builder(cache, RECIPE).build(layers[-1], below) as root:
        assert root.is_relative_to(cache)
    assert not list(cache.glob(".build-*"))


def test_the_first_layer_is_bootstrapped_from_this_machines_sources(
    cache: Path, machine: Machine
) -> None:
    built(cache, 0)
    bootstrap, owners = machine.ran
    assert bootstrap[:2] == ["entered", "mmdebstrap"]
    assert bootstrap[-3] == "bookworm"
    ((mode, conf),) = machine.confs
    assert 'Acquire::http::Proxy "http://tanaka:secret@127.0.0.1:3142";\n' in conf
    # The machine's own settings hold in the image, too.
    assert conf.index('Acquire::Retries "1";\n') < conf.index('Acquire::Retries "3";\n')
    assert mode & 0o777 == 0o600
    assert not any("secret" in word for argv in machine.ran for word in argv)
    assert any(word.startswith("--include=systemd,") for word in bootstrap)
    (account,) = [word for word in bootstrap if word.endswith(f"sh {EDITION.admin}")]
    assert account.startswith('--customize-hook=chroot "$1" sh -euc ')
    # ping's capability is lost when the files get the hosts' owners.
    assert owners[-2:] == ["dpkg-reconfigure", "iputils-ping"]
    assert "--private-users-ownership=chown" in owners


# What mmdebstrap and the container of a build are told, and why.
BOOTSTRAP = {
    "--variant=apt": "nothing that the chapter does not need",
    "--mode=root": "the files get their real owners",
    "--format=directory": "layers are folders",
    "--skip=cleanup/apt/lists": "packages are installed on top without a new download of lists",
    "--dpkgopt=force-unsafe-io": "a build that fails starts again, so nothing has to be synced",
    '--aptopt=APT::Install-Recommends "false"': "a small image",
    '--aptopt=Acquire::Languages "none"': "a small image",
    '--aptopt=Acquire::GzipIndexes "true"': "a small image",
    '--customize-hook=chroot "$1" update-ca-certificates': "a mirror with its own certificate",
    '--customize-hook=rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap': "settings of the build only",
}
CONTAINER = {
    "--quiet": "the log is apt's",
    "--register=no": "there may be no machined",
    "--keep-unit": "there may be no systemd",
    "--as-pid2": "something has to reap the processes of package scripts",
    "--console=pipe": "there is no terminal",
    "--link-journal=no": "nothing is written on this machine",
    "--timezone=off": "nothing is taken from this machine",
    "--hostname=lab": "nothing is taken from this machine",
    "--setenv=DEBIAN_FRONTEND=noninteractive": "nobody answers a question",
    "--setenv=LC_ALL=C.UTF-8": "the errors that are shown are English",
}


def test_how_the_first_layer_is_bootstrapped(cache: Path, machine: Machine) -> None:
    built(cache, 0)
    bootstrap, owners = machine.ran
    assert set(BOOTSTRAP) <= set(bootstrap)
    work = cache / f".build-{RECIPE.layers(())[0].name}"
    assert bootstrap[-2:] == [str(work / "root"), str(work / "sources.list")]
    assert f"--aptopt={work / 'labctl-apt.conf'}" in bootstrap
    copy = f"--customize-hook=copy-in {work / '90lab'} /etc/apt/apt.conf.d"
    assert copy in bootstrap
    assert set(CONTAINER) <= set(owners)
    assert f"--directory={work / 'root'}" in owners


def test_how_packages_are_installed(cache: Path, machine: Machine) -> None:
    built(cache, 1)
    ((entered, program, *install),) = machine.ran
    assert (entered, program) == ("entered", "systemd-nspawn")
    options = install[: install.index("--")]
    assert set(CONTAINER) <= set(options)
    assert "--resolv-conf=bind-host" in options
    ((target, _lower),) = machine.mounted
    assert f"--directory={target}" in options
    assert f"--bind-ro={target.parent / 'labctl-apt.conf'}:/run/labctl-apt.conf" in options
    command = install[install.index("--") + 1 :]
    assert command[:2] == ["sh", "-euc"]
    assert command[3:6] == ["sh", "-o", "Dpkg::Options::=--force-unsafe-io"]


def test_certificates_of_this_machine_go_into_the_image(
    cache: Path, machine: Machine, tmp_path: Path
) -> None:
    certificates = (tmp_path / "a.crt", tmp_path / "b b.crt")
    for path in certificates:
        path.write_text("certificate")
    recipe = Recipe(EDITION, replace(APT, certificates=certificates), "192.168.56.1")
    with Builder(cache, recipe).build(recipe.layers(())[0], []):
        pass
    (copied,) = [word for word in machine.ran[0] if "ca-certificates" in word and "copy-in" in word]
    assert copied == (
        f"--customize-hook=copy-in {certificates[0]} '{certificates[1]}' "
        "/usr/local/share/ca-certificates"
    )


def test_what_a_build_leaves_in_a_layer_is_not_of_this_machine(
    cache: Path, machine: Machine
) -> None:
    layers = RECIPE.layers(PACKAGE_SETS[:1])
    traces = ("etc/resolv.conf", "var/log/apt/history.log", "var/cache/apt/archives/a.deb")

    def run(argv: Sequence[str], *, log: Path) -> Completed:
        for trace in (*traces, "etc/kept"):
            path = cache / f".build-{layers[-1].name}" / "upper" / trace
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        return machine.run(argv, log=log)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "run", run)
        with Builder(cache, RECIPE).build(layers[-1], [cache / layers[0].name]) as root:
            assert [path.name for path in root.rglob("*") if path.is_file()] == ["kept"]
            # It becomes the / of hosts.
            assert root.stat().st_mode & 0o777 == 0o755


def test_a_package_set_is_installed_on_the_layers_below(cache: Path, machine: Machine) -> None:
    built(cache, 2)
    [(_target, lower)] = machine.mounted
    layers = RECIPE.layers(PACKAGE_SETS)
    assert [path.name for path in lower] == [layers[1].name, layers[0].name]
    [install] = machine.ran
    packages = EDITION.packages_for("debian").sets["mail"]
    assert tuple(install[-len(packages) :]) == packages
    # During a build the machine's loopback is the container's own, so the proxy is as it is.
    ((mode, conf),) = machine.confs
    assert 'Acquire::http::Proxy "http://tanaka:secret@127.0.0.1:3142";\n' in conf
    assert mode & 0o777 == 0o600
    assert "--config-file=/run/labctl-apt.conf" in install
    assert not any("secret" in word for word in install)
    assert "--private-users-ownership=off" in install


def test_too_small_a_disk_is_told_before_anything_is_built(cache: Path, machine: Machine) -> None:
    machine.free = 2 * 1024**3 - 1
    with pytest.raises(MachineLacks) as failed:
        built(cache, 0)
    assert failed.value.cause == f"{cache}: 2047 MiB < 2048 MiB"
    assert machine.ran == []


def test_a_build_that_fails_is_told_in_apts_words(cache: Path, machine: Machine) -> None:
    noise = "Get:1 http://deb.debian.org\n"
    errors = [f"E: error {number}" for number in range(9)]
    machine.fails = noise + "\n".join(errors) + "\nsomething else\n"
    with pytest.raises(LabError) as failed:
        built(cache, 0)
    assert "secret" not in repr(failed.value.__cause__)
    assert failed.value.cause.splitlines() == errors[-6:]
    assert str(cache / "os.log") in failed.value.hint.text
    assert not list(cache.glob(".build-*"))


def test_a_build_without_an_error_of_apt_is_told_with_its_last_lines(
    cache: Path, machine: Machine
) -> None:
    machine.fails = "mmdebstrap: wrong option\n"
    with pytest.raises(LabError) as failed:
        built(cache, 0)
    assert failed.value.cause == "exit 1\nmmdebstrap: wrong option"


def test_a_disk_that_fills_up_is_told_as_such(cache: Path, machine: Machine) -> None:
    machine.fails = "dpkg: error: write: No space left on device\n"
    with pytest.raises(MachineLacks, match="disk is too full"):
        built(cache, 0)


class ThisMachine:
    """What can_build asks."""

    def __init__(self, is_root: bool, programs: tuple[str, ...]) -> None:
        self.is_root = is_root
        self._programs = programs

    def program(self, name: str) -> str | None:
        return name if name in self._programs else None


@pytest.mark.parametrize(
    ("is_root", "programs", "can"),
    [
        (True, ("systemd-nspawn", "mmdebstrap"), True),
        (False, ("systemd-nspawn", "mmdebstrap"), False),
        (True, ("mmdebstrap",), False),
        (True, ("systemd-nspawn",), False),
    ],
)
def test_only_root_with_both_programs_builds(
    monkeypatch: pytest.MonkeyPatch, is_root: bool, programs: tuple[str, ...], can: bool
) -> None:
    monkeypatch.setattr(build, "ThisMachine", lambda: ThisMachine(is_root, programs))
    monkeypatch.setattr(sys, "platform", "linux")
    assert can_build() is can


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_no_image_is_built_without_linux(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    programs = ("systemd-nspawn", "mmdebstrap")
    monkeypatch.setattr(build, "ThisMachine", lambda: ThisMachine(True, programs))
    monkeypatch.setattr(sys, "platform", system)
    assert can_build() is False
