"""Layers on an Incus server: what is built, how it is packed, and what the server is told."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import LabError, MachineLacks
from labctl.home import lab_home
from labctl.lab import load_lab
from labctl.progress import silent
from labctl.providers.incus import image
from labctl.providers.incus.image import Library, alias_of
from labctl.providers.incus.refusals import NotThere
from labctl.providers.rootfs.recipe import Layer
from labctl.run import Completed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="images are built on Linux")

OS, DNS, MAIL = (Layer(title, f"{title}hash") for title in ("os", "dns", "mail"))
NEWEST = "labctl-ubuntu-example"


class Server:
    """Stands for the client: aliases and images of a server, and what it was told."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self.images: dict[str, dict[str, str]] = {}
        self.volumes: list[dict[str, Any]] = []
        self.commands: list[tuple[str, ...]] = []
        self.sent: list[tuple[str, tuple[str, ...], Any]] = []
        self.queries: list[Any] = []
        self.remote = ""
        self.silent = False

    def of(self, project: str) -> Server:
        assert project == ""
        return self

    def name(self, name: str = "") -> str:
        return f"{self.remote}:{name}"

    def has(self, *path: str) -> bool:
        return path[:2] == ("images", "aliases") and path[2] in self.aliases

    def get(self, *path: str, query: Any = None, timeout: float = 0) -> Any:
        if self.silent:
            raise LabError("the server does not answer")
        if path[0] == "storage-pools":
            self.queries.append(query)
            return self.volumes
        if path[:2] == ("images", "aliases"):
            if path[2] not in self.aliases:
                raise NotThere("not found")
            return {"target": self.aliases[path[2]]}
        return {"properties": self.images[path[1]]}

    def command(self, *words: str, timeout: float) -> None:
        self.commands.append(words)
        if words[:2] == ("image", "import"):
            self.aliases[words[words.index("--alias") + 1]] = "f1"

    def send(self, method: str, *path: str, data: Any) -> None:
        self.sent.append((method, path, data))


class Layers:
    """Stands for the cache of layers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ensured: list[tuple[str, ...]] = []

    def layers(self, sets: Sequence[str]) -> tuple[Layer, ...]:
        return (OS, DNS, MAIL)[: len(sets) + 1]

    def ensure(self, layers: Sequence[Layer], _progress: object) -> None:
        self.ensured.append(tuple(layer.title for layer in layers))

    def path(self, name: str) -> Path:
        return self.folder / name


class Bench:
    """A library on a server; `ran` are the commands on this machine, `packed` what they packed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.server = Server()
        self.layers = Layers(folder)
        self.ran: list[list[str]] = []
        self.mounted: list[list[str]] = []
        self.packed: list[tuple[str, str]] = []
        self.builds = True
        monkeypatch.setattr(image, "Image", lambda *_args: self.layers)
        monkeypatch.setattr(image, "machine_setup", lambda _mirror: None)
        monkeypatch.setattr(image, "guest_suite", lambda _release: "trixie")
        monkeypatch.setattr(image, "can_build", lambda: self.builds)
        monkeypatch.setattr(image, "mount_overlay", self._mount)
        monkeypatch.setattr(image, "unmount_below", lambda _folder: None)
        monkeypatch.setattr("labctl.providers.rootfs.users.give", lambda _path: None)
        monkeypatch.setattr(image, "run", self._run)
        incus: Any = self.server
        self.images = Library(incus, load_lab("default"), lab_home("default"), None)

    def _mount(self, root: Path, lower: Sequence[Path], _upper: Path, _work: Path) -> None:
        self.mounted.append([path.name for path in lower])

    def _run(self, argv: Sequence[str], **_options: object) -> Completed:
        self.ran.append(list(argv))
        if argv[0] == "find":
            return Completed(tuple(argv), 0, "./etc\0./etc/named.conf\0", "")
        (bound,) = [word for word in argv if word.startswith("--bind=")]
        out = Path(bound.removeprefix("--bind=").split(":")[0])
        self.packed.append(
            ((out / "index.yaml").read_text("utf-8"), (out / "list").read_text("utf-8"))
        )
        return Completed(tuple(argv), 0, "", "")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    return Bench(monkeypatch, tmp_path / "images")


# -- the image of the bare system -------------------------------------------------------------


def test_a_layer_that_the_server_has_is_not_built(bench: Bench) -> None:
    bench.server.aliases[alias_of(OS.name)] = "f0"
    assert bench.images.ensure_image(silent) == OS.name
    assert bench.layers.ensured == []
    assert bench.server.commands == []


def test_the_image_is_built_packed_and_imported_under_the_layers_name(bench: Bench) -> None:
    assert bench.images.ensure_image(silent) == OS.name
    assert bench.layers.ensured == [("os",)]
    assert bench.mounted == [[OS.name]]
    ((word, verb, tarball, *options),) = bench.server.commands
    assert (word, verb) == ("image", "import")
    assert tarball.endswith("/out/packed.tar")
    assert options == [
        "--alias",
        f"labctl-{OS.name}",
        f"labctl.layer={OS.name}",
        "labctl.release=trixie",
    ]
    # The next labctl that cannot build finds the newest one.
    assert bench.server.sent == [("POST", ("images", "aliases"), {"name": NEWEST, "target": "f1"})]


def test_an_image_on_another_machine_is_imported_there(bench: Bench) -> None:
    bench.server.remote = "school"
    bench.images.ensure_image(silent)
    (command,) = bench.server.commands
    assert command[3] == "school:"


def test_the_newest_image_of_an_edition_takes_the_place_of_the_one_before(bench: Bench) -> None:
    bench.server.aliases[NEWEST] = "f0"
    bench.images.ensure_image(silent)
    assert bench.server.sent == [("PATCH", ("images", "aliases", NEWEST), {"target": "f1"})]


def test_how_the_files_are_packed(bench: Bench) -> None:
    bench.images.ensure_image(silent)
    (argv,) = bench.ran
    options = argv[1 : argv.index("--")]
    assert argv[0] == "systemd-nspawn"
    # The script runs alone: without network, terminal, journal or anything of this machine.
    assert {
        "--quiet",
        "--register=no",
        "--keep-unit",
        "--as-pid2",
        "--console=pipe",
        "--link-journal=no",
        "--timezone=off",
        "--resolv-conf=off",
        "--private-network",
    } <= set(options)
    assert any(option.startswith("--directory=") for option in options)
    assert argv[argv.index("--") + 1 :][:2] == ["sh", "-euc"]
    ((index, listing),) = bench.packed
    assert f"architecture: {platform.machine()}\n" in index
    assert "  description: labctl os\n" in index
    assert f"  labctl.layer: {OS.name}\n  labctl.release: trixie\n" in index
    assert listing == ""
    # Nothing is left of the packing.
    assert not (bench.images.home.cache / "incus" / "export").exists()


def test_without_a_builder_the_newest_image_of_the_edition_is_used(bench: Bench) -> None:
    bench.builds = False
    bench.server.aliases[NEWEST] = "f7"
    bench.server.images["f7"] = {"labctl.layer": "os-older"}
    assert bench.images.ensure_image(silent) == "os-older"


def test_without_a_builder_and_an_image_it_says_who_can_build_it(bench: Bench) -> None:
    bench.builds = False
    with pytest.raises(MachineLacks, match="no image for the edition ubuntu-example") as caught:
        bench.images.ensure_image(silent)
    assert caught.value.hint.commands == (("sudo", "labctl", "up", "--provider", "incus"),)


def test_the_release_of_an_image(bench: Bench) -> None:
    bench.server.aliases = {alias_of("os-1"): "f1", NEWEST: "f2"}
    bench.server.images = {"f1": {"labctl.release": "bookworm"}, "f2": {}}
    assert bench.images.release_of("os-1") == "bookworm"
    assert bench.images.newest_release() == ""
    bench.server.images["f2"] = {"labctl.release": "trixie"}
    assert bench.images.newest_release() == "trixie"
    bench.server.silent = True
    assert bench.images.newest_release() == ""


# -- the volumes of package sets --------------------------------------------------------------


def volume(name: str, below: str) -> dict[str, Any]:
    return {"name": name, "config": {"user.labctl.below": below}}


def ensured(bench: Bench, below: Sequence[str] = (OS.name,), member: str = "") -> str | None:
    return bench.images.ensure_volume("dns", below, "pool", member, silent)


def test_a_volume_on_the_same_layers_is_used(bench: Bench) -> None:
    bench.server.volumes = [
        volume("labctl-mail-1", f"{OS.name},{DNS.name}"),
        volume("labctl-dns-1", "os-other"),
        volume("labctl-dns-2", OS.name),
        {"name": "of-somebody", "config": {}},
    ]
    assert ensured(bench) == "dns-2"
    assert bench.layers.ensured == []
    assert bench.server.queries == [{"recursion": "1"}]


def test_a_member_of_a_cluster_has_volumes_of_its_own(bench: Bench) -> None:
    ensured(bench, member="two")
    assert bench.server.queries == [{"recursion": "1", "target": "two"}]
    (command,) = bench.server.commands
    assert command[3:5] == ("--target", "two")


def test_a_missing_volume_is_built_and_imported(bench: Bench) -> None:
    assert ensured(bench) == DNS.name
    assert bench.layers.ensured == [("os", "dns")]
    # The upper layer is on top.
    assert bench.mounted == [[DNS.name, OS.name]]
    (command,) = bench.server.commands
    assert command[:4] == ("storage", "volume", "import", ":pool")
    assert command[4].endswith("/out/packed.tar")
    assert command[5:] == (f"labctl-{DNS.name}",)
    ((index, listing),) = bench.packed
    # Only the files that the set adds.
    assert listing == "./etc\0./etc/named.conf\0"
    assert index.startswith(f"name: labctl-{DNS.name}\nbackend: dir\npool: pool\n")
    assert f'      user.labctl.below: "{OS.name}"\n' in index
    assert '      security.shifted: "true"\n' in index


@pytest.mark.parametrize(("builds", "below"), [(False, (OS.name,)), (True, ("os-older",))])
def test_what_cannot_be_built_here_is_installed_on_the_host(
    bench: Bench, builds: bool, below: tuple[str, ...]
) -> None:
    """This machine builds nothing, or its layers are others than those of the lab."""
    bench.builds = builds
    assert ensured(bench, below) is None
    assert bench.server.commands == []
