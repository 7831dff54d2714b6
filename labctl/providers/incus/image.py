"""The shared recipe's layers on an Incus server: one image, and one volume for each package set.

The layer `os` becomes an image. A package set (`dns`, `mail`) becomes a custom storage volume
with the files that the set adds; a host copies them from there, on btrfs without using disk
space. Both carry the layer's name, which follows the recipe's hash. They are built on a Linux
machine with root and imported once; every other client uses what is there.
"""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from labctl.errors import LabError, MachineLacks
from labctl.hint import commands
from labctl.home import LabHome
from labctl.i18n import _
from labctl.lab import Lab, PackageSet
from labctl.progress import Progress
from labctl.providers.incus.client import LONG, PATIENCE, Incus
from labctl.providers.incus.refusals import NotThere
from labctl.providers.rootfs import users
from labctl.providers.rootfs.apt import guest_suite, machine_setup
from labctl.providers.rootfs.build import can_build
from labctl.providers.rootfs.image import Image
from labctl.providers.rootfs.mounts import mount_overlay, unmount_below
from labctl.providers.rootfs.recipe import PACKAGE_SETS, Layer
from labctl.run import run
from labctl.scripts import Script

_BELOW = "user.labctl.below"
_LAYER = "labctl.layer"
_RELEASE = "labctl.release"


def alias_of(layer: str) -> str:
    return f"labctl-{layer}"


@dataclass(frozen=True)
class Library:
    """The images and volumes of one edition on a server.

    `mirror` is the package mirror for building, None for this machine's own.
    """

    incus: Incus
    lab: Lab
    home: LabHome
    mirror: str | None

    # -- the image of the bare system -------------------------------------------------------

    def ensure_image(self, progress: Progress) -> str:
        """The name of the `os` layer that the server has; builds and imports it if need be.

        Raises:
            MachineLacks: it is not there, and this machine cannot build it.
        """
        newest = f"labctl-{self.lab.edition.edition}"
        if not can_build():
            return self._newest(newest)
        layer = self._image.layers(())[0]
        server = self.incus.of("")
        if not server.has("images", "aliases", alias_of(layer.name)):
            with self._built((layer,), progress) as folder:
                progress("", _("importing the image"))
                self._import(layer, folder, newest)
        return layer.name

    def _newest(self, alias: str) -> str:
        server = self.incus.of("")
        try:
            target = server.get("images", "aliases", alias)["target"]
        except NotThere as error:
            raise MachineLacks(
                _("the server has no image for the edition {name}", name=self.lab.edition.edition),
                cause=alias,
                hint=commands(
                    "sudo labctl up --provider incus",
                    text=_("a Linux machine with root builds it and puts it there"),
                ),
            ) from error
        return str(server.get("images", target)["properties"][_LAYER])

    def release_of(self, layer: str) -> str:
        """The code name of the Debian in an image; "" if it is not noted."""
        return self._release(alias_of(layer), PATIENCE)

    def newest_release(self) -> str:
        """The same for the image that the server has for the edition; "" if it does not answer."""
        try:
            return self._release(f"labctl-{self.lab.edition.edition}", 3.0)
        except LabError:
            return ""

    def _release(self, alias: str, patience: float) -> str:
        server = self.incus.of("")
        target = server.get("images", "aliases", alias, timeout=patience)["target"]
        properties = server.get("images", target, timeout=patience)["properties"]
        return str(properties.get(_RELEASE, ""))

    def _import(self, layer: Layer, folder: Path, newest: str) -> None:
        server = self.incus.of("")
        tarball = self._export(
            "export-root.sh",
            (layer,),
            folder,
            listing=None,
            index=_metadata(layer),
        )
        properties = [f"{_LAYER}={layer.name}", f"{_RELEASE}={guest_suite(None)}"]
        server.command(
            "image", "import", str(tarball), *([server.name()] if server.remote else []),
            "--alias", alias_of(layer.name), *properties, timeout=LONG,
        )  # fmt: skip
        fingerprint = server.get("images", "aliases", alias_of(layer.name))["target"]
        if server.has("images", "aliases", newest):
            server.send("PATCH", "images", "aliases", newest, data={"target": fingerprint})
        else:
            server.send("POST", "images", "aliases", data={"name": newest, "target": fingerprint})

    # -- the volumes of package sets --------------------------------------------------------

    def ensure_volume(
        self, packages: PackageSet, below: Sequence[str], pool: str, member: str, progress: Progress
    ) -> str | None:
        """The volume on `member` with the set that goes on the layers `below`.

        Returns:
            The layer's name, which is the volume's too after `alias_of`; None if there is no
            such volume and it cannot be built.
        """
        found = self._volume_on(below, packages, pool, member)
        if found is not None or not can_build():
            return found
        sets = PACKAGE_SETS[: PACKAGE_SETS.index(packages) + 1]
        layers = self._image.layers(sets)
        if tuple(layer.name for layer in layers[:-1]) != tuple(below):
            return None
        with self._built(layers, progress) as folder:
            progress("", _("importing the packages of {name}", name=packages))
            self._import_volume(layers, folder, pool, member)
        return layers[-1].name

    def _volume_on(
        self, below: Sequence[str], packages: PackageSet, pool: str, member: str
    ) -> str | None:
        volumes = self.incus.of("").get(
            "storage-pools", pool, "volumes", "custom", query={"recursion": "1", **_target(member)}
        )
        for volume in volumes:
            layer = str(volume["name"]).removeprefix("labctl-")
            if volume["config"].get(_BELOW) == ",".join(below) and layer.startswith(packages):
                return layer
        return None

    def _import_volume(self, layers: Sequence[Layer], folder: Path, pool: str, member: str) -> None:
        server = self.incus.of("")
        top = layers[-1]
        listing = run(
            ["find", str(self._image.path(top.name)), "-mindepth", "1", "-printf", "./%P\\0"]
        ).stdout
        name = alias_of(top.name)
        below = ",".join(each.name for each in layers[:-1])
        tarball = self._export(
            "export-layer.sh", layers, folder, listing=listing, index=_index(name, pool, below)
        )
        where = ["--target", member] if member else []
        server.command(
            "storage", "volume", "import", *where, server.name(pool), str(tarball), name,
            timeout=LONG,
        )  # fmt: skip

    # -- building and packing ---------------------------------------------------------------

    @property
    def _image(self) -> Image:
        address = str(self.lab.network.machine)
        apt = machine_setup(self.mirror)
        return Image(self.home.cache / "images", self.lab.edition, apt, address)

    @contextmanager
    def _built(self, layers: tuple[Layer, ...], progress: Progress) -> Iterator[Path]:
        """The layers are in this machine's cache, and there is an empty folder to pack them in."""
        folder = self.home.cache / "incus"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            self._image.ensure(layers, progress)
            work = folder / "export"
            unmount_below(work)
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            try:
                yield work
            finally:
                unmount_below(work)
                shutil.rmtree(work, ignore_errors=True)

    def _export(
        self,
        script: str,
        layers: Sequence[Layer],
        work: Path,
        *,
        listing: str | None,
        index: str,
    ) -> Path:
        """Pack the layers' files with the owners that they have inside of a host."""
        root, upper, out = work / "root", work / "upper", work / "out"
        lower = [self._image.path(layer.name) for layer in reversed(layers)]
        upper.mkdir(mode=0o755)
        users.give(upper)
        mount_overlay(root, lower, upper, work / "work")
        # Written to by the container's root, which is nobody on this machine.
        out.mkdir()
        users.give(out)
        (out / "index.yaml").write_text(index, encoding="utf-8")
        (out / "list").write_text(listing or "", encoding="utf-8")
        argv = [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--as-pid2",
            "--console=pipe", "--link-journal=no", "--timezone=off", "--resolv-conf=off",
            "--private-network", "--machine=labctl-export", f"--directory={root}",
            *users.OPTIONS, f"--bind={out}:/run/labctl-export",
            "--", "sh", "-euc", Script("labctl.providers.incus", script).text,
        ]  # fmt: skip
        run(argv, timeout=LONG)
        return out / "packed.tar"


def _target(member: str) -> dict[str, str]:
    return {"target": member} if member else {}


def _metadata(layer: Layer) -> str:
    return (
        f"architecture: {platform.machine()}\n"
        f"creation_date: {int(time.time())}\n"
        "properties:\n"
        f"  description: labctl {layer.title}\n"
        f"  {_LAYER}: {layer.name}\n"
        f"  {_RELEASE}: {guest_suite(None)}\n"
    )


def _index(name: str, pool: str, below: str) -> str:
    """The index of a volume's backup, as `incus storage volume export` writes it."""
    return f"""name: {name}
backend: dir
pool: {pool}
optimized: false
optimized_header: false
type: custom
config:
  volume:
    config:
      security.shifted: "true"
      {_BELOW}: "{below}"
    description: packages for labctl
    name: {name}
    type: custom
    content_type: filesystem
"""
